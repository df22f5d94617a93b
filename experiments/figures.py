"""Figures, drawn from records alone."""

import io
import pathlib

import matplotlib as mpl
import numpy as np

from experiments import paper, records, tables

mpl.use("Agg")
import matplotlib.pyplot as plt

_BLUE, _ORANGE = "#0072B2", "#D55E00"  # safe for colour-blind readers (Okabe and Ito)


def holdout_metrics(record: dict, path: pathlib.Path) -> None:
    """Each method's metrics over the seeds, one panel a metric, the paper's cell beside them."""
    results = record["results"]
    published = paper.TABLE_2[record["dataset"]] if record["split"] == "random" else {}
    figure, panels = plt.subplots(
        1,
        len(tables.METRICS),
        figsize=(9, 0.6 + 0.4 * len(results)),
        sharey=True,
        layout="constrained",
    )
    for panel, (metric, title) in zip(panels, tables.METRICS.items(), strict=True):
        for row, (name, runs) in enumerate(results.items()):
            values = np.array([run["test"][metric] for run in runs])
            panel.plot(values, np.full(values.size, row), ".", color=_BLUE, alpha=0.35)
            panel.plot(values.mean(), row, "|", color=_BLUE, markersize=16, markeredgewidth=2.5)
            if name in published:
                panel.plot(getattr(published[name], metric), row, "D", color=_ORANGE)
        panel.set_title(title)
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(results)), list(results))
    panels[0].invert_yaxis()
    panels[1].set_xlabel("dots: one seed each; bar: their mean; diamond: the paper's figure")
    content = io.BytesIO()
    figure.savefig(content, dpi=150)
    plt.close(figure)
    records.write(path, content.getvalue())
