"""Surrogates of the area under the ROC curve, over all pairs of a positive and a negative."""

from collections.abc import Hashable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._pairs import squared_hinge_sum, sum_over_rows
from fal_jax.losses._ranked import mean_over_columns, ranked, sides


def auc_squared_hinge_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 1.0,
    against: str = "rest",
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Squared hinge of each positive's lead over each negative, a surrogate of 1 - AUC.

    `mean over i positive, j negative of max(margin - (s_i - s_j), 0)^2`; value and gradient take
    O(n log n) by a sort.

    Args:
      scores: `[...]`, floating, higher for class 1; or `[..., classes]`, column k higher for class
        k: then the mean over the classes that have positives and negatives.
      labels: `[...]`, integer: 0 or 1, or in `[0, classes)`.
      margin: scalar, at least 0, the lead that costs nothing.
      against: of more than 2 classes, "rest" weighs the negatives of a class alike (one against
        the rest), "each" weighs the other classes alike (one against one).
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None. All scores are gathered
        over it, since the sort needs them.

    Returns:
      A scalar, at least 0, in `promote_types(dtype, float32)`: 0 without a gradient where the batch
      lacks positives or negatives, NaN for an out-of-range label of a valid example.

    Raises:
      ValueError: if the shapes do not fit, margin is below 0 or against is neither.
      TypeError: if scores are not floating, labels not integer or where not bool.

    References:
      Gao and Zhou, On the Consistency of AUC Pairwise Optimization, IJCAI 2015; "each" as in Hand
      and Till, A Simple Generalisation of the Area Under the ROC Curve, 2001.

    Example:
      >>> auc_squared_hinge_loss([2.0, 0.5, 0.0], [1, 0, 1])
      Array(1.125, dtype=float32)
    """
    batch = ranked(scores, labels, where, axis_name)
    positives, negatives = sides(batch, against)
    margin = _checks.number("margin", margin, batch.scores.dtype)
    values = _hinges(batch.scores, positives, negatives, margin)
    return mean_over_columns(batch, values, axis_name)


def partial_auc_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    max_fpr: ArrayLike,
    margin: ArrayLike = 1.0,
    against: str = "rest",
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Squared hinge over the hardest negatives, a surrogate of 1 - AUC up to a false-positive rate.

    The mean over positives of the CVaR, at level `max_fpr`, of the negatives' costs
    `max(margin - (s_i - s_j), 0)^2`: the mean over the share `max_fpr` of the negatives with the
    highest scores, the last counted in part. The costs grow with s_j, so that these are the same
    for each positive; the CVaR is exact, no estimate is carried from batch to batch.

    Args:
      scores: `[...]` or `[..., classes]`, floating, as in `auc_squared_hinge_loss`.
      labels: `[...]`, integer: 0 or 1, or in `[0, classes)`.
      max_fpr: scalar in (0, 1]; 1 gives `auc_squared_hinge_loss`.
      margin: scalar, at least 0, the lead that costs nothing.
      against: "rest" or "each", as in `auc_squared_hinge_loss`.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None; scores are gathered over it.

    Returns:
      A scalar, as `auc_squared_hinge_loss`. Which negatives count is held fixed in a gradient: that
      in scores is exact but where they tie at the edge, in max_fpr there is none.

    Raises:
      ValueError: if the shapes do not fit or a hyper-parameter is out of range.
      TypeError: if scores are not floating, labels not integer or where not bool.

    References:
      Zhu et al., When AUC meets DRO, ICML 2022, one-way partial AUC by CVaR.

    Example:
      >>> partial_auc_loss([2.0, 1.5, 0.0, 0.0], [1, 0, 0, 0], max_fpr=0.5)
      Array(0.16666667, dtype=float32)
    """
    batch = ranked(scores, labels, where, axis_name)
    positives, negatives = sides(batch, against)
    dtype = batch.scores.dtype
    budget = _checks.number("max_fpr", max_fpr, dtype, maximum=1.0, open_minimum=True)
    hardest = jax.vmap(_hardest, in_axes=(0, 0, None))(batch.scores, negatives, budget)
    margin = _checks.number("margin", margin, dtype)
    values = _hinges(batch.scores, positives, hardest, margin)
    return mean_over_columns(batch, values, axis_name)


def auc_logistic_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    scale: ArrayLike = 1.0,
    against: str = "rest",
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """Logistic loss of each positive's lead over each negative, a surrogate of 1 - AUC.

    `mean over i positive, j negative of log(1 + exp(-scale (s_i - s_j)))`. It has no form by a
    sort: pairs are taken in tiles, in O(n^2) time and bounded memory.

    Args:
      scores: `[...]` or `[..., classes]`, floating, as in `auc_squared_hinge_loss`.
      labels: `[...]`, integer: 0 or 1, or in `[0, classes)`.
      scale: scalar, at least 0, of the leads.
      against: "rest" or "each", as in `auc_squared_hinge_loss`.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None; scores are gathered over it.

    Returns:
      A scalar, as `auc_squared_hinge_loss`. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a hyper-parameter is out of range.
      TypeError: if scores are not floating, labels not integer or where not bool.

    References:
      Gao and Zhou, On the Consistency of AUC Pairwise Optimization, IJCAI 2015.

    Example:
      >>> auc_logistic_loss([2.0, 0.5, 0.0], [1, 0, 1]).round(4)
      Array(0.5877, dtype=float32)
    """
    batch = ranked(scores, labels, where, axis_name)
    scale = _checks.number("scale", scale, batch.scores.dtype)

    def of_column(scores: jax.Array, positives: jax.Array, negatives: jax.Array) -> jax.Array:
        def costs(score: jax.Array, positive: jax.Array) -> jax.Array:
            behind = scale * (scores[None] - score)
            return positive * negatives[None] * jax.nn.softplus(behind)

        return sum_over_rows(costs, scores, positives)

    values = jax.vmap(of_column)(batch.scores, *sides(batch, against))
    return mean_over_columns(batch, values, axis_name)


def _hinges(
    scores: jax.Array, positives: jax.Array, negatives: jax.Array, margin: jax.Array
) -> jax.Array:
    """The weighted mean over the pairs of each column, `[columns]`."""
    # Far from the origin the margin keeps its digits only beside differences of scores.
    centre = jax.lax.stop_gradient(jnp.sum(scores * positives, axis=-1, keepdims=True))
    keys = scores - centre + jnp.where(negatives > 0, margin, 0)
    return jax.vmap(squared_hinge_sum)(keys, positives, negatives)


def _hardest(scores: jax.Array, negatives: jax.Array, budget: jax.Array) -> jax.Array:
    """The weights of the share `budget` of the negatives that scores highest, summing to 1."""
    order = jnp.argsort(-jax.lax.stop_gradient(scores))
    weights = negatives[order]
    kept = jnp.clip(budget - (jnp.cumsum(weights) - weights), 0, weights) / budget
    return jnp.zeros_like(kept).at[order].set(kept, unique_indices=True)
