"""Losses on cosines between features and class weights: LDAM, CosFace, ArcFace."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import checked, softmax_loss
from fal_jax.losses._weights import checked_counts


def cosines(features: ArrayLike, anchors: ArrayLike) -> jax.Array:
    """Cosine of the angle between each example's features and each class' weights.

    `c_k = f . w_k / (||f|| ||w_k||)`; 0 where either is the zero vector.

    Args:
      features: `[..., dim]`, floating.
      anchors: `[classes, dim]`, floating, the weights; at least 2 classes.

    Returns:
      `[..., classes]`, in [-1, 1] but for rounding, in `promote_types(dtype, float32)`. Gradients
      flow to both, and are 0 at the zero vector.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if features or anchors are not floating.

    References:
      Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS
      2019, Sec. 3.2: last layer and features are normalised.

    Example:
      >>> cosines([0.0, 4.0], [[1.0, 0.0], [0.0, -2.0]])
      Array([ 0., -1.], dtype=float32)
    """
    features, anchors = _checks.features_and_anchors(features, anchors)
    return jnp.einsum(
        "...d,kd->...k", _unit(features), _unit(anchors), precision=jax.lax.Precision.HIGHEST
    )


def ldam_margins(class_counts: ArrayLike, *, max_margin: ArrayLike = 0.5) -> jax.Array:
    """Margins that grow as classes get rarer, `m_k ~ n_k^(-1/4)`, the largest given.

    Args:
      class_counts: `[classes]`, at least 1 each; with a traced count of 0 all are NaN.
      max_margin: scalar, at least 0, the margin of the rarest class, in units of cosine.

    Returns:
      `[classes]`, floating.

    Raises:
      ValueError: if the shape does not fit, or a concrete count or margin is out of range.

    References:
      Cao et al., NeurIPS 2019, Eq. 13, with C such that the largest margin is `max_margin`.

    Example:
      >>> ldam_margins([1600, 100]).round(3)
      Array([0.25, 0.5 ], dtype=float32)
    """
    counts = checked_counts(class_counts)
    ratios = jnp.asarray((counts.min() / counts) ** 0.25, jnp.result_type(float))
    return _checks.number("max_margin", max_margin, ratios.dtype) * ratios


def ldam_loss(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margins: ArrayLike,
    scale: ArrayLike = 30.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Label-distribution-aware margin loss: cross-entropy of `scale (c_k - m_k 1[k = y])`.

    Args:
      cosines: `[..., classes]`, floating, in [-1, 1]; see `cosines`.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      margins: `[classes]`, at least 0, in units of cosine; see `ldam_margins`.
      scale: scalar, at least 0, the inverse temperature.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_loss`. Deferred
        re-weighting (DRW) passes ones at first and class-balanced weights late in training.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if cosines are not floating, labels neither integer nor soft, or where not bool.

    References:
      Cao et al., NeurIPS 2019, Eq. 12, with the scale of its implementation.

    Example:
      >>> ldam_loss([[0.5, 0.4]], [1], margins=[0.25, 0.5], scale=10.0).round(4)
      Array([6.0025], dtype=float32)
    """
    cosines = _checks.scores("cosines", cosines)
    margins = _checks.class_vector(
        "margins", margins, cosines.shape[-1], cosines.dtype, minimum=0.0
    )
    return scaled_loss(cosines, labels, margins, scale, alpha, where)


def cosface_loss(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 0.35,
    scale: ArrayLike = 64.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """CosFace: cross-entropy of `scale (c_k - m 1[k = y])`, one margin for all classes.

    Args:
      cosines: `[..., classes]`, floating, in [-1, 1]; see `cosines`.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      margin: scalar, at least 0, in units of cosine.
      scale: scalar, at least 0, the inverse temperature.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_loss`.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if cosines are not floating, labels neither integer nor soft, or where not bool.

    References:
      Wang et al., CosFace: Large Margin Cosine Loss for Deep Face Recognition, CVPR 2018, Eq. 4.

    Example:
      >>> cosface_loss([[0.5, 0.4]], [1], margin=0.1, scale=10.0).round(4)
      Array([2.1269], dtype=float32)
    """
    cosines = _checks.scores("cosines", cosines)
    margin = _checks.number("margin", margin, cosines.dtype)
    return scaled_loss(cosines, labels, margin, scale, alpha, where)


def arcface_loss(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 0.5,
    scale: ArrayLike = 64.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """ArcFace: cross-entropy with the margin on the angle, `scale cos(theta_y + m)`.

    Beyond `theta + m = pi`, where the cosine would rise again, it is `cos theta - m sin m`.

    Args:
      cosines: `[..., classes]`, floating; taken to be in [-1, 1], see `cosines`.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      margin: scalar in [0, pi], in radians.
      scale: scalar, at least 0, the inverse temperature.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_loss`.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. The gradient of the sine, infinite at cosines of 1 and -1, is taken as 0 there.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if cosines are not floating, labels neither integer nor soft, or where not bool.

    References:
      Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019,
      Eq. 3; the continuation beyond pi is that of its implementation.

    Example:
      >>> arcface_loss([[0.5, 0.4]], [1], margin=0.1, scale=10.0).round(4)
      Array([2.0699], dtype=float32)
    """
    cosines, labels, _ = checked(cosines, labels, where, of="cosines")
    margin = _checks.number("margin", margin, cosines.dtype, maximum=jnp.pi)
    square = (1 - cosines) * (1 + cosines)  # keeps its digits near the ends, as 1 - c^2 does not
    sines = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    turned = cosines * jnp.cos(margin) - sines * jnp.sin(margin)
    falls = cosines > -jnp.cos(margin)  # while theta + m < pi
    margins = jnp.where(falls, cosines - turned, margin * jnp.sin(margin))
    return scaled_loss(cosines, labels, margins, scale, alpha, where)


def scaled_loss(
    cosines: jax.Array,
    labels: ArrayLike,
    margins: jax.Array,
    scale: ArrayLike,
    alpha: ArrayLike | None,
    where: ArrayLike | None,
) -> jax.Array:
    cosines, labels, _ = checked(cosines, labels, where, of="cosines")
    scale = _checks.number("scale", scale, cosines.dtype)
    return softmax_loss(scale * cosines, labels, margin=scale * margins, alpha=alpha, where=where)


def _unit(vectors: jax.Array) -> jax.Array:
    """Vectors of length 1, or 0 for 0.

    Of entries relative to the largest the squares neither vanish nor overflow.
    """
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(vectors), axis=-1, keepdims=True))
    some = largest > 0
    vectors = vectors / jnp.where(some, largest, 1)
    square = jnp.sum(vectors**2, axis=-1, keepdims=True)
    return vectors * jnp.where(some, jax.lax.rsqrt(jnp.where(some, square, 1)), 0)
