"""Losses over distances and affinities to centres, anchored but without FAL's margin or balance."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import checked, mean_over_classes, softmax_loss
from fal_jax.losses._scores import of_class, out_of_range_nan, squared_distances, true


def center_loss(
    features: ArrayLike,
    labels: ArrayLike,
    anchors: ArrayLike,
    *,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Center loss: half the squared distance of each example to the centre of its class.

    `||f - c_y||^2 / 2`, to be added, with a small weight, to cross-entropy of a linear head.

    Args:
      features: `[..., dim]`, floating.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      anchors: `[classes, dim]`, floating, the centres. Learned by gradient or, as in the source,
        moved by a rule; then take no gradient with respect to them.
      where: `[...]`, bool, the valid examples; None for all. The others may hold anything and have
        loss 0 and gradient 0.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if features or anchors are not floating, labels neither integer nor soft, or where
        not bool.

    References:
      Wen et al., A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV 2016,
      Eq. 2, an example's term.

    Example:
      >>> center_loss([[3.0, 4.0]], [1], [[0.0, 0.0], [3.0, 2.0]])
      Array([2.], dtype=float32)
    """
    features, anchors = _checks.features_and_anchors(features, anchors)
    valid = _checks.mask(where, features.shape[:-1])
    features = jnp.where(valid[..., None], features, 0)
    labels = _checks.labels_or_shares(
        labels,
        (*features.shape[:-1], len(anchors)),
        of="features and anchors",
        dtype=features.dtype,
        any_value=where is not None,
    )
    is_soft = labels.ndim == features.ndim
    labels = jnp.where(valid[..., None] if is_soft else valid, labels, 0)
    if is_soft:
        loss = jnp.sum(labels * squared_distances(features, anchors), axis=-1) / 2
    else:
        loss = jnp.sum((features - of_class(anchors, labels)) ** 2, axis=-1) / 2
        loss = loss + out_of_range_nan(labels, len(anchors), loss.dtype)
    return jnp.where(valid, loss, 0)


