"""Losses that adjust logits by the class frequencies, and the same corrections after training."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import checked, softmax_loss
from fal_jax.losses._scores import below_top
from fal_jax.losses._stages import adjust
from fal_jax.losses._weights import checked_counts


def class_log_prior(class_counts: ArrayLike) -> jax.Array:
    """Log of the share of each class, `log(n_k / N)`, for `logit_adjusted_loss` and `lgm_loss`.

    Args:
      class_counts: `[classes]`, at least 1 each; with a traced count of 0 all are NaN.

    Returns:
      `[classes]`, floating. Concrete counts are computed on the host in float64.

    Raises:
      ValueError: if the shape does not fit or a concrete count is below 1.

    Example:
      >>> class_log_prior([300, 100]).round(4)
      Array([-0.2877, -1.3863], dtype=float32)
    """
    return _log_shares(checked_counts(class_counts))


def logit_adjusted_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    log_prior: ArrayLike,
    tau: ArrayLike = 1.0,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Logit adjustment: cross-entropy of `z_k + tau log pi_k`.

    Training so, the logits themselves rank for the balanced error; nothing is added at inference.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      log_prior: `[classes]`, log of the class shares; see `class_log_prior`.
      tau: scalar, the strength; 0 gives cross-entropy, 1 is consistent for the balanced error.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021, Eq. 10.

    Example:
      >>> logit_adjusted_loss([[0.0, 0.0]], [1], log_prior=class_log_prior([300, 100])).round(4)
      Array([1.3863], dtype=float32)
    """
    logits, labels, _ = checked(logits, labels, where)
    shift = _strength("tau", tau) * _vector("log_prior", log_prior, logits)
    return softmax_loss(adjust(below_top(logits), shift=shift), labels, where=where)


def balanced_softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    class_counts: ArrayLike,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Balanced softmax: `-log(n_y e^z_y / sum_k n_k e^z_k)`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      class_counts: `[classes]`, at least 1 each; may be traced.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped. Equal to `logit_adjusted_loss` with tau = 1.

    Raises:
      ValueError: if the shapes do not fit or a concrete count is below 1.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020, Eq. 4.

    Example:
      >>> balanced_softmax_loss([[0.0, 0.0]], [1], class_counts=[300, 100]).round(4)
      Array([1.3863], dtype=float32)
    """
    logits = _checks.scores("logits", logits)
    prior = _log_shares(checked_counts(class_counts, logits.shape[-1]))
    return logit_adjusted_loss(logits, labels, log_prior=prior, where=where)


def vs_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    class_counts: ArrayLike,
    tau: ArrayLike = 1.0,
    exponent: ArrayLike = 0.3,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Vector scaling: cross-entropy of `z_k (n_k / n_max)^exponent + tau log pi_k`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      class_counts: `[classes]`, at least 1 each; may be traced.
      tau: scalar, the strength of the shift; 0 gives `cdt_loss`.
      exponent: scalar, at least 0, the strength of the scale, the source's gamma; 0 gives
        `logit_adjusted_loss`.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_loss`.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Kini et al., Label-Imbalanced and Group-Sensitive Classification under
      Overparameterization, NeurIPS 2021: the VS loss.

    Example:
      >>> vs_loss([[0.0, 2.0]], [1], class_counts=[400, 100], exponent=0.5).round(4)
      Array([0.9048], dtype=float32)
    """
    logits, labels, _ = checked(logits, labels, where)
    prior = _log_shares(checked_counts(class_counts, logits.shape[-1]))
    exponent = _checks.number("exponent", exponent, prior.dtype)
    scale = jnp.exp(exponent * (prior - jnp.max(prior)))
    adjusted = adjust(logits, scale=scale, shift=_strength("tau", tau) * prior)
    return softmax_loss(adjusted, labels, alpha=alpha, where=where)


def cdt_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    class_counts: ArrayLike,
    exponent: ArrayLike = 0.3,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Class-dependent temperatures: cross-entropy of `z_k (n_k / n_max)^exponent`.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      class_counts: `[classes]`, at least 1 each; may be traced.
      exponent: scalar, at least 0, the source's gamma; 0 gives cross-entropy.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if logits are not floating, labels neither integer nor soft, or where not bool.

    References:
      Ye et al., Identifying and Compensating for Feature Deviation in Imbalanced Deep Learning,
      arXiv:2001.01385: class-dependent temperatures in training.

    Example:
      >>> cdt_loss([[0.0, 2.0]], [1], class_counts=[400, 100], exponent=0.5).round(1)
      Array([0.3], dtype=float32)
    """
    return vs_loss(
        logits, labels, class_counts=class_counts, tau=0.0, exponent=exponent, where=where
    )


def shift_prior(
    logits: ArrayLike, *, trained_log_prior: ArrayLike, log_prior: ArrayLike
) -> jax.Array:
    """Logits for other class shares than those trained on: `z_k + log pi'_k - log pi_k`.

    Exact where the classes themselves stay as they are and only their shares change. Post-hoc
    logit adjustment by tau is `adjust(logits, shift=-tau * log_prior)`: with tau = 1, the shift to
    equal shares.

    Args:
      logits: `[..., classes]`, floating; at least 2 classes.
      trained_log_prior: `[classes]`, log shares in training; see `class_log_prior`.
      log_prior: `[classes]`, log shares where the model is used.

    Returns:
      `[..., classes]`, logits in `promote_types(dtype, float32)`. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if logits are not floating.

    References:
      Saerens et al., Adjusting the Outputs of a Classifier to New a Priori Probabilities, Neural
      Computation 2002, Eq. 2.4; Menon et al., ICLR 2021, Eq. 9, for equal shares.

    Example:
      >>> old, new = class_log_prior([900, 100]), class_log_prior([500, 500])
      >>> shift_prior([1.0, 0.0], trained_log_prior=old, log_prior=new).round(2)
      Array([0.41, 1.61], dtype=float32)
    """
    old = _vector("trained_log_prior", trained_log_prior, logits)
    return adjust(logits, shift=_vector("log_prior", log_prior, logits) - old)


def _log_shares(counts: jax.Array | np.ndarray) -> jax.Array:
    shares = counts / counts.sum()
    logs = np.log(shares) if isinstance(shares, np.ndarray) else jnp.log(shares)
    return jnp.asarray(logs, jnp.result_type(float))


def _vector(name: str, value: ArrayLike, logits: ArrayLike) -> jax.Array:
    logits = _checks.scores("logits", logits)
    return _checks.class_vector(name, value, logits.shape[-1], logits.dtype)


def _strength(name: str, value: ArrayLike) -> jax.Array:
    return _checks.number(name, value, jnp.result_type(float), minimum=-jnp.inf)
