"""One method on the tasks of an experiment: train all trials, choose one, score the test rows."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn import metrics

from experiments import scoring
from fal_jax.data import Table
from fal_jax.estimators import Baseline, Method, paper_grid, trials
from fal_jax.estimators.problems import Problems, Task
from fal_jax.estimators.trials import OnStep

Run = dict[str, Any]
AVERAGE = 8  # of the trials


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What all methods of an experiment share.

    Attributes:
        budget: "equal" draws the same number of trials for every method, keeps the weights of
            the best epoch and reports at thresholds chosen on validation rows; "paper" takes
            the paper's settings, what it leaves open from one grid, and the last weights.
        epochs: passes over the training rows.
        trials: settings drawn a method, for equal budgets.
        hidden: widths of the network's layers.
        validation_fraction: share of the training rows that choices are made by.
    """

    budget: Literal["equal", "paper"] = "equal"
    epochs: int = 50
    trials: int = 16
    hidden: tuple[int, ...] = (16, 8)
    validation_fraction: float = 0.2


class Trained(NamedTuple):
    """All trials of a method on one task.

    Attributes:
        task: the task.
        validation: `[trials, rows]`, log-odds.
        test: `[trials, rows]`, log-odds.
        settings: by name `[trials]`, with the "epoch" of the weights where there is one.
    """

    task: Task
    validation: np.ndarray
    test: np.ndarray
    settings: dict[str, np.ndarray]


def train_method(
    method: Method,
    table: Table,
    tasks: Sequence[Task],
    protocol: Protocol,
    *,
    folder: pathlib.Path | None = None,
    on_step: OnStep = lambda _: None,
) -> list[Trained]:
    """Trains all trials of a method on all tasks, as one sweep.

    Args:
        method: the method.
        table: the data.
        tasks: what to train, validate and test on.
        protocol: shared by all methods.
        folder: where finished parts of the sweep are kept, to go on after a kill.
        on_step: called with the share of the work that is done.

    Returns:
        A `Trained` for each task.
    """
    done = trials.train_method(
        method,
        Problems(table, tasks, method.resample),
        drawn(method, len(tasks), protocol),
        epochs=protocol.epochs,
        hidden=protocol.hidden,
        keep="best" if protocol.budget == "equal" else "last",
        folder=folder,
        on_step=on_step,
    )
    return list(map(_log_odds, tasks, done))


def train_baseline(
    baseline: Baseline,
    table: Table,
    tasks: Sequence[Task],
    protocol: Protocol,
    *,
    folder: pathlib.Path | None = None,
    on_step: OnStep = lambda _: None,
) -> list[Trained]:
    """As `train_method` for another library's classifier, one trial after the other."""
    settings = drawn(baseline, len(tasks), protocol)
    problems = Problems(table, tasks)
    done = trials.train_baseline(baseline, problems, settings, folder=folder, on_step=on_step)
    return list(map(_log_odds, tasks, done))


def _log_odds(task: Task, trained: trials.Trained) -> Trained:
    validation, test = trained.validation, trained.test
    return Trained(
        task,
        validation[..., 1] - validation[..., 0],
        test[..., 1] - test[..., 0],
        trained.settings,
    )


def drawn(method: Method | Baseline, num_tasks: int, protocol: Protocol) -> dict[str, np.ndarray]:
    """Settings `[tasks, trials]`: drawn anew for each task, or the same grid for all."""
    if protocol.budget == "paper" and isinstance(method, Method):
        grid = paper_grid(method)
        return {name: np.tile(values, (num_tasks, 1)) for name, values in grid.items()}
    return trials.draws(method, num_tasks, protocol.trials)


def chosen(trained: Trained, table: Table) -> Run:
    """The run of the trial with the best average precision on the validation rows.

    Its "choices" are the trials that each metric would choose by itself, on the same rows.
    """
    precision = _precision(trained, table)
    best = int(np.argmax(precision))
    run = _scored(trained.task, table, trained.validation[best], trained.test[best])
    run["settings"] = {name: values[best].item() for name, values in trained.settings.items()}
    run["trials"] = np.round(precision, 4).tolist()
    run["choices"] = _choices(trained, table, np.flatnonzero(precision >= 0).tolist())
    return run


def _choices(trained: Trained, table: Table, among: Sequence[int]) -> dict[str, dict[str, Any]]:
    """By metric, the best trial on the validation rows, and what it scores there and in the test.

    The trial's settings are those that `drawn` has in its place; thresholds are its own, and its
    epoch is as in `train_method`.
    """
    labels, test_labels = table.labels[trained.task.validation], table.labels[trained.task.test]
    thresholds, scores = {}, {}
    for trial in among:
        validation = trained.validation[trial]
        thresholds[trial] = scoring.best_thresholds(validation, labels)
        scores[trial] = scoring.scored(validation, labels, thresholds[trial])
    choices = {
        metric: max(scores, key=lambda trial, metric=metric: scores[trial][metric])
        for metric in scoring.METRICS
    }
    tests = {
        trial: scoring.scored(trained.test[trial], test_labels, thresholds[trial])
        for trial in set(choices.values())
    }
    return {
        metric: {
            "trial": trial,
            "validation": scores[trial][metric],
            "test": tests[trial][metric],
        }
        for metric, trial in choices.items()
    }


def averaged(trained: Trained, table: Table) -> Run:
    """The run of the mean of the best trials, each first calibrated on the validation rows."""
    precision = _precision(trained, table)
    best = np.argsort(-precision, kind="stable")[:AVERAGE]
    labels = table.labels[trained.task.validation]
    scores = [
        scoring.calibrated(trained.validation[trial], labels, trained.test[trial])
        for trial in best[precision[best] >= 0]
    ]
    return _scored(
        trained.task, table, *(np.mean(part, axis=0) for part in zip(*scores, strict=True))
    )


def _precision(trained: Trained, table: Table) -> np.ndarray:
    """Each trial's average precision on the validation rows; -1 where scores are not finite."""
    labels = table.labels[trained.task.validation]
    is_finite = np.isfinite(trained.validation).all(axis=-1)
    if not is_finite.any():
        raise FloatingPointError(
            f"the scores of all {is_finite.size} trials are not finite for seed "
            f"{trained.task.seed}; the settings' ranges reach too far."
        )
    precision = np.full(is_finite.size, -1.0)
    for trial in np.flatnonzero(is_finite):
        precision[trial] = metrics.average_precision_score(labels, trained.validation[trial])
    return precision


def _scored(task: Task, table: Table, validation: np.ndarray, test: np.ndarray) -> Run:
    """Thresholds by the validation scores, metrics of both parts, curves of the test part."""
    labels, test_labels = table.labels[task.validation], table.labels[task.test]
    thresholds = scoring.best_thresholds(validation, labels)
    return {
        "seed": task.seed,
        "fold": task.fold,
        "thresholds": thresholds,
        "validation": scoring.scored(validation, labels, thresholds),
        "test": scoring.scored(test, test_labels, thresholds),
        "curves": scoring.curves(test, test_labels),
    }
