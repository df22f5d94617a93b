"""Exact metrics of a binary ranking: scores that tie are taken together, as scikit-learn does."""

from types import ModuleType

import jax
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.metrics._arrays import FLOAT
from fal_jax.metrics._curve import Array, Curve, read_off, steps


def roc_auc(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Area under the ROC curve: the share of pairs of the two classes in right order, ties half.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]. NaN if the valid examples are of one class, with a warning where the
      arrays are known, or if one has a NaN score or another label. Known arrays are measured in
      float64; inside a program the sums are in `promote_types(dtype, float32)`.

    Raises:
      ValueError: if the shapes differ or a known weight is negative.
      TypeError: if a dtype does not fit.

    Example:
      >>> roc_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
      Array(0.875, dtype=float32)
    """
    return read_off(roc_auc_formula, scores, labels, weights, where)


def average_precision(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Average precision, the area under the steps of the precision-recall curve.

    `sum over distinct scores of (recall gained at the score) * (precision down to it)`.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN as in `roc_auc`.

    Raises:
      ValueError: if the shapes differ or a known weight is negative.
      TypeError: if a dtype does not fit.

    Example:
      >>> average_precision([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]).round(4)
      Array(0.8333, dtype=float32)
    """
    return read_off(average_precision_formula, scores, labels, weights, where)


def partial_roc_auc(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    max_fpr: ArrayLike,
    standardized: bool = True,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Area under the ROC curve left of a false-positive rate.

    With `m = max_fpr` and the area A, standardized `(1 + (A - m^2 / 2) / (m - m^2 / 2)) / 2`: 0.5
    for chance and 1 at best, whatever m.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      max_fpr: scalar in (0, 1].
      standardized: whether to standardize; else the area itself, at most m.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar; NaN as in `roc_auc`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or max_fpr is out of range.
      TypeError: if a dtype does not fit.

    References:
      McClish, Analyzing a portion of the ROC curve, Medical Decision Making 1989.

    Example:
      >>> partial_roc_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1], max_fpr=0.5).round(4)
      Array(0.8333, dtype=float32)
    """
    _checks.number("max_fpr", max_fpr, FLOAT, maximum=1.0, open_minimum=True)

    def formula(xp: ModuleType, curve: Curve, max_fpr: Array) -> Array:
        area = _partial_area(xp, curve, max_fpr)
        chance = max_fpr**2 / 2
        return (1 + (area - chance) / (max_fpr - chance)) / 2 if standardized else area

    return read_off(formula, scores, labels, weights, where, max_fpr=max_fpr)


def precision_at_k(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    k: ArrayLike,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Share of class 1 among the k highest scores: what k alarms are worth.

    Ties that only some of the k can go to count by their mean, as if drawn by lot.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      k: scalar above 0, a number of examples, or a weight if there are weights; all of them if
        there are fewer.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN if no example is valid, or one has a NaN score or another label.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or k is not above 0.
      TypeError: if a dtype does not fit.

    Example:
      >>> precision_at_k([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1], k=2)
      Array(0.75, dtype=float32)
    """
    _checks.number("k", k, FLOAT, open_minimum=True)
    return read_off(_precision_at_k, scores, labels, weights, where, single_class=True, k=k)


def recall_at_fpr(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    max_fpr: ArrayLike,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """The most recall of class 1 that a threshold has within a false-positive budget.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      max_fpr: scalar in [0, 1], the budget: false alarms over examples of class 0.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1], 0 if no threshold keeps to the budget; NaN as in `roc_auc`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or max_fpr is out of range.
      TypeError: if a dtype does not fit.

    Example:
      >>> recall_at_fpr([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1], max_fpr=0.25)
      Array(0.5, dtype=float32)
    """
    _checks.number("max_fpr", max_fpr, FLOAT, maximum=1.0)
    return read_off(_recall_at_fpr, scores, labels, weights, where, max_fpr=max_fpr)


def roc_auc_formula(xp: ModuleType, curve: Curve) -> Array:
    recall = curve.hits - steps(xp, curve.hits) / 2
    terms = recall / curve.hits[-1] * (steps(xp, curve.false_alarms) / curve.false_alarms[-1])
    return xp.sum(terms)


def average_precision_formula(xp: ModuleType, curve: Curve) -> Array:
    alarms = curve.hits + curve.false_alarms
    precision = curve.hits / xp.maximum(alarms, xp.finfo(alarms.dtype).tiny)
    return xp.sum(steps(xp, curve.hits) / curve.hits[-1] * precision)


def _partial_area(xp: ModuleType, curve: Curve, max_fpr: Array) -> Array:
    recall, fpr = curve.hits / curve.hits[-1], curve.false_alarms / curve.false_alarms[-1]
    widths, rises = steps(xp, fpr), steps(xp, recall)
    share = xp.clip((max_fpr - (fpr - widths)) / xp.where(widths > 0, widths, 1), 0, 1)
    return xp.sum(widths * share * (recall - rises + rises * share / 2))


def _precision_at_k(xp: ModuleType, curve: Curve, k: Array) -> Array:
    alarms = curve.hits + curve.false_alarms
    k = xp.minimum(k, alarms[-1])
    added = steps(xp, alarms)
    share = xp.clip((k - (alarms - added)) / xp.where(added > 0, added, 1), 0, 1)
    return xp.sum(steps(xp, curve.hits) * share) / k


def _recall_at_fpr(xp: ModuleType, curve: Curve, max_fpr: Array) -> Array:
    # A budget that is a whole number of alarms is not missed by a rounding.
    budget = max_fpr * curve.false_alarms[-1] * (1 + 8 * xp.finfo(curve.hits.dtype).eps)
    is_within = curve.false_alarms <= budget
    return xp.max(xp.where(is_within, curve.hits, 0)) / curve.hits[-1]
