"""Scores: distances to anchors, and the logits and probabilities that they stand for."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._shards import class_offset, is_explicit

_UNROLLED = 10  # classes up to which distances are written out one by one
COMPARED = 128  # classes up to which a label is compared with each


def squared_distances(features: ArrayLike, anchors: ArrayLike) -> jax.Array:
    """Squared Euclidean distance of each example to each anchor.

    `d_k = ||f - phi_k||^2`, by direct differences: exact when features are large and distances
    small, where the expansion `||f||^2 - 2 f.phi + ||phi||^2` loses all its digits.

    Args:
      features: `[..., dim]`, floating.
      anchors: `[classes, dim]`, floating; at least 2 classes.

    Returns:
      `[..., classes]`, at least 0, in `promote_types(dtype, float32)`. Gradients flow to features
      and anchors, and are 0 at distance 0.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if features or anchors are not floating.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, the distances of Eq. 7.

    Example:
      >>> squared_distances([3.0, 4.0], [[0.0, 0.0], [3.0, 3.0]])
      Array([25.,  1.], dtype=float32)
    """
    features, anchors = _checks.features_and_anchors(features, anchors)
    return _sums_of_squares(features, anchors)


def half_mahalanobis(
    features: ArrayLike, means: ArrayLike, log_variances: ArrayLike | None = None
) -> jax.Array:
    """Half the squared Mahalanobis distance of each example to each class, diagonal covariance.

    `d_k = 1/2 sum_j (f_j - mu_kj)^2 exp(-log_variances_kj)`. The log-determinant that goes with it
    is `log_variances.sum(-1)`.

    Args:
      features: `[..., dim]`, floating.
      means: `[classes, dim]`, floating; at least 2 classes.
      log_variances: `[classes, dim]`, floating, or None for the identity.

    Returns:
      `[..., classes]`, at least 0, in `promote_types(dtype, float32)`. Gradients flow to all
      three; log variances far below 0 overflow.

    Raises:
      ValueError: if the shapes do not fit.
      TypeError: if an argument is not floating.

    References:
      Wan et al., Rethinking Feature Distribution for Loss Functions in Image Classification,
      CVPR 2018; the exponent of Eq. 2 in Baloch et al., 2019.

    Example:
      >>> half_mahalanobis([3.0, 4.0], [[0.0, 0.0], [3.0, 3.0]])
      Array([12.5,  0.5], dtype=float32)
    """
    features, means = _checks.features_and_anchors(features, means, anchors_name="means")
    if log_variances is None:
        return _sums_of_squares(features, means) / 2
    precisions = jnp.exp(-_checks.log_variances(log_variances, means))
    return _sums_of_squares(features, means, precisions) / 2


def distance_logits(
    distances: ArrayLike, labels: ArrayLike | None = None, *, margin: ArrayLike = 0.0
) -> jax.Array:
    """Logits of the distance softmax: minus the distance, and minus the margin on the true class.

    `z_k = -d_k - m 1[k = y]`. Without labels, at inference, there is no margin.

    Args:
      distances: `[..., classes]`, floating.
      labels: `[...]`, integer in `[0, classes)`, or None at inference.
      margin: scalar or `[classes]`, at least 0; may be traced. Not used without labels.

    Returns:
      `[..., classes]`, in `promote_types(dtype, float32)`; NaN for an out-of-range label.

    Raises:
      ValueError: if the shapes do not fit or a concrete margin is negative.
      TypeError: if distances are not floating or labels not integer.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 7 (whose indicator is misprinted).

    Example:
      >>> distance_logits([2.0, 1.0], 1, margin=0.5)
      Array([-2. , -1.5], dtype=float32)
    """
    distances = _checks.scores("distances", distances)
    if labels is None:
        return -distances
    labels = _checks.labels(labels, distances.shape[:-1], of="distances")
    num_classes = distances.shape[-1]
    margin = _checks.class_vector(
        "margin", margin, num_classes, distances.dtype, minimum=0.0, scalar=True
    )
    is_true = jax.nn.one_hot(labels, num_classes, dtype=bool)
    shift = jnp.where(is_true, jax.lax.broadcast_to_rank(margin, distances.ndim), 0.0)
    return -distances - shift + out_of_range_nan(labels, num_classes, distances.dtype)[..., None]


def class_log_probabilities(distances: ArrayLike) -> jax.Array:
    """Log-probability of each class at inference: log softmax of minus the distances, no margin.

    Args:
      distances: `[..., classes]`, floating.

    Returns:
      `[..., classes]`, at most 0, in `promote_types(dtype, float32)`.

    Raises:
      ValueError: if distances have fewer than 2 classes.
      TypeError: if distances are not floating.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 7 with m = 0.

    Example:
      >>> class_log_probabilities([1.0, 1.0]).round(3)
      Array([-0.693, -0.693], dtype=float32)
    """
    return jax.nn.log_softmax(-_checks.scores("distances", distances), axis=-1)


def ranking_score(distances: ArrayLike) -> jax.Array:
    """The binary score to rank by: the log-odds of class 1, `d_0 - d_1`.

    A probability saturates at 1 and makes ties of the highest scores; the log-odds do not. For a
    linear head pass minus its logits.

    Args:
      distances: `[..., 2]`, floating.

    Returns:
      `[...]`, in `promote_types(dtype, float32)`; above 0 where class 1 is the nearer.

    Raises:
      ValueError: if distances do not have exactly 2 classes.
      TypeError: if distances are not floating.

    Example:
      >>> ranking_score([[4.0, 1.0], [0.0, 2.0]])
      Array([ 3., -2.], dtype=float32)
    """
    distances = _checks.scores("distances", distances)
    if distances.shape[-1] != 2:
        raise ValueError(
            "distances must have shape [..., 2] for a binary score, got shape "
            f"{distances.shape}; for more classes rank by class_log_probabilities."
        )
    return distances[..., 0] - distances[..., 1]


def out_of_range_nan(labels: jax.Array, num_classes: int, dtype: jnp.dtype) -> jax.Array:
    """0 for labels in `[0, num_classes)` and NaN for others; add it to spoil what they touch."""
    in_range = (labels >= 0) & (labels < num_classes)
    return jnp.where(in_range, jnp.zeros((), dtype), jnp.full((), jnp.nan, dtype))


def of_class(
    values: jax.Array, labels: jax.Array, class_axis_name: Hashable | None = None
) -> jax.Array:
    """`values [classes, ...]` of each example's class; anything for a label that is none.

    With `class_axis_name` the devices along it hold some classes each, and all get the result.
    """
    if class_axis_name is None and values.ndim == 1:
        if len(values) == 2:
            return jnp.where(labels == 1, values[1], values[0])
        if len(values) <= COMPARED or is_explicit(labels):
            is_true = jax.nn.one_hot(labels, len(values), dtype=bool)
            return jnp.sum(jax.lax.broadcast_to_rank(values, is_true.ndim), axis=-1, where=is_true)
    labels = labels - class_offset(len(values), class_axis_name)
    found = values.at[labels].get(mode="clip")
    if class_axis_name is None:
        return found
    is_here = (labels >= 0) & (labels < len(values))
    is_here = is_here.reshape(*is_here.shape, *[1] * (found.ndim - labels.ndim))
    return jax.lax.psum(jnp.where(is_here, found, 0), class_axis_name)


def true(values: jax.Array, labels: jax.Array) -> jax.Array:
    """`values [..., classes]` at the true class, `[...]`; 0 for a label that is none."""
    is_true = jax.nn.one_hot(labels, values.shape[-1], dtype=bool)
    return jnp.sum(values, axis=-1, where=is_true)


def below_top(logits: jax.Array) -> jax.Array:
    """Logits less the largest, the same to a softmax, so that what is added keeps its digits."""
    return logits - jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))


def two_class_scores(
    features: jax.Array, labels: jax.Array, anchors: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Of two classes the log-odds `d_other - d_true` and the distance `d_true`, `[...]` each.

    The difference is `(phi_1 - phi_0) . ((f - phi_0) + (f - phi_1))`: one product in place of two
    distances. All in it are differences, so that it keeps its digits far from the origin.
    """
    columns = jnp.moveaxis(features, -1, 0)
    first, second = (_column(anchor, columns.ndim) for anchor in anchors)
    both = (columns - first) + (columns - second)
    difference = jnp.sum((second - first) * both, axis=0)
    own = jnp.sum((columns - jnp.where(labels == 1, second, first)) ** 2, axis=0)
    return jnp.where(labels == 1, difference, -difference), own


def _sums_of_squares(
    features: jax.Array, anchors: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """`sum_j w_kj (f_j - phi_kj)^2`, `[..., classes]`."""
    columns = jnp.moveaxis(features, -1, 0)  # examples last: few dimensions still fill vectors

    def of_class(anchor: jax.Array, weight: jax.Array | None) -> jax.Array:
        squares = (columns - _column(anchor, columns.ndim)) ** 2
        return jnp.sum(squares if weight is None else squares * _column(weight, squares.ndim), 0)

    if len(anchors) > _UNROLLED:
        return jnp.moveaxis(jax.vmap(of_class)(anchors, weights), 0, -1)
    # One class after the other: gradients then add up without a reduction over few classes.
    each = range(len(anchors))
    sums = [of_class(anchors[k], None if weights is None else weights[k]) for k in each]
    return jnp.moveaxis(jnp.stack(sums), 0, -1)


def _column(vector: jax.Array, rank: int) -> jax.Array:
    """The vector along the first of so many axes."""
    return vector.reshape(-1, *[1] * (rank - 1))
