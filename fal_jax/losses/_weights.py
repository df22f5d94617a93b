"""Weights: of classes by their counts, for `alpha`, and of examples by their influence."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import checked
from fal_jax.losses._focal import true_class_log_odds


def inverse_frequency_weights(class_counts: ArrayLike) -> jax.Array:
    """Weights proportional to one over the class count, `w_k ~ 1 / n_k`, summing to K.

    Args:
      class_counts: `[classes]`, at least 1 each; with a traced count of 0 all are NaN.

    Returns:
      `[classes]`, floating. Concrete counts are computed on the host in float64.

    Raises:
      ValueError: if the shape does not fit or a concrete count is below 1.

    References:
      Equal to `effective_number_weights` with beta = 1.

    Example:
      >>> inverse_frequency_weights([300, 100])
      Array([0.5, 1.5], dtype=float32)
    """
    counts = checked_counts(class_counts)
    return _sum_to_classes(1 / counts)


def effective_number_weights(
    class_counts: ArrayLike,
    *,
    beta: float | None = None,
    one_minus_beta: ArrayLike | None = None,
) -> jax.Array:
    """Class-balanced weights by the effective number of examples, summing to K.

    `w_k ~ (1 - beta) / (1 - beta^n_k)`: beta = 0 gives ones, beta = 1 inverse frequency. With
    counts far above `1 / (1 - beta)` the weights are all but equal; `one_minus_beta = 1 / N` is
    a sensible start for N examples.

    Args:
      class_counts: `[classes]`, at least 1 each; with a traced count of 0 all are NaN.
      beta: a Python or float64 number in [0, 1]; float32 cannot represent the values in use.
      one_minus_beta: 1 - beta in [0, 1], in place of beta; may be traced. Exactly one of the two
        must be given.

    Returns:
      `[classes]`, floating. Concrete arguments are computed on the host in float64.

    Raises:
      ValueError: if a count is below 1, both or neither of beta and one_minus_beta are given, or
        a concrete one is outside [0, 1].
      TypeError: if beta is traced, or an array of less than float64.

    References:
      Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, Eq. 2.

    Example:
      >>> effective_number_weights([1, 2], beta=0.5)
      Array([1.2, 0.8], dtype=float32)
    """
    counts = checked_counts(class_counts)
    if beta is None and one_minus_beta is not None:
        rest = one_minus_beta
    elif beta is not None and one_minus_beta is None:
        if _checks.is_traced(beta) or getattr(beta, "dtype", np.float64) != np.float64:
            raise TypeError(
                "beta must be a Python or float64 number, since float32 cannot tell values near "
                f"1 apart, got {type(beta).__name__}; pass one_minus_beta instead."
            )
        _checks.number("beta", beta, jnp.float32, maximum=1.0)
        rest = 1.0 - float(beta)
    else:
        raise ValueError(
            "exactly one of beta and one_minus_beta must be given, got "
            f"beta={beta}, one_minus_beta={one_minus_beta}."
        )
    _checks.number("one_minus_beta", rest, jnp.float32, maximum=1.0)
    if _checks.is_traced(counts) or _checks.is_traced(rest):
        return _sum_to_classes(_effective_weights(jnp, jnp.asarray(counts), rest))
    with np.errstate(divide="ignore"):  # log1p(-1) = -inf is the right limit
        return _sum_to_classes(_effective_weights(np, counts, np.asarray(rest, np.float64)))


def influence_balanced_weights(
    logits: ArrayLike,
    labels: ArrayLike,
    feature_norms: ArrayLike,
    *,
    strength: ArrayLike = 1000.0,
    epsilon: ArrayLike = 1e-3,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Weights that make up for the influence of each example on the last layer.

    `strength / (||p - q||_1 ||f||_1 + epsilon)`, to multiply cross-entropy with, where q is the one
    hot or the soft label.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      feature_norms: `[...]`, floating, at least 0: `jnp.abs(features).sum(-1)`.
      strength: scalar, at least 0, the source's alpha.
      epsilon: scalar above 0.
      where: `[...]`, bool, the valid examples; None for all. The others may hold anything and weigh
        0.

    Returns:
      `[...]`, one weight an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. Gradients stop: the weights are constants.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if logits or feature_norms are not floating, labels neither integer nor soft, or
        where not bool.

    References:
      Park et al., Influence-Balanced Loss for Imbalanced Visual Classification, ICCV 2021:
      the influence-balanced loss; its implementation lets gradients through the weights.

    Example:
      >>> influence_balanced_weights([[0.0, 0.0]], [1], [4.0], strength=1.0).round(4)
      Array([0.2499], dtype=float32)
    """
    logits, labels, valid = checked(logits, labels, where)
    norms = _checks.floating("feature_norms", feature_norms)
    if norms.shape != logits.shape[:-1]:
        raise ValueError(
            f"feature_norms must have shape {logits.shape[:-1]}, got shape {norms.shape}."
        )
    if labels.ndim == logits.ndim:
        far = jnp.sum(jnp.abs(jax.nn.softmax(logits) - labels), axis=-1)
    else:
        far = 2 * jnp.exp(-jax.nn.softplus(true_class_log_odds(logits, labels)))  # 2 (1 - p_y)
    strength = _checks.number("strength", strength, logits.dtype)
    epsilon = _checks.number("epsilon", epsilon, logits.dtype, open_minimum=True)
    weights = jax.lax.stop_gradient(strength / (far * norms + epsilon))
    return weights if valid is None else jnp.where(valid, weights, 0)


def _effective_weights(xp, counts, one_minus_beta):
    """`1 / (1 - beta^n)` by log1p and expm1, and its limit `1 / n` (to scale) at beta = 1."""
    is_limit = one_minus_beta == 0
    safe = xp.where(is_limit, 0.5, one_minus_beta)
    weights = -1 / xp.expm1(counts * xp.log1p(-safe))
    return xp.where(is_limit, 1 / counts, weights)


def checked_counts(
    class_counts: ArrayLike, num_classes: int | None = None
) -> np.ndarray | jax.Array:
    """`[classes]` counts: float64 on the host where concrete, floating where traced."""
    shape = np.shape(class_counts)
    if len(shape) != 1 or shape[0] < 2 or num_classes not in (None, shape[0]):
        expected = f"({num_classes},)" if num_classes else "[classes] with at least 2 classes"
        raise ValueError(f"class_counts must have shape {expected}, got shape {shape}.")
    if _checks.is_traced(class_counts):
        counts = jnp.asarray(class_counts, jnp.result_type(float))
        return jnp.where(jnp.all(counts >= 1), counts, jnp.nan)
    counts = np.asarray(class_counts, np.float64)
    if not np.all(counts >= 1):
        raise ValueError(
            f"class_counts must be at least 1 in each class, got {counts.tolist()}; "
            "a class without examples has no weight: drop it, or count on other data."
        )
    return counts


def _sum_to_classes(weights: np.ndarray | jax.Array) -> jax.Array:
    return jnp.asarray(weights / weights.sum() * weights.shape[0], jnp.result_type(float))
