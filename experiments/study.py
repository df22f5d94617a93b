"""The records of the fraud study: found, checked, named, and compared method by method."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from experiments import paper, scoring, tables
from experiments.tables import label as label
from fal_jax import metrics

Record = dict[str, Any]
Records = dict[tuple[str, str, str], Record]  # by data set, protocol and budget
Group = dict[str, Record]  # by data set, of one protocol and budget

DATASETS = tuple(paper.TABLE_1)
PROTOCOLS = {"holdout": "80/20 holdout", "nested-cv": "nested cross-validation"}
BUDGETS = {"equal": "equal budgets", "paper": "the paper's settings"}
SETTINGS = [(protocol, budget) for budget in BUDGETS for protocol in PROTOCOLS]
METRICS = {
    "auc": "AUC-ROC",
    "average_precision": "average precision",
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
}
BY_THRESHOLD = ("f1", "balanced_accuracy")
HOLDOUT_TEST_OVER_TRAIN = 0.2 / 0.8
_KEYS = (
    *("dataset", "rows", "rows_expected", "is_sample", "positives", "num_features"),
    *("protocol", "budget", "options", "seconds", "environment", "results"),
)


def read(folder: pathlib.Path) -> Records:
    """Reads the study's records of a folder; those of another protocol than the paper's are not."""
    paths = sorted(folder.glob("fraud_*.json"))
    return checked({path.stem: json.loads(path.read_text()) for path in paths})


def checked(records: Mapping[str, Record]) -> Records:
    """The study's records among those of some files, by the names of these without ending."""
    found: Records = {}
    for name, record in records.items():
        if "split" in record or record.get("protocol") == "block-holdout":
            continue
        _check(record, f"{name}.json")
        key = record["dataset"], record["protocol"], record["budget"]
        if key in found:
            raise ValueError(f"{name}.json is a second record of {' '.join(key)}: keep one of them")
        found[key] = record
    return found


def _check(record: Record, name: str) -> None:
    missing = [key for key in _KEYS if key not in record]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}: run experiments.fraud again")
    for key, known in (("dataset", DATASETS), ("protocol", PROTOCOLS), ("budget", BUDGETS)):
        if record[key] not in known:
            raise ValueError(f"{name}: {key} must be one of {', '.join(known)}, got {record[key]}")
    expected = set(scoring.METRICS)
    for method, runs in record["results"].items():
        if not runs:
            raise ValueError(f"{name} has no run of {method}")
        for run in runs:
            if lacking := expected - run["test"].keys():
                raise ValueError(f"{name}: a run of {method} lacks {', '.join(sorted(lacking))}")
        if len(_by_split(runs)) < len(runs):
            raise ValueError(f"{name}: two runs of {method} have the same seed and fold")


def stem(record: Record) -> str:
    """The name of a record's file, without its ending."""
    return f"fraud_{record['dataset'].lower()}_{record['protocol']}_{record['budget']}"


def group(records: Records, protocol: str, budget: str) -> Group:
    """The records of one protocol and budget, in the paper's order of data sets."""
    keys = [(dataset, protocol, budget) for dataset in DATASETS]
    return {key[0]: records[key] for key in keys if key in records}


def whole(records: Group) -> Group:
    """Those on whole data sets."""
    return {dataset: r for dataset, r in records.items() if not r["is_sample"]}


def labels(records: Mapping[str, Record]) -> str:
    """The names of several."""
    return ", ".join(map(label, records.values())) or "none"


def methods(records: Group) -> list[str]:
    """All methods of the records, in order of first appearance."""
    return list(dict.fromkeys(name for r in records.values() for name in r["results"]))


def column(metric: str, budget: str) -> str:
    """Where runs of a budget hold a metric: the paper's settings choose no threshold."""
    return f"{metric}_argmax" if budget == "paper" and metric in BY_THRESHOLD else metric


def title(column: str) -> str:
    """A metric's name, and at which threshold it is."""
    metric = column.removesuffix("_argmax")
    if metric not in BY_THRESHOLD:
        return METRICS[metric]
    return f"{METRICS[metric]}, {'arg-max' if column != metric else 'chosen threshold'}"


def test_over_train(record: Record) -> float:
    """Test rows for each training row."""
    if record["protocol"] == "holdout":
        return HOLDOUT_TEST_OVER_TRAIN
    folds = {run["fold"] for runs in record["results"].values() for run in runs}
    return 1 / (max(len(folds), 2) - 1)


def compare(record: Record, method: str, other: str, metric: str) -> metrics.Comparison | None:
    """A method against another over the splits that both ran on; None where there is no such."""
    name, results = column(metric, record["budget"]), record["results"]
    first, second = (_by_split(results.get(side, [])) for side in (method, other))
    shared = [split for split in first if split in second]
    if not shared:
        return None
    values, reference = (
        tables.values([runs[split] for split in shared], name) for runs in (first, second)
    )
    return metrics.corrected_t_test(values, reference, test_over_train(record))


def compare_protocols(
    record: Record, other: Record, method: str, metric: str
) -> metrics.Comparison | None:
    """A method in one protocol against itself in another; None where one of them lacks it."""
    sides = record, other
    if any(method not in side["results"] for side in sides):
        return None
    first, second = (
        tables.values(side["results"][method], column(metric, side["budget"])) for side in sides
    )
    return metrics.corrected_welch_test(
        first, second, (test_over_train(record), test_over_train(other))
    )


def _by_split(runs: list[Record]) -> dict[tuple[int, int | None], Record]:
    return {(run["seed"], run.get("fold")): run for run in runs}
