"""Splits into training and test rows, as row numbers, from a seed."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Split(NamedTuple):
    """Row numbers `[...]`, int32, ascending, no row in both; some rows may be in neither."""

    train: np.ndarray
    test: np.ndarray


def stratified_holdout(
    labels: npt.ArrayLike,
    *,
    test_fraction: float = 0.2,
    seed: int,
    groups: npt.ArrayLike | None = None,
) -> Split:
    """Holds out the same fraction of every class, chosen at random.

    Args:
      labels: `[rows]`, integers; at least two of every class.
      test_fraction: in (0, 1). Of n examples of a class, n * test_fraction rounded (halves up),
          but at least 1 and at most n - 1, are held out.
      seed: seed of `np.random.default_rng`.
      groups: `[rows]`, integers; rows of the same group, say copies of each other, stay on the same
          side. A group counts, with all its rows, for the rarest class in it, and the rows held
          out come as near to the fraction as whole groups allow: within half of the largest group
          of the class, with at least one group on either side. None splits row by row.

    Returns:
      A `Split` of all rows.

    Raises:
      TypeError: labels or groups are not integers.
      ValueError: labels or groups not `[rows]`, a fraction outside (0, 1), a class with one example
          or one group.

    Example:
      >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
      >>> split = stratified_holdout(labels, test_fraction=0.5, seed=0)
      >>> np.bincount(labels[split.train]), np.bincount(labels[split.test])
      (array([3, 2]), array([3, 2]))
    """
    check_fraction(test_fraction)
    units = _units(labels, groups, at_least=2)
    order = _shuffled_by_class(units.classes, seed)
    sizes, classes = units.sizes[order], units.classes[order]
    rows = np.bincount(classes, weights=sizes)
    middle = sizes.cumsum() - sizes / 2 - (rows.cumsum() - rows)[classes]
    held_out = middle <= rows[classes] * test_fraction
    counts = np.bincount(classes)
    held_out[counts.cumsum() - counts] = True
    held_out[counts.cumsum() - 1] = False
    test = np.empty(order.size, bool)
    test[order] = held_out
    return split_by(~test[units.of_row], test[units.of_row])


def stratified_folds(
    labels: npt.ArrayLike, *, num_folds: int, seed: int, groups: npt.ArrayLike | None = None
) -> np.ndarray:
    """Deals every class evenly over folds: fold i tests on `folds == i`, trains on the rest.

    Args:
      labels: `[rows]`, integers; at least `num_folds` of every class.
      num_folds: at least 2.
      seed: seed of `np.random.default_rng`.
      groups: `[rows]`, integers; rows of the same group, say copies of each other, get the same
          fold. A group counts, with all its rows, for the rarest class in it. None deals row by
          row.

    Returns:
      `[rows]`, int32, from 0 to `num_folds - 1`. Two folds differ by at most one in size, and
      by at most one in each class; with groups, in each class by at most its largest group.

    Raises:
      TypeError: labels or groups are not integers.
      ValueError: labels or groups not `[rows]`, fewer than two folds, a class with fewer examples
          or groups than folds.

    Example:
      >>> labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
      >>> folds = stratified_folds(labels, num_folds=2, seed=0)
      >>> np.bincount(labels[folds == 0]), np.bincount(labels[folds == 1])
      (array([3, 2]), array([2, 2]))
    """
    if num_folds < 2:
        raise ValueError(f"num_folds must be at least 2, got {num_folds}.")
    units = _units(labels, groups, at_least=num_folds)
    order = _shuffled_by_class(units.classes, seed)
    folds = np.empty(order.size, np.int32)
    dealt = np.zeros(num_folds, np.int64)
    for members in np.split(order, np.bincount(units.classes).cumsum()[:-1]):
        folds[members] = _dealt_evenly(units.sizes[members], dealt)
        dealt += np.bincount(folds[members], units.sizes[members], num_folds).astype(np.int64)
    return folds[units.of_row]


def shared_copy_fraction(groups: npt.ArrayLike, split: Split) -> float:
    """The fraction of test rows that have a copy among the training rows.

    Args:
      groups: `[rows]`, integers; copies share a number, as in `Table.groups`.
      split: training and test rows.

    Returns:
      From 0 (every group is on one side) to 1.

    Raises:
      TypeError: groups are not integers.
      ValueError: groups not `[rows]`, or no test rows.

    Example:
      >>> shared_copy_fraction([0, 0, 1, 2], Split(train=np.array([0]), test=np.array([1, 2])))
      0.5
    """
    if not split.test.size:
        raise ValueError("split must have test rows, got none.")
    _, group, _ = members_of("groups", groups)
    return float(np.isin(group[split.test], group[split.train]).mean())


def check_fraction(test_fraction: float) -> None:
    """Refuses a fraction that leaves nothing to train or to test on."""
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must be in (0, 1), got {test_fraction}.")


def members_of(
    name: str, values: npt.ArrayLike, *, at_least: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct values, the place of each row's among them, and how many rows each has."""
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


