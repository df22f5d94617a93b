"""Which rows of a rare class synthetic rows lie between: SMOTE, borderline SMOTE and ADASYN.

Found once a fold, on the host, among its training rows alone.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from fal_jax.resampling import _inputs, _search
from fal_jax.resampling._drawing import Segments


def smote_segments(
    features: ArrayLike,
    labels: npt.ArrayLike,
    *,
    label: int,
    num_neighbours: int = 5,
    where: npt.ArrayLike | None = None,
    pad_to: int | None = None,
) -> Segments:
    """Joins every row of a class to its nearest neighbours in the class.

    Args:
      features: `[rows, dim]`, floating, finite in the rows of `where`.
      labels: `[rows]`, integer or bool, on the host.
      label: the class.
      num_neighbours: k, at least 1 and fewer than the rows of the class.
      where: `[rows]`, bool, the training rows: no other row is a base or a neighbour. None for all.
      pad_to: number of bases to fill up to; None leaves them as they are.

    Returns:
      `Segments`, all bases with the same share.

    Raises:
      TypeError: features not floating, labels neither integer nor bool, or where not bool.
      ValueError: shapes that do not fit, a NaN, a single class, a label that is not there, too few
          rows of it, or a pad_to below the number of bases.

    Example:
      >>> table, labels = np.array([[0.0], [1.0], [3.0], [9.0]]), np.array([1, 1, 1, 0])
      >>> smote_segments(table, labels, label=1, num_neighbours=1).neighbours.ravel()
      Array([1, 0, 1], dtype=int32)

    References:
      Chawla et al., SMOTE: synthetic minority over-sampling technique, JAIR 16, 2002.
    """
    table, _, rows = _inputs.table_and_classes(features, labels, where)
    return padded(
        between_class_rows(table, _inputs.class_rows(rows, label), num_neighbours), pad_to
    )


def borderline_segments(
    features: ArrayLike,
    labels: npt.ArrayLike,
    *,
    label: int,
    kind: int = 1,
    num_neighbours: int = 5,
    num_context: int = 10,
    where: npt.ArrayLike | None = None,
    pad_to: int | None = None,
) -> Segments:
    """Joins the rows of a class that are in danger to their nearest neighbours.

    A row is in danger if at least half, but not all, of its nearest rows of any class are foreign.

    Args:
      features: `[rows, dim]`, floating, finite in the rows of `where`.
      labels: `[rows]`, integer or bool, on the host.
      label: the class.
      kind: 1 joins to neighbours in the class, 2 to neighbours of any class, and to foreign ones
          up to the middle only.
      num_neighbours: k, at least 1 and fewer than the rows to join to.
      num_context: how many nearest rows tell the danger, at least 1 and fewer than the rows.
      where: `[rows]`, bool, the training rows, as in `smote_segments`.
      pad_to: number of bases to fill up to, as in `smote_segments`.

    Returns:
      `Segments`, all bases with the same share.

    Raises:
      TypeError: as `smote_segments`.
      ValueError: as `smote_segments`; a kind that is neither 1 nor 2, or no row in danger.

    Example:
      >>> table, labels = np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([1, 1, 0, 0])
      >>> borderline_segments(table, labels, label=1, num_neighbours=1, num_context=2).rows
      Array([0, 1], dtype=int32)

    References:
      Han, Wang and Mao, Borderline-SMOTE, ICIC 2005.
    """
    table, labels, rows = _inputs.table_and_classes(features, labels, where)
    members = _inputs.class_rows(rows, label)
    segments = in_danger(
        table, labels, rows, label, kind=kind, k=num_neighbours, num_context=num_context
    )
    if segments is None:
        raise ValueError(
            f"label {label} has no row in danger among its {members.size}: for none are half to "
            f"all but one of the num_context = {num_context} nearest rows foreign."
        )
    return padded(segments, pad_to)


def adasyn_segments(
    features: ArrayLike,
    labels: npt.ArrayLike,
    *,
    label: int,
    num_neighbours: int = 5,
    where: npt.ArrayLike | None = None,
    pad_to: int | None = None,
) -> Segments:
    """Joins the rows of a class as SMOTE does, with a share for each by its foreign neighbours.

    The share of a row is `r / sum of r`, r the foreign part of its k nearest rows of any class.

    Args:
      features: `[rows, dim]`, floating, finite in the rows of `where`.
      labels: `[rows]`, integer or bool, on the host.
      label: the class.
      num_neighbours: k, at least 1 and fewer than the rows of the class.
      where: `[rows]`, bool, the training rows, as in `smote_segments`.
      pad_to: number of bases to fill up to, as in `smote_segments`.

    Returns:
      `Segments`; the bases without a foreign neighbour have share 0.

    Raises:
      TypeError: as `smote_segments`.
      ValueError: as `smote_segments`, or if no row has a foreign neighbour.

    Example:
      >>> table, labels = np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([1, 1, 1, 0])
      >>> adasyn_segments(table, labels, label=1, num_neighbours=1).shares
      Array([0., 0., 1.], dtype=float32)

    References:
      He et al., ADASYN: adaptive synthetic sampling approach, IJCNN 2008, Eq. 2 and 3.
    """
    table, labels, rows = _inputs.table_and_classes(features, labels, where)
    members = _inputs.class_rows(rows, label)
    segments = between_class_rows(table, members, num_neighbours)
    shares = foreign_shares(table, labels, rows, label, num_neighbours)
    return padded(segments._replace(shares=jnp.asarray(shares, table.dtype)), pad_to)


def between_class_rows(table: _inputs.Table, members: np.ndarray, k: int) -> Segments:
    """SMOTE's segments: from every member of a class to its k nearest among the members."""
    _check_enough("num_neighbours", k, members, "to join")
    places = np.arange(members.size, dtype=np.int32)
    near = _search.search(jnp.asarray(table[members]), places, places, k).rows
    # No wait for the search: what comes next may go on beside it.
    neighbours = jnp.take(jnp.asarray(members), near)
    return _segments(members, neighbours, np.zeros(near.shape, bool), table.dtype)


