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
    return _value_and_slopes(keys, before, after)[0]


@squared_hinge_sum.defjvp
def _squared_hinge_jvp(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    value, slopes = _value_and_slopes(*primals)
    return value, jnp.sum(slopes * tangents[0])


@jax.custom_jvp
def _value_and_slopes(
    keys: jax.Array, before: jax.Array, after: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The sum and its gradient in keys, by hand: a difference of large sums has fewer digits."""
    order = jnp.argsort(keys)
    keys, before, after = keys[order], before[order], after[order]
    behind, squares = _moments(keys, before)
    ahead, _ = _moments(-keys[::-1], after[::-1])
    slopes = 2 * (after * behind - before * ahead[::-1])
    return jnp.sum(after * squares), _put_back(slopes, order)


@_value_and_slopes.defjvp
def _value_and_slopes_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    value, slopes = _value_and_slopes(*primals)
    order = jnp.argsort(primals[0])
    before, after, moved = primals[1][order], primals[2][order], tangents[0][order]
    behind = jnp.cumsum(before) * moved - jnp.cumsum(before * moved)
    ahead = jnp.cumsum((after * moved)[::-1])[::-1] - jnp.cumsum(after[::-1])[::-1] * moved
    turned = _put_back(2 * (after * behind - before * ahead), order)
    return (value, slopes), (jnp.sum(slopes * tangents[0]), turned)


def _moments(keys: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of sorted keys, `sum over i <= j of weights_i (keys_j - keys_i)^p` for p = 1 and 2.

    From one key to the next the first grows by the gap times the weight that lies before it.
    """
    gaps = jnp.diff(keys, prepend=keys[:1])
    step = gaps * _before(jnp.cumsum(weights))
    first = jnp.cumsum(step)
    return first, jnp.cumsum(gaps * (2 * _before(first) + step))


def _before(sums: jax.Array) -> jax.Array:
    return jnp.pad(sums, (1, 0))[:-1]


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
