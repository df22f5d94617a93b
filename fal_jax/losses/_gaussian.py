"""The large-margin Gaussian mixture loss, LGM; a scalar, for batches as `fal_loss` takes them."""

import functools
from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import of_softmax
from fal_jax.losses._focal import focal_of_log_odds
from fal_jax.losses._reduce import batch_mean, checked_batch
from fal_jax.losses._scores import (
    half_mahalanobis,
    of_class,
    out_of_range_nan,
)
from fal_jax.losses._shards import total_classes
from fal_jax.losses._stages import of_labels
from fal_jax.losses._streaming import centred, distance_of_score, expands, log_sum_of_others


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
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Large-margin Gaussian mixture loss; with gamma above 0, the paper's FL+LGM.

    Logits `-d_k - log_det_k / 2 + log_prior_k`, with `(1 + margin) d_y` for the true class; plus
    `likelihood_weight` times the mean of `d_y + log_det_y / 2`.

    Args:
      distances: `[..., classes]`, floating, at least 0: HALF squared Mahalanobis distances, as
        `half_mahalanobis` gives them.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      log_det: `[classes]`, log-determinants of the covariances; None for the identity's 0.
      log_prior: `[classes]`, log-probabilities of the classes; None for equal ones.
      margin: scalar, at least 0, a multiple of the true distance.
      likelihood_weight: scalar, at least 0, lambda of Eq. 6.
      gamma: scalar, at least 0, the focal exponent; 0 is Eq. 4.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_focal_loss`.
      weights: `[...]`, at least 0, what the loss of each example is multiplied by; None for 1. The
        mean divides by the number of examples, whatever they weigh.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.

    Returns:
      A scalar in `promote_types(dtype, float32)`: 0 where no example is valid, NaN for an
      out-of-range label of a valid example. No gradient is stopped. Below 0 only through log_det.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if distances are not floating, labels neither integer nor soft, or where not bool.

    References:
      Wan et al., Rethinking Feature Distribution for Loss Functions in Image Classification,
      CVPR 2018; Eq. 2 to 6 in Baloch et al., 2019. Both terms are means; constants are dropped.

    Example:
      >>> lgm_loss([[0.0, 2.0], [3.0, 1.0]], [0, 1], margin=0.0).round(4)
      Array(0.1319, dtype=float32)
    """
    distances, labels, where = checked_batch(distances, labels, where)
    half_log_det = _class_row("log_det", log_det, distances) / 2
    margins = _checks.number("margin", margin, distances.dtype) * distances
    logits = -distances - half_log_det + _class_row("log_prior", log_prior, distances)
    focal = of_softmax(logits, labels, margins, gamma=gamma, alpha=alpha)
    negative_log_likelihood = of_labels(distances + half_log_det, labels)
    weight = _checks.number("likelihood_weight", likelihood_weight, distances.dtype)
    return batch_mean(focal + weight * negative_log_likelihood, where, axis_name, weights=weights)


def lgm_loss_from_features(
    features: ArrayLike,
    labels: ArrayLike,
    means: ArrayLike,
    *,
    log_variances: ArrayLike | None = None,
    log_prior: ArrayLike | None = None,
    margin: ArrayLike = 0.1,
    likelihood_weight: ArrayLike = 0.01,
    gamma: ArrayLike = 0.0,
    alpha: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
    class_axis_name: Hashable | None = None,
) -> jax.Array:
    """`lgm_loss` of `half_mahalanobis(features, means, log_variances)` and its log-determinants.

    With many classes it streams over them, as `fal_loss_from_features` does.

    Args:
      features: `[..., dim]`, floating.
      labels: `[...]`, integer in `[0, classes)`.
      means: `[classes, dim]`, floating; at least 2 classes.
      log_variances: `[classes, dim]`, floating, or None for the identity.
      log_prior: `[classes]`, log-probabilities of the classes; None for equal ones.
      margin: scalar, at least 0, a multiple of the true distance.
      likelihood_weight: scalar, at least 0, lambda of Eq. 6.
      gamma: scalar, at least 0, the focal exponent; 0 is Eq. 4.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_focal_loss`.
      weights: `[...]`, at least 0, what the loss of each example is multiplied by; None for 1. The
        mean divides by the number of examples, whatever they weigh.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.
      class_axis_name: the mapped axis that whatever is `[classes, ...]` is split over, or None;
        see `fal_loss_from_features`.

    Returns:
      A scalar, as `lgm_loss`. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if an array is not floating, labels not integer or where not bool.

    References:
      Wan et al., Rethinking Feature Distribution for Loss Functions in Image Classification,
      CVPR 2018; Eq. 2 to 6 in Baloch et al., 2019. Both terms are means; constants are dropped.

    Example:
      >>> features, means = [[0.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 2.0]]
      >>> lgm_loss_from_features(features, [0, 1], means, margin=0.0).round(4)
      Array(0.075, dtype=float32)
    """
    features, means = _checks.features_and_anchors(features, means, anchors_name="means")
    valid = _checks.mask(where, features.shape[:-1])
    features = jnp.where(valid[..., None], features, 0)
    labels = jnp.where(valid, _checks.labels(labels, features.shape[:-1], of="features"), 0)
    variances = None if log_variances is None else _checks.log_variances(log_variances, means)
    log_det = None if variances is None else jnp.sum(variances, axis=-1)
    if not expands(features, len(means), class_axis_name):
        return lgm_loss(
            half_mahalanobis(features, means, variances), labels, log_det=log_det,
            log_prior=log_prior, margin=margin, likelihood_weight=likelihood_weight, gamma=gamma,
            alpha=alpha, weights=weights, where=valid, axis_name=axis_name,
        )  # fmt: skip
    half_log_det = jnp.zeros(len(means), means.dtype) if log_det is None else log_det / 2
    prior = jnp.zeros(len(means)) if log_prior is None else log_prior
    prior = _checks.class_vector("log_prior", prior, len(means), means.dtype)
    classes = means, variances, prior - half_log_det
    others, own, bias = _streamed(features, labels, classes, class_axis_name)
    log_odds = bias - (1 + _checks.number("margin", margin, own.dtype)) * own - others
    focal = focal_of_log_odds(
        log_odds, labels, len(means), gamma=gamma, alpha=alpha, class_axis_name=class_axis_name
    )
    weight = _checks.number("likelihood_weight", likelihood_weight, own.dtype)
    likelihood = own + of_class(half_log_det, labels, class_axis_name)
    return batch_mean(focal + weight * likelihood, valid, axis_name, weights=weights)


def _streamed(
    features: jax.Array,
    labels: jax.Array,
    classes: tuple[jax.Array, jax.Array | None, jax.Array],
    class_axis_name: Hashable | None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Of many classes: log-sum-exp of the others' logits, own distance and bias, `[...]` each."""
    pick = functools.partial(of_class, labels=labels, class_axis_name=class_axis_name)
    means, log_variances, bias = classes
    points, centre = centred(features, means, class_axis_name)
    if log_variances is None:
        columns, shared = [points], jnp.sum(points**2, axis=-1) / 2
    else:
        columns, shared = [points, points**2], jnp.zeros((), means.dtype)
    others, true_score = log_sum_of_others(
        _expanded, columns, classes, centre, labels, class_axis_name
    )
    if true_score is None:
        squares = (features - pick(means)) ** 2
        weighed = squares if log_variances is None else squares * jnp.exp(-pick(log_variances))
        own = jnp.sum(weighed, axis=-1) / 2
    else:
        own = distance_of_score(shared + pick(bias), true_score)
    spoil = out_of_range_nan(labels, total_classes(len(means), class_axis_name), means.dtype)
    return others - shared + spoil, own, pick(bias)


def _expanded(
    classes: tuple[jax.Array, jax.Array | None, jax.Array], centre: jax.Array
) -> jax.Array:
    """Factors of the logits; with the identity those of the logits plus `||f||^2 / 2`."""
    means, log_variances, bias = classes
    means = means - centre[None]
    if log_variances is None:
        columns, weighed = [means], means
    else:
        precision = jnp.exp(-log_variances)
        weighed = precision * means
        columns = [weighed, -precision / 2]
    constant = bias - jnp.sum(weighed * means, axis=-1) / 2
    return jnp.concatenate([*columns, constant[:, None]], axis=-1)


def _class_row(name: str, value: ArrayLike | None, distances: jax.Array) -> jax.Array:
    """`[..., classes]` of one number a class, zeros for None, of the rank of distances."""
    num_classes = distances.shape[-1]
    vector = jnp.zeros(num_classes) if value is None else value
    vector = _checks.class_vector(name, vector, num_classes, distances.dtype)
    return jax.lax.broadcast_to_rank(vector, distances.ndim)
