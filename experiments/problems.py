"""A task's rows as arrays to train on: preprocessed and re-sampled by its training rows alone."""

import warnings
from collections.abc import Sequence

import numpy as np

from experiments.tasks import Task
from fal_jax import data, training
from fal_jax.data import Table


def batch_size(num_rows: int) -> int:
    """Rows a step: small for small training sets, so that they make enough steps."""
    return 64 if num_rows < 10_000 else 256 if num_rows < 60_000 else 1024


class Problems(Sequence[training.Problem]):
    """The tasks' arrays, prepared when they are asked for.

    Preprocessing is fitted on the training rows; these alone are re-sampled.
    """

    def __init__(self, table: Table, tasks: Sequence[Task], resample: str | None = None):
        self.table, self.tasks, self.resample = table, tasks, resample

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, number: int) -> training.Problem:  # pyrefly: ignore[bad-override]
        task, features, labels = self.tasks[number], self.table.features, self.table.labels
        fitted = data.fit_preprocessing(features[task.train], self.table.columns)
        train, validation, test = (
            data.preprocess(features[rows], fitted)
            for rows in (task.train, task.validation, task.test)
        )
        train_labels = labels[task.train]
        if self.resample is not None:
            train, train_labels = resampled(train, train_labels, self.resample, task.seed)
        return training.Problem(train, train_labels, validation, labels[task.validation], test)

    def capacity(self) -> training.Capacity:
        """Room for any of the problems, told without preparing one."""
        sizes = []
        for task in self.tasks:
            rare, frequent = sorted(np.bincount(self.table.labels[task.train], minlength=2))
            rows = {"smote": 2 * frequent, None: task.train.size}.get(self.resample, 2 * rare)
            sizes.append((int(rows), task.validation.size, task.test.size))
        return training.Capacity(*(max(part) for part in zip(*sizes, strict=True)))


def resampled(
    inputs: np.ndarray, labels: np.ndarray, kind: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Balanced rows by imbalanced-learn, with its defaults: "smote" or "nearmiss-VERSION"."""
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import NearMiss

    if kind == "smote":
        sampler = SMOTE(random_state=seed)
    else:
        sampler = NearMiss(version=int(kind.removeprefix("nearmiss-")))
    with warnings.catch_warnings():  # NearMiss-3 may find less than balance takes, and keeps that
        warnings.filterwarnings("ignore", "The number of the samples to be selected is larger")
        balanced = sampler.fit_resample(inputs, labels)
    return np.asarray(balanced[0], np.float32), np.asarray(balanced[1], np.int32)
