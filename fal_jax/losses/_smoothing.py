"""Soft labels: what the true class shares with the others."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._scores import of_class, out_of_range_nan
from fal_jax.losses._weights import checked_counts

_SHAPES = {
    "concave": lambda share: jnp.sin(share * jnp.pi / 2),
    "linear": lambda share: share,
    "convex": lambda share: 1 - jnp.cos(share * jnp.pi / 2),
}


def smooth_labels(labels: ArrayLike, *, num_classes: int, smoothing: ArrayLike = 0.1) -> jax.Array:
    """Soft labels `(1 - s) onehot(y) + s / K`, for any loss here that takes soft labels.

    Args:
      labels: `[...]`, integer in `[0, num_classes)`.
      num_classes: at least 2.
      smoothing: scalar or `[classes]`, in [0, 1], s of each true class; may be traced.

    Returns:
      `[..., classes]`, floating, summing to 1; NaN for an out-of-range label.

    Raises:
      ValueError: if the shapes do not fit, there are fewer than 2 classes, or a concrete smoothing
        is out of range.
      TypeError: if labels are not integer.

    References:
      Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, Sec. 7.

    Example:
      >>> smooth_labels([1], num_classes=2, smoothing=0.5)
      Array([[0.25, 0.75]], dtype=float32)
    """
    _checks.sizes(num_classes, 1)
    labels = _checks.labels(labels, np.shape(labels), of="labels")
    dtype = jnp.result_type(float)
    smoothing = _checks.class_vector(
        "smoothing", smoothing, num_classes, dtype, minimum=0.0, maximum=1.0, scalar=True
    )
    own = of_class(smoothing, labels) if smoothing.ndim else smoothing
    own = jnp.broadcast_to(own, labels.shape) + out_of_range_nan(labels, num_classes, dtype)
    own = own[..., None]
    return (1 - own) * jax.nn.one_hot(labels, num_classes, dtype=dtype) + own / num_classes


def label_aware_smoothing(
    class_counts: ArrayLike,
    *,
    most: ArrayLike,
    least: ArrayLike,
    shape: Literal["concave", "linear", "convex"] = "concave",
) -> jax.Array:
    """Smoothing for `smooth_labels` that grows with the class count, from `least` to `most`.

    Args:
      class_counts: `[classes]`, at least 1 each; with a traced count of 0 all are NaN.
      most: scalar in [0, 1], the smoothing of the most frequent class.
      least: scalar in [0, 1], that of the rarest.
      shape: how it grows with the count in between.

    Returns:
      `[classes]`, floating; `least` for all where all counts are equal.

    Raises:
      ValueError: if the shapes do not fit, a concrete argument is out of range, or the shape is
        none of the three.

    References:
      Zhong et al., Improving Calibration for Long-Tailed Recognition (MiSLAS), CVPR 2021:
      label-aware smoothing; the others share `s / K` as in its implementation.

    Example:
      >>> label_aware_smoothing([100, 55, 10], most=0.4, least=0.1, shape="linear")
      Array([0.4 , 0.25, 0.1 ], dtype=float32)
    """
    if shape not in _SHAPES:
        raise ValueError(f"shape must be one of {', '.join(_SHAPES)}, got {shape!r}.")
    counts = jnp.asarray(checked_counts(class_counts), jnp.result_type(float))
    most = _checks.number("most", most, counts.dtype, maximum=1.0)
    least = _checks.number("least", least, counts.dtype, maximum=1.0)
    spread = jnp.max(counts) - jnp.min(counts)
    share = (counts - jnp.min(counts)) / jnp.where(spread > 0, spread, 1)
    return least + (most - least) * _SHAPES[shape](share)
