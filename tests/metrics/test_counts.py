"""Ranking metrics from counts in bins: scikit-learn's, and how far off where scores share bins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sklearn_metrics

from fal_jax.metrics import counted_average_precision, counted_roc_auc, score_counts

EXACT = {counted_average_precision: "average_precision_score", counted_roc_auc: "roc_auc_score"}
METRICS = {metric.__name__: metric for metric in EXACT}

each_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def exact(metric, scores, labels):
    """Scikit-learn's, in float64."""
    return getattr(sklearn_metrics, EXACT[metric])(labels, np.asarray(scores, np.float64))


def draw(rng, size, levels=400):
    """Scores a quarter apart, so on bins of their own, and labels that lean on them."""
    scores = rng.permutation(np.linspace(-50, 49.75, levels))[rng.integers(0, levels, size)]
    labels = (rng.random(size) < special.expit(scores / 20 - 2)).astype(np.int32)
    return scores.astype(np.float32), labels


@each_metric
@pytest.mark.parametrize("levels", [400, 40, 3], ids=lambda n: f"{n} levels")
@pytest.mark.parametrize("size", [10, 300, 5000])
def test_metrics_are_scikit_learns_ties_included(rng, metric, levels, size):
    for _ in range(5):
        scores, labels = draw(rng, size, levels)
        labels[:2] = 0, 1
        found = metric(score_counts(scores, labels))
        assert found.dtype == jnp.float32
        assert float(found) == pytest.approx(exact(metric, scores, labels), abs=1e-6)


@each_metric
def test_examples_that_are_masked_count_for_nothing(rng, metric):
    scores, labels = draw(rng, 300)
    where = rng.random(300) < 0.5
    scores[~where], labels[~where] = np.nan, 7
    found = metric(score_counts(scores, labels, where=where))
    assert float(found) == pytest.approx(exact(metric, scores[where], labels[where]), abs=1e-6)


def test_scores_that_are_all_the_same(rng):
    labels = (rng.random(100) < 0.3).astype(np.int32)
    counts = score_counts(np.full(100, 0.7, np.float32), labels)
    assert float(counted_average_precision(counts)) == pytest.approx(labels.mean(), abs=1e-6)
    assert float(counted_roc_auc(counts)) == 0.5


@pytest.mark.parametrize(
    ("label", "precision"), [(0, 0.0), (1, 1.0)], ids=["no positives", "no negatives"]
)
def test_one_class_alone(label, precision):
    counts = score_counts(np.linspace(-3, 3, 10), np.full(10, label))
    assert float(counted_average_precision(counts)) == precision
    assert float(counted_roc_auc(counts)) == 0


@each_metric
def test_no_example_at_all_gives_0(metric):
    nothing = score_counts(np.ones(4, np.float32), np.ones(4, int), where=np.zeros(4, bool))
    assert float(metric(nothing)) == 0


def test_counts_of_two_parts_are_those_of_the_whole(rng):
    scores, labels = draw(rng, 1000)
    parts = [score_counts(scores[part], labels[part]) for part in np.split(np.arange(1000), [300])]
    whole = score_counts(scores.reshape(10, 100), labels.reshape(10, 100))
    np.testing.assert_array_equal(parts[0] + parts[1], whole)
    np.testing.assert_array_equal(np.sum(whole, axis=1), np.bincount(labels))


def test_rare_positives_cost_little(rng):
    """1 in 2,000, log-odds calibrated: of 20 draws the errors were at most 2.3e-4 and 1.4e-5."""
    for _ in range(3):
        scores = rng.normal(-12, 3, 200_000).astype(np.float32)
        labels = (rng.random(scores.size) < special.expit(scores)).astype(np.int32)
        assert 60 < labels.sum() < 140
        counts = score_counts(scores, labels)
        bounds = {counted_average_precision: 7e-4, counted_roc_auc: 4.2e-5}
        for metric, bound in bounds.items():
            assert abs(float(metric(counts)) - exact(metric, scores, labels)) < bound


def places(scores):
    """The bin of each score."""
    counts = jax.vmap(lambda score: score_counts(score[None], jnp.zeros(1, int))[0])(scores)
    return np.argmax(counts, axis=-1)


def test_a_higher_score_is_in_no_lower_bin_and_in_a_higher_one_from_2_in_1000(rng):
    positive = np.geomspace(0.07, 9e5, 120).astype(np.float32)
    scores = np.sort(np.concatenate([-positive, rng.normal(size=60), positive]))
    assert (np.diff(places(scores.astype(np.float32))) >= 0).all()
    for sign in (-1, 1):
        low, high = places(positive * sign), places(positive * np.float32(1.002) * sign)
        assert ((high - low) * sign > 0).all()


