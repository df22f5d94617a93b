"""Batches that may be masked and spread over devices, and their statistics: sums and counts add."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._scores import COMPARED, out_of_range_nan
from fal_jax.losses._shards import class_offset, is_explicit, total_classes


def checked_batch(
    distances: ArrayLike, labels: ArrayLike, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The checked arguments, with harmless values where an example is not valid."""
    distances = _checks.scores("distances", distances)
    batch_shape = distances.shape[:-1]
    labels = _checks.labels_or_shares(
        labels, distances.shape, of="distances", dtype=distances.dtype, any_value=where is not None
    )
    valid = _checks.mask(where, batch_shape)
    of_rows = valid[..., None]
    labels = jnp.where(of_rows if labels.ndim == distances.ndim else valid, labels, 0)
    return jnp.where(of_rows, distances, 0), labels, valid


def batch_mean(
    values: jax.Array,
    where: jax.Array,
    axis_name: Hashable | None,
    *,
    weights: ArrayLike | None = None,
) -> jax.Array:
    """Mean of the valid values over the whole batch, on every device; 0 where none is valid.

    Weights multiply the values; the mean divides by the number of the valid ones all the same.
    """
    if weights is not None:
        values = values * _checks.row_weights(weights, where, values.dtype)
    total = jnp.sum(values, where=where)
    count = jnp.sum(where, dtype=values.dtype)
    if axis_name is not None:
        total, count = jax.lax.psum((total, count), axis_name)
    return total / jnp.maximum(count, 1)


def mean_of_class_means(
    values: jax.Array,
    labels: jax.Array,
    num_classes: int,
    where: jax.Array,
    axis_name: Hashable | None,
    *,
    weights: ArrayLike | None = None,
    class_axis_name: Hashable | None = None,
    over: str = "present",
) -> jax.Array:
    """Mean over classes of the mean of `values [...]` over each class's examples, on every device.

    An example counts in its class by its weight; by soft labels `[..., classes]`, where the values
    are `[..., classes]` too, in each class by its share as well. A class without examples has mean
    0 and counts only if `over` is "all". An out-of-range label of a valid example makes the result
    NaN. With `class_axis_name` each device along it takes the sums of so many classes; labels
    number all of them, and all devices have the same labels.
    """
    weights = None if weights is None else _checks.row_weights(weights, where, values.dtype)
    all_classes = total_classes(num_classes, class_axis_name)
    if labels.ndim > where.ndim:
        axes, spoil = tuple(range(where.ndim)), jnp.zeros((), values.dtype)
        shares = labels if weights is None else labels * weights[..., None]
        sums, counts = jnp.sum(shares * values, axes), jnp.sum(shares, axes)
    else:
        spoil = jnp.sum(out_of_range_nan(labels, all_classes, values.dtype), where=where)
        local = labels - class_offset(num_classes, class_axis_name)
        sums, counts = _class_totals(values, local, num_classes, where, weights)
    if axis_name is not None:
        sums, counts, spoil = jax.lax.psum((sums, counts, spoil), axis_name)
    total = jnp.sum(sums / jnp.where(counts > 0, counts, 1))
    present = jnp.sum(counts > 0, dtype=counts.dtype)
    if class_axis_name is not None:
        total, present = jax.lax.psum((total, present), class_axis_name)
    divisor = all_classes if over == "all" else jnp.maximum(present, 1)
    return total * (1 + spoil) / divisor


def _class_totals(
    values: jax.Array,
    labels: jax.Array,
    num_classes: int,
    where: jax.Array,
    weights: jax.Array | None,
) -> tuple[jax.Array, jax.Array]:
    """Sum of the valid `values [...]` of each class, and their number, `[classes]` both.

    With weights the sum of the weighted values and that of the weights.
    """
    each = jnp.ones_like(values) if weights is None else weights
    values = values if weights is None else values * weights
    if num_classes > COMPARED and not is_explicit(labels):
        bins = jnp.where(where & (labels >= 0), labels, num_classes)  # that bin is left out
        totals = jnp.zeros(num_classes, values.dtype)
        sums = totals.at[bins].add(jnp.where(where, values, 0), mode="drop")
        return sums, totals.at[bins].add(each, mode="drop")

    def totals_of(label: jax.Array) -> tuple[jax.Array, jax.Array]:
        is_member = where & (labels == label)
        return jnp.sum(values, where=is_member), jnp.sum(each, where=is_member)

    return jax.vmap(totals_of)(jnp.arange(num_classes, dtype=labels.dtype))
