"""Metrics of decisions: scikit-learn's, on weighted and masked cases, host and program."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fal_jax import metrics

CASES, SIZE, CLASSES = 200, 40, 3


def draw(rng, classes):
    """Few and many examples, rows that are not valid, weights of 0, classes that are absent."""
    labels = rng.integers(0, classes, (CASES, SIZE))
    labels[::4] = rng.integers(0, 2, labels[::4].shape) + classes - 2
    labels[:, :2] = classes - 2, classes - 1  # two at least, of which one may never be predicted
    is_right = rng.random((CASES, SIZE)) < 0.5
    predictions = np.where(is_right, labels, rng.integers(0, classes, (CASES, SIZE)))
    predictions[::5] = np.minimum(predictions[::5], classes - 2)
    predictions[::7] = classes - 1
    weights = rng.uniform(0.1, 3, (CASES, SIZE)) * (rng.random((CASES, SIZE)) < 0.9)
    weights[:, :2] = 1
    where = np.arange(SIZE) < rng.integers(2, SIZE + 1, (CASES, 1))
    predictions[~where], labels[~where] = 77, -3
    return predictions, labels, weights.astype(np.float32), where


def expected(p, y, w, classes):
    """Of the rows that count, in float64."""
    options = {"sample_weight": w}
    every = {"labels": np.arange(classes), **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes without an example or an alarm
        matrix = sklearn_metrics.confusion_matrix(y, p, **every)
        recall = sklearn_metrics.recall_score(y, p, average=None, **every)
        values = [
            sklearn_metrics.balanced_accuracy_score(y, p, **options),
            sklearn_metrics.matthews_corrcoef(y, p, **options),
            sklearn_metrics.cohen_kappa_score(y, p, **options),
        ]
        f2 = sklearn_metrics.fbeta_score(y, p, beta=2, **options) if classes == 2 else 0.0
    present = recall[matrix.sum(axis=1) > 0]
    recall[matrix.sum(axis=1) == 0] = np.nan
    return [*values, present.prod() ** (1 / present.size), f2, *recall, *matrix.ravel()]


def found(p, y, w, v, classes):
    options = {"weights": w, "where": v}
    sized = {"num_classes": classes, **options}
    scalars = [
        metrics.balanced_accuracy(p, y, **sized),
        metrics.matthews_correlation(p, y, **sized),
        metrics.cohen_kappa(p, y, **sized),
        metrics.g_mean(p, y, **sized),
        metrics.f_beta(p, y, beta=2.0, **options) if classes == 2 else jnp.zeros(()),
    ]
    matrix = metrics.confusion_matrix(p, y, **sized).ravel()
    return jnp.concatenate([jnp.stack(scalars), metrics.per_class_recall(p, y, **sized), matrix])


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("classes", [2, CLASSES])
def test_200_random_cases_are_scikit_learns_on_the_host_and_in_a_program(rng, classes, is_weighted):
    predictions, labels, weights, where = draw(rng, classes)
    weights = weights if is_weighted else np.ones_like(weights)
    measure = jax.jit(jax.vmap(functools.partial(found, classes=classes)))
    inside = measure(predictions, labels, weights, where)
    for i in range(CASES):
        p, y, w, v = (each[i] for each in (predictions, labels, weights, where))
        kept = v & (w > 0)
        truth = expected(p[kept], y[kept], np.float64(w[kept]), classes)
        np.testing.assert_allclose(inside[i], truth, rtol=1e-6, atol=1e-6)
        if i % 4 == 0:
            host = found(p, y, w if is_weighted else None, v, classes)
            np.testing.assert_allclose(host, truth, rtol=1e-6, atol=1e-6)


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