def in_danger(
    table: _inputs.Table,
    labels: np.ndarray,
    rows: Mapping[int, np.ndarray],
    label: int,
    *,
    kind: int,
    k: int,
    num_context: int,
) -> Segments | None:
    """Borderline SMOTE's segments, None if no row is in danger."""
    if kind not in (1, 2):
        raise ValueError(f"kind must be 1 or 2, got {kind}.")
    table, everyone = jnp.asarray(table), _inputs.all_rows(rows)
    _check_enough("num_context", num_context, everyone, "among all classes")
    context = _search.search(table, rows[label], everyone, num_context).rows
    foreign = (labels[np.asarray(context)] != label).sum(axis=1)
    danger = rows[label][(2 * foreign >= num_context) & (foreign < num_context)]
    if not danger.size:
        return None
    others = everyone if kind == 2 else rows[label]
    _check_enough("num_neighbours", k, others, "to join")
    neighbours = np.asarray(_search.search(table, danger, others, k).rows)
    return _segments(danger, neighbours, labels[neighbours] != label, table.dtype)


def foreign_shares(
    table: _inputs.Table, labels: np.ndarray, rows: Mapping[int, np.ndarray], label: int, k: int
) -> np.ndarray:
    """ADASYN's density: the share of each member in the foreign neighbours of all, float64."""
    nearest = _search.search(jnp.asarray(table), rows[label], _inputs.all_rows(rows), k).rows
    ratios = (labels[np.asarray(nearest)] != label).sum(axis=1) / k
    if not ratios.any():
        raise ValueError(
            f"label {label} has no row with a foreign one among its num_neighbours = {k} nearest: "
            f"ADASYN has nothing to go by; use SMOTE."
        )
    return ratios / ratios.sum()


def _segments(
    bases: np.ndarray, neighbours: ArrayLike, foreign: np.ndarray, dtype: np.dtype
) -> Segments:
    shares = jnp.full(bases.size, 1 / bases.size, dtype)
    return Segments(jnp.asarray(bases), jnp.asarray(neighbours), jnp.asarray(foreign), shares)


def _check_enough(name: str, number: int, rows: np.ndarray, which: str) -> None:
    if not 1 <= number < rows.size:
        raise ValueError(
            f"{name} must be at least 1 and fewer than the {rows.size} rows {which}, got {number}."
        )


def padded(segments: Segments, size: int | None) -> Segments:
    """Segments filled up with bases that are never drawn."""
    missing = 0 if size is None else size - segments.rows.size
    if missing < 0:
        raise ValueError(f"pad_to must be at least the {segments.rows.size} bases, got {size}.")
    return Segments(
        *(jnp.pad(part, [(0, missing), *[(0, 0)] * (part.ndim - 1)]) for part in segments)
    )
