"""The stages of a softmax loss: maps on `[..., classes]`, one after the other.

    adjust          z_k <- a_k z_k + b_k                           priors, temperatures
    class_log_odds  u_k = z_k - log sum over j != k of exp z_j     so that p_k = sigmoid(u_k)
    with_margin     u_k <- u_k - m_k
    modulate        l_k = (1 - p_k)^gamma (-log p_k) + epsilon (1 - p_k)^(gamma + 1)
    weigh           l_k <- alpha_k l_k
    of_labels       l_y, or sum_k q_k l_k for soft labels

Entry k is what would be lost if k were the true class, so labels, integer or soft, enter last.
With class k left out of the sum in `class_log_odds` nothing cancels: `-log p = softplus(-u)` and
`log(1 - p) = -softplus(u)` hold value, gradient and Hessian finite at any finite logits.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._focal import class_weights, modulated
from fal_jax.losses._scores import out_of_range_nan


def adjust(logits: ArrayLike, *, scale: ArrayLike = 1.0, shift: ArrayLike = 0.0) -> jax.Array:
    """Stage 1: logits scaled and shifted class by class, `a_k z_k + b_k`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      scale: scalar, `[classes]` or `[..., classes]`, a; may be traced.
      shift: the same, b; `tau * log_prior` for logit adjustment.

    Returns:
      `[..., classes]`, in `promote_types(dtype, float32)`. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if logits are not floating.

    References:
      Kini et al., Label-Imbalanced and Group-Sensitive Classification under
      Overparameterization, NeurIPS 2021: the VS loss, with a = Delta and b = iota.

    Example:
      >>> adjust([1.0, 2.0], scale=2.0, shift=[0.0, 1.0])
      Array([2., 5.], dtype=float32)
    """
    logits = _checks.scores("logits", logits)
    scale = class_row("scale", scale, logits, of="logits")
    return logits * scale + class_row("shift", shift, logits, of="logits")


def class_log_odds(logits: ArrayLike) -> jax.Array:
    """Stage 2: the log-odds of each class against all others under a softmax.

    `u_k = z_k - log sum over j != k of exp z_j = log p_k - log(1 - p_k)`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.

    Returns:
      `[..., classes]`, in `promote_types(dtype, float32)`. No gradient is stopped.

    Raises:
      ValueError: if logits have fewer than 2 classes.
      TypeError: if logits are not floating.

    Example:
      >>> class_log_odds([0.0, 3.0])
      Array([-3.,  3.], dtype=float32)
    """
    logits = _checks.scores("logits", logits)
    if logits.shape[-1] == 2:
        difference = logits[..., 1] - logits[..., 0]
        return jnp.stack([-difference, difference], axis=-1)
    # Of the largest class the others are summed; from the whole sum any other class may be taken.
    is_top = jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1], dtype=bool)
    top = jnp.sum(logits, axis=-1, where=is_top, keepdims=True)
    below = logits - top  # differences first: large logits that differ little keep their digits
    of_top = -jax.nn.logsumexp(below, axis=-1, where=~is_top, keepdims=True)
    mass = jnp.where(is_top, 1, jnp.exp(below))
    others = jnp.where(is_top, 1, jnp.sum(mass, axis=-1, keepdims=True) - mass)
    return jnp.where(is_top, of_top, below - jnp.log(others))


def with_margin(log_odds: ArrayLike, *, margin: ArrayLike) -> jax.Array:
    """Stage 3: log-odds that have to be larger by a margin, `u_k - m_k`.

    The same as taking `m_y` from the true class' logit.

    Args:
      log_odds: `[..., classes]`, floating.
      margin: scalar, `[classes]` or `[..., classes]`, at least 0; may be traced.

    Returns:
      `[..., classes]`, in `promote_types(dtype, float32)`. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete margin is negative.
      TypeError: if log_odds are not floating.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 7.

    Example:
      >>> with_margin([-3.0, 3.0], margin=0.5)
      Array([-3.5,  2.5], dtype=float32)
    """
    log_odds = _checks.scores("log_odds", log_odds)
    return log_odds - class_row("margin", margin, log_odds, of="log_odds", minimum=0.0)


def modulate(log_odds: ArrayLike, *, gamma: ArrayLike = 0.0, epsilon: ArrayLike = 0.0) -> jax.Array:
    """Stage 4: the loss of each class, were it the true one, by its log-odds.

    `(1 - p)^gamma (-log p) + epsilon (1 - p)^(gamma + 1)` with `p = sigmoid(u)`: cross-entropy,
    focal loss with gamma above 0, and their polynomial forms with epsilon other than 0.

    Args:
      log_odds: `[..., classes]`, floating.
      gamma: scalar, at least 0, the focal exponent; may be traced.
      epsilon: scalar, at least -1, the polynomial's first coefficient; may be traced.

    Returns:
      `[..., classes]`, in `promote_types(dtype, float32)`. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if log_odds are not floating.

    References:
      Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, Eq. 4; Leng et al., PolyLoss,
      ICLR 2022, Eq. 7.

    Example:
      >>> modulate([-3.0, 3.0], gamma=2.0).round(4)
      Array([2.7663e+00, 1.0000e-04], dtype=float32)
    """
    return modulated(_checks.scores("log_odds", log_odds), gamma, epsilon)


def weigh(losses: ArrayLike, *, alpha: ArrayLike) -> jax.Array:
    """Stage 5: class weights, `alpha_k l_k`.

    Args:
      losses: `[..., classes]`, floating.
      alpha: `[classes]`, at least 0; or, with 2 classes, a scalar in [0, 1]: `alpha` for class 1
        and `1 - alpha` for class 0. May be traced.

    Returns:
      `[..., classes]`, in `promote_types(dtype, float32)`. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete alpha is out of range.
      TypeError: if losses are not floating.

    Example:
      >>> weigh([1.0, 2.0], alpha=0.25)
      Array([0.75, 0.5 ], dtype=float32)
    """
    losses = _checks.scores("losses", losses)
    weights = class_weights(alpha, losses.shape[-1], losses.dtype)
    return losses * jax.lax.broadcast_to_rank(weights, losses.ndim)


def of_labels(losses: ArrayLike, labels: ArrayLike) -> jax.Array:
    """Stage 6: the loss of the true class, or the mean over soft labels, `sum_k q_k l_k`.

    Args:
      losses: `[..., classes]`, floating.
      labels: `[...]`, integer in `[0, classes)`; or `[..., classes]`, floating, at least 0.

    Returns:
      `[...]`, in `promote_types(dtype, float32)`; NaN for an out-of-range label. No gradient is
      stopped.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if losses are not floating, or labels neither integer nor soft.

    Example:
      >>> of_labels([[1.0, 2.0], [3.0, 4.0]], [1, 0])
      Array([2., 3.], dtype=float32)
    """
    losses = _checks.scores("losses", losses)
    labels = _checks.labels_or_shares(labels, losses.shape, of="losses", dtype=losses.dtype)
    if labels.ndim < losses.ndim:
        nan = out_of_range_nan(labels, losses.shape[-1], losses.dtype)
        labels = jax.nn.one_hot(labels, losses.shape[-1], dtype=losses.dtype) + nan[..., None]
    return jnp.sum(labels * losses, axis=-1)


def class_row(
    name: str,
    value: ArrayLike,
    scores: jax.Array,
    *,
    of: str,
    minimum: float = -jnp.inf,
    any_value: bool = False,
) -> jax.Array:
    """A scalar, `[classes]` or `[..., classes]`, checked and of the rank of scores.

    For `any_value`, where some rows are masked, the values of `[..., classes]` are not checked.
    """
    if jnp.asarray(value).ndim > 1:
        return _checks.like(name, value, scores, of=of, minimum=minimum, any_value=any_value)
    vector = _checks.class_vector(
        name, value, scores.shape[-1], scores.dtype, minimum=minimum, scalar=True
    )
    return jax.lax.broadcast_to_rank(vector, scores.ndim)
