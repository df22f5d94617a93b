"""DeLong's variance from its kernel over all pairs, and the bootstrap against it."""

import jax
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


def test_too_few_examples_or_wrong_ones_have_no_interval():
    assert np.isnan(metrics.delong_interval([0.1, 0.2, 0.3], [0, 0, 1]).low)
    assert np.isnan(metrics.delong_interval([0.1, np.nan, 0.3, 0.4], [0, 0, 1, 1]).low)
    with pytest.raises(ValueError, match="level must be above 0"):
        metrics.delong_interval([0.1, 0.2], [0, 1], level=0.0)
