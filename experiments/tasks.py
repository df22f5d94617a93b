"""How an experiment splits its rows: to train on, to choose by, and to score once."""

from collections.abc import Callable, Mapping

import numpy as np

from fal_jax import data
from fal_jax.data import Split, Table
from fal_jax.estimators.problems import Task as Task
from fal_jax.estimators.problems import cross_validation as cross_validation
from fal_jax.estimators.problems import nested


def holdouts(table: Table, number: int, validation_fraction: float) -> list[Task]:
    """The paper's split, 80/20 and stratified, by seeds; the 80 again into two."""
    return [_holdout(table, seed, validation_fraction) for seed in range(number)]


def block_holdouts(table: Table, number: int, validation_fraction: float) -> list[Task]:
    """SatImage split twice by blocks: no pixel is shared by two of the parts."""
    positions, blocks = data.satimage_positions(), data.satimage_blocks()

    def split(rows: np.ndarray, fraction: float, seed: int) -> Split:
        part = data.block_holdout(
            blocks[rows],
            table.labels[rows],
            test_fraction=fraction,
            seed=seed,
            positions=positions[rows],
        )
        return Split(rows[part.train], rows[part.test])

    tasks = []
    for seed in range(number):
        outer = split(_rows(table.labels >= 0), 0.2, seed)
        inner = split(outer.train, validation_fraction, seed)
        tasks.append(Task(seed, None, inner.train, inner.test, outer.test))
    return tasks


PROTOCOLS: Mapping[str, Callable[[Table, int, float], list[Task]]] = {
    "holdout": holdouts,
    "nested-cv": cross_validation,
    "block-holdout": block_holdouts,
}
"""By name, what makes tasks of a table, their number and the share to validate given."""


def development(table: Table, number: int, validation_fraction: float) -> list[Task]:
    """Tasks to make design choices by: holdouts within the training parts of other seeds.

    The test parts of those seeds, 1000 and on, are not read. Other seeds' test rows are among the
    rows that are: what is chosen here is chosen on the same data set.
    """
    return [_within(table, seed, validation_fraction) for seed in range(1000, 1000 + number)]


def _within(table: Table, seed: int, validation_fraction: float) -> Task:
    outer = data.stratified_holdout(table.labels, test_fraction=0.2, seed=seed, groups=table.groups)
    rows = outer.train
    groups = None if table.groups is None else table.groups[rows]
    part = table._replace(features=table.features[:0], labels=table.labels[rows], groups=groups)
    task = _holdout(part, seed, validation_fraction)
    return Task(seed, None, rows[task.train], rows[task.validation], rows[task.test])


def _holdout(table: Table, seed: int, validation_fraction: float) -> Task:
    groups = table.groups
    split = data.stratified_holdout(table.labels, test_fraction=0.2, seed=seed, groups=groups)
    return nested(table, split.train, split.test, seed, None, validation_fraction)


def _rows(mask) -> np.ndarray:
    return np.flatnonzero(mask).astype(np.int32)
