"""How often training has seen each class, as explicit state."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks


def counts_seen(
    labels: ArrayLike,
    counts: ArrayLike,
    *,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Running counts after another batch, the state of `losses.seesaw_loss`.

    `n_k <- n_k + the number of the batch's valid examples of class k`; training starts from zeros
    and carries them from step to step.

    Args:
      labels: `[...]`, integer in `[0, classes)`; others are not counted.
      counts: `[classes]`, integer or floating; int32 counts to 2^31, float32 to 2^24 one by one.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None; its sums are those of all.

    Returns:
      `[classes]`, of the dtype of counts.

    Raises:
      ValueError: the shapes do not fit.
      TypeError: labels are not integer or where is not bool.

    References:
      Wang et al., Seesaw Loss for Long-Tailed Instance Segmentation, CVPR 2021: counts are
      accumulated in training, not given before.

    Example:
      >>> counts = counts_seen(jnp.array([0, 2, 2]), jnp.zeros(3, int))
      >>> counts_seen(jnp.array([0, 1]), counts, where=jnp.array([True, False]))
      Array([2, 0, 2], dtype=int32)
    """
    labels = _checks.labels(labels, jnp.shape(labels), of="labels")
    valid, counts = _checks.mask(where, labels.shape), jnp.asarray(counts)
    if counts.ndim != 1:
        raise ValueError(f"counts must have shape [classes], got shape {counts.shape}.")
    bins = jnp.where(valid & (labels >= 0), labels, len(counts))  # that bin is left out
    own = jnp.zeros_like(counts).at[bins].add(1, mode="drop")
    return counts + (own if axis_name is None else jax.lax.psum(own, axis_name))
