"""Per-example classification losses over logits, in log-space throughout.

All of them go through the log-odds of the true class, `u = z_y - logsumexp over k != y of z_k`:
`-log p_y = softplus(-u)` and `log(1 - p_y) = -softplus(u)`. With the true class left out of the
sum nothing cancels, so value, gradient and Hessian stay finite at any finite logits.
"""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._scores import of_class, out_of_range_nan


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> jax.Array:
    """Cross-entropy of a softmax over logits, `-log p_y`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if logits are not floating or labels not integer.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 4 before its mean.

    Example:
      >>> softmax_cross_entropy([[0.0, 0.0], [10.0, 0.0]], [1, 0]).round(5)
      Array([6.9315e-01, 5.0000e-05], dtype=float32)
    """
    logits, labels = _check(logits, labels)
    return _focal(true_class_log_odds(logits, labels), 0.0)


def softmax_focal_loss(
    logits: ArrayLike, labels: ArrayLike, *, gamma: ArrayLike = 2.0, alpha: ArrayLike | None = None
) -> jax.Array:
    """Focal loss of a softmax over logits, for integer labels.

    `-alpha_y (1 - p_y)^gamma log p_y`, with `p_y` the probability of the true class.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`.
      gamma: scalar, at least 0; 0 gives cross-entropy. May be traced; traced negative values
        are not caught and reward easy examples.
      alpha: None for no weights; `[classes]`, at least 0, the weight of each class; or, with 2
        classes, a scalar in [0, 1]: `alpha` for class 1 and `1 - alpha` for class 0.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit, alpha is a scalar with more than 2 classes, or a
        concrete gamma or alpha is out of range.
      TypeError: if logits are not floating or labels not integer.

    References:
      Lin et al., Focal Loss for Dense Object Detection, ICCV 2017; Eq. 1 in Baloch et al., 2019.

    Example:
      >>> softmax_focal_loss([[0.0, 0.0], [10.0, 0.0]], [1, 0], gamma=1.0).round(5)
      Array([0.34657, 0.     ], dtype=float32)
    """
    logits, labels = _check(logits, labels)
    log_odds = true_class_log_odds(logits, labels)
    return focal_of_log_odds(log_odds, labels, logits.shape[-1], gamma=gamma, alpha=alpha)


def sigmoid_focal_loss(
    logits: ArrayLike, labels: ArrayLike, *, gamma: ArrayLike = 2.0, alpha: ArrayLike | None = None
) -> jax.Array:
    """Focal loss of independent sigmoids, elementwise.

    `-alpha_t (1 - p_t)^gamma log p_t`, with `p_t = p` where the label is 1 and `1 - p` where it is
    0. One logit an example is binary classification, `[batch, classes]` is multi-label.

    Args:
      logits: any shape, floating.
      labels: the same shape, integer 0 or 1, or bool.
      gamma: scalar, at least 0; 0 gives binary cross-entropy. May be traced.
      alpha: None for no weights, or a scalar in [0, 1]: weight `alpha` where the label is 1 and
        `1 - alpha` where it is 0; or one such number for each class of multi-label logits, whose
        last axis is classes.

    Returns:
      The shape of logits, at least 0, in `promote_types(dtype, float32)`; NaN for a label that is
      neither 0 nor 1. No gradient is stopped.

    Raises:
      ValueError: if the shapes differ or a concrete gamma or alpha is out of range.
      TypeError: if logits are not floating or labels neither integer nor bool.

    References:
      Lin et al., Focal Loss for Dense Object Detection, ICCV 2017; Eq. 1 in Baloch et al., 2019.

    Example:
      >>> sigmoid_focal_loss([0.0, 2.0], [1, 1], alpha=0.25).round(5)
      Array([0.04332, 0.00045], dtype=float32)
    """
    logits = _checks.floating("logits", logits)
    labels = jnp.asarray(labels)
    if labels.dtype == jnp.bool_:
        labels = labels.astype(jnp.int32)
    labels = _checks.labels(labels, logits.shape, of="logits")
    log_odds = jnp.where(labels == 1, logits, -logits)
    loss = _focal(log_odds + out_of_range_nan(labels, 2, logits.dtype), gamma)
    if alpha is None:
        return loss
    if logits.ndim == 0:
        alpha = _checks.number("alpha", alpha, logits.dtype, maximum=1.0)
    else:
        alpha = _checks.class_vector(
            "alpha", alpha, logits.shape[-1], logits.dtype, minimum=0.0, maximum=1.0, scalar=True
        )
        alpha = jax.lax.broadcast_to_rank(alpha, logits.ndim)
    return loss * jnp.where(labels == 1, alpha, 1 - alpha)


