"""How long ten million rows of a csv file take to load, and how much memory; then from the cache.

    python -m experiments.benchmarks.loading
    python -m experiments.benchmarks.loading --rows 100000

A file with the columns of ccFraud.csv is generated, then in each round loaded twice, each time in
a process of its own: parsed, checked and written to an empty cache, and memory-mapped from there.
What the loader adds to the memory of a process that has loaded a hundred rows is told.
"""

import argparse
import itertools
import os
import pathlib
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console

from experiments import command, records
from fal_jax import data

_COLUMNS = {  # by name, the lowest and the highest value
    "gender": (1, 2),
    "state": (1, 51),
    "cardholder": (1, 2),
    "balance": (0, 40_000),
    "numTrans": (0, 100),
    "numIntlTrans": (0, 60),
    "creditLine": (1, 75),
}
_ROWS_AT_ONCE = 500_000


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Generates the file and runs the rounds; returns the path of the record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    with tempfile.TemporaryDirectory() as folder:
        small, large = (pathlib.Path(folder) / name for name in ("small", "large"))
        generate(small / "ccFraud.csv", 100)
        generate(large / "ccFraud.csv", options.rows)
        size = (large / "ccFraud.csv").stat().st_size
        bare = command.in_a_new_process(measure, small, pathlib.Path(folder) / "none")
        rounds: list[dict[str, Any]] = []
        for number, state in itertools.product(range(options.rounds), ("parsed", "cached")):
            cache = pathlib.Path(folder) / f"cache {number}"
            run = command.in_a_new_process(measure, large, cache)
            added = round(run["peak_memory_gib"] - bare["peak_memory_gib"], 2)
            told = {"round": number, "state": state, "rows": options.rows}
            rounds.append(told | run | {"added_memory_gib": added})
            console.print(f"{state}: {run['seconds']:.2f} s, {added:.2f} GiB more")
    record = {
        "experiment": "benchmark_loading",
        "file_mib": round(size / 2**20),
        "seconds": round(sum(run["seconds"] for run in rounds), 1),
        "environment": environment,
        "rounds": rounds,
    }
    path = options.out / "benchmark_loading.json"
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.loading", __doc__)
    parser.add_argument(
        "--rows",
        type=command.positive,
        default=10_000_000,
        help="of the file (default: 10,000,000)",
    )
    parser.add_argument("--rounds", type=command.positive, default=3, help="default: 3")
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs"
    )
    return parser.parse_args(arguments)


def generate(file: pathlib.Path, rows: int) -> None:
    """Writes a file with the columns of ccFraud.csv and whole numbers in them."""
    rng = np.random.default_rng(0)
    file.parent.mkdir(parents=True)
    with file.open("w") as stream:
        stream.write(",".join(["custID", *_COLUMNS, "fraudRisk"]) + "\n")
        for start in range(0, rows, _ROWS_AT_ONCE):
            number = min(_ROWS_AT_ONCE, rows - start)
            columns = [np.arange(start, start + number)]
            columns += [rng.integers(low, high + 1, number) for low, high in _COLUMNS.values()]
            columns += [rng.random(number) < 0.06]
            np.savetxt(stream, np.column_stack(columns), fmt="%d", delimiter=",")


def measure(folder: pathlib.Path, cache: pathlib.Path) -> dict[str, Any]:
    """Loads the file of a folder; returns the time and the process's peak of memory."""
    os.environ["FAL_JAX_CACHE"] = str(cache)
    started = time.perf_counter()
    table = data.load_table("CCFraud", data_dir=folder, allow_partial=True)
    seconds = time.perf_counter() - started
    assert isinstance(table.features, np.memmap)
    return {"seconds": round(seconds, 2), "peak_memory_gib": round(command.peak_memory_gib(), 3)}


if __name__ == "__main__":
    command.use_all_cores()  # as the processes do that are measured
    main()
