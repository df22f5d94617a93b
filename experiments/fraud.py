"""The main job: the paper's seven methods on SatImage, as in its Table 2.

    python -m experiments.fraud                             # all of it, on the data in the package
    python -m experiments.fraud --methods CE FAL --seeds 3  # a part of it
    python -m experiments.fraud --split blocks              # no pixel shared by training and test

A 2-layer network (16, 8) with Adagrad, 50 epochs, on an 80/20 holdout, repeated over seeds. Every
method has the same number of trials, judged by average precision on folds of the training part;
the best is trained on all of the training part and the test part is scored once. F1 and balanced
accuracy are those at thresholds chosen on the folds; those at arg-max are recorded beside them.
FAML stands twice, as the paper gives its rate twice.
"""

import argparse
import dataclasses
import os
import pathlib
import time
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as Grid

from experiments import figures, holdout, records, tables
from fal_jax import data
from fal_jax.estimators import METHODS, Method

SPLITS = {"random": holdout.random_task, "blocks": holdout.block_task}


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the experiment; returns the path of its record."""
    options = parse(arguments)
    console = Console(width=max(Console().width, 100))
    table = data.load_satimage(folder=options.data)
    data.check_table(table.features, table.labels, num_classes=2)
    protocol = holdout.Protocol(epochs=options.epochs, trials=options.trials, folds=options.folds)
    tasks = [SPLITS[options.split](table, seed, protocol.folds) for seed in range(options.seeds)]
    started = time.perf_counter()
    methods = {name: METHODS[name] for name in options.methods}
    results = run(methods, table, tasks, protocol, console)
    record = {
        "experiment": "fraud",
        "dataset": table.name,
        "rows": table.labels.size,
        "positives": int(table.labels.sum()),
        "split": options.split,
        "seeds": options.seeds,
        "test_windows_sharing_pixels": shared_pixels(tasks),
        "protocol": dataclasses.asdict(protocol) | {"optimizer": "adagrad"},
        "search": {
            name: {
                "ranges": dict(method.search),
                "fixed": dict(method.fixed),
                "resample": method.resample,
            }
            for name, method in methods.items()
        },
        "seconds": round(time.perf_counter() - started, 1),
        "environment": records.environment(),
        "results": results,
    }
    name = options.name or f"fraud_{table.name.lower()}_{options.split}"
    path = options.out / f"{name}.json"
    records.write_json(path, record)
    figures.holdout_metrics(record, path.with_suffix(".png"))
    report(record, console)
    console.print(f"Record: {path}\nFigure: {path.with_suffix('.png')}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.fraud",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD",
        help=f"which to compare, of: {', '.join(METHODS)} (default: all)",
    )  # fmt: skip
    parser.add_argument("--seeds", type=positive, default=10, help="holdouts (default: 10)")
    parser.add_argument("--epochs", type=positive, default=50, help="default: 50")
    parser.add_argument("--trials", type=positive, default=8, help="settings a method (default: 8)")
    parser.add_argument("--folds", type=several, default=2, help="for tuning (default: 2)")
    parser.add_argument("--split", choices=SPLITS, default="random", help="default: random")
    parser.add_argument(
        "--data",
        type=pathlib.Path,
        metavar="FOLDER",
        help="with the original sat.trn and sat.tst (default: the copy in the package)",
    )
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("runs"),
        help="folder for the record and the figure (default: runs)",
    )  # fmt: skip
    parser.add_argument("--name", help="of the record and the figure (default: by data and split)")
    return parser.parse_args(arguments)


def positive(text: str, minimum: int = 1) -> int:
    """A whole number of at least 1, from the command line."""
    number = int(text)
    if number < minimum:
        raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {number}")
    return number


def several(text: str) -> int:
    """A whole number of at least 2, from the command line."""
    return positive(text, minimum=2)


def run(
    methods: Mapping[str, Method],
    table: data.Table,
    tasks: Sequence[holdout.Task],
    protocol: holdout.Protocol,
    console: Console,
) -> dict[str, list[dict]]:
    """Runs the methods, with a progress bar over their stages."""
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} stages,"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("starting", total=2 * len(methods))
        results = {}
        for number, (name, method) in enumerate(methods.items()):

            def on_stage(stage: str, name=name) -> None:
                progress.update(bar, description=f"{name}: {stage}", refresh=True)
                progress.advance(bar, 1 if stage == "training" else 0)

            results[name] = holdout.run_method(method, table, tasks, protocol, on_stage=on_stage)
            progress.update(bar, completed=2 * (number + 1))
        progress.update(bar, description="done")
    return results


def shared_pixels(tasks: Sequence[holdout.Task]) -> float:
    """The mean fraction of test windows that share pixels with a training window."""
    positions = data.satimage_positions()
    return float(np.mean([data.shared_pixel_fraction(positions, task.split) for task in tasks]))


def report(record: dict, console: Console) -> None:
    """Prints the table, the paired differences from CE and what to mind when reading them."""
    results = record["results"]
    grid = Grid(
        title=f"SatImage, class 4 against the rest: mean ± std of {record['seeds']} seeds (paper)"
    )
    grid.add_column("method")
    for title in tables.METRICS.values():
        grid.add_column(title, justify="right")
    for name in results:
        grid.add_row(
            name,
            *(tables.cell(record, name, metric) for metric in tables.METRICS),
        )
    console.print(grid)
    for name, runs in results.items():
        if name != "CE" and "CE" in results:
            gaps = (
                f"{title} {tables.difference(runs, results['CE'], metric)}"
                for metric, title in tables.METRICS.items()
            )
            console.print(f"{name} - CE, paired ± error (seeds above 0): {'; '.join(gaps)}")
    console.print(
        f"{record['test_windows_sharing_pixels']:.0%} of the test rows share pixels with training "
        "rows (overlapping windows of one scene): "
        + (
            "the figures compare with the paper's, and are no estimate for a new scene."
            if record["split"] == "random"
            else "they do not compare with the paper's, whose split shares pixels."
        )
    )


def use_all_cores() -> None:
    """Makes each CPU core a device, if JAX has not started: models are split over them."""
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)


if __name__ == "__main__":
    use_all_cores()
    main()
