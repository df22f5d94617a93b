"""Thresholds of float64 scores: a decision in float64 is worth what was measured."""

import functools
import warnings

import jax
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fal_jax import calibration, metrics

CASES, SIZE = 300, 40
COSTS = np.array([[0.0, 1.0], [5.0, 0.5]])
LOW, HIGH = 1 - 2e-12, 1 - 1e-12  # one number in float32


def mean_cost(labels, flags, weights):
    return np.average(COSTS[labels, flags.astype(int)], weights=weights)


BEST = {
    "f2": (
        functools.partial(metrics.best_f_beta, beta=2.0),
        lambda y, d, w: sklearn_metrics.fbeta_score(y, d, beta=2, sample_weight=w, zero_division=0),
    ),
    "balanced_accuracy": (
        metrics.best_balanced_accuracy,
        lambda y, d, w: sklearn_metrics.balanced_accuracy_score(y, d, sample_weight=w),
    ),
    "cost": (functools.partial(metrics.least_cost, costs=COSTS), mean_cost),
    "f1_of_all": (
        lambda *a, **options: metrics.ranking_metrics(*a, **options).f1,
        lambda y, d, w: sklearn_metrics.f1_score(y, d, sample_weight=w, zero_division=0),
    ),
}


@pytest.fixture(scope="module")
def cases():
    """Scores that float64 tells apart: all over, around 1 by 1e-12, neighbours, with ties."""
    rng = np.random.default_rng(1)
    scores = rng.random((CASES, SIZE))
    scores[1::3] = 1 - 1e-12 * scores[1::3]
    scores[2::3] = 0.3 + np.spacing(0.3) * rng.integers(0, 12, scores[2::3].shape)
    labels = (rng.random((CASES, SIZE)) < rng.uniform(0.1, 0.6, (CASES, 1))).astype(np.int32)
    labels[:, :2] = 0, 1
    return scores, labels, rng.uniform(0.1, 3, (CASES, SIZE))


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("best", "measure"), BEST.values(), ids=BEST)
def test_a_decision_in_float64_has_the_best_value(cases, best, measure, is_weighted):
    for s, y, w in zip(*cases, strict=True):
        given = w if is_weighted else None
        found = best(s, y, weights=given)
        assert isinstance(found.threshold, np.float64)
        own = measure(y, s >= found.threshold, given)
        assert float(found.value) == pytest.approx(own, abs=1e-6)


def test_so_many_alarms_are_raised_as_ties_leave_within_the_budget(cases):
    for i, scores in enumerate(cases[0]):
        where = np.arange(SIZE) < SIZE - i % 7
        valid, alarms = scores[where], i % (SIZE + 2)
        threshold = calibration.alarm_threshold(scores, alarms=alarms, where=where)
        assert isinstance(threshold, np.float64)
        counts = [(valid >= level).sum() for level in valid]
        most = max((count for count in counts if count <= alarms), default=0)
        assert (valid >= threshold).sum() == most


def test_scores_that_float32_holds_as_one_are_told_apart():
    scores, labels = np.array([LOW, HIGH]), np.array([0, 1])
    for best in (metrics.best_f_beta, metrics.best_balanced_accuracy):
        assert (scores >= best(scores, labels).threshold).tolist() == [False, True]
    assert calibration.alarm_threshold(scores, alarms=1) == HIGH
    assert calibration.alarm_threshold(scores, alarms=0) == np.inf
    with pytest.warns(UserWarning, match="hold 1 class"):
        assert np.isnan(metrics.best_f_beta(scores, np.ones(2, int)).threshold)


def test_float32_and_traced_scores_have_thresholds_of_jax(cases):
    scores, labels, _ = (each[0] for each in cases)
    for found in (
        metrics.best_f_beta(scores.astype(np.float32), labels).threshold,
        jax.jit(metrics.best_f_beta)(scores, labels).threshold,
        calibration.alarm_threshold(scores.astype(np.float32), alarms=3),
        jax.jit(lambda k: calibration.alarm_threshold(scores, alarms=k))(3),
    ):
        assert isinstance(found, jax.Array)
        assert found.dtype == np.float32


@pytest.mark.usefixtures("x64")
def test_where_jax_holds_float64_the_threshold_is_a_jax_array_of_it():
    scores, labels = np.array([LOW, HIGH]), np.array([0, 1])
    for found in (
        metrics.best_f_beta(scores, labels).threshold,
        jax.jit(metrics.best_f_beta)(scores, labels).threshold,
        calibration.alarm_threshold(scores, alarms=1),
    ):
        assert isinstance(found, jax.Array)
        assert (scores >= np.asarray(found)).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinite_scores_part_the_classes_without_a_warning(dtype):
    labels = np.array([0, 1, 0, 1])
    for scores, hits in (
        ([-np.inf, np.inf, -np.inf, np.inf], [0, 1, 0, 1]),
        ([-np.inf, np.inf, -np.inf, 0.5], [0, 1, 0, 1]),
        ([0.5, np.inf, -np.inf, np.inf], [0, 1, 0, 1]),
        ([np.inf, np.inf, np.inf, np.inf], [1, 1, 1, 1]),
        ([-np.inf, -np.inf, -np.inf, -np.inf], [1, 1, 1, 1]),
    ):
        scores = np.array(scores, dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            known = metrics.best_f_beta(scores, labels)
            threshold = metrics.ranking_metrics(scores, labels).f1.threshold
        for found in (known.threshold, threshold, jax.jit(metrics.best_f_beta)(scores, labels)[1]):
            assert (scores >= np.asarray(found)).tolist() == hits
