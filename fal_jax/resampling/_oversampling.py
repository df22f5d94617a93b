"""Whole tables with synthetic rows added, on the host."""

import concurrent.futures
import os
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from fal_jax import _keys
from fal_jax.resampling import _blocks, _inputs, _segments
from fal_jax.resampling._blocks import Joined


class Resampled(NamedTuple):
    """Rows to train on, on the host: features `[rows, dim]`, floating, labels `[rows]`, int32."""

    features: np.ndarray
    labels: np.ndarray


def smote(
    key: jax.Array,
    features: ArrayLike,
    labels: npt.ArrayLike,
    *,
    sampling: _inputs.Sampling = "auto",
    num_neighbours: int = 5,
    where: npt.ArrayLike | None = None,
) -> Resampled:
    """Adds synthetic rows of the smaller classes: SMOTE.

    A row is `x + u (n - x)`, x a row of the class, n one of its k nearest in it, u uniform.

    This is for a whole table before training: it runs on the host, in NumPy, and can't be jitted.
    Inside a jitted training step `smote_sample` draws rows on the segments of `smote_segments`.

    Args:
      key: a PRNG key.
      features: `[rows, dim]`, floating, finite in the rows of `where`.
      labels: `[rows]`, integer or bool.
      sampling: "auto" brings every class to the largest; a number in (0, 1], of two classes, the
          smaller to this part of the larger; a mapping, the classes in it to so many rows.
      num_neighbours: k, at least 1 and fewer than the rows of any class that gains rows.
      where: `[rows]`, bool, the rows to resample, say a fold's training part; None for all.

    Returns:
      `Resampled`: the rows of `where` as they are, then the synthetic ones by ascending label.

    Raises:
      TypeError: key no PRNG key, features not floating, labels neither integer nor bool, or where
        not bool.
      ValueError: shapes that do not fit, a NaN, a single class, too few rows of a class, or a
          sampling that is out of range or takes rows away.

    Example:
      >>> table, labels = np.array([[0.0], [1.0], [8.0], [9.0], [9.5]]), np.array([1, 1, 0, 0, 0])
      >>> smote(jax.random.key(0), table, labels, num_neighbours=1).labels
      array([1, 1, 0, 0, 0, 1], dtype=int32)

    References:
      Chawla et al., SMOTE: synthetic minority over-sampling technique, JAIR 16, 2002.
    """
    _keys.checked(key)
    table, labels, rows = _inputs.table_and_classes(features, labels, where, finite=False)

    def join(label: int, number: int) -> Joined:
        if not np.isfinite(table[rows[label]]).all():
            _inputs.check_finite(table, rows[label])
        return Joined(_segments.between_class_rows(table, rows[label], num_neighbours), number)

    return _with_synthetic(key, table, labels, rows, sampling, join)


def borderline_smote(
    key: jax.Array,
    features: ArrayLike,
    labels: npt.ArrayLike,
    *,
    kind: int = 1,
    sampling: _inputs.Sampling = "auto",
    num_neighbours: int = 5,
    num_context: int = 10,
    where: npt.ArrayLike | None = None,
) -> Resampled:
    """Adds synthetic rows next to the rows in danger: borderline SMOTE.

    A row is in danger if at least half, but not all, of its nearest rows of any class are foreign.

    Args:
      key: a PRNG key.
      features: `[rows, dim]`, floating, finite in the rows of `where`.
      labels: `[rows]`, integer or bool.
      kind: 1 goes towards neighbours in the class, 2 towards neighbours of any class, and up to
          half-way towards foreign ones.
      sampling: as in `smote`.
      num_neighbours: k, at least 1 and fewer than the rows to go towards.
      num_context: how many nearest rows tell the danger, at least 1 and fewer than the rows.
      where: `[rows]`, bool, the rows to resample, as in `smote`.

    Returns:
      `Resampled`, as of `smote`. A class with no row in danger gains none; a warning says so.

    Raises:
      TypeError: as `smote`.
      ValueError: as `smote`, or a kind that is neither 1 nor 2.

    Example:
      >>> table, labels = np.array([[0.0], [1.0], [3.0], [4.0], [5.0]]), np.array([1, 1, 0, 0, 0])
      >>> key = jax.random.key(0)
      >>> borderline_smote(key, table, labels, num_neighbours=1, num_context=2).labels
      array([1, 1, 0, 0, 0, 1], dtype=int32)

    References:
      Han, Wang and Mao, Borderline-SMOTE, ICIC 2005.
    """
    _keys.checked(key)
    table, labels, rows = _inputs.table_and_classes(features, labels, where)

    def join(label: int, number: int) -> Joined | None:
        segments = _segments.in_danger(
            table, labels, rows, label, kind=kind, k=num_neighbours, num_context=num_context
        )
        if segments is None:
            warnings.warn(f"label {label} has no row in danger: it gains no rows.", stacklevel=4)
        return None if segments is None else Joined(segments, number)

    return _with_synthetic(key, table, labels, rows, sampling, join)


