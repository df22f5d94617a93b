"""Thresholds for decisions, and probabilities moved from one prior to another."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks

FLOAT = jnp.dtype(jnp.float32)


def bayes_threshold(costs: ArrayLike) -> jax.Array:
    """The probability of class 1 from which an alarm costs no more than none.

    `(c01 - c00) / (c01 - c00 + c10 - c11)`, with `c_yk` the cost of predicting k where y is true.

    Args:
      costs: `[2, 2]`, by true class (row) and predicted (column); a mistake costs more than none.

    Returns:
      A scalar in [0, 1], for calibrated probabilities.

    Raises:
      ValueError: if the shape is not (2, 2) or a known mistake costs no more than being right.

    References:
      Elkan, The foundations of cost-sensitive learning, IJCAI 2001, Eq. 2.

    Example:
      >>> bayes_threshold([[0.0, 1.0], [9.0, 0.0]])
      Array(0.1, dtype=float32)
    """
    table = _checks.costs(costs)
    false_alarm, miss = table[0, 1] - table[0, 0], table[1, 0] - table[1, 1]
    return false_alarm / (false_alarm + miss)


def alarm_threshold(
    scores: ArrayLike, *, alarms: ArrayLike, where: ArrayLike | None = None
) -> jax.Array | np.float64:
    """The lowest threshold that raises no more than so many alarms, `score >= threshold`.

    Args:
      scores: `[...]`, floating.
      alarms: scalar, at least 0, a number of examples; may be traced.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar, one of the scores; infinite if ties leave no alarm within the budget. Of a NumPy
      array of float64 NumPy's float64, to compare with these scores unrounded.

    Raises:
      ValueError: if the shapes differ or alarms is negative.
      TypeError: if scores are not floating or where not bool.

    Example:
      >>> alarm_threshold([0.1, 0.4, 0.4, 0.8], alarms=2)
      Array(0.8, dtype=float32)
    """
    is_exact = _checks.is_double(scores) and not _checks.is_traced((alarms, where))
    xp = np if is_exact else jnp
    checked = np.asarray(scores) if is_exact else _checks.floating("scores", scores)
    budget = xp.asarray(_checks.number("alarms", alarms, FLOAT))
    valid = xp.asarray(_checks.mask(where, checked.shape))
    ranked = xp.sort(xp.where(valid, -checked, xp.inf).ravel())
    raised = xp.searchsorted(ranked, ranked, side="right")
    is_within = (raised <= budget) & (xp.arange(ranked.size) < xp.sum(valid))
    return xp.min(xp.where(is_within, -ranked, xp.inf), initial=xp.inf)


def correct_priors(
    logits: ArrayLike, trained_priors: ArrayLike, true_priors: ArrayLike
) -> jax.Array:
    """Logits under other priors than those trained with: `z_k + log(true_k / trained_k)`.

    Args:
      logits: `[..., classes]`, floating; log-probabilities but for a constant.
      trained_priors: `[classes]`, above 0: shares of the classes in training, after re-sampling,
        or with class weights their weighted shares.
      true_priors: `[classes]`, above 0: the shares where the model is used.

    Returns:
      `[..., classes]`, logits whose softmax are the corrected probabilities.

    Raises:
      ValueError: if the shapes do not fit or a known prior is not above 0.
      TypeError: if logits are not floating.

    References:
      Saerens et al., Adjusting the outputs of a classifier to new a priori probabilities, 2002,
      Eq. 4.

    Example:
      >>> logits = correct_priors([0.0, 0.0], [0.5, 0.5], [0.9, 0.1])
      >>> round(float(jax.nn.softmax(logits)[1]), 2)
      0.1
    """
    logits = _checks.scores("logits", logits)
    size, tiny = logits.shape[-1], float(jnp.finfo(logits.dtype).tiny)
    old, new = (
        _checks.class_vector(name, value, size, logits.dtype, minimum=tiny)
        for name, value in (("trained_priors", trained_priors), ("true_priors", true_priors))
    )
    return logits + jax.lax.broadcast_to_rank(jnp.log(new) - jnp.log(old), logits.ndim)


def estimate_priors(
    logits: ArrayLike,
    trained_priors: ArrayLike,
    *,
    num_steps: int = 1000,
    where: ArrayLike | None = None,
) -> jax.Array:
    """The priors where unlabelled examples come from, by expectation and maximisation.

    `pi_k <- mean over examples of softmax(z + log(pi / trained))_k`, from the trained priors on:
    it climbs to the most likely priors, if the classes look as they did in training.

    Args:
      logits: `[..., classes]`, floating; log-probabilities but for a constant, calibrated.
      trained_priors: `[classes]`, above 0, as in `correct_priors`.
      num_steps: at least 1, at most so many; fewer once no prior moves by more than 1e-7.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `[classes]`, priors that sum to 1, for `correct_priors`; the trained ones if no example is
      valid. Stops gradients.

    Raises:
      ValueError: if the shapes do not fit, a known prior is not above 0 or num_steps is below 1.
      TypeError: if logits are not floating or where not bool.

    References:
      Saerens et al., Adjusting the outputs of a classifier to new a priori probabilities, 2002,
      Eq. 9.

    Example:
      >>> logits = jnp.log(jnp.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]))
      >>> estimate_priors(logits, [0.5, 0.5]).round(4)
      Array([0.8125, 0.1875], dtype=float32)
    """
    logits = jax.lax.stop_gradient(_checks.scores("logits", logits))
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}.")
    size, tiny = logits.shape[-1], float(jnp.finfo(logits.dtype).tiny)
    trained = _checks.class_vector(
        "trained_priors", trained_priors, size, logits.dtype, minimum=tiny
    )
    valid = _checks.mask(where, logits.shape[:-1]).reshape(-1)
    trained = jax.lax.stop_gradient(trained / jnp.sum(trained))
    ratios = jnp.where(valid[:, None], logits.reshape(-1, size), 0) - jnp.log(trained)[None]

    def climbed(priors: jax.Array) -> jax.Array:
        shares = jax.nn.softmax(ratios + jnp.log(priors)[None], axis=-1)
        total = jnp.sum(shares, axis=0, where=valid[:, None])
        return jnp.where(jnp.any(valid), total / jnp.maximum(jnp.sum(valid), 1), priors)

    def goes_on(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        step, last, priors = state
        return (step < num_steps) & (jnp.max(jnp.abs(priors - last)) > 1e-7)

    def one(state: tuple[jax.Array, jax.Array, jax.Array]):
        return state[0] + 1, state[2], climbed(state[2])

    return jax.lax.while_loop(goes_on, one, (jnp.int32(1), trained, climbed(trained)))[2]


def correct_undersampling(log_odds: ArrayLike, *, kept: ArrayLike) -> jax.Array:
    """Log-odds of class 1 where training kept only a share of class 0: `z + log(kept)`.

    Args:
      log_odds: `[...]`, floating.
      kept: scalar in (0, 1], the share of class 0 that training kept; may be traced.

    Returns:
      `[...]`, log-odds; in probabilities `kept p / (kept p - p + 1)`.

    Raises:
      ValueError: if kept is out of range.
      TypeError: if log_odds are not floating.

    References:
      Dal Pozzolo et al., Calibrating probability with undersampling, SSCI 2015, Eq. 4.

    Example:
      >>> jax.nn.sigmoid(correct_undersampling([0.0], kept=0.25))
      Array([0.2], dtype=float32)
    """
    log_odds = _checks.floating("log_odds", log_odds)
    kept = _checks.number("kept", kept, log_odds.dtype, maximum=1.0, open_minimum=True)
    return log_odds + jnp.log(kept)
