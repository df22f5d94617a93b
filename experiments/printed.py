"""What the paper's tables print: what in them is in doubt, and which cells are not reached here."""

import itertools
from collections.abc import Mapping, Sequence

from experiments import markdown, paper, study, tables
from experiments.study import Record, Records

TARGETS = ("FAL", "FAML")
_WHY = "Why, as far as ablations on training rows tell: `docs/study.md`, *Why*."


def doubts() -> str:
    """What in the tables the data or other cells do not bear out, and what stands here for it."""
    described = [f"{name}: {row.doubt}" for name, row in paper.TABLE_1.items() if row.doubt]
    rows = [
        ["Table 1: attributes and ratios", "; ".join(described), "the data's own"],
        ["Table 2: cells in doubt", "; ".join(_of_cells(paper.TABLE_2)), "no target"],
        ["Table 3: cells in doubt", "; ".join(_of_cells(paper.TABLE_3)), "no target"],
        [
            "Table 3: six data sets, by its caption",
            f"{len(paper.TABLE_3)}: {', '.join(paper.TABLE_3)}",
            "folds of all six",
        ],
        [
            "Table 4: softmax, focal and class-balanced loss",
            "figures of Cui et al. (CVPR 2019, Table 2), not runs beside FAL's; the last is the "
            "best of three losses and their settings",
            "all run in one harness",
        ],
    ]
    return markdown.table(["printed", "found", "here"], rows, rule="---")


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


def reaches(ours: float, theirs: float) -> bool:
    """Whether a mean of ours reaches or passes a cell of the paper, to its four digits."""
    return round(ours, 4) >= round(theirs, 4)


def missed(records: Records) -> str:
    """The holdout cells of the paper's FAL and FAML that the same method here does not reach.

    And the methods that reach all three; on whole data sets, the only ones held against cells.
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
        if not reaches(ours, theirs)
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
        if all(reaches(*pair) for pair in _gaps(record, name, cell).values())
    ]
    if len(names) == len(record["results"]):
        return "every method"
    return ", ".join(names) or "no method"


def _gaps(record: Record, method: str, cell: paper.Cell) -> dict[str, tuple[float, float]]:
    """By metric, a method's mean and the cell."""
    runs: Sequence[Record] = record["results"][method]
    return {
        metric: (tables.values(runs, column).mean(), getattr(cell, metric))
        for metric in study.METRICS
        if hasattr(cell, metric)
        for column in [study.column(metric, record["budget"])]
    }
