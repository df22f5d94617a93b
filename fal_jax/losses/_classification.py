"""Softmax losses, one value an example: `softmax_loss`, and what it is called at its corners."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._focal import class_weights, is_zero, modulated, true_class_log_odds
from fal_jax.losses._scores import of_class, true
from fal_jax.losses._stages import class_log_odds, class_row


def softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 0.0,
    gamma: ArrayLike = 0.0,
    epsilon: ArrayLike = 0.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """All stages after `adjust` in one: a margin, a modulation and class weights on a softmax.

    `alpha_y ((1 - p_y)^gamma (-log p_y) + epsilon (1 - p_y)^(gamma + 1))`, with `p_y` the
    probability of the true class after `margin_y` is taken from its logit. With soft labels, the
    mean of that over the classes, each taken for the true one.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      margin: scalar, `[classes]` or `[..., classes]`, at least 0, in units of logits.
      gamma: scalar, at least 0, the focal exponent.
      epsilon: scalar, at least -1, the polynomial's first coefficient.
      alpha: None for no weights; `[classes]`, at least 0, the weight of each class; or, with 2
        classes, a scalar in [0, 1]: `alpha` for class 1 and `1 - alpha` for class 0.
      where: `[...]`, bool, the valid examples; None for all. The others may hold anything and have
        loss 0 and gradient 0: `where=labels != 255` ignores a label.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped. All hyper-parameters may be traced.

    Raises:
      ValueError: if the shapes do not fit, alpha is a scalar with more than 2 classes, or a
        concrete hyper-parameter is out of range.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      The stages and their sources: `with_margin`, `modulate`, `weigh`, `of_labels`.

    Example:
      >>> softmax_loss([[0.0, 0.0]], [1], margin=[0.0, 2.0], alpha=[1.0, 3.0]).round(4)
      Array([6.3808], dtype=float32)
    """
    logits, labels, valid = checked(logits, labels, where)
    margins = class_row(
        "margin", margin, logits, of="logits", minimum=0.0, any_value=where is not None
    )
    if is_zero(margin):
        margins = None
    elif valid is not None:
        margins = jnp.where(valid[..., None], margins, 0)
    loss = of_softmax(logits, labels, margins, gamma=gamma, epsilon=epsilon, alpha=alpha)
    return loss if valid is None else jnp.where(valid, loss, 0)


def of_softmax(
    logits: jax.Array,
    labels: jax.Array,
    margins: jax.Array | None,
    *,
    gamma: ArrayLike,
    epsilon: ArrayLike = 0.0,
    alpha: ArrayLike | None,
) -> jax.Array:
    """`softmax_loss` of checked arguments, with margins that broadcast to the logits."""
    weights = None if alpha is None else class_weights(alpha, logits.shape[-1], logits.dtype)
    if labels.ndim == logits.ndim:
        odds = class_log_odds(logits)
        losses = modulated(odds if margins is None else odds - margins, gamma, epsilon)
        if weights is not None:
            losses = losses * jax.lax.broadcast_to_rank(weights, losses.ndim)
        return jnp.sum(labels * losses, axis=-1)
    odds = true_class_log_odds(logits, labels)
    if margins is not None:
        odds = odds - true(jnp.broadcast_to(margins, logits.shape), labels)
    loss = modulated(odds, gamma, epsilon)
    return loss if weights is None else loss * of_class(weights, labels)


def mean_over_classes(loss: Callable[[jax.Array], jax.Array], shares: jax.Array) -> jax.Array:
    """By soft labels `[..., classes]` the mean of a loss of integer labels, in so many times."""

    def of_each(label: jax.Array) -> jax.Array:
        return loss(jnp.broadcast_to(label, shares.shape[:-1]))

    each = jax.vmap(of_each, out_axes=-1)(jnp.arange(shares.shape[-1]))
    return jnp.sum(shares * each, axis=-1)


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None
) -> jax.Array:
    """Cross-entropy of a softmax over logits, `-log p_y`; of soft labels, `-sum_k q_k log p_k`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 4 before its mean.

    Example:
      >>> softmax_cross_entropy([[0.0, 0.0], [10.0, 0.0]], [1, 0]).round(5)
      Array([6.9315e-01, 5.0000e-05], dtype=float32)
    """
    return softmax_loss(logits, labels, where=where)


def softmax_focal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    gamma: ArrayLike = 2.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Focal loss of a softmax over logits.

    `-alpha_y (1 - p_y)^gamma log p_y`, with `p_y` the probability of the true class.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      gamma: scalar, at least 0; 0 gives cross-entropy. May be traced; traced negative values
        are not caught and reward easy examples.
      alpha: None for no weights; `[classes]`, at least 0, the weight of each class; or, with 2
        classes, a scalar in [0, 1]: `alpha` for class 1 and `1 - alpha` for class 0.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit, alpha is a scalar with more than 2 classes, or a
        concrete gamma or alpha is out of range.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Lin et al., Focal Loss for Dense Object Detection, ICCV 2017; Eq. 1 in Baloch et al., 2019.

    Example:
      >>> softmax_focal_loss([[0.0, 0.0], [10.0, 0.0]], [1, 0], gamma=1.0).round(5)
      Array([0.34657, 0.     ], dtype=float32)
    """
    return softmax_loss(logits, labels, gamma=gamma, alpha=alpha, where=where)


def poly_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: ArrayLike = 1.0,
    gamma: ArrayLike = 0.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """PolyLoss, Poly-1: cross-entropy or focal loss with its first polynomial coefficient moved.

    `alpha_y ((1 - p_y)^gamma (-log p_y) + epsilon (1 - p_y)^(gamma + 1))`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      epsilon: scalar, at least -1; 0 gives cross-entropy or focal loss.
      gamma: scalar, at least 0, the focal exponent.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_loss`.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Leng et al., PolyLoss, ICLR 2022, Eq. 6 and 7.

    Example:
      >>> poly_loss([[0.0, 0.0], [10.0, 0.0]], [1, 0], epsilon=2.0).round(4)
      Array([1.6931e+00, 1.0000e-04], dtype=float32)
    """
    return softmax_loss(logits, labels, epsilon=epsilon, gamma=gamma, alpha=alpha, where=where)


def checked(
    logits: ArrayLike, labels: ArrayLike, where: ArrayLike | None, *, of: str = "logits"
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """The checked arguments, with harmless values where an example is not valid."""
    logits = _checks.scores(of, logits)
    labels = _checks.labels_or_shares(
        labels, logits.shape, of=of, dtype=logits.dtype, any_value=where is not None
    )
    if where is None:
        return logits, labels, None
    valid = _checks.mask(where, logits.shape[:-1])
    of_rows = valid[..., None]
    safe = jnp.where(of_rows if labels.ndim == logits.ndim else valid, labels, 0)
    return jnp.where(of_rows, logits, 0), safe, valid
