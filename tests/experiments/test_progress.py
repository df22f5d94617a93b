"""Progress of long runs: a bar on a terminal, and in a log lines that are not too many."""

import io
import types

import pytest
from rich.console import Console

from experiments import progress


def told(monkeypatch, steps, **options):
    """What is printed of steps (seconds, what runs, done) of a total of 4."""
    clock = [1000.0]
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    console = Console(file=io.StringIO(), width=100, **options)
    with progress.shown(console, "GMSC", 4) as show:
        for seconds, what, done in steps:
            clock[0] = 1000.0 + seconds
            show(what, done)
    return console.file.getvalue()


def test_a_log_has_a_line_a_minute_and_one_for_what_begins(monkeypatch):
    steps = [(0, "CE", 0.0), (10, "CE", 0.5), (59, "CE", 0.9), (60, "CE", 1.0), (61, "FAL", 1.0)]
    printed = told(monkeypatch, [*steps, (3000, "FAL", 2.5)])
    assert printed.splitlines() == [
        "GMSC, CE:   0%, 0:00:00 elapsed, -:--:-- left",
        "GMSC, CE:  25%, 0:01:00 elapsed, 0:03:00 left",
        "GMSC, FAL:  25%, 0:01:01 elapsed, 0:03:03 left",
        "GMSC, FAL:  62%, 0:50:00 elapsed, 0:30:00 left",
    ]


def test_a_terminal_has_a_bar(monkeypatch):
    printed = told(monkeypatch, [(0, "CE", 0.0), (20, "FAL", 4.0)], force_terminal=True)
    last = printed.rpartition("GMSC, FAL")[2]
    for text in ("100%", "elapsed", "left"):
        assert text in last


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_to_do_divides_by_nothing(terminal):
    console = Console(file=io.StringIO(), width=100, force_terminal=terminal)
    with progress.shown(console, "GMSC", 0):
        pass
