"""What a ranking reaches at its best threshold, and four metrics of it from one sort."""

from types import ModuleType
from typing import NamedTuple

import jax
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.metrics._arrays import FLOAT
from fal_jax.metrics._curve import Array, Best, Curve, best, read_off
from fal_jax.metrics._ranking import average_precision_formula, roc_auc_formula


class RankingMetrics(NamedTuple):
    """What `ranking_metrics` reads off one sort."""

    roc_auc: jax.Array
    average_precision: jax.Array
    f1: Best
    balanced_accuracy: Best


def best_f_beta(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    beta: ArrayLike = 1.0,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Best:
    """The best F-beta of any threshold, `(1 + b^2) hits / (b^2 positives + alarms)`.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      beta: scalar above 0; recall counts beta times as much as precision.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `Best(value, threshold)`, an alarm being `score >= threshold`. The threshold lies half-way
      between two scores, and is the highest of those that are best. Of a NumPy array of float64
      it is NumPy's float64, to compare with these scores unrounded. NaN as in `roc_auc`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or beta is not above 0.
      TypeError: if a dtype does not fit.

    Example:
      >>> best_f_beta([0.1, 0.4, 0.6, 0.8], [0, 1, 0, 1])
      Best(value=Array(0.8, dtype=float32), threshold=Array(0.25, dtype=float32))
    """
    _checks.number("beta", beta, FLOAT, open_minimum=True)
    return read_off(_best_f_beta, scores, labels, weights, where, beta=beta)


def best_balanced_accuracy(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Best:
    """The best balanced accuracy of any threshold, `(recall of class 1 + recall of class 0) / 2`.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `Best(value, threshold)` as of `best_f_beta`. NaN as in `roc_auc`.

    Raises:
      ValueError: if the shapes differ or a known weight is negative.
      TypeError: if a dtype does not fit.

    References:
      Youden, Index for rating diagnostic tests, Cancer 1950: the index is `2 value - 1`.

    Example:
      >>> best_balanced_accuracy([0.1, 0.4, 0.6, 0.8], [0, 0, 1, 1])
      Best(value=Array(1., dtype=float32), threshold=Array(0.5, dtype=float32))
    """
    return read_off(_best_balanced_accuracy, scores, labels, weights, where)


def least_cost(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    costs: ArrayLike,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Best:
    """The least mean cost of any threshold on these examples, whatever the scores' scale.

    `sum over y, k of c_yk * share of examples of class y decided as k`.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      costs: `[2, 2]`, by true class (row) and predicted (column); a mistake costs more than none.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `Best(value, threshold)` as of `best_f_beta`, the value being the cost; the threshold is
      infinite where no alarm at all is best. NaN as in `roc_auc`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or a known mistake costs no more
        than being right.
      TypeError: if a dtype does not fit.

    References:
      Elkan, The foundations of cost-sensitive learning, IJCAI 2001, Sec. 1.1;
      `calibration.bayes_threshold` needs no examples but calibrated probabilities.

    Example:
      >>> least_cost([0.1, 0.4, 0.6, 0.8], [0, 1, 0, 1], costs=[[0.0, 1.0], [3.0, 0.0]])
      Best(value=Array(0.25, dtype=float32), threshold=Array(0.25, dtype=float32))
    """
    _checks.costs(costs)
    return read_off(_least_cost, scores, labels, weights, where, costs=costs)


def ranking_metrics(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> RankingMetrics:
    """`roc_auc`, `average_precision`, `best_f_beta` and `best_balanced_accuracy` from one sort.

    Args:
      scores: `[...]`, floating, higher for class 1.
      labels: `[...]`, integer, 0 or 1, or bool.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `RankingMetrics(roc_auc, average_precision, f1, balanced_accuracy)`, the last two with their
      thresholds. NaN as in `roc_auc`.

    Raises:
      ValueError: if the shapes differ or a known weight is negative.
      TypeError: if a dtype does not fit.

    Example:
      >>> found = ranking_metrics([0.1, 0.4, 0.6, 0.8], [0, 1, 0, 1])
      >>> found.roc_auc, found.f1.value
      (Array(0.75, dtype=float32), Array(0.8, dtype=float32))
    """
    return read_off(_ranking_metrics, scores, labels, weights, where)


def _ranking_metrics(xp: ModuleType, curve: Curve) -> RankingMetrics:
    return RankingMetrics(
        roc_auc_formula(xp, curve),
        average_precision_formula(xp, curve),
        _best_f_beta(xp, curve, 1.0),
        _best_balanced_accuracy(xp, curve),
    )


def _best_f_beta(xp: ModuleType, curve: Curve, beta: Array) -> Best:
    alarms = curve.hits + curve.false_alarms
    values = (1 + beta**2) * curve.hits / (beta**2 * curve.hits[-1] + alarms)
    return best(xp, curve, values)


def _best_balanced_accuracy(xp: ModuleType, curve: Curve) -> Best:
    recall, fpr = curve.hits / curve.hits[-1], curve.false_alarms / curve.false_alarms[-1]
    return best(xp, curve, (recall + 1 - fpr) / 2)


def _least_cost(xp: ModuleType, curve: Curve, costs: Array) -> Best:
    total = curve.hits[-1] + curve.false_alarms[-1]
    extra = costs[:, 1] - costs[:, 0]  # of an alarm, by class
    quiet = (costs[1, 0] * curve.hits[-1] + costs[0, 0] * curve.false_alarms[-1]) / total
    saved = -(extra[1] * curve.hits + extra[0] * curve.false_alarms) / total
    most, threshold = best(xp, curve, saved)
    return Best(quiet - xp.maximum(most, 0), xp.where(most > 0, threshold, xp.inf))
