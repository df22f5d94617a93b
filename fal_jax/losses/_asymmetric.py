"""Asymmetric losses: positives and negatives are focused by exponents of their own."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import checked
from fal_jax.losses._focal import modulated
from fal_jax.losses._scores import out_of_range_nan
from fal_jax.losses._sigmoid import checked_bits, is_soft
from fal_jax.losses._stages import class_log_odds, of_labels


def asymmetric_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    gamma_positive: ArrayLike = 1.0,
    gamma_negative: ArrayLike = 4.0,
    clip: ArrayLike = 0.05,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Asymmetric loss for multi-label classification: negatives focused harder, and clipped.

    `-(1 - p)^gamma_positive log p` where the label is 1, `-p_m^gamma_negative log(1 - p_m)` with
    `p_m = max(p - clip, 0)` where it is 0, elementwise; a soft label y costs y of the one and 1 - y
    of the other.

    Args:
      logits: any shape, floating.
      labels: the same shape, integer 0 or 1, or bool; or soft, floating in [0, 1].
      gamma_positive: scalar, at least 0, the focal exponent of positives.
      gamma_negative: scalar, at least 0, that of negatives.
      clip: scalar in [0, 1), the probability below which a negative costs nothing.
      where: bool, the shape of logits, the valid labels; None for all. The others may hold
        anything and have loss 0 and gradient 0.

    Returns:
      The shape of logits, at least 0, in `promote_types(dtype, float32)`; NaN for a label that is
      neither 0 nor 1. No gradient is stopped. With both exponents equal and no clip it is
      `sigmoid_focal_loss`.

    Raises:
      ValueError: if the shapes differ or a concrete hyper-parameter is out of range.
      TypeError: if logits are not floating, labels of another dtype, or where not bool.

    References:
      Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, Eq. 6.

    Example:
      >>> asymmetric_loss([0.0, 0.0, -4.0], [1, 0, 0]).round(4)
      Array([0.3466, 0.0245, 0.    ], dtype=float32)
    """
    logits, labels, valid = checked_bits(logits, labels, where)
    clip = _checks.number("clip", clip, logits.dtype, maximum=1.0)
    gamma_positive = _checks.number("gamma_positive", gamma_positive, logits.dtype)
    gamma_negative = _checks.number("gamma_negative", gamma_negative, logits.dtype)
    of_positive = modulated(logits, gamma_positive)
    shifted = jax.nn.sigmoid(logits) - clip
    costs = shifted > 0
    # Without a clip the cost is the focal one, to the last digit.
    is_clipped, some = clip > 0, jnp.where(clip > 0, clip, 1)
    surprisal = jnp.where(
        is_clipped, -jnp.log(jax.nn.sigmoid(-logits) + some), jax.nn.softplus(logits)
    )
    log_shifted = jnp.where(
        is_clipped, jnp.log(jnp.where(costs, shifted, 1)), -jax.nn.softplus(-logits)
    )
    of_negative = jnp.where(costs, jnp.exp(gamma_negative * log_shifted) * surprisal, 0)
    if is_soft(labels):
        loss = labels * of_positive + (1 - labels) * of_negative
    else:
        loss = jnp.where(labels == 1, of_positive, of_negative)
        loss = loss + out_of_range_nan(labels, 2, logits.dtype)
    return loss if valid is None else jnp.where(valid, loss, 0)


def single_label_asymmetric_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    gamma_positive: ArrayLike = 0.0,
    gamma_negative: ArrayLike = 4.0,
    smoothing: ArrayLike = 0.1,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Asymmetric loss for one label an example: a softmax with smoothed labels, focused.

    `-sum_k q_k w_k log p_k` with `q = (1 - smoothing) onehot(y) + smoothing / K`, `w_y = (1 -
    p_y)^gamma_positive` and `w_k = p_k^gamma_negative` for the others.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      gamma_positive: scalar, at least 0, the focal exponent of the true class.
      gamma_negative: scalar, at least 0, that of the others.
      smoothing: scalar in [0, 1]; 0 gives `softmax_focal_loss` with `gamma_positive`.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Ridnik et al., ICCV 2021, in the single-label form of its implementation.

    Example:
      >>> single_label_asymmetric_loss([[0.0, 0.0]], [1], smoothing=0.2).round(4)
      Array([0.6282], dtype=float32)
    """
    logits, labels, valid = checked(logits, labels, where)
    gamma_positive = _checks.number("gamma_positive", gamma_positive, logits.dtype)
    gamma_negative = _checks.number("gamma_negative", gamma_negative, logits.dtype)
    smoothing = _checks.number("smoothing", smoothing, logits.dtype, maximum=1.0)
    odds = class_log_odds(logits)
    surprisal = jax.nn.softplus(-odds)
    of_others = jnp.exp(-gamma_negative * surprisal) * surprisal
    spread = smoothing / logits.shape[-1]
    focal = (1 - smoothing + spread) * modulated(odds, gamma_positive)
    losses = focal - spread * of_others  # of a class as the true one, but for what all have alike
    loss = of_labels(losses + spread * jnp.sum(of_others, axis=-1, keepdims=True), labels)
    return loss if valid is None else jnp.where(valid, loss, 0)
