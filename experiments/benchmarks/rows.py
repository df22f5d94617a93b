"""Ten million rows of 30 columns: how long an epoch takes, and how much memory.

    python -m experiments.benchmarks.rows
    python -m experiments.benchmarks.rows --rows 1000000 --models 1 32

Generated rows; a fifth as many validate the models after every epoch. Every run is in a process of
its own, whose peak of memory also holds the rows as NumPy made them.
"""

import argparse
import itertools
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from experiments import command, records
from experiments.benchmarks import engine

EPOCHS = 4  # the first compiles and the last ends with scores: those between are timed


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of the record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    started = time.perf_counter()
    rounds: list[dict[str, Any]] = []
    for number, models in itertools.product(range(options.rounds), options.models):
        run = command.in_a_new_process(measure, models, options.batch_size, options.rows)
        seconds = models * options.rows / run["samples_per_second"]
        rounds.append({"round": number, **run, "epoch_seconds": round(seconds, 2)})
        console.print(f"{models} models: {seconds:.1f} s an epoch, {run['peak_memory_gib']} GiB")
    record = {
        "experiment": "benchmark_rows",
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "rounds": rounds,
    }
    path = options.out / "benchmark_rows.json"
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.rows", __doc__)
    add = parser.add_argument
    add("--rounds", type=command.positive, default=3, help="default: 3")
    add("--rows", type=command.positive, default=10_000_000, help="default: 10,000,000")
    add("--models", type=command.positive, nargs="+", default=[1, 32], metavar="NUMBER",
        help="of a run (default: 1 and 32)")  # fmt: skip
    add("--batch-size", type=command.positive, default=1024, help="default: 1024")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def measure(models: int, batch_size: int, rows: int) -> dict:
    """`engine.measure` of cross-entropy, on all cores."""
    command.use_all_cores()
    return engine.measure("CE", models, batch_size, rows, EPOCHS)


if __name__ == "__main__":
    command.use_all_cores()  # as the processes do that are measured
    main()
