"""The sweep engine against PyTorch, Keras and scikit-learn, on this machine, in one run.

    python -m experiments.benchmarks.sweep                    # pip install ".[benchmarks]" first
    python -m experiments.benchmarks.sweep --rounds 1 --batch-size 1024
    python -m experiments.benchmarks.sweep --rivals torch-vmap torch-sliced

Every contestant runs in a process of its own, one after the other, in rounds: a ratio is taken
within a round, and the median over rounds is reported with the lowest and the highest. The engine
is charged for validation and for keeping the best weights, the rivals are not.
"""

import argparse
import pathlib
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from experiments import command, records
from experiments.benchmarks import rivals, task

ENGINES = {
    "64 models, CE": ("--models=64",),
    "64 models, FAL": ("--models=64", "--method=FAL"),
    "64 models, FAML": ("--models=64", "--method=FAML"),
    "1 model, CE": ("--models=1",),
}


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of their record."""
    options = parse(arguments)
    console, started = Console(width=110), time.perf_counter()
    environment = records.environment()  # at the start: the tree may change while this runs
    missing = [name for name in options.rivals if rivals.version(name) is None]
    if missing:
        raise SystemExit(f'{", ".join(missing)}: not installed; pip install ".[benchmarks]"')
    rounds = []
    for number in range(options.rounds):
        for batch_size in options.batch_size:
            console.print(f"round {number + 1} of {options.rounds}, batch size {batch_size}")
            rounds.append(one_round(number, batch_size, options))
    record = {
        "experiment": "benchmark_sweep",
        "rows": options.rows,
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "versions": {name: rivals.version(name) for name in options.rivals},
        "rounds": rounds,
    }
    path = options.out / f"{options.name}.json"
    records.write_json(path, record)
    for batch_size in options.batch_size:
        console.print(report(record, batch_size))
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.sweep", __doc__)
    add = parser.add_argument
    add("--rounds", type=command.positive, default=3, help="default: 3")
    add("--batch-size", type=command.positive, nargs="+", default=[256, 1024, 4096], metavar="ROWS")
    add("--rivals", nargs="+", choices=rivals.RIVALS, default=list(rivals.RIVALS), metavar="NAME",
        help=f"of {', '.join(rivals.RIVALS)} (default: all)")  # fmt: skip
    add("--rows", type=command.positive, default=task.ROWS, help="of the generated data")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    add("--name", default="benchmark_sweep", help="of the record")
    return parser.parse_args(arguments)


def one_round(number: int, batch_size: int, options: argparse.Namespace) -> dict[str, Any]:
    """The speed of every contestant, in model-samples a second."""
    speeds = {name: engine(flags, batch_size, options.rows) for name, flags in ENGINES.items()}
    for name in options.rivals:
        found = rivals.measure(name, batch_size, rows=options.rows)
        speeds[name] = {key: found[key] for key in ("samples_per_second", "threads", "cores")}
    return {"round": number, "batch_size": batch_size, "speeds": speeds}


def engine(flags: Sequence[str], batch_size: int, rows: int) -> dict[str, Any]:
    """One measurement of `experiments.benchmarks.engine`."""
    sizes = f"--batch-size={batch_size}", f"--rows={rows}"
    found = command.printed("experiments.benchmarks.engine", *flags, *sizes)
    return {key: found[key] for key in ("samples_per_second", "chunk", "peak_memory_gib")}


def report(record: Mapping[str, Any], batch_size: int) -> Grid:
    """Median speeds at a batch size, and how many times faster the engine is."""
    rounds = [r["speeds"] for r in record["rounds"] if r["batch_size"] == batch_size]
    grid = Grid(title=f"batch size {batch_size}: M model-samples/s, and times as fast")
    for column in ("", "M/s", *(f"{name} / it" for name in ENGINES)):
        grid.add_column(column, justify="right")
    for name in rounds[0]:
        speeds = [speed[name]["samples_per_second"] for speed in rounds]
        cells = [ratio(rounds, engine_name, name) for engine_name in ENGINES]
        grid.add_row(name, f"{statistics.median(speeds) / 1e6:.2f}", *cells)
    return grid


def ratio(rounds: Sequence[Mapping[str, Any]], name: str, other: str) -> str:
    """How many times as fast one is as another: the median of the rounds, and their range."""
    ratios = [r[name]["samples_per_second"] / r[other]["samples_per_second"] for r in rounds]
    low, high = min(ratios), max(ratios)
    return f"{statistics.median(ratios):.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    command.use_all_cores()  # as the processes do that are measured
    main()
