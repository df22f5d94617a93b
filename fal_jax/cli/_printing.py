"""What the command line prints: progress, tables and notes."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from fal_jax.cli._datasets import Found
from fal_jax.cli._folder import quality

_SHOWN = {
    "average_precision": "average precision",
    "roc_auc": "AUC-ROC",
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "calibration_error": "calibration error",
}


def console() -> Console:
    """Where it is printed, wide enough for the tables."""
    return Console(width=max(Console().width, 110))


def notes(console: Console) -> Callable[[str], None]:
    """What prints a warning in one paragraph."""
    return lambda text: console.print(f"[yellow]Note:[/yellow] {escape(text)}", highlight=False)


@contextlib.contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[str, float], None]]:
    """A bar over so many methods; `on_step(name, done)` moves it."""
    columns = (
        TextColumn("{task.description:16}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%,"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, speed_estimate_period=600) as bar:
        task = bar.add_task("", total=total)
        yield lambda name, done: bar.update(task, description=name, completed=done)


def comparison(console: Console, record: Mapping[str, Any]) -> None:
    """The methods of a comparison, the best first."""
    table, methods = record["table"], record["methods"]
    whole = table.get("sampled_from")
    part = "" if whole is None else f", {table['rows']:,} of {whole:,} rows"
    title = f"{table['name']}{part}: mean ± std over {record['protocol']['folds']} folds"
    grid = Table("method", title=escape(title))
    some = next(iter(methods.values()))["metrics"]
    shown = {name: words for name, words in _SHOWN.items() if name in some}
    for words in (*shown.values(), "seconds"):
        grid.add_column(words, justify="right")
    for name in sorted(methods, key=lambda name: -quality(methods[name])):
        found = methods[name]["metrics"]
        cells = (f"{found[m]['mean']:.3f} ± {found[m]['std']:.3f}" for m in shown)
        grid.add_row(escape(name), *cells, f"{methods[name]['seconds']:.0f}")
    console.print(grid)


def measured(console: Console, title: str, values: Mapping[str, float]) -> None:
    """One model's metrics."""
    grid = Table("metric", "value", title=escape(title))
    for name, value in values.items():
        grid.add_row(escape(name.replace("_", " ")), f"{value:.4f}")
    console.print(grid)


def datasets(console: Console, found: Sequence[Found]) -> None:
    """Which data sets are where."""
    grid = Table("data set", "is", "rows")
    for words in ("file", "SHA-256"):
        grid.add_column(words, overflow="fold")
    for name, file, kind, rows, sha256, problem in found:
        place = "in the package" if file is None and kind == "whole" else str(file or "-")
        cells = name, kind, "-" if rows is None else f"{rows:,}", problem or place, sha256 or "-"
        grid.add_row(*map(escape, cells))
    console.print(grid)
