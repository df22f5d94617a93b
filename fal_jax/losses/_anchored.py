"""Focused Anchors Loss, and the class-balanced distance that it pulls features by.

They return one scalar, since Eq. 8 is a statistic of the batch; so does `lgm_loss`. `where` marks
the valid examples; the others may hold anything and give no loss and no gradient (but distances
made outside of NaN features give NaN gradients there). `axis_name` makes the result that of the
batch over all devices of a mapped axis: sums and counts add, so any split gives the same value. The
loss is then already global: under `jit` and `jax.shard_map` as it comes, gradients of replicated
parameters are right as they are; under `jax.pmap` and `shard_map(check_vma=False)` they still need
`jax.lax.pmean` over the axis.
"""

from collections.abc import Hashable
from typing import Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import of_softmax
from fal_jax.losses._focal import focal_of_log_odds, true_class_log_odds
from fal_jax.losses._reduce import batch_mean, checked_batch, mean_of_class_means
from fal_jax.losses._scores import (
    of_class,
    out_of_range_nan,
    squared_distances,
    true,
    two_class_scores,
)
from fal_jax.losses._shards import total_classes
from fal_jax.losses._streaming import centred, distance_of_score, expands, log_sum_of_others


def class_mean_distance(
    distances: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
    over: Literal["present", "all"] = "present",
) -> jax.Array:
    """Distance of examples to their own anchor, averaged within each class, then over classes.

    `1/K sum_k (mean of d_ik over the examples i of class k)`. A class without examples adds 0; K
    counts the classes present, or all.

    Args:
      distances: `[..., classes]`, floating, at least 0.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0:
        an example then counts in each class by its share.
      weights: `[...]`, at least 0, how much each example counts in its class' mean; None for alike.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.
      over: "present" divides by the number of classes with examples, "all" by that of classes.

    Returns:
      A scalar, at least 0, in `promote_types(dtype, float32)`: 0 where no example is valid, NaN
      for an out-of-range label of a valid example. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or `over` is neither of the two.
      TypeError: if distances are not floating, labels neither integer nor soft, or where not bool.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 8 (which is 0/0 for an absent class).

    Example:
      >>> class_mean_distance([[1.0, 9.0], [3.0, 9.0], [9.0, 4.0]], [0, 0, 1])
      Array(3., dtype=float32)
    """
    if over not in ("present", "all"):
        raise ValueError(f'over must be "present" or "all", got {over!r}.')
    distances, labels, where = checked_batch(distances, labels, where)
    return mean_of_class_means(
        _own(distances, labels), labels, distances.shape[-1], where, axis_name,
        weights=weights, over=over,
    )  # fmt: skip


