"""Sums over all pairs of a batch without a table of pairs."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

_PAIRS = 2**22  # as many are held at once


@jax.custom_jvp
def squared_hinge_sum(keys: jax.Array, before: jax.Array, after: jax.Array) -> jax.Array:
    """`sum over i, j of before_i after_j max(keys_j - keys_i, 0)^2`, in O(n log n).

    All arrays are `[n]`, the weights at least 0 and constants to a gradient. Sorted, what lies
    before a key is held as its weight and its first and second moment about that key: sums of
    terms of one sign, so that nothing cancels, as powers of the keys themselves would.
    """
    order = jnp.argsort(keys)
    _, second = _moments(keys[order], before[order])
    return jnp.sum(after[order] * second)


@squared_hinge_sum.defjvp
def _squared_hinge_jvp(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    return squared_hinge_sum(*primals), jnp.sum(_slopes(*primals) * tangents[0])


@jax.custom_jvp
def _slopes(keys: jax.Array, before: jax.Array, after: jax.Array) -> jax.Array:
    """The gradient in keys. By hand: differences of sums over many pairs would lose its digits."""
    order = jnp.argsort(keys)
    keys, before, after = keys[order], before[order], after[order]
    behind, _ = _moments(keys, before)
    ahead, _ = _moments(-keys[::-1], after[::-1])
    return _put_back(2 * (after * behind - before * ahead[::-1]), order)


@_slopes.defjvp
def _slopes_jvp(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    order = jnp.argsort(primals[0])
    before, after, moved = primals[1][order], primals[2][order], tangents[0][order]
    behind = jnp.cumsum(before) * moved - jnp.cumsum(before * moved)
    ahead = jnp.cumsum((after * moved)[::-1])[::-1] - jnp.cumsum(after[::-1])[::-1] * moved
    return _slopes(*primals), _put_back(2 * (after * behind - before * ahead), order)


def _moments(keys: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of sorted keys, `sum over i <= j of weights_i (keys_j - keys_i)^p` for p = 1 and 2."""

    def joined(left: tuple, right: tuple) -> tuple:
        (gap, weight, first, second), (step, *others) = left, right
        moved = weight, first + step * weight, second + step * (2 * first + step * weight)
        return gap + step, *(a + b for a, b in zip(moved, others, strict=True))

    gaps, zeros = jnp.diff(keys, prepend=keys[:1]), jnp.zeros_like(keys)
    return jax.lax.associative_scan(joined, (gaps, weights, zeros, zeros))[2:]


def _put_back(values: jax.Array, order: jax.Array) -> jax.Array:
    return jnp.zeros_like(values).at[order].set(values, unique_indices=True)


def sum_over_rows(term: Callable[..., jax.Array], *rows: jax.Array) -> jax.Array:
    """Sum of `term(*rows)`, where a term compares each row `[rows, 1]` with all n examples.

    Rows `[n]` are taken so many at once that a bounded number of pairs is held, in a gradient too.
    The last tile is filled with zeros, whose term must be 0.
    """
    size = len(rows[0])
    tile = max(1, _PAIRS // max(size, 1))
    if size <= tile:
        return jnp.sum(term(*(row[:, None] for row in rows)))
    tiles = tuple(jnp.pad(row, (0, -size % tile)).reshape(-1, tile, 1) for row in rows)
    of_tile = jax.checkpoint(lambda rows: jnp.sum(term(*rows)), prevent_cse=False)
    return jnp.sum(jax.lax.map(of_tile, tiles))
