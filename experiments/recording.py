"""What a record of the fraud study holds, put together and added to."""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from experiments import runs, scoring, tasks
from fal_jax.data import Table
from fal_jax.estimators import BASELINES, FAMILY, METHODS, Baseline, Method
from fal_jax.estimators.problems import Problems, batch_size

STUDY = {**METHODS, **BASELINES}
"""The methods of the study: ours, and those of other libraries."""
ALL = {**STUDY, **FAMILY}
"""All methods that have a name."""


def earlier(
    path: pathlib.Path,
    description: Mapping[str, Any],
    keys: Sequence[str] = ("environment", "made", "search", "results", "curves"),
) -> dict[str, dict]:
    """What a record that is there already holds under some keys; it must be of the same run."""
    if not path.exists():
        return {key: {} for key in keys}
    try:
        record = json.loads(path.read_text())
    except ValueError as error:
        raise SystemExit(f"{path} is damaged ({error}): move it away.") from error
    differs = [
        key
        for key, value in json.loads(json.dumps(description)).items()
        if record.get(key) != value
    ]
    if differs:
        raise SystemExit(
            f"{path} is the record of another run, which differs in {', '.join(differs)}: move it, "
            "or choose another --out."
        )
    return {key: record[key] for key in keys}


def gathered(
    found: Mapping[str, dict[str, Any]], protocol: runs.Protocol, environment: Mapping[str, Any]
) -> dict[str, dict]:
    """The record's entries by method: how it was made and searched, its runs and mean curves."""
    gathered = {"made": {}, "search": {}, "results": {}, "curves": {}}
    for name, part in found.items():
        gathered["made"][name] = made(environment, part["seconds"])
        gathered["search"][name] = searched(ALL[name], protocol)
        for row, found_runs in part["rows"].items():
            curves = [run.pop("curves") for run in found_runs]
            gathered["results"][row] = found_runs
            gathered["curves"][row] = scoring.mean_curves(curves)
    return gathered


def made(environment: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """How a part of a record was made: others may be added later, elsewhere."""
    return {
        "commit": environment["commit"],
        "processor": environment["machine"]["processor"],
        "seconds": round(seconds, 1),
    }


def describe(
    table: Table, work: Sequence[tasks.Task], options: argparse.Namespace, protocol: runs.Protocol
) -> dict[str, Any]:
    """What tells one run of the study from another."""
    batch = batch_size(work[0].train.size)
    return {
        "experiment": "fraud",
        "dataset": table.name,
        "rows": table.labels.size,
        "rows_expected": table.rows_expected,
        "is_sample": table.is_sample,
        "positives": int(table.labels.sum()),
        "num_features": Problems(table, work)[0].inputs.shape[1],
        "protocol": options.protocol,
        "budget": options.budget,
        "options": dataclasses.asdict(protocol)
        | {"optimizer": "adagrad", "batch_size": batch}
        | (
            {"folds": options.folds}
            if options.protocol == "nested-cv"
            else {"seeds": options.seeds}
        ),
    }


def searched(method: Method | Baseline, protocol: runs.Protocol) -> dict[str, Any]:
    """What of a method was tuned, where, and what was not."""
    if not isinstance(method, Method):
        return {"ranges": dict(method.search)}
    drawn = runs.drawn(method, 1, protocol)
    grid = {name: sorted(set(values[0].tolist())) for name, values in drawn.items()}
    ranges = dict(method.search) if protocol.budget == "equal" else grid
    return {"ranges": ranges, "fixed": dict(method.fixed), "resample": method.resample}
