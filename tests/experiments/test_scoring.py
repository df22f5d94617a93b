"""Thresholds, metrics and curves, against scikit-learn, all thresholds tried, and by hand."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from experiments import scoring

CRITERIA = {"f1": metrics.f1_score, "balanced_accuracy": metrics.balanced_accuracy_score}


def scores_with_ties(rng, size):
    return rng.integers(-4, 5, size).astype(np.float32) / 3


def labels_of(rng, size):
    labels = (rng.random(size) < 0.3).astype(np.int32)
    labels[:2] = 0, 1
    return labels


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("draw", [scores_with_ties, lambda rng, size: rng.normal(size=size)])
def test_best_thresholds_are_the_best_of_all(rng, draw, name):
    score = CRITERIA[name]
    for size in (5, 30, 200):
        scores, labels = draw(rng, size), labels_of(rng, size)
        threshold = scoring.best_thresholds(scores, labels)[name]
        best = max(score(labels, scores >= t) for t in np.unique(scores))
        assert score(labels, scores >= threshold) == pytest.approx(best, abs=1e-12)


def test_a_threshold_lies_half_way_between_the_scores_that_it_parts():
    scores, labels = np.array([4.0, 1.0, 2.0, 4.0, -3.0]), np.array([1, 0, 0, 1, 0])
    assert scoring.best_thresholds(scores, labels) == {"f1": 3.0, "balanced_accuracy": 3.0}


def test_a_threshold_parts_scores_that_are_neighbours_in_float32():
    scores = np.array([np.nextafter(np.float32(1), np.float32(2)), 1.0], np.float32)
    labels = np.array([1, 0])
    found = scoring.scored(scores, labels, scoring.best_thresholds(scores, labels))
    assert (found["f1"], found["balanced_accuracy"]) == (1.0, 1.0)


def test_metrics_are_scikit_learns(rng):
    scores, labels = scores_with_ties(rng, 100), labels_of(rng, 100)
    found = scoring.scored(scores, labels, {"f1": 1.0, "balanced_accuracy": -1.0})
    assert found == {
        "auc": metrics.roc_auc_score(labels, scores),
        "average_precision": metrics.average_precision_score(labels, scores),
        "f1": metrics.f1_score(labels, scores >= 1),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, scores >= -1),
        "f1_argmax": metrics.f1_score(labels, scores > 0),
        "balanced_accuracy_argmax": metrics.balanced_accuracy_score(labels, scores > 0),
    }
    assert {type(value) for value in found.values()} == {float}


def test_curves_by_hand():
    """From the top: 1, 0, 1 and 0 tied, 1, 0, 1, 0; so 4 positives and 4 negatives."""
    scores = np.array([7.0, 6.0, 5.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    labels = np.array([1, 0, 1, 0, 1, 0, 1, 0])
    found = scoring.curves(scores, labels)
    # A straight line through the tie; where the curve goes straight up, the top.
    true_rates = {0: 0.25, 0.25: 0.25, 0.4: 0.4, 0.5: 0.75, 0.74: 0.75, 0.75: 1.0, 1: 1.0}
    # Each is the best of the precisions 1/1, 2/4, 3/5, 4/7 from its recall on.
    precisions = {0.1: 1.0, 0.25: 1.0, 0.26: 0.6, 0.5: 0.6, 0.75: 0.6, 0.76: 4 / 7, 1: 4 / 7}
    for name, expected in (("tpr", true_rates), ("precision", precisions)):
        assert len(found[name]) == scoring.GRID.size
        for place, value in expected.items():
            assert found[name][round(100 * place)] == pytest.approx(value, abs=1e-4)


def test_curves_are_the_best_of_all_thresholds(rng):
    """At 20 positives and 25 negatives, so that rates lie on the grid."""
    scores, labels = rng.permutation(90)[:45] / 7, np.repeat([1, 0], [20, 25])
    found = scoring.curves(scores, labels)
    flagged = scores >= np.unique(scores)[:, None]
    hits, alarms = (flagged & (labels == 1)).sum(axis=1), flagged.sum(axis=1)
    recall, false_rate, precision = hits / 20, (alarms - hits) / 25, hits / alarms
    for place in range(1, 101):
        best = precision[recall >= place / 100 - 1e-9].max()
        assert found["precision"][place] == pytest.approx(best, abs=1e-4)
    for place in range(0, 101, 4):
        best = recall[false_rate <= place / 100 + 1e-9].max(initial=0)
        assert found["tpr"][place] == pytest.approx(best, abs=1e-4)
    assert (np.diff(found["precision"]) <= 0).all()
    assert (np.diff(found["tpr"]) >= 0).all()


def test_mean_curves_are_means_with_their_grid():
    low, high = ({"tpr": [value] * 101, "precision": [1 - value] * 101} for value in (0.2, 0.41))
    mean = scoring.mean_curves([low, high])
    assert mean["fpr"] == mean["recall"] == [n / 100 for n in range(101)]
    assert mean["tpr"] == [0.305] * 101
    assert mean["precision"] == [0.695] * 101


def test_calibrated_scores_are_the_log_odds_that_they_were_drawn_from(rng):
    """Scores that are 3 times too steep and shifted, as a class-weighted model's are."""
    log_odds = rng.normal(-1, 2, size=20_000)
    labels = (rng.random(log_odds.size) < special.expit(log_odds)).astype(np.int32)
    scores = (3 * log_odds + 40).astype(np.float32)
    others = np.float32([40, 43, 34])
    own, found = scoring.calibrated(scores, labels, others)
    np.testing.assert_allclose(found, [0, 1, -2], atol=0.1)
    np.testing.assert_allclose(own, log_odds, atol=0.4)
    assert metrics.roc_auc_score(labels, own) == metrics.roc_auc_score(labels, scores)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_calibration_takes_scores_of_any_scale(rng, scale):
    labels = labels_of(rng, 200)
    scores = rng.normal(size=200) + 2 * labels
    expected = scoring.calibrated(scores, labels, scores[:5])
    found = scoring.calibrated(scores * scale, labels, scores[:5] * scale)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_scores_that_are_all_the_same_are_calibrated_to_the_share_of_positives():
    labels = np.array([1, 0, 0, 0])
    own, others = scoring.calibrated(np.full(4, 2.5), labels, np.full(2, 2.5))
    np.testing.assert_allclose(np.append(own, others), np.log(1 / 3), atol=1e-3)
