"""Figures of the fraud study, from its records: metrics, curves, average ranks."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments import paper, rankings, study, tables
from experiments.drawing import BLACK, BLUE, LINES, ORANGE, OTHERS, plt
from experiments.preset import PRESET
from fal_jax import metrics


def of_report(found: study.Records) -> Iterator[tuple[str, Figure]]:
    """What the report shows: each record's curves, and ranks; by the names of their files."""
    for record in found.values():
        if record.get("curves"):
            yield f"{study.stem(record)}_curves.png", curves(record)
    for protocol, budget in study.SETTINGS:
        group = study.group(found, protocol, budget)
        ranked = rankings.ranked(group)
        if ranked:
            title = f"{study.PROTOCOLS[protocol]}, {study.BUDGETS[budget]}: {study.labels(group)}"
            yield rankings.figure_name(protocol, budget), critical_difference(ranked, title)


def holdout_metrics(record: dict) -> Figure:
    """Each method's metrics over the seeds, one panel a metric, the paper's cell beside them."""
    results, published = record["results"], paper.published(record)
    figure, panels = plt.subplots(
        1,
        len(tables.METRICS),
        figsize=(9, 0.6 + 0.4 * len(results)),
        sharey=True,
    )
    for panel, (metric, title) in zip(panels, tables.METRICS.items(), strict=True):
        column = study.column(metric, record.get("budget", "equal"))
        for row, (name, runs) in enumerate(results.items()):
            values = tables.values(runs, column)
            panel.plot(values, np.full(values.size, row), ".", color=BLUE, alpha=0.35)
            panel.plot(values.mean(), row, "|", color=BLUE, markersize=16, markeredgewidth=2.5)
            if name in published and not published[name].doubt:
                panel.plot(getattr(published[name], metric), row, "D", color=ORANGE)
        panel.set_title(title)
        panel.grid(visible=False, axis="y")
    panels[0].set_yticks(range(len(results)), list(results))
    panels[0].invert_yaxis()
    diamond = "; diamond: the paper's figure" if published else ""
    run = "fold" if record.get("protocol") == "nested-cv" else "seed"
    panels[1].set_xlabel(f"dots: one {run} each; bar: their mean{diamond}")
    if "budget" in record:
        figure.suptitle(_title(record))
    return figure


def curves(record: dict) -> Figure:
    """Mean ROC and precision-recall curves of the test parts, one line a method.

    Of means of several trials the preset's alone is drawn: the others lie on their methods' lines.
    """
    figure, (roc, precision_recall) = plt.subplots(1, 2, figsize=(9, 4.2))
    others = iter(OTHERS * len(record["curves"]))
    for name, curve in record["curves"].items():
        if " x" in name and name != PRESET:
            continue
        color, line = LINES[name] if name in LINES else next(others)
        style = {"color": color, "linestyle": line, "linewidth": 1.3, "label": name}
        roc.plot(curve["fpr"], curve["tpr"], **style)
        precision_recall.plot(curve["recall"], curve["precision"], **style)
    chance = record["positives"] / record["rows"]
    roc.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    precision_recall.axhline(chance, color="0.7", linewidth=0.8)
    for panel, labels in (
        (roc, ("ROC", "false positive rate", "true positive rate")),
        (precision_recall, ("Precision and recall", "recall", "precision")),
    ):
        panel.set(title=labels[0], xlabel=labels[1], ylabel=labels[2])
        panel.set(xlim=(0, 1), ylim=(0, 1.01))
    figure.legend(*roc.get_legend_handles_labels(), loc="outside right center")
    figure.suptitle(f"{_title(record)}; grey: chance")
    return figure


def critical_difference(
    ranked: Mapping[str, tuple[Sequence[str], metrics.Ranks]], title: str
) -> Figure:
    """Average ranks, one panel a metric; a bar joins methods that the test does not tell apart."""
    lines = max(len(names) for names, _ in ranked.values()) / 2
    figure, panels = plt.subplots(len(ranked), 1, figsize=(9, len(ranked) * (1.0 + 0.26 * lines)))
    for panel, (metric, (names, ranks)) in zip(np.ravel(panels), ranked.items(), strict=True):
        _rank_panel(panel, names, ranks)
        panel.set_title(
            f"{study.METRICS[metric]}: average rank, 1 is best; "
            f"critical difference {ranks.critical_difference:.2f}",
        )
    figure.suptitle("\n".join(textwrap.wrap(title, 100)))
    return figure


def _rank_panel(panel: Axes, names: Sequence[str], ranks: metrics.Ranks) -> None:
    """Demšar's diagram: the better half labelled on the left, the other on the right."""
    order = np.argsort(ranks.average, kind="stable")
    last, half = len(order), (len(order) + 1) // 2
    joined = cliques(ranks.average[order], ranks.critical_difference)
    top = 0.45 * (len(joined) + 1)
    for level, (first, end) in enumerate(joined):
        span = ranks.average[order][[first, end]] + [-0.04, 0.04]
        panel.plot(span, np.full(2, 0.45 * (level + 1)), color=BLACK, linewidth=3)
    for place, method in enumerate(order):
        left = place < half
        height = top + (place if left else last - 1 - place)
        edge = 0.7 if left else last + 0.3
        average = ranks.average[method]
        color = LINES.get(names[method].partition(" x")[0], OTHERS[0])[0]
        panel.plot([average, average, edge], [0, height, height], color=color, linewidth=1)
        panel.text(
            edge,
            height,
            f"{names[method]} {average:.2f} " if left else f" {names[method]} {average:.2f}",
            ha="right" if left else "left",
            va="center",
        )
    panel.set(xlim=(-0.12 * last, 1.12 * last + 1), ylim=(top + half, 0), yticks=[])
    panel.set_xticks(range(1, last + 1))
    panel.xaxis.tick_top()
    panel.grid(visible=False)
    panel.spines[["left", "bottom"]].set_visible(False)
    panel.spines["top"].set(visible=True, bounds=(1, last))


def cliques(average: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """The longest runs of sorted average ranks that lie within a difference, as first and last."""
    ends = np.searchsorted(average, average + difference, side="right") - 1
    return [
        (first, int(end))
        for first, end in enumerate(ends)
        if end > first and (first == 0 or end > ends[first - 1])
    ]


def _title(record: dict) -> str:
    protocol = study.PROTOCOLS.get(record["protocol"], record["protocol"])
    return f"{study.label(record)}: {protocol}, {study.BUDGETS[record['budget']]}"
