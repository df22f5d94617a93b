"""Splits into training and test rows, as row numbers, from a seed."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Split(NamedTuple):
    """Row numbers `[...]`, int32, ascending, no row in both; some rows may be in neither."""

    train: np.ndarray
    test: np.ndarray


def stratified_holdout(labels: npt.ArrayLike, *, test_fraction: float = 0.2, seed: int) -> Split:
    """Holds out the same fraction of every class, chosen at random.

    Args:
      labels: `[rows]`, integers; at least two of every class.
      test_fraction: in (0, 1). Of n examples of a class, n * test_fraction rounded (halves up),
          but at least 1 and at most n - 1, are held out.
      seed: seed of `np.random.default_rng`.

    Returns:
      A `Split` of all rows.

    Raises:
      TypeError: labels are not integers.
      ValueError: labels not `[rows]`, a fraction outside (0, 1), a class with one example.

    Example:
      >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
      >>> split = stratified_holdout(labels, test_fraction=0.5, seed=0)
      >>> np.bincount(labels[split.train]), np.bincount(labels[split.test])
      (array([3, 2]), array([3, 2]))
    """
    check_fraction(test_fraction)
    _, members, counts = groups("labels", labels, at_least=2)
    order = _shuffled_by_class(members, seed)
    held_out = np.clip(np.floor(counts * test_fraction + 0.5), 1, counts - 1)
    place_in_class = np.arange(members.size) - np.repeat(counts.cumsum() - counts, counts)
    test = np.zeros(members.size, bool)
    test[order] = place_in_class < np.repeat(held_out, counts)
    return split_by(~test, test)


def stratified_folds(labels: npt.ArrayLike, *, num_folds: int, seed: int) -> np.ndarray:
    """Deals every class evenly over folds: fold i tests on `folds == i`, trains on the rest.

    Args:
      labels: `[rows]`, integers; at least `num_folds` of every class.
      num_folds: at least 2.
      seed: seed of `np.random.default_rng`.

    Returns:
      `[rows]`, int32, from 0 to `num_folds - 1`. Two folds differ by at most one in size, and
      by at most one in each class.

    Raises:
      TypeError: labels are not integers.
      ValueError: labels not `[rows]`, fewer than two folds, a class with fewer examples than
          folds.

    Example:
      >>> labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
      >>> folds = stratified_folds(labels, num_folds=2, seed=0)
      >>> np.bincount(labels[folds == 0]), np.bincount(labels[folds == 1])
      (array([3, 2]), array([2, 2]))
    """
    if num_folds < 2:
        raise ValueError(f"num_folds must be at least 2, got {num_folds}.")
    _, members, _ = groups("labels", labels, at_least=num_folds)
    folds = np.empty(members.size, np.int32)
    folds[_shuffled_by_class(members, seed)] = np.arange(members.size) % num_folds
    return folds


def check_fraction(test_fraction: float) -> None:
    """Refuses a fraction that leaves nothing to train or to test on."""
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must be in (0, 1), got {test_fraction}.")


def groups(
    name: str, values: npt.ArrayLike, *, at_least: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct values `[groups]`, each row's group `[rows]`, and the sizes `[groups]`."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {values.dtype}.")
    if values.ndim != 1 or not values.size:
        raise ValueError(f"{name} must be [rows], at least one, got shape {values.shape}.")
    distinct, members, sizes = np.unique(values, return_inverse=True, return_counts=True)
    if sizes.min() < at_least:
        raise ValueError(
            f"{name} must have at least {at_least} rows of each class to split them so; class "
            f"{distinct[sizes.argmin()]} has {sizes.min()}."
        )
    return distinct, members, sizes


def split_by(train: np.ndarray, test: np.ndarray) -> Split:
    """A `Split` from two masks `[rows]`."""
    return Split(*(np.flatnonzero(mask).astype(np.int32) for mask in (train, test)))


def _shuffled_by_class(members: np.ndarray, seed: int) -> np.ndarray:
    """All row numbers, class by class, in random order within each class."""
    order = np.random.default_rng(seed).permutation(members.size)
    return order[np.argsort(members[order], kind="stable")]
