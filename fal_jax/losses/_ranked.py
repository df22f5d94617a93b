"""Batches whose scores are ranked: one column a class, its examples against the others."""

from collections.abc import Hashable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._scores import out_of_range_nan


class Ranked(NamedTuple):
    """Scores `[columns, batch]` and who is on which side, one column a class.

    Two classes by one score make one column, of class 1. An example that is not valid is on neither
    side. The sizes of the sides, `[columns]`, and `spoil` are those of the whole batch, also where
    the rest is one device's; `spoil` is 1, or NaN where a valid label is out of range.
    """

    scores: jax.Array
    positive: jax.Array
    negative: jax.Array
    num_positive: jax.Array
    num_negative: jax.Array
    spoil: jax.Array


def ranked(
    scores: ArrayLike,
    labels: ArrayLike,
    where: ArrayLike | None,
    axis_name: Hashable | None,
    *,
    gather: bool = True,
) -> Ranked:
    """The checked arguments as columns; `gather` puts the whole batch on each device."""
    *arrays, classes = _flat(scores, labels, where)
    scores, labels, valid = (_whole(a, axis_name) for a in arrays) if gather else arrays
    is_own = labels[None] == jnp.array(classes, labels.dtype)[:, None]
    positive, negative = valid[None] & is_own, valid[None] & ~is_own
    num_classes = max(len(classes), 2)
    totals = (
        jnp.sum(positive, axis=-1, dtype=scores.dtype),
        jnp.sum(negative, axis=-1, dtype=scores.dtype),
        jnp.sum(out_of_range_nan(labels, num_classes, scores.dtype), where=valid),
    )
    if axis_name is not None and not gather:
        totals = jax.lax.psum(totals, axis_name)
    num_positive, num_negative, spoil = totals
    scores = jnp.where(valid[None], scores.T, 0)
    return Ranked(scores, positive, negative, num_positive, num_negative, 1 + spoil)


def _whole(array: jax.Array, axis_name: Hashable | None) -> jax.Array:
    """All rows on each device, gathered over a mapped axis or an explicit mesh."""
    if axis_name is not None:
        return jax.lax.all_gather(array, axis_name, tiled=True)
    sharding = jax.typeof(array).sharding
    if any(axis is not None for axis in sharding.spec):
        return jax.sharding.reshard(array, NamedSharding(sharding.mesh, PartitionSpec()))
    return array


def _flat(
    scores: ArrayLike, labels: ArrayLike, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array, jax.Array, range]:
    """Checked scores `[batch, columns]`, labels and mask `[batch]`, the class of each column."""
    scores, shape = _checks.floating("scores", scores), np.shape(labels)
    if scores.ndim == len(shape):
        batch_shape, classes = scores.shape, range(1, 2)
    elif scores.ndim == len(shape) + 1 and scores.shape[-1] >= 2:
        batch_shape, classes = scores.shape[:-1], range(scores.shape[-1])
    else:
        raise ValueError(
            f"scores must have the shape of labels, {shape}, for two classes, or one axis more, "
            f"with at least 2 classes, got shape {scores.shape}."
        )
    labels = _checks.labels(labels, batch_shape, of="scores")
    valid = _checks.mask(where, batch_shape)
    return scores.reshape(-1, len(classes)), labels.ravel(), valid.ravel(), classes


def sides(batch: Ranked, against: str) -> tuple[jax.Array, jax.Array]:
    """Weights of the positives and of the negatives of each column, that sum to 1 or are all 0.

    All negatives weigh the same with "rest"; with "each", all other classes that are present do.
    """
    if against not in ("rest", "each"):
        raise ValueError(f'against must be "rest" or "each", got {against!r}.')
    positives = batch.positive / jnp.maximum(batch.num_positive, 1)[:, None]
    if against == "rest" or len(positives) == 1:
        return positives, batch.negative / jnp.maximum(batch.num_negative, 1)[:, None]
    present = batch.num_positive > 0
    num_others = jnp.sum(present, dtype=positives.dtype) - present
    of_class = jnp.sum(positives, axis=0, keepdims=True)  # one over the size of an example's class
    negatives = jnp.where(batch.negative, of_class, 0)
    return positives, negatives / jnp.maximum(num_others, 1)[:, None]


def mean_over_columns(
    batch: Ranked, values: jax.Array, axis_name: Hashable | None = None
) -> jax.Array:
    """Mean of `values [columns]` over the columns that have both sides; 0 where none has.

    With an axis, over which the batch was gathered, all devices hold the same: the mean over them
    says so.
    """
    has_both = (batch.num_positive > 0) & (batch.num_negative > 0)
    count = jnp.maximum(jnp.sum(has_both, dtype=values.dtype), 1)
    mean = jnp.sum(jnp.where(has_both, values, 0)) / count * batch.spoil
    return mean if axis_name is None else jax.lax.pmean(mean, axis_name)