def fal_loss(
    distances: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike,
    gamma: ArrayLike = 2.0,
    alpha: ArrayLike | None = None,
    beta: ArrayLike = 0.1,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Focused Anchors Loss: focal loss of the distance softmax plus a class-balanced pull.

    `mean_i focal(softmax(-d_i - m 1[k = y_i])) + beta * class_mean_distance`. FAML is the same
    loss on anchors that `fal_jax.anchors.faml` moves.

    Args:
      distances: `[..., classes]`, floating, squared distances to the anchors.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0:
        an example then counts in each class by its share.
      margin: scalar or `[classes]`, at least 0, in units of squared distance.
      gamma: scalar, at least 0, the focal exponent.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_focal_loss`.
      beta: scalar, at least 0, the weight of Eq. 8.
      weights: `[...]`, at least 0, what the focal term of each example is multiplied by, and how
        much it counts in its class' mean in Eq. 8; None for 1.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.

    Returns:
      A scalar, at least 0, in `promote_types(dtype, float32)`: 0 where no example is valid, NaN
      for an out-of-range label of a valid example. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if distances are not floating, labels neither integer nor soft, or where not bool.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 7 to 9, with `p_t` the probability of
      the true class (Eq. 9's literal case for y = 0 would train negatives backwards).

    Example:
      >>> fal_loss([[0.0, 1.0], [1.0, 0.0]], [0, 1], margin=0.5, gamma=0.0, beta=0.1).round(4)
      Array(0.4741, dtype=float32)
    """
    distances, labels, where = checked_batch(distances, labels, where)
    margin = _checks.class_vector(
        "margin", margin, distances.shape[-1], distances.dtype, minimum=0.0, scalar=True
    )
    margins = jax.lax.broadcast_to_rank(margin, distances.ndim)
    focal = of_softmax(-distances, labels, margins, gamma=gamma, alpha=alpha)
    own = _own(distances, labels)
    pull = mean_of_class_means(own, labels, distances.shape[-1], where, axis_name, weights=weights)
    beta = _checks.number("beta", beta, own.dtype)
    return batch_mean(focal, where, axis_name, weights=weights) + beta * pull


def fal_loss_from_features(
    features: ArrayLike,
    labels: ArrayLike,
    anchors: ArrayLike,
    *,
    margin: ArrayLike,
    gamma: ArrayLike = 2.0,
    alpha: ArrayLike | None = None,
    beta: ArrayLike = 0.1,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
    class_axis_name: Hashable | None = None,
) -> jax.Array:
    """`fal_loss` of `squared_distances(features, anchors)`: the form that training code calls.

    With many classes it streams over them, forwards and again backwards: nothing of size `[batch,
    classes]` is held. Distances are then expanded about the anchors' mean, but for those to the
    own anchor, and `jax.jvp` works on the gradient, not on the loss itself.

    Args:
      features: `[..., dim]`, floating.
      labels: `[...]`, integer in `[0, classes)`.
      anchors: `[classes, dim]`, floating; parameters for FAL, `AnchorState.anchors` for FAML.
      margin: scalar or `[classes]`, at least 0, in units of squared distance.
      gamma: scalar, at least 0, the focal exponent.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_focal_loss`.
      beta: scalar, at least 0, the weight of Eq. 8.
      weights: `[...]`, at least 0, what the focal term of each example is multiplied by, and how
        much it counts in its class' mean in Eq. 8; None for 1.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None.
      class_axis_name: the axis of a `jax.shard_map` that whatever is `[classes, ...]` is split
        over, the same number on each device, or None; labels number the classes of all devices.

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
    labels = jnp.where(valid, _checks.labels(labels, features.shape[:-1], of="features"), 0)
    num_classes = len(anchors)
    log_odds, own = _scores(features, labels, anchors, class_axis_name)
    margin = _checks.class_vector(
        "margin", margin, num_classes, own.dtype, minimum=0.0, scalar=True
    )
    log_odds = log_odds - (of_class(margin, labels, class_axis_name) if margin.ndim else margin)
    all_classes = total_classes(num_classes, class_axis_name)
    log_odds = log_odds + out_of_range_nan(labels, all_classes, own.dtype)
    focal = focal_of_log_odds(
        log_odds, labels, num_classes, gamma=gamma, alpha=alpha, class_axis_name=class_axis_name
    )
    pull = mean_of_class_means(
        own, labels, num_classes, valid, axis_name,
        weights=weights, class_axis_name=class_axis_name,
    )  # fmt: skip
    beta = _checks.number("beta", beta, own.dtype)
    return batch_mean(focal, valid, axis_name, weights=weights) + beta * pull


def _own(distances: jax.Array, labels: jax.Array) -> jax.Array:
    """Distances to the own anchor, `[...]`; by soft labels those to all, `[..., classes]`."""
    return distances if labels.ndim == distances.ndim else true(distances, labels)


def _scores(
    features: jax.Array, labels: jax.Array, anchors: jax.Array, class_axis_name: Hashable | None
) -> tuple[jax.Array, jax.Array]:
    """The log-odds of the true class and its distance, `[...]` each, in the form for the size."""
    if not expands(features, len(anchors), class_axis_name):
        if len(anchors) == 2:
            return two_class_scores(features, labels, anchors)
        distances = squared_distances(features, anchors)
        return true_class_log_odds(-distances, labels), true(distances, labels)
    points, centre = centred(features, anchors, class_axis_name)
    others, true_score = log_sum_of_others(
        _expanded, [points], anchors, centre, labels, class_axis_name
    )
    shared = jnp.sum(points**2, axis=-1)
    if true_score is not None:
        return true_score - others, distance_of_score(shared, true_score)
    own = jnp.sum((features - of_class(anchors, labels, class_axis_name)) ** 2, axis=-1)
    return shared - others - own, own


def _expanded(anchors: jax.Array, centre: jax.Array) -> jax.Array:
    """Factors of `2 f.phi - ||phi||^2`, which is `||f||^2` less the distance."""
    anchors = anchors - centre[None]
    return jnp.concatenate([2 * anchors, -jnp.sum(anchors**2, axis=-1, keepdims=True)], axis=-1)