def adasyn(
    key: jax.Array,
    features: ArrayLike,
    labels: npt.ArrayLike,
    *,
    sampling: _inputs.Sampling = "auto",
    num_neighbours: int = 5,
    where: npt.ArrayLike | None = None,
) -> Resampled:
    """Adds synthetic rows, more where the neighbours are foreign: ADASYN.

    Of G rows to add, row i of the class is the base of `round(G r_i / sum of r)`, r_i the foreign
    part of its k nearest rows of any class; so the number added differs from G by rounding.

    Args:
      key: a PRNG key.
      features: `[rows, dim]`, floating, finite in the rows of `where`.
      labels: `[rows]`, integer or bool.
      sampling: as in `smote`.
      num_neighbours: k, at least 1 and fewer than the rows of any class that gains rows.
      where: `[rows]`, bool, the rows to resample, as in `smote`.

    Returns:
      `Resampled`, as of `smote`.

    Raises:
      TypeError: as `smote`.
      ValueError: as `smote`, if no row of a class has a foreign neighbour, or if all its numbers
          round to 0.

    Example:
      >>> table, labels = np.array([[0.0], [1.0], [1.5], [4.0], [5.0]]), np.array([1, 1, 0, 0, 0])
      >>> adasyn(jax.random.key(0), table, labels, num_neighbours=1).labels
      array([1, 1, 0, 0, 0, 1], dtype=int32)

    References:
      He et al., ADASYN: adaptive synthetic sampling approach, IJCNN 2008, Eq. 1 to 5.
    """
    _keys.checked(key)
    table, labels, rows = _inputs.table_and_classes(features, labels, where)

    def join(label: int, number: int) -> Joined:
        segments = _segments.between_class_rows(table, rows[label], num_neighbours)
        shares = _segments.foreign_shares(table, labels, rows, label, num_neighbours)
        numbers = np.rint(shares * number).astype(int)
        if not numbers.any():
            raise ValueError(
                f"sampling must ask for more rows: {number} of class {label}, shared among "
                f"{np.count_nonzero(shares)} bases, round to none."
            )
        bases = np.repeat(np.arange(numbers.size, dtype=np.int32), numbers)
        return Joined(segments, bases.size, bases)

    return _with_synthetic(key, table, labels, rows, sampling, join)


def _with_synthetic(
    key: jax.Array,
    table: _inputs.Table,
    labels: np.ndarray,
    rows: Mapping[int, np.ndarray],
    sampling: _inputs.Sampling,
    join: Callable[[int, int], Joined | None],
) -> Resampled:
    """The rows as they are, and after them those on the segments of each class that gains some."""
    counts = {label: part.size for label, part in rows.items()}
    wanted = _inputs.rows_to_add(counts, sampling)
    joined = {label: join(label, number) for label, number in wanted.items()}
    parts = {label: part for label, part in joined.items() if part is not None}
    given = sum(counts.values())
    kept = None if given == labels.size else _inputs.all_rows(rows)
    gained = (np.full(part.number, label, np.int32) for label, part in parts.items())
    names = np.concatenate([labels if kept is None else labels[kept], *gained])
    features = np.empty((names.size, table.shape[1]), table.dtype)
    stops = given + np.cumsum([0, *(part.number for part in parts.values())])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        copied = _blocks.copy(features[:given], np.asarray(table), kept, threads)
        made = [
            filled
            for place, part in enumerate(parts.values())
            for filled in _blocks.fill(
                features[stops[place] : stops[place + 1]], _blocks.seed_of(key, place), table, part,
                threads,
            )
        ]  # fmt: skip
        for filled in made:
            filled.result()
        if not all(block.result() for block in copied):
            _inputs.check_finite(table, kept)
    return Resampled(features, names)
