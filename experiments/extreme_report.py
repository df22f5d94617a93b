"""The report of extreme imbalance, `python -m experiments.extreme_report`: our Table 5.

It is made of the record alone, with the figure that it shows. Beside the paper's AUC stands ours on
other data, simulated ones: orders compare, figures do not.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments import command, drawing, markdown, paper, records, statistics, tables
from experiments.extreme_runs import METHODS_OF_TABLE_5, SCORES

Record = dict[str, Any]
CEILING = "Bayes ceiling"
NAME = "extreme_imbalance"
_CLAIMED = ("FAL", "FAL-light", "BAGAN+XGBoost")
_INTRODUCTION = """\
# Extreme imbalance: our Table 5, on simulated transactions

Made by `python -m experiments.extreme_report` from the record beside it. **The data are
simulated**: the paper's are a bank's own, 10 million rows at 1:2222, and its AUC stands in the last
column to compare the order of methods, not the figures. Each seed is a table of its own, split by
time. The ceiling is the score of the known posterior, which no method can pass but by luck.

Cells: mean ± standard deviation over seeds. Seconds: all trials of a seed, compilation included, by
the clock and, in parentheses, of all cores together: these alone compare where others share them.
Memory: the most that the method's own process held, of which what was held before training is in
parentheses."""


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Writes the report and its figure; returns the report's path."""
    parser = command.parser("experiments.extreme_report", __doc__)
    parser.add_argument("--folder", type=pathlib.Path, default=tables.RESULTS,
                        help="of the record, and for the report (default: results)")  # fmt: skip
    folder = parser.parse_args(arguments).folder
    record = json.loads((folder / f"{NAME}.json").read_text())
    drawing.save(scores(record), folder / f"{NAME}.png")
    path = folder / f"{NAME}.md"
    records.write(path, page(record).encode())
    return path


