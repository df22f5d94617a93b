"""Anchored losses of a batch: FAL and LGM, with their likelihood terms.

They return one scalar, since Eq. 8 is a statistic of the batch. `where` marks the valid examples;
the others may hold anything and give no loss and no gradient (but distances made outside of NaN
features give NaN gradients there). `axis_name` makes the result that of the batch over all devices
of a mapped axis: sums and counts add, so any split gives the same value. The loss is then already
global: under `jit` and `jax.shard_map` as it comes, gradients of replicated parameters are right
as they are; under `jax.pmap` and `shard_map(check_vma=False)` they still need `jax.lax.pmean` over
the axis.
"""

from collections.abc import Hashable
from typing import Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import softmax_focal_loss
from fal_jax.losses._reduce import batch_mean, class_means
from fal_jax.losses._scores import distance_logits, squared_distances


def class_mean_distance(
    distances: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
    over: Literal["present", "all"] = "present",
) -> jax.Array:
    """Distance of examples to their own anchor, averaged within each class, then over classes.

    `1/K sum_k (mean of d_ik over the examples i of class k)`. A class without examples adds 0; K
    counts the classes present, or all.

    Args:
      distances: `[..., classes]`, floating, at least 0.
      labels: `[...]`, integer in `[0, classes)`.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.
      over: "present" divides by the number of classes with examples, "all" by that of classes.

    Returns:
      A scalar, at least 0, in `promote_types(dtype, float32)`: 0 where no example is valid, NaN
      for an out-of-range label of a valid example. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or `over` is neither of the two.
      TypeError: if distances are not floating, labels not integer or where not bool.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 8 (which is 0/0 for an absent class).

    Example:
      >>> class_mean_distance([[1.0, 9.0], [3.0, 9.0], [9.0, 4.0]], [0, 0, 1])
      Array(3., dtype=float32)
    """
    if over not in ("present", "all"):
        raise ValueError(f'over must be "present" or "all", got {over!r}.')
    distances, labels, where = _checked_batch(distances, labels, where)
    means, counts = class_means(distances, labels, where, axis_name)
    present = jnp.sum(counts > 0, dtype=means.dtype)
    divisor = jnp.maximum(present, 1) if over == "present" else distances.shape[-1]
    return jnp.sum(means) / divisor


def fal_loss(
    distances: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike,
    gamma: ArrayLike = 2.0,
    alpha: ArrayLike | None = None,
    beta: ArrayLike = 0.1,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Focused Anchors Loss: focal loss of the distance softmax plus a class-balanced pull.

    `mean_i focal(softmax(-d_i - m 1[k = y_i])) + beta * class_mean_distance`. FAML is the same
    loss on anchors that `fal_jax.anchors.faml` moves.

    Args:
      distances: `[..., classes]`, floating, squared distances to the anchors.
      labels: `[...]`, integer in `[0, classes)`.
      margin: scalar or `[classes]`, at least 0, in units of squared distance.
      gamma: scalar, at least 0, the focal exponent.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_focal_loss`.
      beta: scalar, at least 0, the weight of Eq. 8.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.

    Returns:
      A scalar, at least 0, in `promote_types(dtype, float32)`: 0 where no example is valid, NaN
      for an out-of-range label of a valid example. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if distances are not floating, labels not integer or where not bool.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 7 to 9, with `p_t` the probability of
      the true class (Eq. 9's literal case for y = 0 would train negatives backwards).

    Example:
      >>> fal_loss([[0.0, 1.0], [1.0, 0.0]], [0, 1], margin=0.5, gamma=0.0, beta=0.1).round(4)
      Array(0.4741, dtype=float32)
    """
    distances, labels, where = _checked_batch(distances, labels, where)
    logits = distance_logits(distances, labels, margin=margin)
    focal = softmax_focal_loss(logits, labels, gamma=gamma, alpha=alpha)
    pull = class_mean_distance(distances, labels, where=where, axis_name=axis_name)
    beta = _checks.number("beta", beta, distances.dtype)
    return batch_mean(focal, where, axis_name) + beta * pull


def fal_loss_from_features(
    features: ArrayLike,
    labels: ArrayLike,
    anchors: ArrayLike,
    *,
    margin: ArrayLike,
    gamma: ArrayLike = 2.0,
    alpha: ArrayLike | None = None,
    beta: ArrayLike = 0.1,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """`fal_loss` of `squared_distances(features, anchors)`: the form that training code calls.

    Args:
      features: `[..., dim]`, floating.
      labels: `[...]`, integer in `[0, classes)`.
      anchors: `[classes, dim]`, floating; parameters for FAL, `AnchorState.anchors` for FAML.
      margin: scalar or `[classes]`, at least 0, in units of squared distance.
      gamma: scalar, at least 0, the focal exponent.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_focal_loss`.
      beta: scalar, at least 0, the weight of Eq. 8.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.

    Returns:
      A scalar, as `fal_loss`. Gradients flow to features and to anchors; for anchors that are
      state simply take no gradient with respect to them.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if features or anchors are not floating, labels not integer or where not bool.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 7 to 9.

    Example:
      >>> features, anchors = [[0.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 2.0]]
      >>> fal_loss_from_features(features, [0, 1], anchors, margin=0.0, gamma=0.0).round(4)
      Array(0.0592, dtype=float32)
    """
    features, anchors = _checks.features_and_anchors(features, anchors)
    valid = _checks.mask(where, features.shape[:-1])
    features = jnp.where(valid[..., None], features, 0)
    return fal_loss(
        squared_distances(features, anchors),
        labels,
        margin=margin,
        gamma=gamma,
        alpha=alpha,
        beta=beta,
        where=valid,
        axis_name=axis_name,
    )


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
    distances, labels, where = _checked_batch(distances, labels, where)
    half_log_det = _class_row("log_det", log_det, distances) / 2
    margin = _checks.number("margin", margin, distances.dtype)
    is_true = jax.nn.one_hot(labels, distances.shape[-1], dtype=bool)
    enlarged = jnp.where(is_true, (1 + margin) * distances, distances)
    logits = -enlarged - half_log_det + _class_row("log_prior", log_prior, distances)
    focal = softmax_focal_loss(logits, labels, gamma=gamma, alpha=alpha)
    negative_log_likelihood = jnp.sum(distances + half_log_det, axis=-1, where=is_true)
    weight = _checks.number("likelihood_weight", likelihood_weight, distances.dtype)
    return batch_mean(focal + weight * negative_log_likelihood, where, axis_name)


def _checked_batch(
    distances: ArrayLike, labels: ArrayLike, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The checked arguments, with harmless values where an example is not valid."""
    distances = _checks.scores("distances", distances)
    batch_shape = distances.shape[:-1]
    labels = _checks.labels(labels, batch_shape, of="distances")
    valid = _checks.mask(where, batch_shape)
    return jnp.where(valid[..., None], distances, 0), jnp.where(valid, labels, 0), valid


def _class_row(name: str, value: ArrayLike | None, distances: jax.Array) -> jax.Array:
    """`[..., classes]` of one number a class, zeros for None, of the rank of distances."""
    num_classes = distances.shape[-1]
    vector = jnp.zeros(num_classes) if value is None else value
    vector = _checks.class_vector(name, vector, num_classes, distances.dtype)
    return jax.lax.broadcast_to_rank(vector, distances.ndim)
