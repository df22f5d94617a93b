"""A paired test, and counts over data sets: by significance, and by the mean."""

import numpy as np
import pytest
import scipy.stats

from experiments import statistics
from fal_jax import metrics


def test_a_paired_test_is_scipys(rng):
    first, second = rng.normal(0.1, 1.0, (2, 7))
    found, expected = statistics.paired(first - second), scipy.stats.ttest_rel(first, second)
    assert found.difference / found.error == pytest.approx(expected.statistic)
    assert found.p_value() == pytest.approx(expected.pvalue)
    assert (found.ahead, found.size) == (np.sum(first > second), 7)
    assert statistics.paired(np.array([0.2])).p_value() == 1


def test_a_tally_counts_significance_and_means_apart():
    gaps = [0.1, 0.1, -0.1, -0.1, 0.0]
    compared = [metrics.Comparison(gap, 0.01, 9, 0, 10) for gap in gaps]
    found = statistics.tally(compared, [0.01, 0.2, 0.04, 0.5, 1.0])
    assert found == statistics.Tally(wins=1, ties=3, losses=1, ahead=2, behind=2)
