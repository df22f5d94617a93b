"""How long FAML takes in nested cross-validation: 10 folds x 24 settings, 50 epochs, one program.

    python -m experiments.benchmarks.folds
    python -m experiments.benchmarks.folds --dataset SatImage CreditCard --data-dir DIR

Every run is in a process of its own. Its time holds preprocessing, compilation, training, the
validation of all models after every epoch and the scores of the test rows; it holds neither the
start of Python nor the reading of the table.
"""

import argparse
import pathlib
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from rich.console import Console

from experiments import command, records, runs, tasks
from fal_jax import data
from fal_jax.estimators import METHODS

METHOD = "FAML"


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of their record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    protocol = runs.Protocol(epochs=options.epochs, trials=options.trials)
    rounds = []
    for number in range(options.rounds):
        for name in options.dataset:
            found = command.in_a_new_process(
                measure, name, options.data_dir, options.folds, protocol
            )
            rounds.append({"round": number, "dataset": name, **found})
            console.print(report(rounds[-1]))
    record = {
        "experiment": "benchmark_folds",
        "method": METHOD,
        "options": {key: getattr(options, key) for key in ("folds", "trials", "epochs")},
        "seconds": round(sum(found["seconds"] for found in rounds), 1),
        "environment": environment,
        "rounds": rounds,
    }
    path = options.out / "benchmark_folds.json"
    records.write_json(path, record)
    for name in options.dataset:
        seconds = [found["seconds"] for found in rounds if found["dataset"] == name]
        console.print(f"{name}: median {statistics.median(seconds):.1f} s")
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.folds", __doc__)
    add = parser.add_argument
    add("--dataset", nargs="+", choices=data.TABLES, default=["SatImage"], metavar="NAME",
        help=f"of {', '.join(data.TABLES)} (default: SatImage)")  # fmt: skip
    add("--data-dir", type=pathlib.Path, help="where the data files are (default: FAL_JAX_DATA)")
    add("--rounds", type=command.positive, default=3, help="default: 3")
    add("--folds", type=command.several, default=10, help="default: 10")
    add("--trials", type=command.positive, default=24, help="settings (default: 24)")
    add("--epochs", type=command.positive, default=50, help="default: 50")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def measure(
    name: str, data_dir: pathlib.Path | None, num_folds: int, protocol: runs.Protocol
) -> dict[str, Any]:
    """Trains all models on a data set; returns the time it took, and that of the compiler."""
    command.use_all_cores()
    compiled = []

    def on_event(event: str, duration_secs: float, **_) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(on_event)
    table = data.load_table(name, data_dir=data_dir)
    folds = tasks.cross_validation(table, num_folds, protocol.validation_fraction)
    started = time.perf_counter()
    trained = runs.train_method(METHODS[METHOD], table, folds, protocol)
    seconds = time.perf_counter() - started
    samples = protocol.trials * protocol.epochs * sum(task.train.size for task in folds)
    return {
        "models": sum(len(fold.test) for fold in trained),
        "training_rows": folds[0].train.size,
        "seconds": round(seconds, 2),
        "compile_seconds": round(sum(compiled), 2),
        "samples_per_second": round(samples / seconds),
        "peak_memory_gib": round(command.peak_memory_gib(), 2),
    }


def report(found: Mapping[str, Any]) -> str:
    """One run in words."""
    return (
        f"{found['dataset']}: {found['models']} models in {found['seconds']:.1f} s, "
        f"{found['compile_seconds']:.1f} s of them to compile, "
        f"{found['samples_per_second'] / 1e6:.1f} M model-samples/s, "
        f"{found['peak_memory_gib']:.1f} GiB"
    )


if __name__ == "__main__":
    command.use_all_cores()  # as the processes do that are measured
    main()
