"""Exact nearest neighbours in tiles: memory does not grow with queries times points."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from fal_jax.resampling import _inputs

QUERIES, POINTS = 256, 8192  # of a tile: 8 MiB of float32
_GROUP = 32  # values whose least stands for them where the smallest of many are sought
_SLACK = 4  # candidates beyond the neighbours asked for


class Neighbours(NamedTuple):
    """The neighbours of each query: distances, floating, and row numbers, both `[queries, k]`."""

    distances: jax.Array
    rows: jax.Array


def nearest_neighbours(
    features: ArrayLike,
    queries: npt.ArrayLike,
    points: npt.ArrayLike,
    *,
    num_neighbours: int,
    farthest: bool = False,
) -> Neighbours:
    """Finds the nearest of some rows to each of other rows, by Euclidean distance, exactly.

    A matrix product bounds every squared distance from below, `|x|^2 - 2 x p + |p|^2` less what
    rounding may add. The points with the least bounds are measured anew, coordinate by coordinate;
    where their bounds leave a doubt, all are. So rows that differ little for their size are told
    apart, slowly. Memory is one tile of queries and points.

    Args:
      features: `[rows, dim]`, floating, finite.
      queries: `[queries]`, row numbers.
      points: `[points]`, row numbers, ascending. A query is no neighbour of its own.
      num_neighbours: at least 1, less than the number of points.
      farthest: whether the farthest are sought instead.

    Returns:
      `Neighbours`, the nearest (the farthest) first, of equal distance the lower row first.

    Raises:
      TypeError: features not floating, or row numbers not integers.
      ValueError: shapes that do not fit, a NaN, a row that is not there, or too few points.

    Example:
      >>> table = jnp.array([[0.0], [1.0], [3.0], [7.0]])
      >>> nearest_neighbours(table, [0, 3], [0, 1, 2, 3], num_neighbours=2).rows
      Array([[1, 2],
             [2, 1]], dtype=int32)
    """
    table = jnp.asarray(_inputs.table_of(features))
    _inputs.check_finite(table)
    asked, there = _row_numbers(table, "queries", queries), _row_numbers(table, "points", points)
    if np.any(np.diff(there) <= 0):
        raise ValueError("points must be ascending row numbers, each once.")
    if not 1 <= num_neighbours < there.size:
        raise ValueError(
            f"num_neighbours must be at least 1 and less than the {there.size} points, "
            f"got {num_neighbours}."
        )
    return search(table, asked, there, num_neighbours, farthest=farthest)


def _row_numbers(table: jax.Array, name: str, rows: npt.ArrayLike) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"{name} must have an integer dtype, got {rows.dtype}.")
    if rows.ndim != 1 or not rows.size or rows.min() < 0 or rows.max() >= len(table):
        raise ValueError(
            f"{name} must be row numbers [{name}] from 0 to {len(table) - 1}, at least one, "
            f"got shape {rows.shape}."
        )
    return rows.astype(np.int32)


def search(
    table: jax.Array,
    queries: np.ndarray,
    points: np.ndarray,
    k: int,
    *,
    farthest: bool = False,
    others: bool = True,
) -> Neighbours:
    """`nearest_neighbours` of arguments that were checked; of itself too unless of `others`."""
    found = _search(
        table, query_tiles(queries), point_tiles(points), k=k, farthest=farthest, others=others
    )
    return Neighbours(*(part.reshape(-1, k)[: queries.size] for part in found))


def query_tiles(rows: np.ndarray) -> np.ndarray:
    """Tiles of queries, all of one size."""
    return _tiles(rows, QUERIES)


def point_tiles(rows: np.ndarray) -> np.ndarray:
    """Tiles of points; a single one is no larger than need be."""
    return _tiles(rows, min(POINTS, rounded(-(-rows.size // _GROUP)) * _GROUP))


def _tiles(rows: np.ndarray, size: int) -> np.ndarray:
    """Row numbers as `[tiles, size]`, filled up with -1; of few shapes, so that few compile."""
    whole = np.full((rounded(-(-rows.size // size)), size), -1, np.int32)
    whole.reshape(-1)[: rows.size] = rows
    return whole


def rounded(number: int) -> int:
    """The next number with four significant bits, at most an eighth more."""
    step = 1 << max(number.bit_length() - 4, 0)
    return -(-number // step) * step


@partial(jax.jit, static_argnames=("k", "farthest", "others"))
def _search(
    table: jax.Array, queries: jax.Array, points: jax.Array, k: int, farthest: bool, others: bool
) -> Neighbours:
    """Neighbours `[tiles, size, k]` of tiles of row numbers; -1 fills them up."""
    sign, keep = -1 if farthest else 1, k + _SLACK
    centre = centre_of(table, points)

    def of_tile(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        here, hidden = table[rows], rows if others else jnp.full_like(rows, -1)

        def visit(best, there):
            relative = relative_bounds(here - centre, table[there] - centre, sign)
            return _merged(best, _without(relative, hidden, there), there, keep), None

        (bounds, places), _ = jax.lax.scan(visit, _nothing(rows, keep, table.dtype), points)
        squares = jnp.sum((table[places] - here[:, None]) ** 2, axis=-1)
        squares = jnp.where(places < 0, jnp.inf, sign * squares)
        squares, places = jax.lax.sort((squares, places), num_keys=2)
        limit = bounds[:, -1] + own_part(here - centre, sign)
        return jax.lax.cond(
            jnp.all((squares[:, k - 1] < limit) | (rows < 0)),
            lambda: (squares[:, :k], places[:, :k]),
            lambda: _measured(table, rows, hidden, points, k, sign),
        )

    squares, places = jax.lax.map(of_tile, queries)
    return Neighbours(jnp.sqrt(sign * squares), places)


def centre_of(table: jax.Array, points: jax.Array) -> jax.Array:
    """The mean `[1, dim]` of the first tile's points, which fill it up by its first."""
    first = points[0]
    return table[jnp.where(first < 0, first[0], first)].mean(axis=0, keepdims=True)


