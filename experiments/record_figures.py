"""Figures of the other records: ablations and speed."""

import numpy as np
from matplotlib.figure import Figure

from experiments import tables
from experiments.drawing import BLACK, BLUE, ORANGE, plt
from fal_jax import metrics

_ENGINE = "64 models, CE"


def ablation(record: dict) -> Figure:
    """Each variant's average precision less cross-entropy's, with its corrected standard error.

    Filled: the mean of several trials; open: the best trial alone.
    """
    rows = [(question, name) for question, found in record["results"].items() for name in found]
    figure, panel = plt.subplots(figsize=(7.2, 0.9 + 0.17 * len(rows)))
    for key, mark, shift in (("averaged", "o", -0.15), ("results", "o", 0.15)):
        reference = tables.values(record[key]["methods"]["CE"], "average_precision")
        for row, (question, name) in enumerate(rows):
            values = tables.values(record[key][question][name], "average_precision")
            found = metrics.corrected_t_test(values, reference, 0.2 / 0.8)
            color, face = (BLUE, BLUE) if key == "averaged" else (ORANGE, "white")
            panel.errorbar(found.difference, row + shift, xerr=found.error, fmt=mark, color=color,
                           markerfacecolor=face, markersize=4, linewidth=1)  # fmt: skip
    panel.axvline(0, color=BLACK, linewidth=0.8)
    panel.set_yticks(range(len(rows)), [f"{q}: {n}" for q, n in rows], fontsize=8)
    panel.set(xlabel="average precision less cross-entropy's, ± corrected standard error")
    panel.set_title(f"{record['dataset']}; filled: mean of 8 trials, open: the best of them")
    panel.grid(visible=False, axis="y")
    panel.margins(y=0.02)
    panel.invert_yaxis()
    return figure


def speed(record: dict) -> Figure:
    """Median speeds of the rounds over the batch size, one line a contestant; bars: their range."""
    figure, panel = plt.subplots(figsize=(7.2, 3.8))
    sizes = sorted({found["batch_size"] for found in record["rounds"]})
    shades = iter(plt.get_cmap("viridis")(np.linspace(0, 0.9, len(record["rounds"][0]["speeds"]))))
    for name, mark in zip(record["rounds"][0]["speeds"], "osD^vP*X<>hpd8" * 2, strict=False):
        speeds = np.array([_speeds(record, size, name) for size in sizes]) / 1e6
        median = np.median(speeds, axis=1)
        reach = np.abs(np.stack([speeds.min(axis=1), speeds.max(axis=1)]) - median)
        ours = name == _ENGINE
        panel.errorbar(sizes, median, yerr=reach, marker=mark, markersize=7 if ours else 5,
                       color=ORANGE if ours else next(shades), linewidth=2 if ours else 1,
                       label=name)  # fmt: skip
    panel.set(xscale="log", yscale="log", xlabel="batch size", ylabel="M model-samples a second")
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.minorticks_off()
    figure.legend(loc="outside right center")
    return figure


def _speeds(record: dict, size: int, name: str) -> list[float]:
    rounds = [found["speeds"] for found in record["rounds"] if found["batch_size"] == size]
    return [speeds[name]["samples_per_second"] for speeds in rounds]
