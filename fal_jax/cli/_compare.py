"""Methods under cross-validation with the same budget, and the model of each."""

import dataclasses
import datetime
import importlib.util
import math
import pathlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import fal_jax
from fal_jax import _records
from fal_jax.cli import _measures
from fal_jax.cli._methods import KNOWN, listed
from fal_jax.cli._model import Model
from fal_jax.cli._options import Source
from fal_jax.cli._table import Say, well_filled
from fal_jax.cli._training import Budget, gibibytes, model_of, parts_of, whole
from fal_jax.data import Table
from fal_jax.estimators import BASELINES, Baseline, Method
from fal_jax.estimators.problems import Task, cross_validation
from fal_jax.estimators.trials import OnStep

DEFAULT = (
    *("CE", "FL", "LA", "Balanced softmax", "FL+LGM", "FAL", "FAML", "FAL-light"),
    *BASELINES,
    "LightGBM",
)
_SAMPLED = ("CE+SMOTE", "CE+NearMiss", "Tree+SMOTE", "EasyEnsemble", "BalanceCascade")
_NEEDS = {
    "XGBoost": "xgboost",
    "BAGAN+XGBoost": "xgboost",
    "LightGBM": "lightgbm",
    **dict.fromkeys(_SAMPLED, "imblearn"),
}


@dataclasses.dataclass(frozen=True)
class Protocol(Budget):
    """What all methods of a comparison share: a budget, and the folds.

    Attributes:
      folds: of the cross-validation.
      memory: GiB that the prepared rows of all folds and of the model may take, each counted once;
        copies of them, and what SMOTE adds, come on top. Of more rows a sample is compared.
    """

    folds: int = 5
    memory: float = 4.0

    def check(self) -> None:
        """Refuses what can't be followed."""
        super().check()
        if self.folds < 2:
            raise ValueError(f"--folds must be at least 2, got {self.folds}.")
        if not self.memory > 0:
            raise ValueError(f"--memory must be above 0, got {self.memory}.")

    @property
    def least(self) -> int:
        """Rows that a class must have, for some of it in every part of every fold."""
        return max(self.folds, 3 if self.folds > 2 else 4)

    @property
    def fewer(self) -> str:
        """What makes it fewer, if anything."""
        return ", or set fewer --folds" if self.folds > 3 else ""


class Result(NamedTuple):
    """A method, compared.

    Attributes:
      record: what the comparison's record says of it.
      probabilities: `[rows, classes]`, of each row by the models of the fold that held it out.
      model: of all rows; None of a baseline.
    """

    record: dict[str, Any]
    probabilities: np.ndarray
    model: Model | None


def named(names: Sequence[str]) -> dict[str, Method | Baseline]:
    """The methods of these names, or of none the usual ones that are installed."""
    absent = {name for name, module in _NEEDS.items() if importlib.util.find_spec(module) is None}
    for name in names:
        if name not in KNOWN:
            raise ValueError(f"--methods must be of {listed(KNOWN)}; got {name!r}.")
        if name in absent:
            raise ValueError(f"{name} needs {_NEEDS[name]}: pip install fal-jax[experiments].")
    return {name: KNOWN[name] for name in names or DEFAULT if name not in absent}


def sampled(table: Table, protocol: Protocol, say: Say) -> tuple[Table, np.ndarray]:
    """The rows that memory has room for, as a table, and their numbers.

    Each class keeps its share of them, and no fewer rows than the folds need. Columns that hardly
    have a value in them are left out. Copies of a row still share a number, but not a row's.
    """
    rows = np.arange(len(table.labels), dtype=np.int64)
    needed = gibibytes(table) * (protocol.folds + 1)
    if needed <= protocol.memory:
        return table, rows
    rng, kept = np.random.default_rng(protocol.seed), []
    for members in (np.flatnonzero(table.labels == label) for label in np.unique(table.labels)):
        number = max(math.ceil(members.size * protocol.memory / needed), protocol.least)
        kept.append(rng.choice(members, min(number, members.size), replace=False))
    rows = np.sort(np.concatenate(kept))
    say(
        f"the prepared rows of all folds and of the model take {needed:.3g} GiB, more than "
        f"--memory {protocol.memory:g}: {rows.size:,} of {len(table.labels):,} rows are compared, "
        "drawn at random from each class; set more --memory to compare more of them. fal-jax "
        "train takes all."
    )
    features = table.features[rows]
    places = well_filled(features, table.columns, say)
    sample = table._replace(
        features=features[:, places],
        labels=table.labels[rows],
        is_sample=True,
        columns=tuple(table.columns[place] for place in places),
        groups=None if table.groups is None else table.groups[rows],
    )
    return sample, rows


