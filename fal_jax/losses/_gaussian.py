"""The large-margin Gaussian mixture loss, LGM; a scalar, for batches as `fal_loss` takes them."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import softmax_focal_loss
from fal_jax.losses._reduce import batch_mean, checked_batch


def lgm_loss(
    distances: ArrayLike,
    labels: ArrayLike,
    *,
    log_det: ArrayLike | None = None,
    log_prior: ArrayLike | None = None,
    margin: ArrayLike = 0.1,
    likelihood_weight: ArrayLike = 0.01,
    gamma: ArrayLike = 0.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Large-margin Gaussian mixture loss; with gamma above 0, the paper's FL+LGM.

    Logits `-d_k - log_det_k / 2 + log_prior_k`, with `(1 + margin) d_y` for the true class; plus
    `likelihood_weight` times the mean of `d_y + log_det_y / 2`.

    Args:
      distances: `[..., classes]`, floating, at least 0: HALF squared Mahalanobis distances, as
        `half_mahalanobis` gives them.
      labels: `[...]`, integer in `[0, classes)`.
      log_det: `[classes]`, log-determinants of the covariances; None for the identity's 0.
      log_prior: `[classes]`, log-probabilities of the classes; None for equal ones.
      margin: scalar, at least 0, a multiple of the true distance.
      likelihood_weight: scalar, at least 0, lambda of Eq. 6.
      gamma: scalar, at least 0, the focal exponent; 0 is Eq. 4.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_focal_loss`.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.

    Returns:
      A scalar in `promote_types(dtype, float32)`: 0 where no example is valid, NaN for an
      out-of-range label of a valid example. No gradient is stopped. Below 0 only through log_det.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if distances are not floating, labels not integer or where not bool.

    References:
      Wan et al., Rethinking Feature Distribution for Loss Functions in Image Classification,
      CVPR 2018; Eq. 2 to 6 in Baloch et al., 2019. Both terms are means; constants are dropped.

    Example:
      >>> lgm_loss([[0.0, 2.0], [3.0, 1.0]], [0, 1], margin=0.0).round(4)
      Array(0.1319, dtype=float32)
    """
    distances, labels, where = checked_batch(distances, labels, where)
    half_log_det = _class_row("log_det", log_det, distances) / 2
    margin = _checks.number("margin", margin, distances.dtype)
    is_true = jax.nn.one_hot(labels, distances.shape[-1], dtype=bool)
    enlarged = jnp.where(is_true, (1 + margin) * distances, distances)
    logits = -enlarged - half_log_det + _class_row("log_prior", log_prior, distances)
    focal = softmax_focal_loss(logits, labels, gamma=gamma, alpha=alpha)
    negative_log_likelihood = jnp.sum(distances + half_log_det, axis=-1, where=is_true)
    weight = _checks.number("likelihood_weight", likelihood_weight, distances.dtype)
    return batch_mean(focal + weight * negative_log_likelihood, where, axis_name)


def _class_row(name: str, value: ArrayLike | None, distances: jax.Array) -> jax.Array:
    """`[..., classes]` of one number a class, zeros for None, of the rank of distances."""
    num_classes = distances.shape[-1]
    vector = jnp.zeros(num_classes) if value is None else value
    vector = _checks.class_vector(name, vector, num_classes, distances.dtype)
    return jax.lax.broadcast_to_rank(vector, distances.ndim)
