"""Probabilities: scikit-learn's scores, and calibration errors by a loop over bins."""

import functools

import jax
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fal_jax import metrics

CASES, SIZE, CLASSES = 200, 40, 3
OF_CLASS_1 = (metrics.log_loss, metrics.brier_score, metrics.binary_calibration_error)
OF_ALL = (
    metrics.log_loss,
    metrics.brier_score,
    metrics.top_label_calibration_error,
    metrics.class_wise_calibration_error,
)
ALL = [*{**dict.fromkeys(OF_CLASS_1), **dict.fromkeys(OF_ALL)}]


@pytest.fixture(scope="module")
def cases():
    """Probabilities in steps of a 64th, which tie, some 1; classes may be absent; weights of 0."""
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.full(CLASSES, 0.7), (CASES, SIZE))
    steps = np.floor(shares * 64)
    steps[..., 0] += 64 - steps.sum(axis=-1)
    tables = (steps / 64).astype(np.float32)
    labels = (rng.random((CASES, SIZE, 1)) > np.cumsum(shares, axis=-1)[..., :-1]).sum(axis=-1)
    labels[::5] = np.minimum(labels[::5], 1)
    labels[::7] = 0
    weights = rng.uniform(0.1, 2, (CASES, SIZE)) * (rng.random((CASES, SIZE)) < 0.9)
    weights[:, 0] = 1
    where = np.arange(SIZE) < rng.integers(3, SIZE + 1, (CASES, 1))
    tables[~where], labels[~where] = 7.0, 9
    return tables, labels.astype(np.int32), weights.astype(np.float32), where


def ece(chances, hits, weights, num_bins=15):
    total = 0.0
    for b in range(num_bins):
        inside = (chances >= b / num_bins) & (chances < (b + 1) / num_bins)
        if b == num_bins - 1:
            inside |= chances == 1
        total += abs(np.sum(weights[inside] * (hits[inside] - chances[inside])))
    return total / weights.sum()


def log_loss(labels, table, weights):
    """scikit-learn's, which holds probabilities of 0 for the dtype's least; ours is infinite."""
    own = np.take_along_axis(table, labels[:, None], axis=1)[:, 0]
    if (own[weights > 0] == 0).any():
        return np.inf
    return sklearn_metrics.log_loss(
        labels, table, sample_weight=weights, labels=np.arange(table.shape[1])
    )


def expected(table, labels, weights):
    """Of class 2 against the rest, and of all classes."""
    one, rare = table[:, 2], (labels == 2).astype(int)
    both = np.stack([1 - one, one], axis=1)
    truth = np.eye(CLASSES)[labels]
    return [
        log_loss(rare, both, weights),
        sklearn_metrics.brier_score_loss(rare, one, sample_weight=weights, labels=[0, 1]),
        ece(one, rare, weights),
        log_loss(labels, table, weights),
        np.average(((table - truth) ** 2).sum(1), weights=weights),
        ece(table.max(1), table.argmax(1) == labels, weights),
        np.mean([ece(table[:, k], labels == k, weights) for k in range(CLASSES)]),
    ]


def found(table, labels, weights, where):
    rare = (labels == 2).astype(np.int32) + 7 * (labels == 9)
    options = {"weights": weights, "where": where}
    return [metric(table[:, 2], rare, **options) for metric in OF_CLASS_1] + [
        metric(table, labels, **options) for metric in OF_ALL
    ]


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
def test_200_random_cases_are_scikit_learns_and_the_loops(cases, is_weighted):
    tables, labels, weights, where = cases
    weights = weights if is_weighted else np.ones_like(weights)
    inside = np.array(jax.jit(jax.vmap(found))(tables, labels, weights, where)).T
    for i in range(CASES):
        t, y, w, v = (each[i] for each in (tables, labels, weights, where))
        truth = expected(np.float64(t[v]), y[v], np.float64(w[v]))
        np.testing.assert_allclose(inside[i], truth, atol=1e-6)
        if i % 4 == 0:
            host = found(t.astype(np.float64), y, w if is_weighted else None, v)
            np.testing.assert_allclose(host, truth, atol=1e-6)


@pytest.mark.parametrize("run", [lambda f: f, jax.jit], ids=["host", "program"])
def test_wrong_labels_and_probability_0_of_the_true_class(run):
    half = np.array([0.5, 0.5])
    assert np.isnan(run(metrics.brier_score)(half, np.array([0, 2])))
    assert np.isnan(run(metrics.log_loss)(half, np.array([0, -1])))
    assert np.isnan(run(metrics.log_loss)(np.array([0.5, np.nan]), np.array([0, 1])))
    assert np.isinf(run(metrics.log_loss)(np.array([0.5, 0.0]), np.array([0, 1])))
    with pytest.raises(ValueError, match="labels must have shape"):
        run(metrics.log_loss)(np.ones((3, 2)), np.zeros(2, int))


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize("wrong", [1.5, -0.2, np.inf])
def test_known_probabilities_outside_0_and_1_are_refused_where_they_count(metric, wrong):
    is_table = metric not in OF_CLASS_1
    probabilities = np.array([[0.3, 0.7], [0.8, 0.2], [1 - wrong, wrong]])
    probabilities = probabilities if is_table else probabilities[:, 1]
    labels, where = np.array([1, 0, 1]), np.array([True, True, False])
    for dtype in (np.float64, np.float32):
        given = probabilities.astype(dtype)
        with pytest.raises(ValueError, match=f"at least 0 and at most 1, got {wrong:g}"):
            metric(given, labels)
        assert np.isfinite(metric(given, labels, where=where))
        assert np.isfinite(metric(given, labels, weights=where.astype(np.float32)))
    jax.jit(metric)(probabilities, labels)  # not known, not checked
    metric(np.array([[1e-7, 1 + 1e-7]] if is_table else [1 + 1e-7]), np.array([1]))  # a rounding


@pytest.mark.parametrize("make", [metrics.streaming_log_loss, metrics.streaming_brier_score])
def test_streams_refuse_them_too(make):
    metric = make()
    update = functools.partial(metric.update, metric.init())
    for probabilities in (np.float32([1.5, 0.2]), np.float32([[1.5, -0.5], [0.2, 0.8]])):
        with pytest.raises(ValueError, match="at least 0 and at most 1"):
            update(probabilities, np.array([1, 0]))
        jax.jit(update)(probabilities, np.array([1, 0]))
