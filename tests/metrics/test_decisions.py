"""Metrics of decisions: scikit-learn's, on weighted and masked cases, host and program."""

import jax
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fal_jax import metrics

CASES, SIZE, CLASSES = 100, 40, 3
NAMED = {
    "balanced_accuracy": (metrics.balanced_accuracy, sklearn_metrics.balanced_accuracy_score),
    "matthews": (metrics.matthews_correlation, sklearn_metrics.matthews_corrcoef),
    "kappa": (metrics.cohen_kappa, sklearn_metrics.cohen_kappa_score),
}


def draw(rng, classes):
    labels = rng.integers(0, classes, (CASES, SIZE))
    labels[:, :classes] = np.arange(classes)
    is_right = rng.random((CASES, SIZE)) < 0.5
    predictions = np.where(is_right, labels, rng.integers(0, classes, (CASES, SIZE)))
    weights = rng.uniform(0.1, 3, (CASES, SIZE)).astype(np.float32)
    where = np.arange(SIZE) < rng.integers(classes, SIZE + 1, (CASES, 1))
    predictions[~where] = 77
    return predictions, labels, weights, where


@pytest.mark.parametrize("classes", [2, CLASSES])
def test_they_are_scikit_learns(rng, classes):
    cases = draw(rng, classes)
    functions = [function for function, _ in NAMED.values()]

    def found(p, y, w, v):
        options = {"num_classes": classes, "weights": w, "where": v}
        return [function(p, y, **options) for function in functions]

    inside = np.array(jax.jit(jax.vmap(found))(*cases)).T
    for i in range(CASES):
        p, y, w, v = (each[i] for each in cases)
        options = {"sample_weight": w[v].astype(np.float64)}
        truth = [theirs(y[v], p[v], **options) for _, theirs in NAMED.values()]
        np.testing.assert_allclose(inside[i], truth, atol=1e-6)
        if i % 10 == 0:
            np.testing.assert_allclose(found(p, y, w, v), truth, atol=1e-6)


def test_f_beta_recall_g_mean_and_confusion(rng):
    for p, y, w, v in zip(*draw(rng, 2), strict=True):
        options = {"weights": w, "where": v}
        kept = {"sample_weight": w[v].astype(np.float64)}
        truth = sklearn_metrics.fbeta_score(y[v], p[v], beta=2, **kept)
        assert metrics.f_beta(p, y, beta=2.0, **options) == pytest.approx(truth, abs=1e-6)
        recall = sklearn_metrics.recall_score(y[v], p[v], average=None, labels=[0, 1], **kept)
        np.testing.assert_allclose(metrics.per_class_recall(p, y, **options), recall, atol=1e-6)
        g_mean = np.sqrt(recall.prod())
        assert metrics.g_mean(p, y, **options) == pytest.approx(g_mean, abs=1e-6)
        truth = sklearn_metrics.confusion_matrix(y[v], p[v], **kept)
        np.testing.assert_allclose(metrics.confusion_matrix(p, y, **options), truth, rtol=1e-6)


def test_one_class_is_warned_of_and_a_wrong_class_gives_nan():
    for metric in (metrics.balanced_accuracy, metrics.g_mean, metrics.f_beta, metrics.cohen_kappa):
        with pytest.warns(UserWarning, match="hold 1 class"):
            assert np.isnan(metric([0, 1], [0, 0]))
        assert np.isnan(jax.jit(metric)(np.array([0, 1]), np.array([0, 0])))
        assert np.isnan(metric([0, 2, 1], [0, 1, 1]))
        assert np.isnan(metric([0, 1, 1], [0, 1, 2]))


def test_predictions_of_one_class_correlate_with_nothing():
    assert metrics.matthews_correlation([1, 1, 1], [0, 1, 1]) == 0


def test_groups_go_by_training_counts_and_skip_classes_without_examples():
    counts = np.array([101, 100, 20, 19, 500])
    found = metrics.group_accuracy([0, 0, 1, 0, 2, 3], [0, 0, 1, 1, 2, 3], counts)
    assert tuple(map(float, found)) == (1.0, 0.75, 1.0)
    found = metrics.group_accuracy([0], [0], counts)
    assert np.isnan(found.few)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "predictions must have", lambda: metrics.g_mean([0.5, 1.0], [0, 1])),
        (ValueError, "labels must have shape", lambda: metrics.g_mean([0, 1], [[0, 1]])),
        (ValueError, "num_classes", lambda: metrics.g_mean([0, 1], [0, 1], num_classes=1)),
        (ValueError, "class_counts", lambda: metrics.group_accuracy([0, 1], [0, 1], [[1, 2]])),
        (ValueError, "beta must be above", lambda: metrics.f_beta([0, 1], [0, 1], beta=0.0)),
    ],
)
def test_arguments_that_do_not_fit_are_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_bool_labels_are_0_and_1(rng):
    labels, scores = rng.random(30) < 0.4, rng.random(30).astype(np.float32)
    predictions, numbers = scores > 0.5, labels.astype(np.int32)
    for metric, first in (
        (metrics.balanced_accuracy, predictions),
        (metrics.f_beta, predictions),
        (metrics.cohen_kappa, predictions),
        (metrics.roc_auc, scores),
        (metrics.best_f_beta, scores),
        (metrics.log_loss, scores),
        (metrics.binary_calibration_error, scores),
        (metrics.delong_interval, scores),
        (metrics.score_counts, scores),
    ):
        for run in (metric, jax.jit(metric)):
            given, expected = (jax.tree.leaves(run(first, y)) for y in (labels, numbers))
            np.testing.assert_array_equal(given[0], expected[0])
    stream = metrics.streaming_ranking(num_bins=64)
    given, expected = (stream.update(stream.init(), scores, y) for y in (labels, numbers))
    np.testing.assert_array_equal(given.examples, expected.examples)
