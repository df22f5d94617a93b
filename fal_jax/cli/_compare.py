"""Methods under cross-validation with the same budget, and the model of each."""

import dataclasses
import importlib.util
import pathlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fal_jax.cli import _measures
from fal_jax.cli._model import Model
from fal_jax.cli._training import KNOWN, Budget, model_of, parts_of, whole
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
    """

    folds: int = 5

    def check(self) -> None:
        """Refuses what can't be followed."""
        super().check()
        if self.folds < 2:
            raise ValueError(f"--folds must be at least 2, got {self.folds}.")

    @property
    def least(self) -> int:
        """Rows that a class must have, for some of it in every part of every fold."""
        return max(self.folds, 3 if self.folds > 2 else 4)


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
            raise ValueError(f"--methods must be of {', '.join(KNOWN)}; got {name!r}.")
        if name in absent:
            raise ValueError(f"{name} needs {_NEEDS[name]}: pip install fal-jax[experiments].")
    return {name: KNOWN[name] for name in names or DEFAULT if name not in absent}


def folds(table: Table, protocol: Protocol) -> list[Task]:
    """The tasks of a comparison: its folds, then all rows for the model, without a test part."""
    seed, fraction = protocol.seed, protocol.validation_fraction
    try:
        tasks = cross_validation(table, protocol.folds, fraction, seed=seed)
        return [*tasks, whole(table, protocol)]
    except ValueError as error:
        raise ValueError(
            f"the table can't be split into {protocol.folds} folds ({error}): rows that are equal "
            "in all columns stay together; add rows, or set fewer --folds."
        ) from error


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
