"""One method on one simulated table: by periods, all trials, in a process of its own."""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics

from experiments import command, scoring
from experiments.tasks import Task
from fal_jax import data, training
from fal_jax.estimators import (
    BASELINES,
    METHODS,
    RIVALS,
    Baseline,
    Method,
    Range,
    draw_settings,
    problems,
)
from fal_jax.estimators._fitting import Network

METHODS_OF_TABLE_5 = (
    *("Tree", "Tree+SMOTE", "BAGAN+XGBoost", "XGBoost", "LightGBM", "LR"),
    *("EasyEnsemble", "BalanceCascade", "CE", "FL", "FAL", "FAML", "FAL-light"),
)
SCORES = {
    "auc": "AUC-ROC",
    "average_precision": "average precision",
    "recall_0.1%": "recall, 0.1% alarms",
    "recall_1%": "recall, 1% alarms",
}
HIDDEN = (16, 8)
SHARES = (0.6, 0.2)  # of the rows, in time, to train and to validate; the rest tests
_BUDGETS = {"recall_0.1%": 0.001, "recall_1%": 0.01}
_WEIGHTS = {"positive_weight": 1.0, "scale_pos_weight": 1.0, "alpha_odds": 1 / 3}


class Job(NamedTuple):
    """One run.

    Attributes:
        folder: of the simulated table; made if need be.
        rows: of the table.
        ratio: negatives for each positive, in expectation.
        seed: of the table, the settings drawn and the training.
        trials: settings drawn.
        epochs: of the networks.
    """

    folder: pathlib.Path
    rows: int
    ratio: int
    seed: int
    trials: int
    epochs: int


class Scored(NamedTuple):
    """Log-odds `[trials, rows]` of the validation and the test period, and how they were found."""

    validation: np.ndarray
    test: np.ndarray
    settings: dict[str, np.ndarray]


def searched(name: str, ratio: int) -> Method | Baseline:
    """A method whose weights of the positives are searched up to the ratio, for all alike."""
    method = {**METHODS, **BASELINES, **RIVALS}[name]
    widened = {
        weight: Range(low, float(ratio), log=True)
        for weight, low in _WEIGHTS.items()
        if weight in method.search
    }
    return dataclasses.replace(method, search={**method.search, **widened})


def by_period(days: np.ndarray, seed: int) -> Task:
    """Rows in order of the day, cut where a day ends: to train, to choose by, and to score."""
    ends = np.cumsum(SHARES)
    first, second = (np.searchsorted(days, days[int(end * days.size)]) for end in ends)
    rows = np.arange(days.size, dtype=np.int32)
    return Task(seed, None, rows[:first], rows[first:second], rows[second:])


def prepare(job: Job) -> dict[str, Any]:
    """Simulates the table, in a process of its own: what is in each period, and the ceiling."""
    data.simulate_transactions(job.folder, rows=job.rows, ratio=job.ratio, seed=job.seed)
    table, days, bayes = data.load_transactions(job.folder)
    task = by_period(days, job.seed)
    periods = {"train": task.train, "validation": task.validation, "test": task.test}
    positives = {name: int(table.labels[rows].sum()) for name, rows in periods.items()}
    if not all(positives.values()):
        raise ValueError(f"each period must have positives, got {positives}: take more --rows.")
    return {
        "seed": job.seed,
        "rows": {name: int(rows.size) for name, rows in periods.items()},
        "positives": positives,
        "test": scored(bayes[task.test], table.labels[task.test]),
    }


def run(name: str, job: Job) -> dict[str, Any]:
    """One method's run: all trials, that with the best average precision in validation scored."""
    table, days, _ = data.load_transactions(job.folder)
    task = by_period(days, job.seed)
    problem = problems.Problems(table, [task])[0]
    labels, test_labels = table.labels[task.validation], table.labels[task.test]
    del table, days
    method, loaded = searched(name, job.ratio), command.peak_memory_gib()
    train: Callable[..., Scored] = _sweep if isinstance(method, Method) else _each
    started, on_cores = time.perf_counter(), time.process_time()
    found = train(method, problem, job)
    seconds, on_cores = time.perf_counter() - started, time.process_time() - on_cores
    trials = [
        metrics.average_precision_score(labels, trial) if np.isfinite(trial).all() else -1.0
        for trial in found.validation
    ]
    best = int(np.argmax(trials))
    if trials[best] < 0:
        raise FloatingPointError(f"no trial of {name} has finite scores at 1:{job.ratio}.")
    return {
        "seed": job.seed,
        "test": scored(found.test[best], test_labels),
        "validation": scored(found.validation[best], labels),
        "settings": {key: values[best].item() for key, values in found.settings.items()},
        "trials": np.round(trials, 4).tolist(),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(on_cores, 2),
        "peak_gib": round(command.peak_memory_gib(), 3),
        "loaded_gib": round(loaded, 3),
    }


def scored(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The scores of Table 5: by rank, and what a budget of alarms finds."""
    recalls = {
        name: scoring.recall_of_alarms(scores, labels, share) for name, share in _BUDGETS.items()
    }
    return {
        "auc": float(metrics.roc_auc_score(labels, scores)),
        "average_precision": float(metrics.average_precision_score(labels, scores)),
        **recalls,
    }


def _sweep(method: Method, problem: training.Problem, job: Job) -> Scored:
    """All trials as one program."""
    command.use_all_cores()
    settings = draw_settings(method, job.trials, seed=job.seed)
    result = training.sweep(
        Network(method, problem.inputs.shape[1], 2, HIDDEN).build(),
        settings,
        [problem],
        num_epochs=job.epochs,
        batch_size=problems.batch_size(len(problem.labels)),
        seed=job.seed,
    )
    settings["epoch"] = np.asarray(result.best.epoch)[0]
    validation, test = result.validation_logits[0], result.test_logits[0]
    return Scored(validation[..., 1] - validation[..., 0], test[..., 1] - test[..., 0], settings)


def _each(method: Baseline, problem: training.Problem, job: Job) -> Scored:
    """One trial after the other."""
    settings = draw_settings(method, job.trials, seed=job.seed)
    parts = []
    for trial in range(job.trials):
        values: Mapping[str, float] = {name: float(v[trial]) for name, v in settings.items()}
        score = method.fit(values, *problem[:4], seed=job.seed)
        parts.append((score(problem.validation_inputs), score(problem.test_inputs)))
    validation, test = (np.stack(part) for part in zip(*parts, strict=True))
    return Scored(validation, test, settings)
