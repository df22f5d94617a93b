"""Counts over data sets: by significance, and by the mean."""

from experiments import statistics
from fal_jax import metrics


def test_a_tally_counts_significance_and_means_apart():
    gaps = [0.1, 0.1, -0.1, -0.1, 0.0]
    compared = [metrics.Comparison(gap, 0.01, 9, 0, 10) for gap in gaps]
    found = statistics.tally(compared, [0.01, 0.2, 0.04, 0.5, 1.0])
    assert found == statistics.Tally(wins=1, ties=3, losses=1, ahead=2, behind=2)
