"""What the paper's tables print: what in them is in doubt, and which cells are not reached here."""

import itertools
from collections.abc import Mapping, Sequence

from experiments import markdown, paper, study, tables
from experiments.study import Record, Records

TARGETS = ("FAL", "FAML")
_WHY = "Why, as far as ablations on training rows tell: `docs/study.md`, *Why*."


def doubts() -> str:
    """What the tables print that their sources or the data do not bear out."""
    described = [f"{name}: {row.doubt}" for name, row in paper.TABLE_1.items() if row.doubt]
    borrowed = ", ".join(paper.TABLE_4["Cui et al."])
    rows = [
        ["Table 1: attributes and ratios", "; ".join(described)],
        ["Table 2: the cells of all methods", "; ".join(_of_cells(paper.TABLE_2))],
        ["Table 3: the cells of all methods", "; ".join(_of_cells(paper.TABLE_3))],
        [
            "Table 3: six data sets, by its caption, in Table 2's columns",
            f"{len(paper.TABLE_3)}: {', '.join(paper.TABLE_3)}; F1 stands last, not second",
        ],
        [
            f"Table 4: {borrowed}, as its baselines",
            "figures of Cui et al. (CVPR 2019, Table 2), not of its own runs; the one of "
            "class-balanced loss is the best of three losses and their settings",
        ],
    ]
    verdict = "**does not hold**"
    return markdown.table(["printed", "found", ""], [[*row, verdict] for row in rows], rule="---")


def _of_cells(table: Mapping[str, Mapping[str, paper.Cell | paper.FoldCell]]) -> list[str]:
    """Each doubt and the cells that it is of; FAML's second reading here is no other cell."""
    cells = (
        (cell.doubt, f"{dataset}, {method}")
        for dataset, methods in table.items()
        for method, cell in methods.items()
        if cell.doubt and method != "FAML-0.999"
    )
    grouped = itertools.groupby(sorted(cells), key=lambda cell: cell[0])
    return [f"{' and '.join(name for _, name in named)}: {doubt}" for doubt, named in grouped]


def missed(records: Records) -> str:
    """Which holdout cells of the paper's anchored methods theirs here do not reach, and who does.

    On whole data sets, the only ones that a cell is held against.
    """
    rows = []
    for dataset, method in itertools.product(paper.TABLE_2, TARGETS):
        found = [records.get((dataset, "holdout", budget)) for budget in study.BUDGETS]
        whole = [None if record and record["is_sample"] else record for record in found]
        if any(whole):
            cells = [_missed_by(record, dataset, method) for record in whole]
            reached = [_all_reached_by(record, dataset, method) for record in whole]
            rows.append([dataset, method, *itertools.chain(*zip(cells, reached, strict=True))])
    if not rows:
        return "Not run."
    header = ["data set", "cells of"]
    for budget in study.BUDGETS.values():
        header += [f"{budget}: not reached", "all three reached by"]
    return f"{markdown.table(header, rows, rule='---')}\n\n{_WHY}"


def _missed_by(record: Record | None, dataset: str, method: str) -> str:
    """The method's own cells that its means do not reach, with both figures."""
    if record is None or method not in record["results"]:
        return "not run"
    gaps = _gaps(record, method, paper.TABLE_2[dataset][method])
    named = [
        f"{study.METRICS[metric]} {ours:.4f} of {theirs:.4f}"
        for metric, (ours, theirs) in gaps.items()
        if ours < theirs
    ]
    return "; ".join(named) or "none"


def _all_reached_by(record: Record | None, dataset: str, method: str) -> str:
    """The methods whose means reach all cells of one of the paper's."""
    if record is None:
        return ""
    cell = paper.TABLE_2[dataset][method]
    names = [
        name
        for name in record["results"]
        if all(ours >= theirs for ours, theirs in _gaps(record, name, cell).values())
    ]
    if len(names) == len(record["results"]):
        return "every method"
    return ", ".join(names) or "no method"


def _gaps(record: Record, method: str, cell: paper.Cell) -> dict[str, tuple[float, float]]:
    """By metric, a method's mean and the cell, both to four digits."""
    runs: Sequence[Record] = record["results"][method]
    return {
        metric: (round(tables.values(runs, column).mean(), 4), round(getattr(cell, metric), 4))
        for metric in study.METRICS
        if hasattr(cell, metric)
        for column in [study.column(metric, record["budget"])]
    }
