"""The fraud study: the paper's Tables 2 and 3, every method tuned alike, and outside baselines.

    python -m experiments.fraud                              # SatImage, which is in the package
    python -m experiments.fraud --methods CE FAL --seeds 3   # a part of it
    python -m experiments.fraud --dataset CreditCard GMSC --data-dir DIR
    python -m experiments.fraud --dataset all --protocol nested-cv --budget paper

A 2-layer network (16, 8) with Adagrad, 50 epochs. "holdout" is the paper's 80/20 split, repeated
over seeds, "nested-cv" its 10 folds; "block-holdout", for SatImage, shares no pixel between parts.
A fifth of the training rows validates: it chooses settings, epoch and thresholds; the test rows
are scored once. With equal budgets every method has the same number of trials. The paper's budget
takes the paper's settings, for what it leaves open one grid, and the last epoch's weights.
A run that was killed goes on where it was when it is called again.
"""

import argparse
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as Grid

from experiments import command, drawing, records, runs, study, study_figures, tables, tasks
from experiments.parts import Parts
from experiments.recording import ALL, STUDY, describe, earlier, gathered
from fal_jax import data
from fal_jax.data import Table
from fal_jax.estimators import FAMILY, Baseline, Method

BUDGETS = ("equal", "paper")
AVERAGED = ("CE", "FL", "FAL", "FAML", "CB-FAL", "FAL-light", "XGBoost")
"""Methods that stand in the table a second time, as the mean of several trials."""


