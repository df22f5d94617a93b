"""Figures of long-tailed images from their records: class counts, error over imbalance, planes."""

from collections.abc import Mapping, Sequence

import matplotlib.patheffects
import numpy as np
from matplotlib.figure import Figure

from experiments.drawing import BLACK, LINES, TEN, plt


def class_counts(by_factor: Mapping[float, Sequence[int]]) -> Figure:
    """How many training images each class has, one line an imbalance factor (Figure 5)."""
    figure, panel = plt.subplots(figsize=(5.2, 3.2))
    shades = plt.get_cmap("Blues")(np.linspace(0.4, 1, len(by_factor)))
    for shade, mark, factor in zip(shades, "osD^v", sorted(by_factor), strict=False):
        counts = by_factor[factor]
        panel.plot(counts, marker=mark, markersize=4, color=shade, label=f"{factor:g}")
    panel.set(yscale="log", xlabel="class", ylabel="training images", xticks=range(len(counts)))
    panel.legend(title="imbalance", ncols=2)
    return figure


def errors(records: Sequence[dict]) -> Figure:
    """Mean error over the imbalance factor, one line a method, dots for seeds."""
    figure, panel = plt.subplots(figsize=(6.5, 4.2))
    ordered = sorted(records, key=lambda record: record["imbalance_factor"])
    methods = dict.fromkeys(name for record in ordered for name in record["results"])
    for name in methods:
        color, line = LINES[name]
        found = [
            (record["imbalance_factor"], [run["last"]["error"] for run in record["results"][name]])
            for record in ordered
            if name in record["results"]
        ]
        factors, values = zip(*found, strict=True)
        means = [np.mean(seeds) for seeds in values]
        panel.plot(factors, means, marker="o", color=color, linestyle=line, label=name)
        for factor, seeds in found:
            panel.plot([factor] * len(seeds), seeds, ".", color=color, alpha=0.35)
    factors = [record["imbalance_factor"] for record in ordered]
    panel.set(xscale="log", xlabel="imbalance factor", ylabel="error %, last epoch")
    panel.set_xticks(factors, [f"{factor:g}" for factor in factors], minor=False)
    panel.minorticks_off()
    figure.legend(loc="outside right center")
    title = f"{ordered[0]['dataset']}, {ordered[0]['network']}, {ordered[0]['recipe']['name']}"
    figure.suptitle(f"{title}; small dots: one seed each")
    return figure


def planes(record: dict, methods: Sequence[str]) -> Figure:
    """Embeddings of test images, one panel a method, anchors as crosses (Figures 1 and 4).

    A number names a class, so that no colour has to; triangles are the rare digit.
    """
    figure, panels = plt.subplots(1, len(methods), figsize=(3.6 * len(methods), 3.8), squeeze=False)
    labels, minority = np.asarray(record["labels"]), record["minority"]
    outline = [matplotlib.patheffects.withStroke(linewidth=2.5, foreground="white")]
    for panel, method in zip(panels[0], methods, strict=True):
        plane = record["results"][method]
        points = np.asarray(plane["features"])
        for label, color in enumerate(TEN):
            members = points[labels == label].T
            if label == minority:
                panel.plot(*members, "^", color=BLACK, markersize=3.5, zorder=3)
            else:
                panel.plot(*members, ".", color=color, markersize=2.5)
            if members.size:
                panel.text(*np.median(members, axis=1), str(label), weight="bold", fontsize=11,
                           ha="center", va="center", path_effects=outline, zorder=5)  # fmt: skip
        if plane["anchors"] is not None:
            panel.plot(*np.asarray(plane["anchors"]).T, "x", color=BLACK, markersize=9,
                       markeredgewidth=2, zorder=4)  # fmt: skip
        panel.set_title(
            f"{method}: error {plane['error']:.1f}%, of the {minority} {plane['minority']:.1f}%"
        )
        panel.set(xticks=[], yticks=[])
    counts = record["class_counts"]
    crosses = any(record["results"][method]["anchors"] is not None for method in methods)
    figure.suptitle(
        f"MNIST, {counts[minority]} training images of {minority} (triangles), up to "
        f"{max(counts):,} of the others" + ("; crosses: anchors" if crosses else "")
    )
    return figure
