"""Statistics of a batch that may be masked and spread over devices: sums and counts add."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp

from fal_jax.losses._scores import out_of_range_nan


def batch_mean(values: jax.Array, where: jax.Array, axis_name: Hashable | None) -> jax.Array:
    """Mean of the valid values over the whole batch, on every device; 0 where none is valid."""
    total = jnp.sum(values, where=where)
    count = jnp.sum(where, dtype=values.dtype)
    if axis_name is not None:
        total, count = jax.lax.psum((total, count), axis_name)
    return total / jnp.maximum(count, 1)


def class_means(
    values: jax.Array, labels: jax.Array, where: jax.Array, axis_name: Hashable | None
) -> tuple[jax.Array, jax.Array]:
    """Mean of column k of `values [..., classes]` over the examples of class k, and class sizes.

    Both are `[classes]` and the same on every device. A class without examples has mean 0; an
    out-of-range label of a valid example makes all means NaN.
    """
    num_classes = values.shape[-1]
    is_member = jax.nn.one_hot(labels, num_classes, dtype=bool) & where[..., None]
    spoil = 1 + jnp.sum(out_of_range_nan(labels, num_classes, values.dtype), where=where)
    batch_axes = tuple(range(values.ndim - 1))
    sums = jnp.sum(values, axis=batch_axes, where=is_member) * spoil
    counts = jnp.sum(is_member, axis=batch_axes, dtype=values.dtype)
    if axis_name is not None:
        sums, counts = jax.lax.psum((sums, counts), axis_name)
    return sums / jnp.maximum(counts, 1), counts
