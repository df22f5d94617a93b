"""Methods under cross-validation with the same budget, and the model of each."""

import dataclasses
import importlib.util
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fal_jax.cli import _measures
from fal_jax.cli._model import Model
from fal_jax.data import Table
from fal_jax.estimators import BASELINES, FAMILY, METHODS, RIVALS, Baseline, Method, trials
from fal_jax.estimators.chosen import Chosen, choose, classifier_of
from fal_jax.estimators.problems import Problems, Task, cross_validation, encoded, nested
from fal_jax.estimators.trials import OnStep

KNOWN: Mapping[str, Method | Baseline] = {**METHODS, **BASELINES, **RIVALS, **FAMILY}
"""All methods by name."""
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
class Budget:
    """What a method may spend.

    Attributes:
      trials: settings drawn for each method and fold.
      members: best trials that are calibrated and averaged.
      epochs: passes over the training rows.
      hidden: widths of the network's layers.
      validation_fraction: of the training rows, by which settings and thresholds are chosen.
      seed: of all that is random.
    """

    trials: int = 16
    members: int = 8
    epochs: int = 50
    hidden: tuple[int, ...] = (16, 8)
    validation_fraction: float = 0.2
    seed: int = 0

    def check(self) -> None:
        """Refuses what can't be spent."""
        for name, least in (("trials", 1), ("members", 1), ("epochs", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} must be at least {least}, got {getattr(self, name)}.")
        if self.members > self.trials:
            raise ValueError(
                f"--members must be at most the {self.trials} trials, got {self.members}: set more "
                "--trials."
            )
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"--hidden must be widths from 1, one a layer, got {self.hidden}.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"--validation-fraction must be in (0, 1), got {self.validation_fraction}."
            )


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


def whole(table: Table, protocol: Budget) -> Task:
    """All rows, to train and to validate on; one stands for the test part."""
    rows = np.arange(len(table.labels), dtype=np.int32)
    return nested(table, rows, rows[:1], protocol.seed, None, protocol.validation_fraction)


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
    parts = _parts(name, table, tasks if has_model else tasks[:-1], protocol, folder, on_step)
    model = _model(name, table, parts.pop(), protocol) if has_model else None
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


class Part(NamedTuple):
    """A task, all trials of a method on it, and those that are kept."""

    task: Task
    trained: trials.Trained
    chosen: Chosen

    def threshold(self, table: Table) -> float | None:
        """Of alarms, by the validation rows."""
        return _measures.threshold(self.chosen.validation, table.labels[self.task.validation])


def train(
    name: str, table: Table, budget: Budget, *, on_step: OnStep = lambda _: None
) -> tuple[Model, dict[str, float]]:
    """Trains one method on all rows; returns its model and metrics of the validation rows."""
    (part,) = _parts(name, table, [whole(table, budget)], budget, None, on_step)
    model = _model(name, table, part, budget)
    labels = table.labels[part.task.validation]
    found = _measures.measured(part.chosen.validation, labels, model.threshold, table.classes)
    return model, found


def _parts(
    name: str,
    table: Table,
    tasks: Sequence[Task],
    protocol: Budget,
    folder: pathlib.Path | None,
    on_step: OnStep,
) -> list[Part]:
    """Trains all trials of a method on some tasks, and keeps the best of each."""
    method = KNOWN[name]
    resample = method.resample if isinstance(method, Method) else None
    problems = Problems(table, tasks, resample, fit=encoded)
    settings = trials.draws(method, len(tasks), protocol.trials)
    if isinstance(method, Baseline):
        done = trials.train_baseline(method, problems, settings, folder=folder, on_step=on_step)
    else:
        done = trials.train_method(
            method,
            problems,
            settings,
            epochs=protocol.epochs,
            hidden=protocol.hidden,
            folder=folder,
            on_step=on_step,
        )
    kept = (
        choose(one, table.labels[task.validation], protocol.members)
        for one, task in zip(done, tasks, strict=True)
    )
    return list(map(Part, tasks, done, kept))


def _model(name: str, table: Table, part: Part, protocol: Budget) -> Model:
    method = KNOWN[name]
    assert isinstance(method, Method)
    classifier = classifier_of(
        name,
        method,
        table,
        part.task,
        part.trained,
        part.chosen,
        epochs=protocol.epochs,
        hidden=protocol.hidden,
        seed=protocol.seed,
    )
    return Model(name, classifier, part.threshold(table))
