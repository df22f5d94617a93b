"""The rows of a table as problems to train on, each prepared by its training rows alone."""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from fal_jax import data, training
from fal_jax.data import Column, Table
from fal_jax.estimators._encoding import encode_codes, loaded_encoding

Prepare = Callable[[np.ndarray], np.ndarray]
"""Raw rows `[rows, columns]` to what a model takes, float32 `[rows, dim]`."""


@dataclasses.dataclass(frozen=True)
class Task:
    """One seed's or one fold's part in an experiment; row numbers, none in two of them.

    Attributes:
        seed: of the splits, the batches and the re-sampling.
        fold: of a cross-validation, or None.
        train: rows that models are fitted to, and preprocessing with them.
        validation: rows that settings, epochs and thresholds are chosen by.
        test: rows that are scored once.
    """

    seed: int
    fold: int | None
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def cross_validation(
    table: Table, number: int, validation_fraction: float, *, seed: int = 0
) -> list[Task]:
    """Folds, each the test part once; the rest of each into two, so the choice is nested."""
    folds = data.stratified_folds(table.labels, num_folds=number, seed=seed, groups=table.groups)
    parts = [tuple(map(np.flatnonzero, (folds != fold, folds == fold))) for fold in range(number)]
    return [
        nested(
            table,
            rows.astype(np.int32),
            test.astype(np.int32),
            seed + fold,
            fold,
            validation_fraction,
        )
        for fold, (rows, test) in enumerate(parts)
    ]


def nested(
    table: Table,
    rows: np.ndarray,
    test: np.ndarray,
    seed: int,
    fold: int | None,
    validation_fraction: float,
) -> Task:
    """The task whose training rows are split again, at random and stratified."""
    groups = None if table.groups is None else table.groups[rows]
    inner = data.stratified_holdout(
        table.labels[rows], test_fraction=validation_fraction, seed=seed, groups=groups
    )
    return Task(seed, fold, rows[inner.train], rows[inner.test], test)


def num_classes(table: Table) -> int:
    """How many classes a table has, two at least."""
    return max(2, len(table.classes), int(table.labels.max()) + 1)


def batch_size(num_rows: int) -> int:
    """Rows a step: small for small training sets, so that they make enough steps."""
    return 64 if num_rows < 10_000 else 256 if num_rows < 60_000 else 1024


def preprocessed(features: np.ndarray, columns: Sequence[Column]) -> Prepare:
    """Preparation by `data.preprocess`, fitted on some rows."""
    return functools.partial(
        data.preprocess, preprocessing=data.fit_preprocessing(features, columns)
    )


def encoded(features: np.ndarray, columns: Sequence[Column]) -> Prepare:
    """Preparation as the classifiers have it, fitted on some rows."""
    encoding = loaded_encoding(features, columns)
    return functools.partial(encode_codes, encoding=encoding)


class Problems(Sequence[training.Problem]):
    """The tasks' arrays, prepared when they are asked for.

    What prepares the rows is fitted on the training rows; these alone are re-sampled.
    """

    def __init__(
        self,
        table: Table,
        tasks: Sequence[Task],
        resample: str | None = None,
        fit: Callable[[np.ndarray, Sequence[Column]], Prepare] = preprocessed,
    ):
        self.table, self.tasks, self.resample, self.fit = table, tasks, resample, fit

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, number: int) -> training.Problem:  # pyrefly: ignore[bad-override]
        task, features, labels = self.tasks[number], self.table.features, self.table.labels
        prepare = self.fit(features[task.train], self.table.columns)
        train, validation, test = (
            prepare(features[rows]) for rows in (task.train, task.validation, task.test)
        )
        train_labels = labels[task.train]
        if self.resample is not None:
            train, train_labels = resampled(train, train_labels, self.resample, task.seed)
        return training.Problem(train, train_labels, validation, labels[task.validation], test)

    @property
    def num_classes(self) -> int:
        """How many classes the table has, two at least."""
        return num_classes(self.table)

    def capacity(self) -> training.Capacity:
        """Room for any of the problems, told without preparing one."""
        sizes = []
        for task in self.tasks:
            counts = np.bincount(self.table.labels[task.train], minlength=self.num_classes)
            of_each = {"smote": counts.max(), None: counts}.get(self.resample, counts.min())
            rows = np.broadcast_to(of_each, counts.shape).sum()
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
