"""The table of methods: their metrics, and their differences from the best."""

import math
from typing import NamedTuple

from fal_jax.cli.report import _words
from fal_jax.cli.report._answer import against_best
from fal_jax.cli.report._comparison import Comparison, lower_is_better


class Cell(NamedTuple):
    """What a cell shows, its spread, and the number that it sorts by, or nothing."""

    text: str = "\N{EN DASH}"
    spread: str = ""
    value: float | str = ""


class Table(NamedTuple):
    """Titles of the columns, with whether less is more, and the cells of each method."""

    titles: list[tuple[str, bool]]
    rows: dict[str, list[Cell]]


def table(comparison: Comparison) -> Table:
    """The main metric, the difference in it and its p, all other metrics, the time."""
    methods, tests = comparison.record["methods"], against_best(comparison)
    names = dict.fromkeys([comparison.metric])
    for method in methods.values():
        names |= dict.fromkeys(method["metrics"])
    rows = {}
    for name in comparison.names:
        cells = [_metric(methods[name]["metrics"].get(metric, {})) for metric in names]
        difference, chance = Cell(), Cell()
        if name in tests:
            test, p_value = tests[name]
            difference = Cell(f"{test.difference:+.3f}", value=test.difference)
            chance = Cell(_words.chance(p_value).removeprefix("= "), value=p_value)
        seconds = methods[name]["seconds"]
        time = Cell(f"{seconds:,.1f}" if seconds < 10 else f"{seconds:,.0f}", value=seconds)
        rows[name] = [cells[0], difference, chance, *cells[1:], time]
    main, *others = [(_words.metric(metric), lower_is_better(metric)) for metric in names]
    titles = [main, ("less the best", False), ("p", True), *others, ("seconds", True)]
    return Table(titles, rows)


def _metric(found: dict[str, float | None]) -> Cell:
    mean = found.get("mean")
    if mean is None or math.isnan(mean):
        return Cell()
    return Cell(_words.number(mean), f"± {_words.number(found.get('std'))}", mean)
