"""NearMiss: of the larger classes, the rows that are near the smallest class."""

import warnings
from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from fal_jax.resampling import _inputs, _search

_ROUNDING = 1e-5  # of a bound against the score that it bounds, generously


def near_miss(
    features: ArrayLike,
    labels: npt.ArrayLike,
    *,
    version: int = 1,
    sampling: _inputs.Sampling = "auto",
    num_neighbours: int = 3,
    num_preselected: int = 3,
    where: npt.ArrayLike | None = None,
) -> np.ndarray:
    """Keeps those rows of the larger classes that are near rows of the smallest: NearMiss.

    The score of a row is the sum of its distances to k rows of the smallest class: version 1, to
    the nearest, keeps the least scores; version 2, to the farthest, the least; version 3, to the
    nearest, keeps the largest of the rows that are among the nearest to a row of the smallest
    class. Versions 1 and 2 bound the scores of all rows with one pass over the products of rows,
    and search neighbours only for the rows whose bound allows them to be kept.

    Args:
      features: `[rows, dim]`, floating, finite in the rows of `where`.
      labels: `[rows]`, integer or bool.
      version: 1, 2 or 3.
      sampling: "auto" brings every class to the smallest; a number in (0, 1], of two classes, the
          larger until the smaller is this part of it; a mapping, the classes in it to so many rows.
      num_neighbours: k, at least 1 and at most the rows of the smallest class.
      num_preselected: of version 3, how many nearest rows of a larger class every row of the
          smallest class selects, at least 1 and at most the rows of the larger.
      where: `[rows]`, bool, the rows to resample, say a fold's training part; None for all.

    Returns:
      `[kept]`, int32, row numbers by ascending label; of a class that loses rows by their score,
      the first to keep first, of equal score the lower row; of others ascending. Where version 3
      preselects fewer rows than wanted it keeps these; a warning says so.

    Raises:
      TypeError: features not floating, labels neither integer nor bool, or where not bool.
      ValueError: shapes that do not fit, a NaN, a single class, too few rows of a class, another
          version, or a sampling that is out of range or asks for more rows than there are.

    Example:
      >>> table, labels = np.array([[0.0], [1.0], [2.0], [5.0]]), np.array([1, 1, 0, 0])
      >>> near_miss(table, labels, num_neighbours=2, sampling={0: 1})
      array([2, 0, 1], dtype=int32)

    References:
      Mani and Zhang, kNN approach to unbalanced data distributions, ICML workshop, 2003.
    """
    if version not in (1, 2, 3):
        raise ValueError(f"version must be 1, 2 or 3, got {version}.")
    table, labels, rows = _inputs.table_and_classes(features, labels, where)
    table = jnp.asarray(table)
    counts = {label: part.size for label, part in rows.items()}
    # Of several smallest classes, the one that appears first, as in imbalanced-learn.
    smallest = min(counts, key=lambda label: (counts[label], rows[label][0]))
    _check_enough("num_neighbours", num_neighbours, smallest, counts)
    wanted = _inputs.rows_to_keep(counts, sampling)
    kept = []
    for label, members in rows.items():
        if label not in wanted:
            kept.append(members)
        elif version == 3:
            _check_enough("num_preselected", num_preselected, label, counts)
            near = _search.search(table, rows[smallest], members, num_preselected, others=False)
            near = np.unique(np.asarray(near.rows))
            scores = -_scores(table, near, rows[smallest], num_neighbours)
            kept.append(near[np.argsort(scores, kind="stable")[: wanted[label]]])
            if near.size < wanted[label]:
                warnings.warn(
                    f"version 3 keeps the {near.size} rows of label {label} that it preselects, "
                    f"fewer than the {wanted[label]} wanted.",
                    stacklevel=2,
                )
        else:
            size = wanted[label]
            kept.append(_least(table, members, rows[smallest], num_neighbours, size, version == 2))
    return np.concatenate(kept)


def _check_enough(name: str, number: int, label: int, counts: Mapping[int, int]) -> None:
    if not 1 <= number <= counts[label]:
        raise ValueError(
            f"{name} must be at least 1 and at most the {counts[label]} rows of label {label}, "
            f"got {number}."
        )


def _scores(
    table: jax.Array, queries: np.ndarray, points: np.ndarray, k: int, *, farthest: bool = False
) -> np.ndarray:
    """The sum of each query's distances to its k nearest or farthest points, exact."""
    found = _search.search(table, queries, points, k, farthest=farthest, others=False)
    return np.asarray(found.distances, np.float64).sum(axis=1)


def _least(
    table: jax.Array, queries: np.ndarray, points: np.ndarray, k: int, count: int, farthest: bool
) -> np.ndarray:
    """The `count` queries with the least scores, least first; the bounds tell where to search."""
    bounds = _bounds(
        table, _search.query_tiles(queries), _search.point_tiles(points), k=k, farthest=farthest
    )
    bounds = np.asarray(bounds).reshape(-1)[: queries.size]
    scores = np.full(queries.size, np.inf)
    enough = min(2 * count, queries.size)
    limit = np.partition(bounds, enough - 1)[enough - 1]
    for _ in range(2):  # what the least bounds score limits what else may be kept
        chosen = np.flatnonzero((bounds <= limit) & np.isinf(scores))
        if chosen.size:
            scores[chosen] = _scores(table, queries[chosen], points, k, farthest=farthest)
        limit = np.partition(scores, count - 1)[count - 1] * (1 + _ROUNDING)
    return queries[np.argsort(scores, kind="stable")[:count]]


@partial(jax.jit, static_argnames=("k", "farthest"))
def _bounds(
    table: jax.Array, queries: jax.Array, points: jax.Array, k: int, farthest: bool
) -> jax.Array:
    """Lower bounds of the scores, `[tiles, size]`: k times the distance of the nearest point.

    For the farthest, the points are cut into k blocks: no sum of k distances to different points
    exceeds that to the k farthest, so neither does the sum of the blocks' largest.
    """
    centre = _search.centre_of(table, points)
    blocks, outside = (k, -jnp.inf) if farthest else (1, jnp.inf)

    def of_tile(rows: jax.Array) -> jax.Array:
        here = table[rows] - centre

        def visit(best, there):
            squares = _search.relative_bounds(here, table[there] - centre, 1)
            squares = jnp.where((there < 0)[None], outside, squares)
            # Every so-manieth point, so that the padding at the end is shared by the blocks.
            parts = [squares[:, first::blocks] for first in range(blocks)]
            if farthest:
                found = jnp.stack([part.max(axis=1, initial=outside) for part in parts])
                return jnp.maximum(best, found), None
            return jnp.minimum(best, parts[0].min(axis=1)[None]), None

        start = jnp.full((blocks, rows.size), outside, table.dtype)
        best, _ = jax.lax.scan(visit, start, points)
        squares = jnp.maximum(best + _search.own_part(here, 1)[None], 0)
        return k / blocks * jnp.sqrt(squares).sum(axis=0)

    return jax.lax.map(of_tile, queries)
