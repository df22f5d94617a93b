"""Batches that may be masked and spread over devices, and their statistics: sums and counts add."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._scores import out_of_range_nan


def checked_batch(
    distances: ArrayLike, labels: ArrayLike, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The checked arguments, with harmless values where an example is not valid."""
    distances = _checks.scores("distances", distances)
    batch_shape = distances.shape[:-1]
    labels = _checks.labels(labels, batch_shape, of="distances")
    valid = _checks.mask(where, batch_shape)
    return jnp.where(valid[..., None], distances, 0), jnp.where(valid, labels, 0), valid


def batch_mean(values: jax.Array, where: jax.Array, axis_name: Hashable | None) -> jax.Array:
    """Mean of the valid values over the whole batch, on every device; 0 where none is valid."""
    total = jnp.sum(values, where=where)
    count = jnp.sum(where, dtype=values.dtype)
    if axis_name is not None:
        total, count = jax.lax.psum((total, count), axis_name)
    return total / jnp.maximum(count, 1)


def class_means(
    values: jax.Array,
    labels: jax.Array,
    num_classes: int,
    where: jax.Array,
    axis_name: Hashable | None,
) -> tuple[jax.Array, jax.Array]:
    """Mean of `values [...]` over the examples of each class, and class sizes.

    Both are `[classes]` and the same on every device. A class without examples has mean 0; an
    out-of-range label of a valid example makes all means NaN.
    """

    def totals(label: jax.Array) -> tuple[jax.Array, jax.Array]:
        is_member = where & (labels == label)
        return jnp.sum(values, where=is_member), jnp.sum(is_member, dtype=values.dtype)

    spoil = 1 + jnp.sum(out_of_range_nan(labels, num_classes, values.dtype), where=where)
    sums, counts = jax.vmap(totals)(jnp.arange(num_classes, dtype=labels.dtype))
    sums = sums * spoil
    if axis_name is not None:
        sums, counts = jax.lax.psum((sums, counts), axis_name)
    return sums / jnp.maximum(counts, 1), counts