def folds(table: Table, protocol: Protocol) -> list[Task]:
    """The tasks of a comparison: its folds, then all rows for the model, without a test part."""
    seed, fraction = protocol.seed, protocol.validation_fraction
    try:
        tasks = cross_validation(table, protocol.folds, fraction, seed=seed)
    except ValueError as error:
        fewer = ", or set fewer --folds" if protocol.folds > 2 else ""
        way_out = "set more --memory" if table.is_sample else "add rows"
        raise ValueError(
            f"the table can't be split into {protocol.folds} folds ({error}): rows that are equal "
            f"in all columns stay together; {way_out}{fewer}."
        ) from error
    return [*tasks, whole(table, protocol)]


def described(source: Source, table: Table, protocol: Protocol) -> dict[str, Any]:
    """What tells one comparison from another; memory by the rows that it left."""
    classes = list(table.classes)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "table": {
            "name": source.table.name,
            "bytes": source.table.stat().st_size,
            "label": source.label,
            "rows": len(table.labels),
            "sampled_from": table.rows_expected if table.is_sample else None,
            "columns": len(table.columns),
            "names": [column.name for column in table.columns],
            "classes": classes,
            "class_counts": np.bincount(table.labels, minlength=len(classes)).tolist(),
            "positive": classes[1] if len(classes) == 2 else None,
        },
        "protocol": {
            **{name: value for name, value in vars(protocol).items() if name != "memory"},
            "scaling": source.scaling,
            "choose_by": _measures.CHOSEN_BY,
        },
        "environment": {"date": now, "fal_jax": fal_jax.__version__, **_records.environment()},
    }


def scores_to_fill(table: Table, tasks: Sequence[Task], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The scores' columns that are there before any method's; rows by their numbers in the file."""
    fold = np.zeros(len(table.labels), np.int32)
    for number, task in enumerate(tasks[:-1]):
        fold[task.test] = number
    return {"row": rows, "fold": fold, "label": table.labels}


def run(
    name: str,
    table: Table,
    tasks: Sequence[Task],
    protocol: Protocol,
    *,
    folder: pathlib.Path | None = None,
    on_step: OnStep = lambda _: None,
) -> Result:
    """Trains, chooses and measures one method on folds."""
    started = time.perf_counter()
    is_binary = len(table.classes) == 2
    has_model = isinstance(KNOWN[name], Method)
    parts = parts_of(name, table, tasks if has_model else tasks[:-1], protocol, folder, on_step)
    model = model_of(name, table, parts.pop(), protocol) if has_model else None
    probabilities = np.zeros((len(table.labels), len(table.classes)))
    measures, thresholds, settings = [], [], []
    for part in parts:
        at, rows = part.threshold(table), part.task.test
        probabilities[rows] = part.chosen.test
        thresholds.append(at)
        settings.append(
            {n: float(v[part.chosen.trials[0]]) for n, v in part.trained.settings.items()}
        )
        measures.append(_measures.measured(part.chosen.test, table.labels[rows], at, table.classes))
    record = {
        "metrics": _measures.summary(measures),
        "threshold": float(np.median(thresholds)) if is_binary else None,
        "thresholds": thresholds if is_binary else None,
        "settings": settings,
        "seconds": round(time.perf_counter() - started, 1),
    }
    return Result(record, probabilities, model)
