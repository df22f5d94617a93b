"""A small table with rare positives, for the tests of the classifiers."""

import numpy as np


def rows(num_rows=400, classes=2, seed=0):
    """Features that tell most of the classes, of which those after the first are rare."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(num_rows) < 0.7, 0, rng.integers(0, classes, num_rows))
    features = rng.normal(size=(num_rows, 3)) + 2.5 * np.eye(max(classes, 3))[labels][:, :3]
    return features, labels


def columns(num_rows=400, seed=0):
    """A column of numbers, one of text and one of flags, each with missing values, and labels."""
    features, labels = rows(num_rows, seed=seed)
    rng = np.random.default_rng(seed + 1)
    amount = [None if rng.random() < 0.1 else float(value) for value in features[:, 1]]
    kinds = np.where(
        features[:, 0] > 1, "cash", np.where(rng.random(num_rows) < 0.5, "card", "app")
    )
    kind = [None if rng.random() < 0.1 else str(value) for value in kinds]
    flag = [bool(value > 0) for value in features[:, 2]]
    return {"amount": amount, "kind": kind, "flag": flag}, labels
