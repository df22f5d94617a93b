"""Wilcoxon's test from all signs; the other tests are held in tests/experiments."""

import itertools

import numpy as np
import pytest

from fal_jax import metrics


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