def cac_loss(
    distances: ArrayLike,
    labels: ArrayLike,
    *,
    weight: ArrayLike = 0.1,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Class anchor clustering: a tuplet term and the distance to the own anchor.

    `log(1 + sum over j != y of exp(d_y - d_j)) + weight d_y`: the distance softmax without a
    margin, pulled to the anchor. Over anchors that stay where they are.

    Args:
      distances: `[..., classes]`, floating, at least 0. Euclidean, not squared, in the source.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      weight: scalar, at least 0, the source's lambda.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete weight is negative.
      TypeError: if distances are not floating, labels neither integer nor soft, or where not bool.

    References:
      Miller et al., Class Anchor Clustering, WACV 2021, Eq. 4 to 6, an example's term.

    Example:
      >>> cac_loss([[1.0, 3.0]], [0]).round(4)
      Array([0.2269], dtype=float32)
    """
    distances, labels, valid = checked(distances, labels, where, of="distances")
    weight = _checks.number("weight", weight, distances.dtype)
    is_soft = labels.ndim == distances.ndim
    own = jnp.sum(labels * distances, axis=-1) if is_soft else true(distances, labels)
    loss = softmax_loss(-distances, labels) + weight * own
    return loss if valid is None else jnp.where(valid, loss, 0)


def gaussian_affinities(
    features: ArrayLike, prototypes: ArrayLike, *, sigma: ArrayLike = 10.0
) -> jax.Array:
    """Affinity of each example to each class: that of the class' most similar prototype.

    `s_k = max over t of exp(-||f - w_kt||^2 / sigma)`.

    Args:
      features: `[..., dim]`, floating.
      prototypes: `[classes, prototypes, dim]`, floating; at least 2 classes and 1 prototype.
      sigma: scalar above 0.

    Returns:
      `[..., classes]`, in [0, 1], in `promote_types(dtype, float32)`. The gradient of each class
      flows to its most similar prototype, the first among equals.

    Raises:
      ValueError: if the shapes do not fit or a concrete sigma is not above 0.
      TypeError: if features or prototypes are not floating.

    References:
      Hayat et al., Gaussian Affinity for Max-Margin Class Imbalanced Learning, ICCV 2019, Eq. 2
      and 7.

    Example:
      >>> gaussian_affinities([0.0], [[[0.0], [9.0]], [[20.0], [30.0]]], sigma=1.0)
      Array([1., 0.], dtype=float32)
    """
    features, prototypes = _features_and_prototypes(features, prototypes)
    sigma = _checks.number("sigma", sigma, features.dtype, open_minimum=True)
    squared = squared_distances(features, prototypes.reshape(-1, prototypes.shape[-1]))
    of_each_class = squared.reshape(*squared.shape[:-1], *prototypes.shape[:2])
    # Not `jnp.min`: its gradient is NaN where XLA computes the distances twice and none equals it.
    first = jnp.argmin(of_each_class, axis=-1, keepdims=True)
    nearest = jnp.take_along_axis(of_each_class, first, axis=-1)[..., 0]
    return jnp.exp(-nearest / sigma)


def affinity_loss(
    affinities: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 0.75,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Max-margin loss on affinities: `sum over k != y of max(0, margin + s_k - s_y)`.

    Args:
      affinities: `[..., classes]`, floating; see `gaussian_affinities`.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      margin: scalar, at least 0, the source's lambda.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, at least 0, in `promote_types(dtype, float32)`; NaN for an
      out-of-range label. The gradient at a kink is that of 0. Soft labels take K times the work.

    Raises:
      ValueError: if the shapes do not fit or a concrete margin is negative.
      TypeError: if affinities are not floating, labels neither integer nor soft, or where not bool.

    References:
      Hayat et al., ICCV 2019, Eq. 3; `prototype_diversity` is its second term.

    Example:
      >>> affinity_loss([[0.9, 0.5, 0.1]], [1]).round(4)
      Array([1.5], dtype=float32)
    """
    affinities, labels, valid = checked(affinities, labels, where, of="affinities")
    margin = _checks.number("margin", margin, affinities.dtype)

    def of(labels: jax.Array) -> jax.Array:
        is_other = ~jax.nn.one_hot(labels, affinities.shape[-1], dtype=bool)
        excess = margin + affinities - true(affinities, labels)[..., None]
        loss = jnp.sum(jnp.where(excess > 0, excess, 0), axis=-1, where=is_other)
        return loss + out_of_range_nan(labels, affinities.shape[-1], loss.dtype)

    loss = mean_over_classes(of, labels) if labels.ndim == affinities.ndim else of(labels)
    return loss if valid is None else jnp.where(valid, loss, 0)


def prototype_diversity(prototypes: ArrayLike) -> jax.Array:
    """How unevenly prototypes are spread: the variance of the squared distances between them.

    Args:
      prototypes: `[classes, prototypes, dim]`, floating; at least 2 classes and 1 prototype.

    Returns:
      A scalar, at least 0, in `promote_types(dtype, float32)`; 0 where all pairs, of one class or
      of two, are equally far apart. No gradient is stopped.

    Raises:
      ValueError: if the shape does not fit.
      TypeError: if prototypes are not floating.

    References:
      Hayat et al., ICCV 2019, Eq. 5 and 6.

    Example:
      >>> prototype_diversity([[[0.0]], [[1.0]], [[3.0]]]).round(4)
      Array(10.8889, dtype=float32)
    """
    prototypes = _checks.floating("prototypes", prototypes)
    _features_and_prototypes(prototypes, prototypes)
    points = prototypes.reshape(-1, prototypes.shape[-1])
    squared = squared_distances(points, points)  # each pair twice, which changes no variance
    return jnp.var(squared, where=~jnp.eye(len(points), dtype=bool))


def _features_and_prototypes(
    features: ArrayLike, prototypes: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    prototypes = _checks.floating("prototypes", prototypes)
    if prototypes.ndim != 3 or prototypes.shape[0] < 2 or prototypes.shape[1] < 1:
        raise ValueError(
            "prototypes must have shape [classes, prototypes, dim] with at least 2 classes and 1 "
            f"prototype, got shape {prototypes.shape}."
        )
    flat = prototypes.reshape(-1, prototypes.shape[-1])
    features, flat = _checks.features_and_anchors(features, flat, anchors_name="prototypes")
    return features, flat.reshape(prototypes.shape)
