"""A small made table: missing values, a category, and copies of rows if asked for."""

import numpy as np

from fal_jax.data import Column, Table

COLUMNS = (
    Column("amount", "log"),
    Column("age", "number", missing=True),
    Column("balance", "quantile"),
    Column("kind", "category", levels=("cash", "card")),
)


def make_table(rows=240, copies=0, seed=0):
    """A fifth of the labels are 1; the copies of rows stand at the end, in the rows' groups."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(rows) < rows // 5).astype(np.int32)
    features = rng.normal(2, 3, size=(rows, 4)) + 2 * labels[:, None]
    features[:, 1][rng.random(rows) < 0.2] = np.nan
    features[:, 3] = rng.integers(0, 2, rows)
    picked = np.append(np.arange(rows), rng.integers(0, rows, copies))
    groups = picked.astype(np.int32) if copies else None
    features = features[picked].astype(np.float32)
    return Table("made", features, labels[picked], len(picked), False, COLUMNS, groups)
