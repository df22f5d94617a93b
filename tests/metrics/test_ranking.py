"""Exact ranking metrics: scikit-learn's, with ties, weights, masks and neighbouring floats."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fal_jax import metrics

CASES, SIZE = 200, 60
RANKED = {
    "roc_auc": metrics.roc_auc,
    "average_precision": metrics.average_precision,
    "partial": functools.partial(metrics.partial_roc_auc, max_fpr=0.3),
    "best": metrics.best_f_beta,
    "all": metrics.ranking_metrics,
    "recall": functools.partial(metrics.recall_at_fpr, max_fpr=0.2),
}
each_metric = pytest.mark.parametrize("metric", RANKED.values(), ids=RANKED)


@pytest.fixture(scope="module")
def cases():
    """Scores with ties, labels of both classes, weights some of which are 0, and masks."""
    rng = np.random.default_rng(0)
    levels = rng.integers(2, 80, (CASES, 1))
    scores = (rng.integers(0, levels, (CASES, SIZE)) / levels - 0.5).astype(np.float32)
    labels = (rng.random((CASES, SIZE)) < rng.uniform(0.1, 0.9, (CASES, 1))).astype(np.int32)
    labels[:, :2] = 0, 1
    weights = rng.uniform(0.1, 3, (CASES, SIZE)) * (rng.random((CASES, SIZE)) < 0.9)
    weights[:, :2] = 1
    where = np.arange(SIZE) < rng.integers(5, SIZE + 1, (CASES, 1))
    scores[~where], labels[~where] = np.nan, 7
    return scores, labels, weights.astype(np.float32), where


def expected(scores, labels, weights):
    """By scikit-learn, and the best of all thresholds by its confusion at each."""
    fpr, recall, _ = sklearn_metrics.roc_curve(
        labels, scores, sample_weight=weights, drop_intermediate=False
    )
    flags = [scores >= threshold for threshold in np.unique(scores)]
    options = {"sample_weight": weights}
    return [
        sklearn_metrics.roc_auc_score(labels, scores, **options),
        sklearn_metrics.average_precision_score(labels, scores, **options),
        sklearn_metrics.roc_auc_score(labels, scores, max_fpr=0.3, **options),
        max(f2(labels, flag, weights) for flag in flags),
        (1 + np.max(recall - fpr)) / 2,
        np.max(recall[fpr <= 0.2 + 1e-9]),
    ]


def f2(labels, flags, weights):
    hits = weights[flags & (labels == 1)].sum()
    return 5 * hits / (4 * weights[labels == 1].sum() + weights[flags].sum())


def found(scores, labels, weights, where):
    options = {"weights": weights, "where": where}
    return [
        metrics.roc_auc(scores, labels, **options),
        metrics.average_precision(scores, labels, **options),
        metrics.partial_roc_auc(scores, labels, max_fpr=0.3, **options),
        metrics.best_f_beta(scores, labels, beta=2.0, **options).value,
        metrics.best_balanced_accuracy(scores, labels, **options).value,
        metrics.recall_at_fpr(scores, labels, max_fpr=0.2, **options),
    ]


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
def test_200_random_cases_are_scikit_learns_on_the_host_and_in_a_program(cases, is_weighted):
    scores, labels, weights, where = cases
    weights = weights if is_weighted else np.ones_like(weights)
    truth = np.array([
        expected(s[v], y[v], w[v].astype(np.float64))
        for s, y, w, v in zip(scores, labels, weights, where, strict=True)
    ])  # fmt: skip
    inside = jax.jit(jax.vmap(found))(scores, labels, weights, where)
    np.testing.assert_allclose(np.array(inside).T, truth, atol=1e-6)
    for i in range(0, CASES, 4):
        given = weights[i] if is_weighted else None
        host = found(scores[i], labels[i], given, where[i])
        np.testing.assert_allclose(host, truth[i], atol=1e-6)


@pytest.mark.parametrize("run", [lambda f: f, jax.jit], ids=["host", "program"])
def test_one_ulp_is_no_tie_and_the_zeros_are_one(run):
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    labels = np.array([0, 1])
    roc_auc = run(metrics.roc_auc)
    assert roc_auc(np.array([low, high]), labels) == 1
    assert roc_auc(np.array([high, low]), labels) == 0
    assert roc_auc(np.array([-0.0, 0.0], np.float32), labels) == 0.5
    best = run(metrics.best_f_beta)(np.array([low, high]), labels)
    assert low < best.threshold <= high


def test_float64_scores_on_the_host_are_not_rounded():
    scores = np.array([1 - 2e-12, 1 - 1e-12])
    assert metrics.roc_auc(scores, np.array([0, 1])) == 1


@each_metric
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_warned_of_and_gives_nan(metric, label):
    scores, labels = np.linspace(-1, 1, 5), np.full(5, label)
    with pytest.warns(UserWarning, match=r"hold 1 class .* needs 2\. Stratify"):
        value = metric(scores, labels)
    assert np.isnan(jax.tree.leaves(value)).all()
    assert np.isnan(jax.tree.leaves(jax.jit(metric)(scores, labels))).all()


@each_metric
@pytest.mark.parametrize(("name", "wrong"), [("scores", np.nan), ("labels", 2), ("labels", -1)])
def test_nan_scores_and_wrong_labels_give_nan_where_they_count(metric, name, wrong):
    arrays = {"scores": np.linspace(-1, 1, 6), "labels": np.array([0, 1, 0, 1, 0, 1])}
    arrays[name][3] = wrong
    where = np.arange(6) != 3
    for run in (metric, jax.jit(metric)):
        assert np.isnan(jax.tree.leaves(run(**arrays))).all()
        assert np.isfinite(jax.tree.leaves(run(**arrays, where=where))).all()


def test_thresholds_part_the_classes_as_the_best_value_says(cases):
    scores, labels, _, where = cases
    inside = jax.jit(jax.vmap(lambda s, y, v: metrics.ranking_metrics(s, y, where=v)))(
        scores, labels, where
    )
    for i in range(0, CASES, 10):
        s, y = scores[i][where[i]], labels[i][where[i]]
        known = metrics.ranking_metrics(s, y)
        for each in (known, jax.tree.map(lambda leaf, i=i: leaf[i], inside)):
            value = sklearn_metrics.f1_score(y, s >= np.asarray(each.f1.threshold))
            assert value == pytest.approx(float(each.f1.value), abs=1e-6)
            best = each.balanced_accuracy
            value = sklearn_metrics.balanced_accuracy_score(y, s >= np.asarray(best.threshold))
            assert value == pytest.approx(float(best.value), abs=1e-6)


@pytest.mark.parametrize("costs", [[[0.0, 1.0], [5.0, 0.0]], [[-1.0, 20.0], [4.0, 1.0]]])
def test_no_threshold_costs_less_than_the_least(cases, costs):
    scores, labels, weights, where = cases
    costs = np.array(costs)
    inside = jax.jit(jax.vmap(lambda s, y, w, v: metrics.least_cost(
        s, y, costs=costs, weights=w, where=v
    )))(scores, labels, weights, where)  # fmt: skip
    for i in range(0, CASES, 10):
        s, y, w = (each[i][where[i]] for each in (scores, labels, weights.astype(np.float64)))

        def mean_cost(threshold, s=s, y=y, w=w):
            return np.average(costs[y, (s >= threshold).astype(int)], weights=w)

        least = min(mean_cost(threshold) for threshold in [*np.unique(s), np.inf])
        known = metrics.least_cost(s, y, costs=costs, weights=w)
        for each in (known, jax.tree.map(lambda leaf, i=i: leaf[i], inside)):
            assert float(each.value) == pytest.approx(least, abs=1e-5)
            assert mean_cost(float(each.threshold)) == pytest.approx(least, abs=1e-5)
    assert np.isinf(inside.threshold).any()  # no alarm at all was best


@pytest.mark.parametrize(("k", "value"), [(1, 1.0), (2, 0.75), (3, 2 / 3), (4, 0.5), (9, 0.5)])
def test_precision_at_k_shares_ties_out(k, value):
    scores, labels = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1])
    assert metrics.precision_at_k(scores, labels, k=k) == pytest.approx(value)
    traced = jax.jit(lambda k: metrics.precision_at_k(scores, labels, k=k))(k)
    assert traced == pytest.approx(value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one class is enough
        assert metrics.precision_at_k(scores, np.zeros(4, int), k=k) == 0


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
def test_precision_at_k_lies_on_the_line_between_scikit_learns_of_whole_ties(cases, is_weighted):
    """One case in ten has no example of class 1."""
    scores, labels, weights, where = cases
    labels = np.where(np.arange(CASES)[:, None] % 10 == 0, np.minimum(labels, 0), labels)
    weights = weights if is_weighted else np.ones_like(weights)
    ks = np.random.default_rng(3).uniform(0.5, 40, CASES).astype(np.float32)
    ks = ks if is_weighted else np.ceil(ks)
    inside = jax.jit(jax.vmap(lambda s, y, w, v, k: metrics.precision_at_k(
        s, y, k=k, weights=w, where=v
    )))(scores, labels, weights, where, ks)  # fmt: skip
    for i in range(CASES):
        s, y, w = (each[i][where[i]] for each in (scores, labels, np.float64(weights)))
        truth = precision_at(s, y, w, min(ks[i], w.sum()))
        assert float(inside[i]) == pytest.approx(truth, abs=2e-6)
        if i % 4 == 0:
            given = {"weights": weights[i] if is_weighted else None, "where": where[i]}
            host = metrics.precision_at_k(scores[i], labels[i], k=ks[i], **given)
            assert float(host) == pytest.approx(truth, abs=1e-6)


def precision_at(scores, labels, weights, k):
    """Hits of k alarms over k, from scikit-learn's precision of the two thresholds around k."""
    levels = np.unique(scores[weights > 0])[::-1]
    alarms = np.array([0.0, *(weights[scores >= level].sum() for level in levels)])
    place = min(np.searchsorted(alarms, k), levels.size)

    def hits(place):
        flags = scores >= levels[place - 1]
        options = {"sample_weight": weights, "zero_division": 0}
        return alarms[place] * sklearn_metrics.precision_score(labels, flags, **options)

    ends = [hits(place - 1) if place > 1 else 0.0, hits(place)]
    return np.interp(k, alarms[place - 1 : place + 1], ends) / k


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "scores must have a floating", lambda: metrics.roc_auc([1, 2], [0, 1])),
        (ValueError, r"labels must have shape \(2,\)", lambda: metrics.roc_auc([0.5, 1.0], [[0]])),
        (ValueError, "weights must have shape", lambda: metrics.roc_auc(*PAIR, weights=[1.0])),
        (ValueError, "at least 0", lambda: metrics.roc_auc(*PAIR, weights=[1.0, -1.0])),
        (TypeError, "where must have dtype bool", lambda: metrics.roc_auc(*PAIR, where=[1, 0])),
        (ValueError, "max_fpr must be", lambda: metrics.partial_roc_auc(*PAIR, max_fpr=0.0)),
        (ValueError, "beta must be above", lambda: metrics.best_f_beta(*PAIR, beta=0.0)),
        (ValueError, "of a mistake", lambda: metrics.least_cost(*PAIR, costs=np.zeros((2, 2)))),
        (ValueError, "k must be above 0", lambda: metrics.precision_at_k(*PAIR, k=0)),
    ],
)
def test_arguments_that_do_not_fit_are_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


PAIR = jnp.array([0.5, 1.0]), jnp.array([0, 1])
