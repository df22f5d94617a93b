"""Losses of independent sigmoids, elementwise: one logit an example, or one a class."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._focal import modulated
from fal_jax.losses._scores import out_of_range_nan


def sigmoid_focal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    gamma: ArrayLike = 2.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Focal loss of independent sigmoids, elementwise.

    `-alpha_t (1 - p_t)^gamma log p_t`, with `p_t = p` where the label is 1 and `1 - p` where it is
    0. One logit an example is binary classification, `[batch, classes]` is multi-label. A soft
    label y costs y of the one and 1 - y of the other.

    Args:
      logits: any shape, floating.
      labels: the same shape, integer 0 or 1, or bool; or soft, floating in [0, 1].
      gamma: scalar, at least 0; 0 gives binary cross-entropy. May be traced.
      alpha: None for no weights, or a scalar in [0, 1]: weight `alpha` where the label is 1 and
        `1 - alpha` where it is 0; or one such number for each class of multi-label logits, whose
        last axis is classes.
      where: bool, the shape of logits, the valid labels; None for all. The others may hold
        anything and have loss 0 and gradient 0.

    Returns:
      The shape of logits, at least 0, in `promote_types(dtype, float32)`; NaN for a label that is
      neither 0 nor 1. No gradient is stopped.

    Raises:
      ValueError: if the shapes differ or a concrete gamma or alpha is out of range.
      TypeError: if logits are not floating, labels of another dtype, or where not bool.

    References:
      Lin et al., Focal Loss for Dense Object Detection, ICCV 2017; Eq. 1 in Baloch et al., 2019.

    Example:
      >>> sigmoid_focal_loss([0.0, 2.0], [1, 1], alpha=0.25).round(5)
      Array([0.04332, 0.00045], dtype=float32)
    """
    logits, labels, valid = checked_bits(logits, labels, where)
    weights = (1, 1) if alpha is None else (_weights(alpha, logits), 1 - _weights(alpha, logits))
    if is_soft(labels):
        positive, negative = modulated(logits, gamma), modulated(-logits, gamma)
        loss = labels * weights[0] * positive + (1 - labels) * weights[1] * negative
    else:
        log_odds = jnp.where(labels == 1, logits, -logits)
        loss = modulated(log_odds + out_of_range_nan(labels, 2, logits.dtype), gamma)
        loss = loss * jnp.where(labels == 1, *weights)
    return loss if valid is None else jnp.where(valid, loss, 0)


def is_soft(labels: jax.Array) -> bool:
    """Whether checked labels of sigmoids are shares."""
    return jnp.issubdtype(labels.dtype, jnp.floating)


def checked_bits(
    logits: ArrayLike, labels: ArrayLike, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """The checked arguments, with harmless values where a label is not valid."""
    logits, came = _checks.floating("logits", logits), _checks.dtype_of(labels)
    if jnp.issubdtype(came, jnp.floating):
        labels = _checks.like(
            "labels", labels, logits, of="logits", minimum=0, maximum=1, any_value=where is not None
        )
    else:
        labels = jnp.asarray(labels, jnp.int32) if came == np.bool_ else labels
        labels = _checks.labels(labels, logits.shape, of="logits")
    if where is None:
        return logits, labels, None
    valid = _checks.mask(where, logits.shape)
    return jnp.where(valid, logits, 0), jnp.where(valid, labels, 0), valid


def _weights(alpha: ArrayLike, logits: jax.Array) -> jax.Array:
    """Alpha of each class, of the rank of logits."""
    if logits.ndim == 0:
        return _checks.number("alpha", alpha, logits.dtype, maximum=1.0)
    alpha = _checks.class_vector(
        "alpha", alpha, logits.shape[-1], logits.dtype, minimum=0.0, maximum=1.0, scalar=True
    )
    return jax.lax.broadcast_to_rank(alpha, logits.ndim)
