"""DeLong's variance from its kernel over all pairs, and the bootstrap against it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fal_jax import metrics


def kernel_moments(scores, labels):
    """AUC and the structural components V10, V01 of each model, over all pairs in float64."""
    positive, negative = scores[:, labels == 1], scores[:, labels == 0]
    gaps = positive[:, :, None] - negative[:, None, :]
    psi = (gaps > 0) + 0.5 * (gaps == 0)
    return psi.mean((1, 2)), psi.mean(2), psi.mean(1)


def draw(rng, size=150):
    labels = (rng.random(size) < 0.3).astype(np.int32)
    scores = np.round(rng.normal(size=(2, size)) + labels * [[1.0], [0.7]], 1)
    return scores.astype(np.float32), labels


def test_delong_is_the_covariance_of_the_kernels_components(rng):
    for _ in range(3):
        scores, labels = draw(rng)
        where = rng.random(labels.size) < 0.8
        auc, v10, v01 = kernel_moments(scores[:, where].astype(np.float64), labels[where])
        covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
        one = jax.jit(metrics.delong_interval)(scores[0], labels, where=where)
        z = stats.norm.ppf(0.975)
        assert one.value == pytest.approx(auc[0], abs=1e-6)
        assert one.error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-5)
        assert one.low == pytest.approx(auc[0] - z * np.sqrt(covariance[0, 0]), rel=1e-5)
        both = metrics.delong_difference(*scores, labels, where=where)
        contrast = np.array([1, -1])
        assert both.value == pytest.approx(auc[0] - auc[1], abs=1e-6)
        assert both.error == pytest.approx(np.sqrt(contrast @ covariance @ contrast), rel=1e-5)


def weighted_delong(scores, labels, weights):
    """AUC, and its error from the weighted means of the kernel over all pairs in float64."""
    sides = [(scores[labels == k].astype(np.float64), weights[labels == k]) for k in (1, 0)]
    (positive, w), (negative, v) = sides
    gaps = positive[:, None] - negative[None]
    psi = (gaps > 0) + 0.5 * (gaps == 0)
    auc = w @ psi @ v / (w.sum() * v.sum())
    parts = [(w, psi @ v / v.sum()), (v, w @ psi / w.sum())]
    variances = [
        n / (n - 1) * np.sum(u**2 * (part - auc) ** 2) / u.sum() ** 2
        for u, part in parts
        for n in [u.size]
    ]
    return auc, np.sqrt(sum(variances))


def test_weighted_delong_is_that_of_weighted_means_and_no_weight_is_no_example(rng):
    delong = jax.jit(metrics.delong_interval)
    for _ in range(3):
        scores, labels = draw(rng)
        weights = rng.uniform(0.2, 3, labels.size) * (rng.random(labels.size) < 0.8)
        kept = weights > 0
        auc, error = weighted_delong(scores[0][kept], labels[kept], weights[kept])
        found = delong(np.where(kept, scores[0], np.nan), labels, weights=weights)
        assert found.value == pytest.approx(auc, abs=1e-6)
        assert found.error == pytest.approx(error, rel=1e-5)
        same = metrics.delong_difference(*scores, labels, weights=np.full(labels.size, 0.3))
        plain = metrics.delong_difference(*scores, labels)
        np.testing.assert_allclose(same, plain, rtol=1e-4, atol=1e-6)


def test_the_weighted_bootstrap_finds_weighted_delongs_error(rng, key):
    scores, labels = draw(rng, 300)
    weights = rng.uniform(0.2, 3, 300) * (rng.random(300) < 0.8)
    found = metrics.bootstrap_interval(
        key, metrics.roc_auc, np.where(weights > 0, scores[0], np.nan), labels,
        num_samples=300, weights=weights,
    )  # fmt: skip
    delong = metrics.delong_interval(scores[0], labels, weights=weights)
    assert found.value == pytest.approx(float(delong.value), abs=1e-6)
    assert found.error == pytest.approx(float(delong.error), rel=0.15)
    with pytest.raises(ValueError, match="weights must be at least 0"):
        metrics.bootstrap_interval(key, metrics.roc_auc, scores[0], labels, weights=-weights)


def test_the_bootstrap_finds_delongs_error_and_the_same_each_time(rng, key):
    scores, labels = draw(rng, 300)
    found, again = (
        metrics.bootstrap_interval(key, metrics.roc_auc, scores[0], labels, num_samples=300)
        for _ in range(2)
    )
    delong = metrics.delong_interval(scores[0], labels)
    assert found == again
    assert found.value == pytest.approx(float(delong.value), abs=1e-6)
    assert found.error == pytest.approx(float(delong.error), rel=0.15)  # 4% of 300 samples
    assert found.low < found.value < found.high


def test_the_bootstraps_ends_are_percentiles_of_its_samples(rng, key):
    scores, labels = draw(rng, 60)
    where, seen = np.arange(60) < 50, []

    def metric(scores, labels, *, where):
        value = jnp.sum(scores * labels, where=where)
        jax.debug.callback(lambda *arrays: seen.append(arrays), value, labels, where)
        return value

    found = metrics.bootstrap_interval(
        key, metric, scores[0], labels, num_samples=64, level=0.8, where=where
    )
    jax.effects_barrier()
    values = np.array([value for value, drawn, _ in seen if not np.array_equal(drawn, labels)])
    assert values.size == len(seen) - 1 == 64
    for _, drawn, valid in seen:  # each sample has as many of each class
        np.testing.assert_array_equal(
            np.bincount(drawn[valid], minlength=2), np.bincount(labels[where])
        )
    ends = np.quantile(values, [0.1, 0.9])
    np.testing.assert_allclose([found.low, found.high], ends, rtol=1e-6)
    assert found.error == pytest.approx(np.std(values, ddof=1), rel=1e-5)


def test_too_few_examples_or_wrong_ones_have_no_interval():
    assert np.isnan(metrics.delong_interval([0.1, 0.2, 0.3], [0, 0, 1]).low)
    assert np.isnan(metrics.delong_interval([0.1, np.nan, 0.3, 0.4], [0, 0, 1, 1]).low)
    with pytest.raises(ValueError, match="level must be above 0"):
        metrics.delong_interval([0.1, 0.2], [0, 1], level=0.0)
