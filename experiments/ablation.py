"""What makes anchored losses strong or weak, measured on training rows alone.

    python -m experiments.ablation                              # SatImage, all questions
    python -m experiments.ablation --only pull window           # two of them
    python -m experiments.ablation --dataset CreditCard GMSC SatImage --data-dir DIR

Each task is a holdout within the training part of a seed that no other experiment uses; the test
part of that seed is not read. Every variant has the same number of trials and the best epoch's
weights, chosen on validation rows; what is reported is scored on rows that chose nothing.
"""

import argparse
import dataclasses
import pathlib
import time
from collections.abc import Sequence

from rich.console import Console

from experiments import records, runs, tables, tasks
from experiments.fraud import positive, use_all_cores
from experiments.variants import QUESTIONS, variants
from fal_jax import data


def main(arguments: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Runs the ablations; returns the paths of their records, one a data set."""
    options, console = parse(arguments), Console(width=140)
    return [run_table(name, options, console) for name in options.dataset]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--dataset", nargs="+", choices=data.TABLES, default=["SatImage"], metavar="NAME",
        help=f"of {', '.join(data.TABLES)} (default: SatImage)")  # fmt: skip
    add("--data-dir", type=pathlib.Path, help="where the data files are (default: FAL_JAX_DATA)")
    add("--only", nargs="+", choices=QUESTIONS, default=QUESTIONS, metavar="QUESTION",
        help=f"of {', '.join(QUESTIONS)}; methods always is (default: all)")  # fmt: skip
    add("--seeds", type=positive, default=5, help="default: 5")
    add("--epochs", type=positive, default=50, help="default: 50")
    add("--trials", type=positive, default=16, help="default: 16")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def run_table(name: str, options: argparse.Namespace, console: Console) -> pathlib.Path:
    """Runs the questions on one data set; returns the path of its record."""
    started = time.perf_counter()
    table = data.load_table(name, data_dir=options.data_dir)
    protocol = runs.Protocol(epochs=options.epochs, trials=options.trials)
    work = tasks.development(table, options.seeds, protocol.validation_fraction)
    asked = variants()
    results = {}
    for question in dict.fromkeys(("methods", *options.only)):
        results[question] = {}
        for variant, method in asked[question].items():
            console.print(f"{name}, {question}: {variant}")
            trained = runs.train_method(method, table, work, protocol)
            found = [runs.chosen(one, table) for one in trained]
            results[question][variant] = [dropped(run) for run in found]
            if question == "methods":
                mean = [dropped(runs.averaged(one, table)) for one in trained]
                results.setdefault("averaging", {})[f"{variant} x{runs.AVERAGE}"] = mean
    record = {
        "experiment": "ablation",
        "dataset": table.name,
        "rows": table.labels.size,
        "rows_expected": table.rows_expected,
        "is_sample": table.is_sample,
        "scored on": "a part of the training rows; the seed's own test rows are not read",
        "seeds": options.seeds,
        "options": dataclasses.asdict(protocol) | {"optimizer": "adagrad"},
        "seconds": round(time.perf_counter() - started, 1),
        "environment": records.environment(),
        "results": results,
    }
    path = options.out / f"ablation_{name.lower()}.json"
    records.write_json(path, record)
    console.print(tables.ablation(record), soft_wrap=True)
    console.print(f"Record: {path}")
    return path


def dropped(run: runs.Run) -> runs.Run:
    """The run without its curves."""
    return {name: value for name, value in run.items() if name != "curves"}


if __name__ == "__main__":
    use_all_cores()
    main()
