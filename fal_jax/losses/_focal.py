"""The arithmetic behind the softmax losses: log-odds of the true class, and what they cost."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._scores import of_class, out_of_range_nan


def true_class_log_odds(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """`log p_y - log(1 - p_y)`, `[...]`; NaN, with its gradient, for an out-of-range label."""
    num_classes = logits.shape[-1]
    if num_classes == 2:  # closed form: no exponential, no reduction
        signs = jnp.array([-1, 1], logits.dtype)
        difference = jnp.sum(logits * jax.lax.broadcast_to_rank(signs, logits.ndim), axis=-1)
        log_odds = jnp.where(labels == 1, difference, -difference)
    else:
        is_true = jax.nn.one_hot(labels, num_classes, dtype=bool)
        own = jnp.sum(logits, axis=-1, where=is_true, keepdims=True)
        # Differences first: large logits that differ little keep their digits.
        log_odds = -jax.nn.logsumexp(logits - own, axis=-1, where=~is_true)
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
    loss = modulated(log_odds, gamma)
    if alpha is None:
        return loss
    if class_axis_name is not None and jnp.asarray(alpha).ndim == 0:
        raise ValueError("alpha must be one weight a class where class_axis_name is given.")
    weights = class_weights(alpha, num_classes, loss.dtype)
    return loss * of_class(weights, labels, class_axis_name)


def modulated(log_odds: jax.Array, gamma: ArrayLike, epsilon: ArrayLike = 0.0) -> jax.Array:
    """`(1 - p)^gamma (-log p) + epsilon (1 - p)^(gamma + 1)` of the log-odds of p."""
    gamma = _checks.number("gamma", gamma, log_odds.dtype)
    focal = _focal_of(log_odds, gamma)
    if is_zero(epsilon):
        return focal
    epsilon = _checks.number("epsilon", epsilon, log_odds.dtype, minimum=-1.0)
    return focal + epsilon * jnp.exp(-(gamma + 1) * jax.nn.softplus(log_odds))


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


def class_weights(alpha: ArrayLike, num_classes: int, dtype: jnp.dtype) -> jax.Array:
    """Alpha as one weight a class, `[classes]`."""
    if jnp.asarray(alpha).ndim > 0:
        return _checks.class_vector("alpha", alpha, num_classes, dtype, minimum=0.0)
    if num_classes != 2:
        raise ValueError(
            f"alpha must be of shape ({num_classes},), one weight a class, got a "
            "scalar, which has a meaning with 2 classes only."
        )
    alpha = _checks.number("alpha", alpha, dtype, maximum=1.0)
    return jnp.stack([1 - alpha, alpha])


def is_zero(value: ArrayLike) -> bool:
    """Whether a hyper-parameter is the number 0, so that its term need not be compiled."""
    return isinstance(value, float | int) and value == 0
