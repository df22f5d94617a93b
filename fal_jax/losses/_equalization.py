"""Losses that protect rare classes from the gradients of frequent ones.

Where the source draws random numbers, they are an argument: a loss stays a function of its data.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import checked, mean_over_classes, softmax_loss
from fal_jax.losses._focal import modulated
from fal_jax.losses._scores import below_top, of_class
from fal_jax.losses._stages import class_log_odds, of_labels

_NEVER = -1e30  # a logit that adds nothing to a softmax; infinity would give NaN gradients


def equalization_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    ignored: ArrayLike,
    *,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Softmax equalization loss: cross-entropy whose sum leaves out some of the other classes.

    `-log(e^z_y / sum_k w_k e^z_k)` with `w_k = 0` where class k is ignored and is not the true one.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      ignored: `[..., classes]`, bool, the classes that are left out. In the source, rare ones, each
        with a probability: `jax.random.bernoulli(key, 0.9, shape) & (class_counts < threshold)`.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if logits are not floating, labels neither integer nor soft, or ignored or where
        not bool.

    References:
      Tan et al., Equalization Loss for Long-Tailed Object Recognition, CVPR 2020, Eq. 7 and 8.

    Example:
      >>> equalization_loss([[0.0, 0.0, 0.0]], [0], [[True, True, False]]).round(4)
      Array([0.6931], dtype=float32)
    """
    logits, labels, valid = checked(logits, labels, where)
    ignored = jnp.asarray(ignored)
    if ignored.dtype != jnp.bool_:
        raise TypeError(f"ignored must have dtype bool, got {ignored.dtype}.")
    if ignored.shape != logits.shape:
        raise ValueError(f"ignored must have shape {logits.shape}, got shape {ignored.shape}.")
    kept = jnp.where(ignored, _NEVER, logits)
    # An ignored class, were it the true one, would be set against all that are kept.
    top = jax.lax.stop_gradient(jnp.max(kept, axis=-1, keepdims=True))
    alone = logits - top - jax.nn.logsumexp(kept - top, axis=-1, keepdims=True)
    odds = jnp.where(ignored, alone, class_log_odds(kept))
    loss = of_labels(modulated(odds, 0.0), labels)
    return loss if valid is None else jnp.where(valid, loss, 0)


def seesaw_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    counts: ArrayLike,
    *,
    mitigation: ArrayLike = 0.8,
    compensation: ArrayLike = 2.0,
    floor: ArrayLike = 0.01,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Seesaw loss: punishes a rarer class less, unless it is taken for the true one.

    Cross-entropy of `z_k + log(M_k C_k)` for k != y, with `M_k = min(1, n_k / n_y)^mitigation` and
    `C_k = max(1, p_k / max(p_y, floor))^compensation`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      counts: `[classes]`, at least 0, the examples seen so far, this batch included: the state
        that the caller carries, by
        `training.counts_seen`. Counts below 1 are taken for 1. May be traced.
      mitigation: scalar, at least 0, the source's p; 0 gives M = 1.
      compensation: scalar, at least 0, the source's q; 0 gives C = 1.
      floor: scalar above 0, the smallest `p_y` that is divided by.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. Gradients stop at C: it is taken as a constant. Soft labels take K times
      the work and the memory, since M and C are those of one true class.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Wang et al., Seesaw Loss for Long-Tailed Instance Segmentation, CVPR 2021: mitigation
      and compensation.

    Example:
      >>> seesaw_loss([[0.0, 0.0]], [0], [100, 1], mitigation=0.5).round(4)
      Array([0.0953], dtype=float32)
    """
    logits, labels, valid = checked(logits, labels, where)
    counts = _checks.class_vector("counts", counts, logits.shape[-1], logits.dtype, minimum=0.0)
    mitigation = _checks.number("mitigation", mitigation, logits.dtype)
    compensation = _checks.number("compensation", compensation, logits.dtype)
    floor = _checks.number("floor", floor, logits.dtype, open_minimum=True)
    logs = jnp.log(jnp.maximum(counts, 1))
    log_p = jax.lax.stop_gradient(jax.nn.log_softmax(logits))
    below = below_top(logits)

    def of(labels: jax.Array) -> jax.Array:
        is_true = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
        rarer = jax.lax.broadcast_to_rank(logs, logits.ndim) - of_class(logs, labels)[..., None]
        own = jnp.sum(log_p, axis=-1, where=is_true, keepdims=True)
        taken_for = log_p - jnp.maximum(own, jnp.log(floor))
        shift = mitigation * jnp.minimum(rarer, 0) + compensation * jnp.maximum(taken_for, 0)
        return softmax_loss(below + jnp.where(is_true, 0, shift), labels)

    loss = mean_over_classes(of, labels) if labels.ndim == logits.ndim else of(labels)
    return loss if valid is None else jnp.where(valid, loss, 0)