class _Units(NamedTuple):
    """What a split may not part: the unit of each row, and each unit's rows and class."""

    of_row: np.ndarray
    sizes: np.ndarray
    classes: np.ndarray


def _units(labels: npt.ArrayLike, groups: npt.ArrayLike | None, *, at_least: int) -> _Units:
    """Each row by itself, or the groups in the order in which they first appear."""
    names, classes, counts = members_of("labels", labels, at_least=at_least)
    if groups is None:
        return _Units(np.arange(classes.size), np.ones_like(classes), classes)
    _, group, sizes = members_of("groups", groups)
    if group.shape != classes.shape:
        raise ValueError(f"groups must be [rows] = {classes.shape} as labels, got {group.shape}.")
    first_rows = np.full(sizes.size, group.size)
    np.minimum.at(first_rows, group, np.arange(group.size))
    by_appearance = first_rows.argsort()
    place = by_appearance.argsort()[group]
    # Of classes with as many rows, the one with the larger label counts as the rarer.
    rarest_first = np.lexsort((-np.arange(names.size), counts))
    rarity = np.full(sizes.size, names.size)
    np.minimum.at(rarity, place, rarest_first.argsort()[classes])
    units = _Units(place, sizes[by_appearance], rarest_first[rarity])
    of_class = np.bincount(units.classes, minlength=names.size)
    if of_class.min() < at_least:
        raise ValueError(
            f"groups must number at least {at_least} of each class to split them so, each counted "
            f"for its rarest class; class {names[of_class.argmin()]} has {of_class.min()}."
        )
    return units


def _shuffled_by_class(classes: np.ndarray, seed: int) -> np.ndarray:
    """All unit numbers, class by class, in random order within each class."""
    order = np.random.default_rng(seed).permutation(classes.size)
    return order[np.argsort(classes[order], kind="stable")]


def _dealt_evenly(sizes: np.ndarray, dealt: np.ndarray) -> np.ndarray:
    """The folds of units of one class: each goes to the fold with the fewest rows of the class.

    Of several such folds, it goes to the one with the fewest rows `dealt` of the classes before,
    then to the first. Units of several rows come first, the largest ahead, and single rows fill
    up.
    """
    folds = np.empty(sizes.size, np.int32)
    held = np.zeros_like(dealt)
    larger = np.flatnonzero(sizes > 1)
    for unit in larger[np.argsort(-sizes[larger], kind="stable")]:
        folds[unit] = np.lexsort((dealt, held))[0]
        held[folds[unit]] += sizes[unit]
    single = np.flatnonzero(sizes == 1)
    # A fold takes the single row number n of its own once all others hold as many rows as it.
    levels = np.arange(held.min(), held.max() + single.size // dealt.size + 1)
    preference = np.argsort(dealt, kind="stable")
    open_folds = levels[:, None] >= held[preference]
    turns = np.broadcast_to(preference, open_folds.shape)[open_folds]
    folds[single] = turns[: single.size]
    return folds
