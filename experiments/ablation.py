"""What makes anchored losses strong or weak, measured on training rows alone.

    python -m experiments.ablation                              # SatImage, all questions
    python -m experiments.ablation --only pull window           # two of them
    python -m experiments.ablation --dataset CreditCard GMSC SatImage --data-dir DIR

Each task is a holdout within the training part of a seed that no other experiment uses; the test
part of that seed is not read. Every variant has the same number of trials and the best epoch's
weights, chosen on validation rows; what is reported is scored on rows that chose nothing.
A run that was killed goes on where it was when it is called again, and a record of the same
run is added to, not replaced.
"""

import argparse
import dataclasses
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from experiments import command, recording, records, runs, tables, tasks
from experiments.parts import Parts
from experiments.tasks import Task
from experiments.variants import QUESTIONS, WIDTHS, variants
from fal_jax import data


def main(arguments: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Runs the ablations; returns the paths of their records, one a data set."""
    options, console = parse(arguments), Console(width=140)
    names = dict.fromkeys(options.dataset)
    with command.without_traceback():
        if len(names) > 1 and options.file:
            raise ValueError("--file is for one data set: name it with --dataset.")
        given = {"data_dir": options.data_dir, "file": options.file}
        loaded = [
            data.load_table(name, **given, allow_partial=options.allow_partial) for name in names
        ]
    return [run_table(table, options, console) for table in loaded]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.ablation", __doc__)
    add = parser.add_argument
    add("--dataset", nargs="+", choices=data.TABLES, default=["SatImage"], metavar="NAME",
        help=f"of {', '.join(data.TABLES)} (default: SatImage)")  # fmt: skip
    add("--data-dir", type=pathlib.Path, help="where the data files are (default: FAL_JAX_DATA)")
    add("--file", type=pathlib.Path, help="the data set's file, if it has another name")
    add("--allow-partial", action="store_true", help="take a file with other than all rows")
    add("--only", nargs="+", choices=QUESTIONS, default=QUESTIONS, metavar="QUESTION",
        help=f"of {', '.join(QUESTIONS)}; methods always is (default: all)")  # fmt: skip
    add("--seeds", type=command.positive, default=5, help="default: 5")
    add("--epochs", type=command.positive, default=50, help="default: 50")
    add("--trials", type=command.positive, default=16, help="default: 16")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def run_table(table: data.Table, options: argparse.Namespace, console: Console) -> pathlib.Path:
    """Runs the questions that a record of the same run lacks; returns the path of the record."""
    environment = records.environment()  # at the start: the tree may change while this runs
    protocol = runs.Protocol(epochs=options.epochs, trials=options.trials)
    with command.without_traceback():
        work = tasks.development(table, options.seeds, protocol.validation_fraction)
    description = {
        "experiment": "ablation",
        "dataset": table.name,
        "rows": table.labels.size,
        "rows_expected": table.rows_expected,
        "is_sample": table.is_sample,
        "scored on": "a part of the training rows; the seed's own test rows are not read",
        "seeds": options.seeds,
        "options": dataclasses.asdict(protocol) | {"optimizer": "adagrad"},
    }
    path = options.out / f"ablation_{table.name.lower()}.json"
    before = recording.earlier(path, description, ("made", "results", "averaged"))
    with command.without_traceback():
        parts = Parts(path.with_suffix(".parts"), description | {"commit": environment["commit"]})
    made = before["made"]
    for question in dict.fromkeys(("methods", *options.only)):
        if question in made:
            continue
        found = {}
        for variant in variants()[question]:
            console.print(f"{table.name}, {question}: {variant}")
            found[variant] = parts.read(variant) or run_variant(
                question, variant, table, work, protocol
            )
            parts.write(variant, found[variant])
        for key in ("results", "averaged"):
            before[key][question] = {variant: part[key] for variant, part in found.items()}
        seconds = sum(part["seconds"] for part in found.values())
        made[question] = recording.made(environment, seconds)
    record = description | {
        "seconds": round(sum(entry["seconds"] for entry in made.values()), 1),
        "environment": environment,
        **before,
    }
    records.write_json(path, record)
    parts.remove()
    console.print(f"{tables.label(record)}\n\n{tables.ablation(record)}", soft_wrap=True)
    console.print(f"Record: {path}")
    return path


def run_variant(
    question: str, variant: str, table: data.Table, work: Sequence[Task], protocol: runs.Protocol
) -> dict[str, Any]:
    """All runs of a variant: of the best trial of each task, and of the mean of several."""
    started = time.perf_counter()
    protocol = dataclasses.replace(protocol, hidden=WIDTHS.get(variant, protocol.hidden))
    trained = runs.train_method(variants()[question][variant], table, work, protocol)
    return {
        "results": [dropped(runs.chosen(one, table)) for one in trained],
        "averaged": [dropped(runs.averaged(one, table)) for one in trained],
        "seconds": time.perf_counter() - started,
    }


def dropped(run: runs.Run) -> runs.Run:
    """The run without its curves, and without what other metrics would choose."""
    return {name: value for name, value in run.items() if name not in ("curves", "choices")}


if __name__ == "__main__":
    command.use_all_cores()
    main()
