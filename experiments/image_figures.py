"""Figures of long-tailed images from their records: class counts, error over imbalance, planes.

python -m experiments.image_figures runs/cifar10_lt_small_short_*.json --out runs
python -m experiments.image_figures runs/embeddings.json --out runs
"""

import json
import pathlib
from collections.abc import Sequence

import numpy as np

from experiments import command, figures
from experiments.figures import LINES, plt


def main(arguments: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Draws what the records are of; returns the paths of the figures."""
    parser = command.parser("experiments.image_figures", __doc__)
    parser.add_argument("records", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs"))
    options = parser.parse_args(arguments)
    records = [json.loads(path.read_text()) for path in options.records]
    tails = [record for record in records if record["experiment"] == "long_tailed_images"]
    paths = []
    if tails:
        paths = [options.out / f"{tails[0]['dataset']}_lt_{n}.png" for n in ("counts", "error")]
        class_counts(tails, paths[0])
        errors(tails, paths[1])
    for path, record in zip(options.records, records, strict=True):
        if record["experiment"] == "embeddings":
            paths.append(options.out / f"{path.stem}.png")
            planes(record, paths[-1])
    return paths


def class_counts(records: Sequence[dict], path: pathlib.Path) -> None:
    """How many training images each class has, one line an imbalance factor (Figure 5)."""
    figure, panel = plt.subplots(figsize=(5, 3.2), layout="constrained")
    by_factor = {record["imbalance_factor"]: record["class_counts"] for record in records}
    for shade, (factor, counts) in zip(
        np.linspace(0.3, 1, len(by_factor)), sorted(by_factor.items()), strict=True
    ):
        color = plt.get_cmap("Blues")(shade)
        panel.plot(range(len(counts)), counts, "o-", color=color, label=f"{factor:g}")
    panel.set(yscale="log", xlabel="class", ylabel="training images", xticks=range(len(counts)))
    panel.legend(title="imbalance", frameon=False)
    panel.grid(alpha=0.3)
    figures.save(figure, path)


def errors(records: Sequence[dict], path: pathlib.Path) -> None:
    """Mean error over the imbalance factor, one line a method, dots for seeds."""
    figure, panel = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
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
    panel.grid(alpha=0.3)
    figure.legend(loc="outside right center", frameon=False)
    title = f"{ordered[0]['dataset']}, {ordered[0]['network']}, {ordered[0]['recipe']['name']}"
    figure.suptitle(f"{title}; small dots: one seed each")
    figures.save(figure, path)


def planes(record: dict, path: pathlib.Path) -> None:
    """Embeddings of test images, one panel a method; crosses are anchors (Figures 1 and 4)."""
    found, minority = record["results"], record["minority"]
    figure, panels = plt.subplots(
        1, len(found), figsize=(4.2 * len(found), 4.4), squeeze=False, layout="constrained"
    )
    labels, colors = np.asarray(record["labels"]), plt.get_cmap("tab10")
    for panel, (method, plane) in zip(panels[0], found.items(), strict=True):
        points = np.asarray(plane["features"])
        for label in range(len(record["class_counts"])):
            members = points[labels == label]
            mark = (
                {"marker": "^", "s": 16, "edgecolors": "black", "linewidths": 0.4, "zorder": 3}
                if label == minority
                else {"marker": ".", "s": 6, "linewidths": 0}
            )
            panel.scatter(*members.T, color=colors(label), label=str(label), **mark)
        if plane["anchors"] is not None:
            panel.plot(*np.asarray(plane["anchors"]).T, "x", color="black", markersize=9,
                       markeredgewidth=2, zorder=4)  # fmt: skip
        panel.set_title(
            f"{method}: error {plane['error']:.1f}%, of the {minority} {plane['minority']:.1f}%"
        )
        panel.set(xticks=[], yticks=[])
    figure.legend(
        *panels[0][0].get_legend_handles_labels(), loc="outside right center", frameon=False,
        title="digit", markerscale=2,
    )  # fmt: skip
    counts = record["class_counts"]
    figure.suptitle(
        f"MNIST, {counts[minority]} training images of {minority} (triangles), up to "
        f"{max(counts):,} of the others; crosses: anchors"
    )
    figures.save(figure, path)


if __name__ == "__main__":
    main()
