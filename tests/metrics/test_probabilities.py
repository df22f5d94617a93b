"""Probabilities: scikit-learn's scores, and calibration errors by a loop over bins."""

import jax
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fal_jax import metrics


def draw(rng, classes=3, size=200):
    table = rng.dirichlet(np.ones(classes), size)
    labels = np.array([rng.choice(classes, p=row) for row in table])
    weights = rng.uniform(0.1, 2, size)
    where = rng.random(size) < 0.8
    return table, labels, weights, where


def ece(chances, hits, weights, num_bins):
    total = 0.0
    for b in range(num_bins):
        inside = (chances >= b / num_bins) & (chances < (b + 1) / num_bins)
        total += abs(np.sum(weights[inside] * (hits[inside] - chances[inside])))
    return total / weights.sum()


@pytest.mark.parametrize("run", [lambda f: f, jax.jit], ids=["host", "program"])
def test_they_are_scikit_learns_and_the_loops(rng, run):
    table, labels, weights, where = draw(rng)
    t, y, w = table[where], labels[where], weights[where]
    top = ece(t.max(1), t.argmax(1) == y, w, 15)
    by_class = np.mean([ece(t[:, k], y == k, w, 15) for k in range(3)])
    binary, is_rare = t[:, 2], (y == 2).astype(int)
    one, rare = table[:, 2], (labels == 2).astype(int)
    brier = np.average(((t - np.eye(3)[y]) ** 2).sum(1), weights=w)
    for metric, scores, classes, truth in (
        (metrics.log_loss, table, labels, sklearn_metrics.log_loss(y, t, sample_weight=w)),
        (metrics.log_loss, one, rare, sklearn_metrics.log_loss(is_rare, binary, sample_weight=w)),
        (
            metrics.brier_score,
            one,
            rare,
            sklearn_metrics.brier_score_loss(is_rare, binary, sample_weight=w),
        ),
        (metrics.brier_score, table, labels, brier),
        (metrics.binary_calibration_error, one, rare, ece(binary, is_rare, w, 15)),
        (metrics.top_label_calibration_error, table, labels, top),
        (metrics.class_wise_calibration_error, table, labels, by_class),
    ):
        value = run(metric)(scores, classes, weights=weights, where=where)
        assert value == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize("run", [lambda f: f, jax.jit], ids=["host", "program"])
def test_wrong_labels_and_probability_0_of_the_true_class(run):
    half = np.array([0.5, 0.5])
    assert np.isnan(run(metrics.brier_score)(half, np.array([0, 2])))
    assert np.isnan(run(metrics.log_loss)(half, np.array([0, -1])))
    assert np.isnan(run(metrics.log_loss)(np.array([0.5, np.nan]), np.array([0, 1])))
    assert np.isinf(run(metrics.log_loss)(np.array([0.5, 0.0]), np.array([0, 1])))
    with pytest.raises(ValueError, match="labels must have shape"):
        run(metrics.log_loss)(np.ones((3, 2)), np.zeros(2, int))