def page(record: Record) -> str:
    """The report, from the record alone."""
    environment, commits = record["environment"], ", ".join(_commits(record))
    options = ", ".join(f"{name} {value}" for name, value in record["options"].items())
    parts = [
        _INTRODUCTION,
        f"`python -m experiments.{' '.join(environment['command'])}`\nat {commits}, "
        f"{environment['date'][:10]}, {environment['machine']['cores']} cores "
        f"({environment['machine']['processor']}); {record['rows']:,} rows a table, {options}; "
        f"done for the ratios {', '.join(f'1:{int(ratio):,}' for ratio in _ratios(record))}.",
    ]
    for ratio in _ratios(record):
        parts += [f"## 1:{int(ratio):,}", _positives(record, ratio), table(record, ratio)]
    parts += [
        "## What it says about the paper's claim",
        "The paper's order: FAL, BAGAN with XGBoost, the tree with SMOTE, the tree. Here a method\n"
        "less each other, ± standard error (seeds ahead/seeds); "
        f"* p < {statistics.LEVEL} by a paired t-test,\n"
        "each comparison by itself: so many make some stars by chance.",
        *(claim(record, name) for name in _CLAIMED),
        f"![Scores of each method beside the Bayes ceiling]({NAME}.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _commits(record: Record) -> list[str]:
    """What the runs were made at, in their order."""
    runs = (run for found in record["results"].values() for own in found.values() for run in own)
    return list(dict.fromkeys(str(run["commit"]) for run in runs))


def table(record: Record, ratio: str) -> str:
    """Each method's scores and costs at one ratio, under the ceiling."""
    published = paper.TABLE_5 if int(ratio) == paper.TABLE_5_RATIO else {}
    rows = [[CEILING, *_scores(record["tables"][ratio]), "", "", ""]]
    for name, found in _results(record, ratio).items():
        seconds, cpu, peak, loaded = (
            np.mean([one[key] for one in found])
            for key in ("seconds", "cpu_seconds", "peak_gib", "loaded_gib")
        )
        figure = f"{published[name]:.3f}" if name in published else ""
        rows.append(
            [
                name,
                *_scores(found),
                f"{seconds:.0f} ({cpu:.0f})",
                f"{peak:.2f} ({loaded:.2f})",
                figure,
            ]
        )
    return markdown.table(["method", *SCORES.values(), "seconds", "GiB", "paper's AUC"], rows)


def brief(record: Record) -> str:
    """AUC and average precision by ratio, of the ceiling and of each method."""
    columns = [
        (ratio, score) for ratio in _ratios(record) for score in ("auc", "average_precision")
    ]
    rows = []
    for name in (CEILING, *METHODS_OF_TABLE_5):
        found = [
            record["tables"][ratio] if name == CEILING else record["results"][ratio].get(name)
            for ratio, _ in columns
        ]
        if any(found):
            cells = zip(found, columns, strict=True)
            rows.append([name, *(tables.mean_and_std(f, s) if f else "" for f, (_, s) in cells)])
    header = [f"1:{int(ratio):,}, {SCORES[score]}" for ratio, score in columns]
    return markdown.table(["method", *header], rows)


def claim(record: Record, method: str) -> str:
    """A method less each other, by ratio, in the AUC and in average precision."""
    shown = ("auc", "average_precision")
    ratios = [ratio for ratio in _ratios(record) if method in record["results"][ratio]]
    names = dict.fromkeys(name for ratio in ratios for name in _results(record, ratio))
    rows = [
        [
            name,
            *(_gap(record["results"][ratio], method, name, s) for ratio in ratios for s in shown),
        ]
        for name in names
        if name != method
    ]
    header = [f"1:{int(ratio):,}, {SCORES[score]}" for ratio in ratios for score in shown]
    return markdown.table([f"{method} less", *header], rows) if rows else "Not run."


def scores(record: Record) -> Figure:
    """A row of panels for each ratio, a panel for each score; the ceiling is a line."""
    ratios = _ratios(record)
    sizes = [len(record["results"][ratio]) for ratio in ratios]
    figure, panels = drawing.plt.subplots(
        len(ratios),
        len(SCORES),
        figsize=(10, 0.8 + sum(0.26 * size + 0.5 for size in sizes)),
        height_ratios=[size + 1 for size in sizes],
        squeeze=False,
        layout="constrained",
    )
    for row, ratio in zip(panels, ratios, strict=True):
        results = _results(record, ratio)
        for panel, (score, title) in zip(row, SCORES.items(), strict=True):
            ceiling = tables.values(record["tables"][ratio], score).mean()
            panel.axvline(ceiling, color=drawing.LINES["CE"][0], linewidth=1)
            for place, found in enumerate(results.values()):
                values = tables.values(found, score)
                color = drawing.LINES["FAL"][0]
                panel.plot(values, np.full(values.size, place), ".", color=color, alpha=0.4)
                panel.plot(values.mean(), place, "|", color=color, markersize=11, markeredgewidth=2)
            panel.set_title(f"1:{int(ratio):,}, {title}", fontsize=9)
            panel.set_yticks(range(len(results)), list(results) if panel is row[0] else [])
            panel.set_ylim(len(results) - 0.5, -0.5)
            panel.tick_params(labelsize=8)
            panel.grid(axis="x", alpha=0.3)
    figure.suptitle(
        f"Simulated transactions, {record['rows']:,} rows a table: dots are seeds, bars their "
        "means, lines the Bayes ceiling",
        fontsize=10,
    )
    return figure


def _ratios(record: Record) -> list[str]:
    return sorted((ratio for ratio, found in record["results"].items() if found), key=int)


def _results(record: Record, ratio: str) -> dict[str, list[Record]]:
    """The runs of each method, in the order of the table."""
    results = record["results"][ratio]
    return {name: results[name] for name in METHODS_OF_TABLE_5 if name in results}


def _positives(record: Record, ratio: str) -> str:
    """How many positives there are to learn from and to score by."""
    found = record["tables"][ratio]
    parts = (
        f"{name} {', '.join(str(one['positives'][name]) for one in found)}"
        for name in ("train", "validation", "test")
    )
    return f"Positives by period, a number a seed: {'; '.join(parts)}."


def _scores(found: Sequence[Record]) -> list[str]:
    return [tables.mean_and_std(found, score) for score in SCORES]


def _gap(results: dict[str, list[Record]], method: str, other: str, score: str) -> str:
    """A paired difference over the seeds that both have; the tables of seeds are independent."""
    first, second = ({one["seed"]: one["test"][score] for one in results.get(m, [])}
                     for m in (method, other))  # fmt: skip
    gaps = np.array([value - second[seed] for seed, value in first.items() if seed in second])
    if not gaps.size:
        return ""
    found = statistics.paired(gaps)
    return tables.gap(found, found.p_value())


if __name__ == "__main__":
    main()
