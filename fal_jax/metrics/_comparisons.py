"""Paired tests over seeds or folds, and ranks over data sets.

Training rows recur from seed to seed and from fold to fold, so the plain t-test finds too much:
its variance is corrected as in Nadeau and Bengio (2003), Inference for the generalization error.
What is done over data sets follows Demšar (2006), Statistical comparisons of classifiers.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_LEVEL = 0.05


class Comparison(NamedTuple):
    """A difference of means, and what it is worth.

    Attributes:
      difference: the first's mean less the second's.
      error: its corrected standard error; infinite where one run is all there is.
      freedom: degrees of freedom of a t-test on it.
      ahead: runs in which the first is above the second; 0 where runs are not paired.
      size: runs.
    """

    difference: float
    error: float
    freedom: float
    ahead: int
    size: int

    def p_value(self, expected: float = 0.0) -> float:
        """Two-sided, of the difference being as expected; 1 where one run is all there is."""
        from scipy import stats  # slow to import

        distance = abs(self.difference - expected)
        if distance == 0 or self.error == math.inf:
            return 1.0
        if self.error == 0:
            return 0.0
        return float(2 * stats.t.sf(distance / self.error, self.freedom))


def corrected_error(values: np.ndarray, test_over_train: float) -> float:
    """The corrected standard error of a mean over overlapping training sets.

    Args:
      values: one a run `[runs]`.
      test_over_train: test rows for each training row, > 0: 0.25 in an 80/20 holdout, 1 / 9 in
          10 folds.

    Returns:
      `sqrt((1 / runs + test_over_train) * variance)`; infinite for one run.
    """
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"values must be [runs], at least one, got shape {values.shape}")
    if not test_over_train > 0:
        raise ValueError(f"test_over_train must be above 0, got {test_over_train}")
    if values.size == 1:
        return math.inf
    # Equal values have a rounded mean, whose rounding must not pass for their spread.
    variance = 0.0 if np.ptp(values) == 0 else float(values.var(ddof=1))
    return math.sqrt((1 / values.size + test_over_train) * variance)


def corrected_t_test(first: np.ndarray, second: np.ndarray, test_over_train: float) -> Comparison:
    """The corrected resampled t-test of two methods on the same splits.

    Args:
      first: a metric of one method, one a split `[runs]`.
      second: that of another, in the same order of splits `[runs]`.
      test_over_train: as in `corrected_error`.

    Returns:
      The comparison, with `runs - 1` degrees of freedom.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"paired runs must be of the same splits, got shapes {first.shape} and {second.shape}"
        )
    gaps = first - second
    error = corrected_error(gaps, test_over_train)
    # The mean of equal differences may be rounded away from them.
    difference = float(gaps[0] if np.ptp(gaps) == 0 else gaps.mean())
    return Comparison(difference, error, gaps.size - 1, int(np.sum(gaps > 0)), gaps.size)


def corrected_welch_test(
    first: np.ndarray, second: np.ndarray, test_over_train: tuple[float, float]
) -> Comparison:
    """Welch's t-test on means over different splits, each with its corrected error.

    Args:
      first: a metric, one a split `[runs]`.
      second: likewise, of other splits `[other runs]`.
      test_over_train: as in `corrected_error`, of the one and of the other.

    Returns:
      The comparison; its size is the smaller of the two.
    """
    runs = first, second
    errors = [corrected_error(r, t) for r, t in zip(runs, test_over_train, strict=True)]
    error = math.hypot(*errors)
    freedom = 1.0
    if 0 < error < math.inf:
        parts = [e**4 / (r.size - 1) for r, e in zip(runs, errors, strict=True)]
        freedom = error**4 / sum(parts)
    difference = float(first.mean() - second.mean())
    return Comparison(difference, error, freedom, 0, min(first.size, second.size))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values: all together wrong once in 20 if each is held to 0.05.

    Args:
      p_values: of the tests that one question takes `[tests]`.

    Returns:
      The adjusted ones in the same order `[tests]`.
    """
    found = np.asarray(p_values, np.float64)
    if np.isnan(found).any() or ((found < 0) | (found > 1)).any():
        raise ValueError(f"p_values must lie in [0, 1], got {list(p_values)}")
    order = np.argsort(found, kind="stable")
    steps = found[order] * np.arange(found.size, 0, -1)
    adjusted = np.empty_like(found)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


class Ranks(NamedTuple):
    """Ranks of methods over data sets.

    Attributes:
      average: each method's average rank, 1 for the best of all `[methods]`.
      p_value: Friedman's test that all methods are alike.
      critical_difference: Nemenyi's: average ranks nearer than this are not told apart.
    """

    average: np.ndarray
    p_value: float
    critical_difference: float


def friedman_nemenyi(scores: np.ndarray, *, level: float = _LEVEL) -> Ranks:
    """Ranks methods by a metric of which more is better; ties share their mean rank.

    Args:
      scores: a mean metric `[data sets, methods]`, at least 2 by 3.
      level: of the critical difference.

    Returns:
      The ranks.
    """
    from scipy import stats  # slow to import

    if scores.ndim != 2 or scores.shape[0] < 2 or scores.shape[1] < 3:
        raise ValueError(
            f"scores must be [data sets, methods] and at least 2 by 3, got shape {scores.shape}"
        )
    num_datasets, num_methods = scores.shape
    average = stats.rankdata(-scores, axis=1).mean(axis=0)
    alike = (scores == scores[:, :1]).all()  # for which Friedman's statistic is 0 / 0
    p_value = 1.0 if alike else float(stats.friedmanchisquare(*scores.T).pvalue)
    return Ranks(average, p_value, critical_difference(num_methods, num_datasets, level=level))


def critical_difference(num_methods: int, num_datasets: int, *, level: float = _LEVEL) -> float:
    """Nemenyi's critical difference of average ranks.

    Args:
      num_methods: at least 2.
      num_datasets: at least 1.
      level: of all pairs together.

    Returns:
      The difference that tells two average ranks apart.
    """
    from scipy import stats  # slow to import

    quantile = stats.studentized_range.ppf(1 - level, num_methods, math.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(num_methods * (num_methods + 1) / (6 * num_datasets)))


class SignedRank(NamedTuple):
    """Wilcoxon's statistic, the smaller sum of ranks, and its two-sided p-value."""

    statistic: float
    p_value: float


def wilcoxon(first: np.ndarray, second: np.ndarray) -> SignedRank:
    """Wilcoxon's signed-rank test of two methods over data sets; zero differences are left out.

    Args:
      first: a metric of one method `[data sets]`.
      second: that of another, in the same order `[data sets]`.

    Returns:
      The statistic and p-value, exact for few data sets without ties; 1 if nothing differs.

    Raises:
      ValueError: if the shapes differ or are not `[data sets]`.
    """
    from scipy import stats  # slow to import

    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"first and second must be [data sets], got shapes {first.shape} and {second.shape}."
        )
    gaps = first - second
    if not np.any(gaps):
        return SignedRank(0.0, 1.0)
    found = stats.wilcoxon(gaps[gaps != 0])
    return SignedRank(float(found.statistic), float(found.pvalue))