def test_scores_beyond_the_range_are_in_the_outermost_bins():
    largest = np.float32(1e30)
    scores = np.array([-np.inf, -largest, -2e6, 0, 2e6, largest, np.inf], np.float32)
    counts = score_counts(scores, np.array([0, 1, 0, 1, 0, 1, 1]), num_bins=4)
    np.testing.assert_array_equal(counts, [[2, 0, 0, 1], [1, 0, 1, 2]])


def test_bfloat16_scores_count_as_the_numbers_that_they_are(rng):
    scores, labels = rng.normal(size=500).astype(jnp.bfloat16), rng.integers(0, 2, 500)
    counts = score_counts(scores, labels)
    assert counts.dtype == jnp.float32
    np.testing.assert_array_equal(counts, score_counts(scores.astype(np.float32), labels))


@each_metric
@pytest.mark.parametrize(
    ("name", "value"), [("scores", np.nan), ("labels", 2), ("labels", -1), ("labels", 2**32 + 1)]
)
def test_what_cannot_be_counted_makes_the_metric_nan(metric, name, value):
    arrays = {"scores": np.linspace(-1, 1, 6), "labels": np.array([0, 1, 0, 1, 0, 1])}
    arrays[name][3] = value
    counts = score_counts(**arrays)
    assert np.isnan(counts).all()
    assert np.isnan(metric(counts))
    where = np.arange(6) != 3
    assert np.isfinite(metric(score_counts(**arrays, where=where)))


@each_metric
def test_batches_of_counts_and_programs_give_the_same(rng, metric):
    drawn = [draw(rng, 200) for _ in range(6)]
    scores, labels = map(np.stack, zip(*drawn, strict=True))
    counts = [score_counts(*pair) for pair in zip(scores, labels, strict=True)]
    np.testing.assert_array_equal(jax.vmap(score_counts)(scores, labels), np.stack(counts))
    expected = [metric(part) for part in counts]
    for found in (
        jax.jit(jax.vmap(lambda *pair: metric(score_counts(*pair))))(scores, labels),
        jax.vmap(metric)(jnp.stack(counts)),
        metric(jnp.stack(counts).reshape(2, 3, 2, -1)).ravel(),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@each_metric
def test_counts_may_be_too_many_for_whole_numbers_in_float32(metric):
    """10 million negatives and 1,000 positives in 3 bins, by hand."""
    counts = jnp.array([[9e6, 9e5, 1e5], [100, 300, 600]])
    expected = {
        counted_average_precision: 0.6 * 600 / 100_600
        + 0.3 * 900 / 1_000_900
        + 0.1 * 1000 / 10_001_000,
        counted_roc_auc: 0.9 * (0.9 + 0.1 / 2) + 0.09 * (0.6 + 0.3 / 2) + 0.01 * 0.6 / 2,
    }
    assert float(metric(counts)) == pytest.approx(expected[metric], rel=1e-5)


@pytest.mark.parametrize(
    ("error", "words", "arguments"),
    [
        (TypeError, "scores must have a floating dtype", ([1, 2], [0, 1], {})),
        (TypeError, "labels must have an integer dtype", ([0.5, 1], [0.0, 1.0], {})),
        (TypeError, "where must have dtype bool", ([0.5, 1], [0, 1], {"where": [1, 0]})),
        (ValueError, r"labels must have shape \(2,\)", ([0.5, 1], [[0], [1]], {})),
        (ValueError, r"where must have shape \(2,\)", ([0.5, 1], [0, 1], {"where": [True]})),
        (ValueError, "num_bins must be at least 2, got 1", ([0.5, 1], [0, 1], {"num_bins": 1})),
    ],
)
def test_arguments_that_do_not_fit_are_refused(error, words, arguments):
    scores, labels, options = arguments
    options = {name: v if name == "num_bins" else np.array(v) for name, v in options.items()}
    with pytest.raises(error, match=words):
        score_counts(np.array(scores), np.array(labels), **options)


@each_metric
def test_counts_of_another_shape_or_dtype_are_refused(metric):
    for shape in ((2,), (3, 4), (2, 1, 4)):
        with pytest.raises(ValueError, match=r"counts must have shape \[..., 2, bins\]"):
            metric(np.ones(shape, np.float32))
    with pytest.raises(TypeError, match="counts must have a floating dtype"):
        metric(np.ones((2, 4), int))
