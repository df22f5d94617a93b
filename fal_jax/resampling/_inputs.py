"""What every method here is given: a table, its labels, and how many rows of each class to make."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from fal_jax import _checks

Sampling = str | float | Mapping[int, int]
Table = jax.Array | np.ndarray


def table_of(features: ArrayLike) -> Table:
    """Returns floating `[rows, dim]`, at least one of each.

    On the host unless it came as a JAX array: most methods read but a few rows on the device.
    """
    xp = jnp if isinstance(features, jax.Array) else np
    table = xp.asarray(features)
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"features must be [rows, dim], none empty, got shape {table.shape}.")
    dtype = _checks.floating("features", table[:1]).dtype
    with np.errstate(over="ignore"):  # `check_finite` tells what float32 cannot hold
        return table.astype(dtype, copy=False)


def check_finite(table: Table, rows: np.ndarray | None = None) -> None:
    """Refuses NaN and infinity in these rows, None for all."""
    with np.errstate(all="ignore"):
        if np.isfinite(table.sum()):  # as of none but finite values; faster than a look at each
            return
    is_wrong = ~np.isfinite(np.asarray(table))
    if rows is not None:
        is_wrong[np.setdiff1d(np.arange(len(table)), rows)] = False
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0]
        raise ValueError(
            f"features must be finite to measure distances, got {table[row, column]} in row {row}, "
            f"column {column}; fill missing values before resampling."
        )


def table_and_classes(
    features: ArrayLike, labels: npt.ArrayLike, where: npt.ArrayLike | None, *, finite: bool = True
) -> tuple[Table, np.ndarray, dict[int, np.ndarray]]:
    """The features, the labels and the row numbers of each class, all checked.

    Whether the features are finite is left to the caller unless `finite`.
    """
    table = table_of(features)
    labels = checked_labels(labels, len(table))
    rows = rows_of_classes(labels, where)
    if finite:
        check_finite(table, None if where is None else all_rows(rows))
    return table, labels, rows


def checked_labels(labels: npt.ArrayLike, num_rows: int | None = None) -> np.ndarray:
    """Returns int32 labels `[rows]` on the host, as many as the features have rows."""
    array = np.asarray(labels)
    if array.dtype.kind not in "iub":
        raise TypeError(f"labels must have an integer dtype or bool, got {array.dtype}.")
    if array.ndim != 1 or (num_rows is not None and array.size != num_rows):
        expected = "[rows]" if num_rows is None else f"({num_rows},), one a row of features,"
        raise ValueError(f"labels must have shape {expected} got shape {array.shape}.")
    narrow = array.astype(np.int32)
    if not np.array_equal(narrow, array):
        raise ValueError(f"labels must fit int32, got {array.min()} to {array.max()}.")
    return narrow


def rows_of_classes(labels: np.ndarray, where: npt.ArrayLike | None) -> dict[int, np.ndarray]:
    """The row numbers of each class, ascending, among the rows of `where`; at least 2 classes."""
    there = None
    if where is not None:
        there = np.flatnonzero(_checks.mask(np.asarray(where), labels.shape))
        labels = labels[there]
    classes = _classes(labels)
    if len(classes) < 2:
        raise ValueError(f"labels must hold at least 2 classes, got {classes}.")
    places = (np.flatnonzero(labels == label) for label in classes)
    rows = places if there is None else (there[part] for part in places)
    return {label: part.astype(np.int32) for label, part in zip(classes, rows, strict=True)}


def _classes(labels: np.ndarray) -> list[int]:
    """The classes there are, ascending: where these are few without a sort."""
    if not labels.size:
        return []
    low, high = int(labels.min()), int(labels.max())
    if high - low < 2:
        return sorted({low, high})
    if low >= 0 and high < labels.size:
        return np.flatnonzero(np.bincount(labels)).tolist()
    return np.unique(labels).tolist()


def all_rows(rows: Mapping[int, np.ndarray]) -> np.ndarray:
    """The row numbers of all classes, ascending."""
    return np.sort(np.concatenate(list(rows.values())))


def class_rows(rows: Mapping[int, np.ndarray], label: int) -> np.ndarray:
    """The rows of one class, which must be there."""
    if label not in rows:
        raise ValueError(f"label must be one of {list(rows)}, the classes there are, got {label}.")
    return rows[label]


def rows_to_add(counts: Mapping[int, int], sampling: Sampling) -> dict[int, int]:
    """How many rows each class gains: "auto" brings all to the largest; a ratio the smaller of two.

    A mapping names the rows that classes end with. Ascending by label; classes that gain none are
    left out.
    """
    largest = max(counts, key=lambda label: counts[label])
    if isinstance(sampling, Mapping):
        wanted = _named(counts, sampling)
    else:
        ratio = _ratio(counts, sampling)
        wanted = {label: int(ratio * counts[largest]) for label in counts if label != largest}
    for label, number in wanted.items():
        if number < counts[label]:
            raise ValueError(
                f"sampling must not ask for fewer rows than there are when rows are added: class "
                f"{label} has {counts[label]}, got {number}."
            )
    return {label: n - counts[label] for label, n in wanted.items() if n > counts[label]}


def rows_to_keep(counts: Mapping[int, int], sampling: Sampling) -> dict[int, int]:
    """How many rows each class keeps: "auto" the smallest's; a ratio is the smallest's to it.

    A mapping names the rows that classes end with; classes that it leaves out keep theirs.
    """
    smallest = min(counts, key=lambda label: counts[label])
    if isinstance(sampling, Mapping):
        wanted = _named(counts, sampling)
    else:
        ratio = _ratio(counts, sampling)
        wanted = {label: int(counts[smallest] / ratio) for label in counts if label != smallest}
    for label, number in wanted.items():
        if number > counts[label]:
            raise ValueError(
                f"sampling must not ask for more rows than there are when rows are removed: class "
                f"{label} has {counts[label]}, got {number}."
            )
    return wanted


def _ratio(counts: Mapping[int, int], sampling: str | float) -> float:
    if sampling == "auto":
        return 1.0
    if isinstance(sampling, str) or not 0 < sampling <= 1:
        raise ValueError(
            f'sampling must be "auto", a ratio in (0, 1] or a mapping from label to number of '
            f"rows, got {sampling!r}."
        )
    if len(counts) != 2:
        raise ValueError(
            f"sampling can be a ratio for 2 classes only, got {sampling} for {len(counts)}; "
            f"name the rows of each class in a mapping."
        )
    return float(sampling)


def _named(counts: Mapping[int, int], sampling: Mapping[int, int]) -> dict[int, int]:
    strangers = sorted(set(sampling) - set(counts))
    if strangers or any(number < 0 for number in sampling.values()):
        raise ValueError(
            f"sampling must map labels among {sorted(counts)} to at least 0 rows, "
            f"got {dict(sampling)}."
        )
    return {int(label): int(sampling[label]) for label in sorted(sampling)}
