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
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from experiments import (
    command,
    drawing,
    progress,
    records,
    runs,
    study,
    study_figures,
    tables,
    tasks,
)
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
    return [run_table(table, options, console) for table in loaded(options)]


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
        f"{', '.join(map(shlex.quote, FAMILY))}")  # fmt: skip
    add("--seeds", type=command.positive, default=10, help="holdouts (default: 10)")
    add("--folds", type=command.several, default=10, help="of nested-cv (default: 10)")
    add("--epochs", type=command.positive, default=50, help="default: 50")
    add("--trials", type=command.positive, default=16,
        help="settings a method (default: 16); with the paper's budget of LR and XGBoost "
        "alone")  # fmt: skip
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"),
        help="folder for the record and the figure (default: runs)")  # fmt: skip
    add("--name", help="of the record and the figure (default: by data, protocol and budget)")
    return parser.parse_args(arguments)


def loaded(options: argparse.Namespace) -> list[Table]:
    """All data sets, before hours go into the first: what is wrong with one is told at once."""
    with command.without_traceback():
        names = dict.fromkeys(options.dataset)
        if "all" in names:
            names = data.available_tables(options.data_dir)
        if len(names) > 1 and (options.file or options.name):
            raise ValueError("--file and --name are for one data set: name it with --dataset.")
        if options.protocol == "block-holdout" and (other := set(names) - {"SatImage"}):
            raise ValueError(
                "--protocol block-holdout is for SatImage, whose rows overlap, not "
                f"{', '.join(sorted(other))}."
            )
        if options.budget == "paper" and (others := set(options.methods) - set(STUDY)):
            raise ValueError(f"--budget paper has no settings for {', '.join(sorted(others))}.")
        given = {"data_dir": options.data_dir, "file": options.file}
        return [
            data.load_table(name, **given, allow_partial=options.allow_partial) for name in names
        ]


def run_table(table: Table, options: argparse.Namespace, console: Console) -> pathlib.Path:
    """Runs the methods on one data set; returns the path of its record."""
    environment = records.environment()  # at the start: the tree may change while this runs
    protocol = runs.Protocol(budget=options.budget, epochs=options.epochs, trials=options.trials)
    number = options.folds if options.protocol == "nested-cv" else options.seeds
    with command.without_traceback():
        work = tasks.PROTOCOLS[options.protocol](table, number, protocol.validation_fraction)
        description = describe(table, work, options, protocol)
    path = options.out / f"{options.name or study.stem(description)}.json"
    before = earlier(path, description)
    with command.without_traceback():
        parts = Parts(path.with_suffix(".parts"), description | {"commit": environment["commit"]})
    methods = {name: ALL[name] for name in options.methods if name not in before["made"]}
    found = run_methods(methods, table, work, protocol, parts, console)
    record = description | {"environment": environment if found else before["environment"]}
    for key, new in gathered(found, protocol, environment).items():
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
    """Runs the methods that are not among the parts yet, and shows how far they are."""
    found = {name: part for name in methods if (part := parts.read(name)) is not None}
    missing = [name for name in methods if name not in found]
    with progress.shown(console, table.name, len(missing)) as show:
        for number, name in enumerate(missing):

            def on_step(share: float, number: int = number, name: str = name) -> None:
                show(name, number + share)

            on_step(0.0)
            found[name] = run_method(name, methods[name], table, work, protocol, parts, on_step)
            on_step(1.0)
    return {name: found[name] for name in methods}


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
