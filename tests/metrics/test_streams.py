"""Streams: exact sums, values within their bounds, and bounds that are small for rare positives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from scipy import special
from sklearn import metrics as sklearn_metrics

from fal_jax import metrics


def draw(rng, size, centre, spread=3.0):
    scores = rng.normal(centre, spread, size).astype(np.float32)
    return scores, (rng.random(size) < special.expit(scores)).astype(np.int32)


def assert_within(found, scores, labels, weights=None):
    given = {"y_true": labels, "y_score": np.float64(scores), "sample_weight": weights}
    for value, bound, truth in (
        (found.roc_auc, found.roc_auc_bound, sklearn_metrics.roc_auc_score(**given)),
        (
            found.average_precision,
            found.average_precision_bound,
            sklearn_metrics.average_precision_score(**given),
        ),
    ):
        assert abs(float(value) - truth) <= float(bound) + 1e-6


@pytest.mark.parametrize(
    ("centre", "rate", "bounds"),
    [(-11.2, 1e-3, (2e-4, 5e-3)), (-13.8, 1e-4, (2e-4, 2e-2))],
    ids=["1 in 1000", "1 in 10,000"],
)
def test_rare_positives_are_within_small_bounds(rng, centre, rate, bounds):
    scores, labels = draw(rng, 400_000, centre)
    assert rate / 2 < labels.mean() < rate * 2
    metric = metrics.streaming_ranking()
    found = metric.compute(metric.update(metric.init(), scores, labels))
    assert_within(found, scores, labels)
    assert found.roc_auc_bound < bounds[0]
    assert found.average_precision_bound < bounds[1]


def linear_threshold_auc(probabilities, labels, num_thresholds=200):
    """AUC by thresholds evenly spaced on [0, 1] and the trapezoidal rule, as streams often have it.

    The first and last let everything and nothing through, as in Keras.
    """
    thresholds = np.linspace(0, 1, num_thresholds)
    thresholds[[0, -1]] = -1e-7, 1 + 1e-7
    rates = [
        1 - np.searchsorted(np.sort(probabilities[labels == side]), thresholds, "right")
        / np.count_nonzero(labels == side)
        for side in (0, 1)
    ]  # fmt: skip
    return -np.trapezoid(rates[1], rates[0])


@pytest.mark.parametrize(
    ("centre", "rate"), [(-11.2, 1e-3), (-13.8, 1e-4)], ids=["1 in 1000", "1 in 10,000"]
)
def test_linear_thresholds_miss_what_the_stream_measures(rng, centre, rate):
    """Of rare positives the probabilities lie below the second threshold, .005, nearly all."""
    scores, labels = draw(rng, 400_000, centre)
    assert rate / 2 < labels.mean() < rate * 2
    probabilities = special.expit(np.float64(scores))
    truth = sklearn_metrics.roc_auc_score(labels, probabilities)
    assert truth - linear_threshold_auc(probabilities, labels) > 0.03
    # As exact as one likes with thresholds enough: it is the grid that is wrong.
    assert linear_threshold_auc(probabilities, labels, 2_000_001) == pytest.approx(truth, abs=1e-3)
    metric = metrics.streaming_ranking()
    found = metric.compute(metric.update(metric.init(), scores, labels))
    assert abs(float(found.roc_auc) - truth) <= float(found.roc_auc_bound) + 1e-6
    assert found.roc_auc_bound < 2e-4


def test_coarse_bins_have_honest_bounds(rng):
    for num_bins in (2, 3, 8, 50):
        metric = metrics.streaming_ranking(num_bins=num_bins)
        compute = jax.jit(lambda s, y, m=metric: m.compute(m.update(m.init(), s, y)))
        for _ in range(20):
            scores, labels = draw(rng, 100, -1.0)
            scores = scores if rng.random() < 0.5 else np.round(scores)
            assert_within(compute(scores, labels), scores, labels)


def test_states_add_exactly_in_scan_and_across_devices(rng):
    scores, labels = draw(rng, 8 * 100, -2.0)
    metric = metrics.streaming_ranking(num_bins=64)
    whole = metric.update(metric.init(), scores, labels)
    batches = scores.reshape(8, 100), labels.reshape(8, 100)
    scanned, _ = jax.lax.scan(lambda s, b: (metric.update(s, *b), None), metric.init(), batches)
    mesh = jax.make_mesh((8,), ("data",), (jax.sharding.AxisType.Auto,))
    split = PartitionSpec("data")
    summed = jax.jit(
        jax.shard_map(
            lambda s, y: jax.lax.psum(metric.update(metric.init(), s, y), "data"),
            mesh=mesh,
            in_specs=(split, split),
            out_specs=PartitionSpec(),
        )
    )(scores, labels)
    for other in (scanned, summed, metric.merge(whole, metric.init())):
        jax.tree.map(np.testing.assert_array_equal, other, whole)


def test_counts_go_on_beyond_what_float32_can_count():
    metric = metrics.streaming_confusion(2)
    many = metrics.Counted(jnp.array([2**24, 0, 0, 2**31], jnp.uint32), jnp.uint32(0))
    state = metric.update(many, jnp.array([0, 1]), jnp.array([0, 1]))
    assert metric.compute(state).tolist() == [[2**24 + 1, 0], [0, 2**31 + 1]]
    ranking = metrics.streaming_ranking(num_bins=2)
    state = metrics.Counted(jnp.array([2**31, 2**24, 2**24, 2**24], jnp.uint32), jnp.uint32(0))
    top = ranking.update(state, jnp.array([1.0]), jnp.array([1]))
    assert int(top.examples[3]) == 2**24 + 1
    share = 2**24 / (2**31 + 2**24)
    expected = 0.5 * (1 - share) + share / 4 + (1 - share) / 4
    assert ranking.compute(state).roc_auc == pytest.approx(expected, rel=1e-6)


def test_recall_is_the_exact_metric_and_masked_rows_count_for_nothing(rng):
    predictions, labels = rng.integers(0, 3, (2, 50))
    where = rng.random(50) < 0.7
    predictions[~where] = 9
    metric = metrics.streaming_recall(3)
    state = metric.update(metric.init(), predictions, labels, where=where)
    exact = metrics.per_class_recall(predictions, labels, num_classes=3, where=where)
    np.testing.assert_allclose(metric.compute(state), exact, rtol=1e-6)
    spoiled = metric.update(state, np.array([3]), np.array([0]))
    assert np.isnan(metric.compute(spoiled)).all()


def test_weighted_rankings_are_within_their_bounds_in_any_number_of_batches(rng):
    for num_bins in (2, 8, 2**12):
        metric = metrics.streaming_ranking(num_bins=num_bins, weighted=True)
        update = jax.jit(metric.update)
        for _ in range(8):
            scores, labels = draw(rng, 100, -1.0)
            weights = rng.uniform(0.01, 3, 100).astype(np.float32) * (rng.random(100) < 0.9)
            state = metric.init()
            for part in (slice(0, 50), slice(50, 100)):
                state = update(state, scores[part], labels[part], weights=weights[part])
            found = metric.compute(state)
            assert_within(found, scores, labels, weights.astype(np.float64))
    assert found.average_precision_bound < 0.02


def test_weighted_confusion_and_recall_are_the_exact_metrics(rng):
    predictions, labels = rng.integers(0, 3, (2, 50))
    weights, where = rng.uniform(0, 2, 50), rng.random(50) < 0.7
    predictions[~where] = 9
    options = {"num_classes": 3, "weights": weights, "where": where}
    for make, exact in (
        (metrics.streaming_confusion, metrics.confusion_matrix),
        (metrics.streaming_recall, metrics.per_class_recall),
    ):
        metric = make(3, weighted=True)
        state = metric.update(metric.init(), predictions, labels, weights=weights, where=where)
        np.testing.assert_allclose(
            metric.compute(state), exact(predictions, labels, **options), rtol=1e-5
        )
        plain = make(3)
        with pytest.raises(ValueError, match="a metric that is made with weighted=True"):
            plain.update(plain.init(), predictions, labels, weights=weights)


@pytest.mark.parametrize("binary", [True, False])
def test_losses_of_probabilities_are_the_exact_ones_over_many_batches(rng, binary):
    """10,000 batches: a plain sum in float32 would be 1e-5 off or more."""
    table = rng.dirichlet(np.ones(3), (10_000, 4)).astype(np.float32)
    labels = rng.integers(0, 2 if binary else 3, (10_000, 4))
    weights, where = rng.uniform(0, 2, labels.shape), rng.random(labels.shape) < 0.8
    given = (table[..., 1] if binary else table), labels, weights, where
    for make, exact in (
        (metrics.streaming_log_loss, metrics.log_loss),
        (metrics.streaming_brier_score, metrics.brier_score),
    ):
        metric = make()

        def run(*batches, metric=metric):
            def add(state, batch):
                return metric.update(state, *batch[:2], weights=batch[2], where=batch[3]), None

            return jax.lax.scan(add, metric.init(), batches)[0]

        halves = [jax.jit(run)(*(part[half::2] for part in given)) for half in (0, 1)]
        truth = float(exact(*given[:2], weights=weights, where=where))
        assert metric.compute(metric.merge(*halves)) == pytest.approx(truth, rel=1e-6)


def test_losses_of_what_cannot_be_scored():
    metric = metrics.streaming_log_loss()
    state = metric.update(metric.init(), np.array([0.5, 0.0]), np.array([0, 1]))
    for _ in range(2):  # and stays infinite
        assert np.isinf(metric.compute(state))
        state = metric.update(state, np.array([0.5]), np.array([1]))
    for score, label in ((np.nan, 0), (0.5, 2)):
        spoiled = metric.update(metric.init(), np.array([score, 0.5]), np.array([label, 1]))
        assert np.isnan(metric.compute(spoiled))
    assert np.isnan(metric.compute(metric.init()))
    with pytest.raises(ValueError, match=r"labels must have shape \(2,\)"):
        metric.update(metric.init(), np.ones((2, 2)), np.ones(3, int))


@pytest.mark.parametrize(("score", "label"), [(np.nan, 0), (0.0, 2), (0.0, -1)])
def test_what_cannot_be_ranked_makes_the_estimate_nan(score, label):
    metric = metrics.streaming_ranking(num_bins=4)
    state = metric.update(metric.init(), np.array([0.0, 1.0]), np.array([0, 1]))
    assert np.isfinite(metric.compute(state)).all()
    state = metric.update(state, np.array([score]), np.array([label]))
    assert np.isnan(metric.compute(state)).all()
    alone = metric.update(metric.init(), np.array([0.0]), np.array([1]))
    assert np.isnan(metric.compute(alone)).all()


def test_arguments_that_do_not_fit_are_refused():
    for make in (metrics.streaming_confusion, metrics.streaming_recall):
        with pytest.raises(ValueError, match="num_classes must be at least 2"):
            make(1)
        metric = make(2)
        with pytest.raises(ValueError, match=r"predictions must have shape \(2,\)"):
            metric.update(metric.init(), np.zeros((2, 1), int), np.zeros(2, int))
    with pytest.raises(ValueError, match="num_bins must be at least 2"):
        metrics.streaming_ranking(num_bins=1)
