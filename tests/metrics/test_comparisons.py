"""Paired tests and ranks, against scipy, published tables and values by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from fal_jax import metrics

# Demšar (2006), Table 6: AUC of C4.5 and of three variants of it on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.9749],  # printed .975, but ranked behind the third
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_a_paired_comparison_by_hand():
    """Gaps 1, 2, 3: variance 1, error sqrt(1/3 + 1/4), on 2 degrees of freedom."""
    found = metrics.corrected_t_test(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]), 0.25)
    assert found.difference == pytest.approx(2)
    assert found.error == pytest.approx(math.sqrt(7 / 12))
    assert (found.freedom, found.ahead, found.size) == (2, 3, 3)
    t = 2 / math.sqrt(7 / 12)
    assert found.p_value() == pytest.approx(1 - t / math.sqrt(2 + t**2))  # of t with 2 degrees
    assert found.p_value(2.0) == 1


def test_without_overlap_it_is_the_plain_paired_t_test(rng):
    first, second = rng.normal(size=(2, 10))
    found = metrics.corrected_t_test(first, second, 1e-12)
    assert found.p_value() == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert found.p_value(0.5) == pytest.approx(stats.ttest_rel(first - 0.5, second).pvalue)


def test_overlap_takes_significance_away(rng):
    first = rng.normal(0.8, 1, 10)
    p_values = [
        metrics.corrected_t_test(first, np.zeros(10), t).p_value() for t in (1e-9, 1 / 9, 0.25)
    ]
    assert p_values == sorted(p_values)
    assert p_values[0] < 0.5 * p_values[2]


def test_the_corrected_test_is_right_under_no_difference_where_the_plain_one_is_not():
    """Means whose runs share training rows: correlated by 0.2, the correction's own premise."""
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 10))
    gaps = math.sqrt(0.2) * shared + math.sqrt(0.8) * own
    rates = {}
    for overlap in (0.25, 1e-9):
        found = [metrics.corrected_t_test(g, np.zeros(10), overlap).p_value() < 0.05 for g in gaps]
        rates[overlap] = np.mean(found)
    assert rates[0.25] == pytest.approx(0.05, abs=0.015)  # four binomial errors
    assert rates[1e-9] > 0.2


@pytest.mark.parametrize(
    ("first", "second", "p_value"),
    [
        ([0.5], [0.1], 1.0),
        ([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], 1.0),
        ([0.6, 0.7, 0.8], [0.5, 0.6, 0.7], 0.0),
        ([0.1] * 3, [0.7] * 3, 0.0),
    ],
    ids=["one run", "ties", "always ahead by the same, but for rounding", "constant"],
)
def test_edges_have_a_p_value(first, second, p_value):
    found = metrics.corrected_t_test(np.array(first), np.array(second), 0.25)
    assert found.p_value() == pytest.approx(p_value, abs=1e-12)
    assert math.isinf(found.error) == (len(first) == 1)


def test_unpaired_without_overlap_is_welchs(rng):
    first, second = rng.normal(size=10), rng.normal(0.5, 3, size=7)
    found = metrics.corrected_welch_test(first, second, (1e-12, 1e-12))
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert found.p_value() == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)
    errors = [metrics.corrected_error(r, t) for r, t in ((first, 0.25), (second, 1 / 9))]
    corrected = metrics.corrected_welch_test(first, second, (0.25, 1 / 9))
    assert corrected.error == pytest.approx(np.linalg.norm(errors))


def test_holm_by_hand():
    """Sorted .005, .01, .03, .04 times 4, 3, 2, 1, and never below the one before."""
    adjusted = metrics.holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(metrics.holm([0.6, 0.9]), [1, 1])
    assert metrics.holm([]).size == 0


def test_ranks_are_demsars():
    """His average ranks, Friedman statistic 9.28 and critical difference 1.25 at level .05."""
    found = metrics.friedman_nemenyi(DEMSAR)
    np.testing.assert_allclose(found.average, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*DEMSAR.T).pvalue)
    # His statistic is without the correction for ties, which scipy makes.
    uncorrected = 12 * 14 / 20 * (np.sum(found.average**2) - 4 * 25 / 4)
    assert uncorrected == pytest.approx(9.28, abs=0.005)
    assert found.p_value < stats.chi2.sf(uncorrected, 3) < 0.05


def test_methods_that_never_differ_share_a_rank():
    found = metrics.friedman_nemenyi(np.full((3, 4), 0.5))
    np.testing.assert_array_equal(found.average, 2.5)
    assert found.p_value == 1


@pytest.mark.parametrize(
    ("num_methods", "quantile"),
    [*enumerate([1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164], 2)],
)
def test_critical_differences_are_by_the_published_quantiles(num_methods, quantile):
    """Demšar's Table 5(a), at level .05."""
    expected = quantile * math.sqrt(num_methods * (num_methods + 1) / (6 * 6))
    assert metrics.critical_difference(num_methods, 6) == pytest.approx(expected, rel=5e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.corrected_t_test(np.ones(3), np.ones(2), 0.25),
            r"shapes \(3,\) and \(2,\)",
        ),
        (lambda: metrics.corrected_t_test(np.ones(0), np.ones(0), 0.25), "at least one"),
        (lambda: metrics.corrected_error(np.ones((2, 2)), 0.25), r"shape \(2, 2\)"),
        (lambda: metrics.corrected_error(np.ones(2), 0.0), "above 0, got 0.0"),
        (lambda: metrics.holm([0.5, 1.5]), r"\[0, 1\]"),
        (lambda: metrics.holm([math.nan]), r"\[0, 1\]"),
        (lambda: metrics.friedman_nemenyi(np.ones((1, 3))), r"shape \(1, 3\)"),
        (lambda: metrics.friedman_nemenyi(np.ones((3, 2))), r"shape \(3, 2\)"),
    ],
)
def test_what_has_no_answer_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wilcoxon_is_the_share_of_signs_as_extreme(rng):
    gaps = rng.normal(0.4, 1, 8)
    ranks = np.argsort(np.argsort(np.abs(gaps))) + 1
    statistic = min(ranks[gaps > 0].sum(), ranks[gaps < 0].sum())
    sums = [np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=8)]
    found = metrics.wilcoxon(np.append(gaps, 0.0), np.zeros(9))
    assert found.statistic == statistic
    assert found.p_value == pytest.approx(min(2 * np.mean(np.array(sums) <= statistic), 1))


def test_wilcoxon_of_no_difference_and_of_other_shapes():
    assert metrics.wilcoxon(np.ones(4), np.ones(4)).p_value == 1
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        metrics.wilcoxon(np.ones(3), np.ones(2))
