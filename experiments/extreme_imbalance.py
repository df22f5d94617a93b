"""Our Table 5: extreme imbalance, on simulated transactions whose Bayes-optimal score is known.

    python -m experiments.extreme_imbalance                           # 1:100 to 1:10,000
    python -m experiments.extreme_imbalance --rows 500000 --ratio 578 2222 --seeds 3 --trials 4
    python -m experiments.extreme_imbalance --resume                  # goes on after a kill
    python -m experiments.extreme_report                              # table and figure

The paper's data are a bank's own; these are simulated (`data.simulate_transactions`), anew for each
seed. Each table is split by time: the first 60% of the rows train, the next 20% choose the trial by
average precision, and the epoch of a network, the last 20% are scored once. Every method has the
same number of trials, and searches the weight of the positives, where it has one, up to the ratio.
Each runs in a process of its own, so its peak memory is its own; what loading takes is told apart.
"""

import argparse
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from experiments import command, drawing, extreme_report, records
from experiments.extreme_runs import HIDDEN, METHODS_OF_TABLE_5, SHARES, Job, prepare, run, searched
from fal_jax.estimators import Method

RATIOS = (100, 578, 2222, 10_000)


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs what is not in the record yet; returns the path of the record."""
    options = parse(arguments)
    console, path = Console(), options.out / f"{options.name}.json"
    record, commit = begun(path, options), records.commit()
    for ratio in options.ratio:
        for seed in range(options.seeds):
            folder = options.out / "simulated" / f"{options.rows}_{ratio}_{seed}"
            job = Job(folder, options.rows, ratio, seed, options.trials, options.epochs)
            fill(record, path, job, options.methods, commit, console)
    figure = path.with_suffix(".png")
    drawing.save(extreme_report.scores(record), figure)
    console.print(f"Record: {path}\nFigure: {figure}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.extreme_imbalance", __doc__)
    add, positive = parser.add_argument, command.positive
    add("--rows", type=positive, default=1_000_000, help="of each table (default: 1,000,000)")
    add("--ratio", type=positive, nargs="+", default=list(RATIOS), metavar="N",
        help="negatives to a positive, in this order (default: 100 578 2222 10000)")  # fmt: skip
    add("--methods", nargs="+", choices=METHODS_OF_TABLE_5, default=list(METHODS_OF_TABLE_5),
        metavar="METHOD", help=f"of {', '.join(METHODS_OF_TABLE_5)} (default: all)")  # fmt: skip
    add("--seeds", type=positive, default=3, help="tables of each ratio (default: 3)")
    add("--trials", type=positive, default=8, help="settings a method (default: 8)")
    add("--epochs", type=positive, default=20, help="of the networks (default: 20)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"),
        help="folder for the tables, the record and the figure (default: runs)")  # fmt: skip
    add("--name", default="extreme_imbalance", help="of the record (default: extreme_imbalance)")
    add("--resume", action="store_true", help="go on with the record that is there")
    return parser.parse_args(arguments)


def begun(path: pathlib.Path, options: argparse.Namespace) -> dict[str, Any]:
    """The record to fill: a new one, or with --resume the one that is there, if it is of the same.

    Raises:
        SystemExit: a record is there and is not to be gone on with, or is of other options.
    """
    shared = {"trials": options.trials, "epochs": options.epochs, "hidden": list(HIDDEN)}
    description = {
        "experiment": "extreme_imbalance",
        "simulated": True,
        "rows": options.rows,
        "shares": list(SHARES),
        "options": shared,
    }
    new = {"seeds": 0, "seconds": 0.0, "tables": {}, "search": {}, "results": {}}
    if not path.exists():
        return description | {"environment": records.environment()} | new
    if not options.resume:
        raise SystemExit(f"{path} is there: go on with it by --resume, or choose another --name.")
    record = json.loads(path.read_text())
    differs = [key for key, value in description.items() if record.get(key) != value]
    if differs:
        raise SystemExit(
            f"{path} is the record of another run, which differs in {', '.join(differs)}: "
            "choose another --out or --name."
        )
    return record


def fill(
    record: dict[str, Any],
    path: pathlib.Path,
    job: Job,
    methods: Sequence[str],
    commit: str | None,
    console: Console,
) -> None:
    """Adds the runs of one table that are not there yet, and writes the record after each."""
    ratio = str(job.ratio)
    results = record["results"].setdefault(ratio, {})
    missing = [m for m in methods if job.seed not in _seeds(results.get(m, []))]
    tables = record["tables"].setdefault(ratio, [])
    if missing and job.seed not in _seeds(tables):
        tables.append(command.in_a_new_process(prepare, job))
    for name in missing:
        found = command.in_a_new_process(run, name, job) | {"commit": commit}
        results.setdefault(name, []).append(found)
        record["search"].setdefault(ratio, {})[name] = _search(name, job.ratio)
        record["seconds"] = round(record["seconds"] + found["seconds"], 1)
        record["seeds"] = max(record["seeds"], job.seed + 1)
        records.write_json(path, record)
        scores = ", ".join(f"{key} {value:.3f}" for key, value in found["test"].items())
        console.print(f"1:{ratio}, seed {job.seed}, {name}: {scores}, {found['seconds']:.0f} s")


def _seeds(found: list[dict[str, Any]]) -> set[int]:
    return {one["seed"] for one in found}


def _search(name: str, ratio: int) -> dict[str, Any]:
    """What of a method was tuned, and where, and what was not."""
    method = searched(name, ratio)
    fixed = {"fixed": dict(method.fixed)} if isinstance(method, Method) else {}
    return {"ranges": {key: list(values) for key, values in method.search.items()}, **fixed}


if __name__ == "__main__":
    main()