def relative_bounds(x: jax.Array, p: jax.Array, sign: int) -> jax.Array:
    """Lower bounds of signed squared distances, but for the query's `own_part`."""
    weights = jnp.concatenate([-2 * sign * p, own_part(p, sign)[:, None]], axis=1)
    ones = jnp.ones((len(x), 1), x.dtype)
    return jnp.matmul(
        jnp.concatenate([x, ones], axis=1), weights.T, precision=jax.lax.Precision.HIGHEST
    )


def own_part(x: jax.Array, sign: int) -> jax.Array:
    """What a row's norm adds to a bound: its square, less the rounding that it can cause.

    A sum of n products is off by at most n eps / 2 times the sum of their sizes; here that of
    2 |x| |p| + |p|^2 + |x|^2, at most twice the sum of both squares, once in the bound and once
    in the distance it is held against.
    """
    rounding = 2 * (x.shape[-1] + 8) * jnp.finfo(x.dtype).eps
    return (sign - rounding) * jnp.sum(x**2, axis=-1)


def _measured(
    table: jax.Array, rows: jax.Array, hidden: jax.Array, points: jax.Array, k: int, sign: int
) -> tuple[jax.Array, jax.Array]:
    """The k least signed squares and their rows, all measured coordinate by coordinate."""
    here = table[rows]

    def add(squares, column):
        return squares + (column[0][:, None] - column[1][None]) ** 2, None

    def visit(best, there):
        zeros = jnp.zeros((rows.size, there.size), table.dtype)
        squares, _ = jax.lax.scan(add, zeros, (here.T, table[there].T))
        return _merged(best, _without(sign * squares, hidden, there), there, k), None

    return jax.lax.scan(visit, _nothing(rows, k, table.dtype), points)[0]


def _nothing(rows: jax.Array, count: int, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    shape = (rows.size, count)
    return jnp.full(shape, jnp.inf, dtype), jnp.full(shape, -1, jnp.int32)


def _without(values: jax.Array, hidden: jax.Array, there: jax.Array) -> jax.Array:
    """Infinity for points that fill up a tile and for the one hidden from each query."""
    return jnp.where((there < 0)[None] | (hidden[:, None] == there[None]), jnp.inf, values)


def _merged(
    best: tuple[jax.Array, jax.Array], values: jax.Array, there: jax.Array, count: int
) -> tuple[jax.Array, jax.Array]:
    """The `count` least of those found before and of a tile's, ties to those before."""
    least, columns = _least(values, min(count, values.shape[1]))
    found = jnp.concatenate([best[0], least], axis=1)
    places = jnp.concatenate([best[1], there[columns]], axis=1)
    least, order = jax.lax.top_k(-found, count)
    return -least, jnp.take_along_axis(places, order, axis=1)


def _least(values: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """The `count` least values of each row and their columns.

    They are in the `count` groups of columns with the least minima: each of these holds a value
    that is no larger than any in the others.
    """
    width = values.shape[1] // _GROUP
    if width <= count:
        least, columns = jax.lax.top_k(-values, count)
        return -least, columns
    groups = values.reshape(-1, width, _GROUP)
    _, chosen = jax.lax.top_k(-groups.min(axis=2), count)
    chosen = jnp.sort(chosen, axis=1)  # so that ties go to the lower column
    members = jnp.take_along_axis(groups, chosen[:, :, None], axis=1).reshape(len(values), -1)
    least, order = jax.lax.top_k(-members, count)
    group = jnp.take_along_axis(chosen, order // _GROUP, axis=1)
    return -least, group * _GROUP + order % _GROUP