def main(arguments: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Runs the study; returns the paths of its records, one a data set."""
    options = parse(arguments)
    console = Console(width=max(Console().width, 100))
    names = options.dataset
    if "all" in names:
        names = data.available_tables(options.data_dir)
    if len(names) > 1 and (options.file or options.name):
        raise SystemExit("--file and --name are for one data set: name it with --dataset.")
    return [run_table(name, options, console) for name in names]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.fraud", __doc__)
    add = parser.add_argument
    add("--dataset", nargs="+", choices=(*data.TABLES, "all"), default=["SatImage"],
        metavar="NAME", help=f"of {', '.join(data.TABLES)}, or all that are found")  # fmt: skip
    add("--data-dir", type=pathlib.Path, help="where the data files are (default: FAL_JAX_DATA)")
    add("--file", type=pathlib.Path, help="the data set's file, if it has another name")
    add("--allow-partial", action="store_true", help="take a file with other than all rows")
    add("--protocol", choices=tasks.PROTOCOLS, default="holdout", help="default: holdout")
    add("--budget", choices=BUDGETS, default="equal", help="default: equal")
    add("--methods", nargs="+", choices=ALL, default=list(STUDY), metavar="METHOD",
        help=f"which to compare (default: {', '.join(STUDY)}); also of the family: "
        f"{', '.join(FAMILY)}")  # fmt: skip
    add("--seeds", type=command.positive, default=10, help="holdouts (default: 10)")
    add("--folds", type=command.several, default=10, help="of nested-cv (default: 10)")
    add("--epochs", type=command.positive, default=50, help="default: 50")
    add("--trials", type=command.positive, default=16, help="settings a method (default: 16)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"),
        help="folder for the record and the figure (default: runs)")  # fmt: skip
    add("--name", help="of the record and the figure (default: by data, protocol and budget)")
    return parser.parse_args(arguments)


def run_table(name: str, options: argparse.Namespace, console: Console) -> pathlib.Path:
    """Runs the methods on one data set; returns the path of its record."""
    if options.protocol == "block-holdout" and name != "SatImage":
        raise SystemExit(
            f"--protocol block-holdout is for SatImage, whose rows overlap, not {name}."
        )
    if options.budget == "paper" and (others := set(options.methods) - set(STUDY)):
        raise SystemExit(f"--budget paper has no settings for {', '.join(sorted(others))}.")
    environment = records.environment()  # at the start: the tree may change while this runs
    table = data.load_table(
        name, data_dir=options.data_dir, file=options.file, allow_partial=options.allow_partial
    )
    protocol = runs.Protocol(budget=options.budget, epochs=options.epochs, trials=options.trials)
    number = options.folds if options.protocol == "nested-cv" else options.seeds
    work = tasks.PROTOCOLS[options.protocol](table, number, protocol.validation_fraction)
    description = describe(table, work, options, protocol)
    path = options.out / f"{options.name or study.stem(description)}.json"
    before = earlier(path, description)
    try:
        parts = Parts(path.with_suffix(".parts"), description | {"commit": environment["commit"]})
    except ValueError as error:
        raise SystemExit(str(error)) from error
    methods = {name: ALL[name] for name in options.methods if name not in before["made"]}
    found = run_methods(methods, table, work, protocol, parts, console)
    record = description | {"environment": environment if found else before["environment"]}
    for key, new in gathered(found, protocol, environment["commit"]).items():
        record[key] = before[key] | new
    record["seconds"] = round(sum(made["seconds"] for made in record["made"].values()), 1)
    records.write_json(path, record)
    drawing.save(study_figures.holdout_metrics(record), path.with_suffix(".png"))
    parts.remove()
    report(record, console)
    console.print(f"Record: {path}\nFigure: {path.with_suffix('.png')}")
    return path


def run_methods(
    methods: Mapping[str, Method | Baseline],
    table: Table,
    work: Sequence[tasks.Task],
    protocol: runs.Protocol,
    parts: Parts,
    console: Console,
) -> dict[str, dict[str, Any]]:
    """Runs the methods that are not among the parts yet, with a progress bar over all."""
    columns = (
        TextColumn(table.name + ", {task.description:12}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%,"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("left"),
    )
    found = {}
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        bar = progress.add_task("", total=len(methods))
        for number, (name, method) in enumerate(methods.items()):

            def on_step(share: float, number: int = number) -> None:
                progress.update(bar, completed=number + share)

            progress.update(bar, description=name)
            found[name] = parts.read(name) or run_method(
                name, method, table, work, protocol, parts, on_step
            )
            on_step(1.0)
    return found


def run_method(
    name: str,
    method: Method | Baseline,
    table: Table,
    work: Sequence[tasks.Task],
    protocol: runs.Protocol,
    parts: Parts,
    on_step: Callable[[float], None],
) -> dict[str, Any]:
    """Runs one method and keeps its part."""
    started = time.perf_counter()
    scratch = parts.scratch(name)
    if isinstance(method, Method):
        trained = runs.train_method(method, table, work, protocol, folder=scratch, on_step=on_step)
    else:
        trained = runs.train_baseline(
            method, table, work, protocol, folder=scratch, on_step=on_step
        )
    rows = {name: [runs.chosen(trial, table) for trial in trained]}
    if name in AVERAGED and protocol.budget == "equal":
        rows[f"{name} x{runs.AVERAGE}"] = [runs.averaged(trial, table) for trial in trained]
    part = {"rows": rows, "seconds": time.perf_counter() - started}
    parts.write(name, part)
    parts.drop_scratch(name)
    return part


def report(record: dict[str, Any], console: Console) -> None:
    """Prints the table, and what to mind when reading it."""
    budget, results = record["budget"], record["results"]
    title = f"{study.label(record)}: mean ± std over {record['protocol']} (paper)"
    grid = Grid("method", title=title)
    for metric in study.METRICS.values():
        grid.add_column(metric, justify="right")
    for name in results:
        cells = (
            tables.cell(record, name, metric, column=study.column(metric, budget))
            for metric in study.METRICS
        )
        grid.add_row(name, *cells)
    console.print(grid)
    if record["dataset"] == "SatImage" and record["protocol"] != "block-holdout":
        console.print(
            "SatImage's rows are overlapping windows of one scene: a random split puts pixels of "
            "test rows into training rows. The figures compare with the paper's, and are no "
            "estimate for a new scene; --protocol block-holdout shares none."
        )


if __name__ == "__main__":
    command.use_all_cores()
    main()
