"""A smooth surrogate of average precision."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._pairs import sum_over_rows
from fal_jax.losses._ranked import mean_over_columns, ranked


def smooth_ap_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: ArrayLike = 0.01,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Smooth-AP: one minus average precision, its ranks counted by sigmoids.

    `1 - mean over i positive of R_i(positives) / R_i(all)`, with the rank
    `R_i(S) = 1 + sum over j in S, j != i of sigmoid((s_j - s_i) / temperature)`. Pairs are taken in
    tiles, in O(n^2) time and bounded memory.

    Args:
      scores: `[...]`, floating, higher for class 1; or `[..., classes]`, column k higher for class
        k: then the mean over the classes that have positives and negatives.
      labels: `[...]`, integer: 0 or 1, or in `[0, classes)`.
      temperature: scalar above 0, in units of scores; towards 0 the loss is 1 - average precision.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None. All scores are gathered
        over it, since ranks need them.

    Returns:
      A scalar in [0, 1), in `promote_types(dtype, float32)`: 0 without a gradient where the batch
      lacks positives or negatives, NaN for an out-of-range label of a valid example. No gradient is
      stopped.

    Raises:
      ValueError: if the shapes do not fit or temperature is not above 0.
      TypeError: if scores are not floating, labels not integer or where not bool.

    References:
      Brown et al., Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval, ECCV 2020.

    Example:
      >>> round(float(smooth_ap_loss([2.0, 1.0, 0.0], [0, 1, 1])), 3)
      0.417
    """
    batch = ranked(scores, labels, where, axis_name)
    dtype = batch.scores.dtype
    temperature = _checks.number("temperature", temperature, dtype, open_minimum=True)

    def of_column(scores: jax.Array, positive: jax.Array, negative: jax.Array) -> jax.Array:
        def misses(score: jax.Array, is_positive: jax.Array) -> jax.Array:
            above = jax.nn.sigmoid((scores[None] - score) / temperature)
            # The sum over positives has i itself, with 1/2.
            own = 0.5 + jnp.sum(above, axis=-1, where=positive[None])
            others = jnp.sum(above, axis=-1, where=negative[None])
            return jnp.where(is_positive[:, 0], others / (own + others), 0)

        return sum_over_rows(misses, scores, positive)

    sums = jax.vmap(of_column)(batch.scores, batch.positive, batch.negative)
    values = sums / jnp.maximum(batch.num_positive, 1)
    return mean_over_columns(batch, values, axis_name)