def _check(logits: ArrayLike, labels: ArrayLike) -> tuple[jax.Array, jax.Array]:
    logits = _checks.scores("logits", logits)
    return logits, _checks.labels(labels, logits.shape[:-1], of="logits")


def true_class_log_odds(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """`log p_y - log(1 - p_y)`, `[...]`; NaN, with its gradient, for an out-of-range label."""
    num_classes = logits.shape[-1]
    if num_classes == 2:  # closed form: no exponential, no reduction
        signs = jnp.array([-1, 1], logits.dtype)
        difference = jnp.sum(logits * jax.lax.broadcast_to_rank(signs, logits.ndim), axis=-1)
        log_odds = jnp.where(labels == 1, difference, -difference)
    else:
        is_true = jax.nn.one_hot(labels, num_classes, dtype=bool)
        true = jnp.sum(logits, axis=-1, where=is_true, keepdims=True)
        # Differences first: large logits that differ little keep their digits.
        log_odds = -jax.nn.logsumexp(logits - true, axis=-1, where=~is_true)
    return log_odds + out_of_range_nan(labels, num_classes, logits.dtype)


def focal_of_log_odds(
    log_odds: jax.Array,
    labels: jax.Array,
    num_classes: int,
    *,
    gamma: ArrayLike,
    alpha: ArrayLike | None,
    class_axis_name: Hashable | None = None,
) -> jax.Array:
    """`softmax_focal_loss`, `[...]`, of the log-odds `[...]` of the true class."""
    loss = _focal(log_odds, gamma)
    if alpha is None:
        return loss
    return loss * _class_weight(alpha, labels, num_classes, loss.dtype, class_axis_name)


def _focal(log_odds: jax.Array, gamma: ArrayLike) -> jax.Array:
    """`(1 - p)^gamma (-log p)` of the log-odds of p."""
    return _focal_of(log_odds, _checks.number("gamma", gamma, log_odds.dtype))


@jax.custom_jvp
def _focal_of(log_odds: jax.Array, gamma: jax.Array) -> jax.Array:
    surprisal, of_others, *_ = _parts(log_odds)
    return jnp.exp(-gamma * of_others) * surprisal


@_focal_of.defjvp
def _focal_jvp(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    """By hand for speed: one exponential serves all.

    The division that ends a gradient keeps XLA from computing all that is before it anew for each
    dimension of the features.
    """
    (log_odds, gamma), (log_odds_dot, gamma_dot) = primals, tangents
    surprisal, of_others, odds_against, odds_for, total = _parts(log_odds)
    modulation = jnp.exp(-gamma * of_others)
    slope = -modulation * (odds_against + gamma * odds_for * surprisal)
    by_gamma = -of_others * modulation * surprisal
    return modulation * surprisal, slope * (log_odds_dot / total) + by_gamma * gamma_dot


def _parts(log_odds: jax.Array) -> tuple[jax.Array, ...]:
    """`-log p`, `-log(1 - p)`, and `1 - p` and `p` as numerators of a common denominator."""
    is_likely = log_odds >= 0
    size = jnp.where(is_likely, log_odds, -log_odds)  # not abs: its gradient at 0 is 0
    small = jnp.exp(-size)
    shared = jnp.log1p(small)
    surprisal = shared + jnp.where(is_likely, 0, size)
    of_others = shared + jnp.where(is_likely, size, 0)
    odds_against, odds_for = jnp.where(is_likely, small, 1), jnp.where(is_likely, 1, small)
    return surprisal, of_others, odds_against, odds_for, 1 + small


def _class_weight(
    alpha: ArrayLike,
    labels: jax.Array,
    num_classes: int,
    dtype: jnp.dtype,
    class_axis_name: Hashable | None,
) -> jax.Array:
    """`alpha_y`, `[...]`."""
    if jnp.asarray(alpha).ndim == 0:
        if num_classes != 2 or class_axis_name is not None:
            raise ValueError(
                f"alpha must be of shape ({num_classes},), one weight a class, got a "
                "scalar, which has a meaning with 2 classes only."
            )
        alpha = _checks.number("alpha", alpha, dtype, maximum=1.0)
        return jnp.where(labels == 1, alpha, 1 - alpha)
    alpha = _checks.class_vector("alpha", alpha, num_classes, dtype, minimum=0.0)
    return of_class(alpha, labels, class_axis_name)
