"""How far a long run is: a bar on a terminal, a line now and then in a log."""

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

OnProgress = Callable[[str, float], None]
"""`on_progress(what runs, done)`, done of the total."""

SECONDS = 60.0
"""From one line of a log to the next at least, but where something else begins to run."""


@contextlib.contextmanager
def shown(console: Console, title: str, total: int) -> Iterator[OnProgress]:
    """Shows what it is told, with the time that has passed and the time that is left."""
    if not console.is_terminal:
        yield _lines(console, title, total)
        return
    columns = (
        TextColumn(title + ", {task.description:12}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%,"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        bar = progress.add_task("", total=total)
        yield lambda what, done: progress.update(bar, description=what, completed=done)


def _lines(console: Console, title: str, total: int) -> OnProgress:
    started = time.monotonic()
    last, told = "", started

    def tell(what: str, done: float) -> None:
        nonlocal last, told
        now = time.monotonic()
        if what == last and now - told < SECONDS:
            return
        last, told = what, now
        elapsed = now - started
        left = _time(elapsed * (total - done) / done) if done > 0 else "-:--:--"
        share = f"{done / total:.0%}".rjust(4)
        console.print(f"{title}, {what}: {share}, {_time(elapsed)} elapsed, {left} left")

    return tell


def _time(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))
