"""How far a long run is: a bar on a terminal, a line now and then in a log."""

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator

from rich.console import Console

from fal_jax.cli import _printing

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
    with _printing.progress(console, total) as show:
        yield lambda what, done: show(f"{title}, {what:12}", done)


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
