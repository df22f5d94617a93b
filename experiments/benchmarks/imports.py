"""What importing a package adds to `import jax, optax, chex`, each time in a new process.

python -m experiments.benchmarks.imports
"""

import argparse
import pathlib
import pkgutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

import fal_jax
from experiments import command, records

MODULES = ("fal_jax", *(
    f"fal_jax.{found.name}" for found in pkgutil.iter_modules(fal_jax.__path__) if found.ispkg
))  # fmt: skip
_CODE = """
import time
start = time.perf_counter()
import jax, optax, chex
middle = time.perf_counter()
import {}
print(middle - start, time.perf_counter() - middle)
"""


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of their record."""
    options, started = parse(arguments), time.perf_counter()
    environment = records.environment()  # at the start: the tree may change while this runs
    rounds = [
        {"round": number, "module": module} | measure(module)
        for number in range(options.rounds)
        for module in options.modules
    ]
    record = {
        "experiment": "benchmark_imports",
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "rounds": rounds,
    }
    path = options.out / "benchmark_imports.json"
    records.write_json(path, record)
    console = Console(width=110)
    console.print(report(record))
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.imports", __doc__)
    add = parser.add_argument
    add("--rounds", type=command.positive, default=5, help="default: 5")
    add("--modules", nargs="+", choices=MODULES, default=MODULES, help="default: all")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def measure(module: str) -> dict[str, float]:
    """Seconds of `import jax, optax, chex`, and those that a module adds."""
    called = [sys.executable, "-c", _CODE.format(module)]
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(called, cwd=root, capture_output=True, text=True, check=True)
    base, added = map(float, done.stdout.split())
    return {"base_seconds": round(base, 3), "added_seconds": round(added, 3)}


def report(record: Mapping[str, Any]) -> Grid:
    """Medians over the rounds, with the lowest and the highest."""
    grid = Grid(title="seconds to import")
    for column in ("", "jax, optax, chex", "added"):
        grid.add_column(column, justify="right")
    for module in dict.fromkeys(found["module"] for found in record["rounds"]):
        own = [found for found in record["rounds"] if found["module"] == module]
        grid.add_row(
            module, *(_spread([f[key] for f in own]) for key in ("base_seconds", "added_seconds"))
        )
    return grid


def _spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})"


if __name__ == "__main__":
    main()
