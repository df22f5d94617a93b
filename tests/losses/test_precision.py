"""Digits that a careless formula loses, and label types that it trips over."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from fal_jax import losses
from tests import reference, reference_family
from tests.losses.case import assert_close


def test_a_small_distance_between_large_features_keeps_its_digits(rng):
    """Features of size 100 in 64 dimensions at a squared distance of 0.007 from their anchor."""
    anchors = (100 * rng.normal(size=(2, 64))).astype(np.float32)
    offset = rng.normal(size=64)
    offset *= np.sqrt(0.007) / np.linalg.norm(offset)
    features = (anchors[:1] + offset).astype(np.float32)
    true = reference.squared_distances(features, anchors)[0, 0]
    assert_allclose(true, 0.007, rtol=0.01)  # float32 features are not on a finer grid

    @jax.jit
    def run(features):
        squared = losses.squared_distances(features, anchors)
        half = losses.half_mahalanobis(features, anchors)
        label, options = jnp.array([0]), {"margin": 0.0, "beta": 1.0}
        loss = functools.partial(losses.fal_loss_from_features, **options)
        return squared[0, 0], half[0, 0], *jax.value_and_grad(loss)(features, label, anchors)

    squared, half, loss, slope = run(features)
    assert_allclose(squared, true, rtol=1e-5)
    assert_allclose(half, true / 2, rtol=1e-5)
    # The other anchor is so far that only the regulariser is left.
    assert_allclose(loss, true, rtol=1e-5)
    assert_allclose(slope, 2 * (features - anchors[:1]), rtol=1e-5)


def test_a_small_difference_of_distances_far_from_the_origin_keeps_its_digits(rng):
    """Of two classes it is taken directly; features and both anchors are near 1e4."""
    anchors = (1e4 + rng.normal(size=(2, 8))).astype(np.float32)
    features = (1e4 + rng.normal(size=(20, 8))).astype(np.float32)
    labels, options = np.arange(20) % 2, {"margin": 0.3, "gamma": 1.5, "beta": 0.1}
    loss = functools.partial(losses.fal_loss_from_features, **options)
    found, slope = jax.jit(jax.value_and_grad(loss))(features, labels, anchors)
    assert_allclose(
        found, reference.fal_loss_from_features(features, labels, anchors, **options), rtol=1e-6
    )
    moved = [array.astype(np.float64) - 1e4 for array in (features, anchors)]
    nearer = jax.grad(loss)(*(jnp.float32(a) for a in moved[:1]), labels, jnp.float32(moved[1]))
    assert_allclose(slope, nearer, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_losses_of_far_points_keep_their_digits(gamma):
    """Only differences of scores count, also where all scores are large."""
    logits, labels = np.float32([[1e4, 1e4 + 1, 1e4 - 2], [-3e4, -3e4, -3e4]]), np.array([0, 1])
    options = {"margin": 0.5, "gamma": gamma, "beta": 0.0}
    focal, fal = jax.jit(
        lambda z: (
            losses.softmax_focal_loss(z, labels, gamma=gamma),
            losses.fal_loss(-z, labels, **options),
        )
    )(logits)
    assert_close(focal, reference.softmax_focal_loss(logits, labels, gamma=gamma))
    assert_close(fal, reference.fal_loss(-logits, labels, **options))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_tiny_losses_keep_their_digits(gamma):
    """Far from the boundary a loss is small, not zero: relative precision, no absolute floor."""
    logits, label, targets = np.float32([[0, 30, 5]]), np.array([1]), np.array([[0, 1, 1]])
    softmax = jax.jit(functools.partial(losses.softmax_focal_loss, gamma=gamma))
    sigmoid = jax.jit(functools.partial(losses.sigmoid_focal_loss, gamma=gamma))
    expected = reference.softmax_focal_loss(logits, label, gamma=gamma)
    assert_allclose(softmax(logits, label), expected, rtol=1e-5)
    expected = reference.sigmoid_focal_loss(logits, targets, gamma=gamma)
    assert_allclose(sigmoid(logits, targets), expected, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-18, 1e-13, 1.0, 1e18])
def test_cosines_and_their_slopes_hold_for_vectors_of_any_size(size, rng):
    """Their squares would vanish or overflow; the slope grows as the vector shrinks."""
    features, anchors = rng.normal(size=(2, 3, 4)).astype(np.float32)

    def of(features, anchors):
        return losses.cosines(features, anchors), jax.jacrev(losses.cosines)(features, anchors)

    expected, slope = jax.jit(of)(features, anchors)
    value, scaled = jax.jit(of)(np.float32(size) * features, np.float32(size) * anchors)
    assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    assert_allclose(scaled * np.float32(size), slope, rtol=1e-5, atol=1e-6)


def test_the_angle_of_arcface_keeps_its_digits_near_0():
    """1 - c^2 has few of them there in float32; the slope shows one over the sine."""
    cosines = (1 - np.geomspace(1e-5, 1e-3, 9)).astype(np.float32)
    labels, options = np.zeros(9, int), {"margin": 0.5, "scale": 1.0}

    @jax.grad  # not compiled, which may fuse the square and the difference
    def slope(cosines):
        rows = jnp.stack([cosines, jnp.zeros(9)], axis=-1)
        return losses.arcface_loss(rows, labels, **options).sum()

    def expected(cosines):
        rows = np.stack([cosines, np.zeros(9)], axis=-1)
        return reference_family.arcface_loss(rows, labels, **options)

    exact = cosines.astype(np.float64)
    between = expected(exact + 1e-9) - expected(exact - 1e-9)
    assert_allclose(slope(cosines), between / 2e-9, rtol=5e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_narrow_labels_work_with_more_classes_than_they_can_count(dtype, rng):
    distances = rng.uniform(0, 10, (6, 300))
    alpha = rng.uniform(size=300)
    wide = np.array([0, 1, 2, 2, 100, 127])

    def results(labels):
        logits = losses.distance_logits(distances, labels, margin=0.5)
        focal = losses.softmax_focal_loss(logits, labels, alpha=alpha)
        return logits, focal, losses.class_mean_distance(distances, labels)

    jax.tree.map(assert_close, jax.jit(results)(wide.astype(dtype)), jax.jit(results)(wide))


def test_an_unsigned_label_out_of_range_gives_nan():
    distances, labels = np.ones((2, 3)), np.uint8([0, 255])
    assert np.isnan(jax.jit(losses.softmax_cross_entropy)(distances, labels)[1])
    assert np.isnan(jax.jit(losses.class_mean_distance)(distances, labels))


def test_binary_labels_may_be_bool_or_unsigned():
    logits, labels = np.array([-1.0, 2.0, 3.0]), np.array([0, 1, 0])
    run = jax.jit(functools.partial(losses.sigmoid_focal_loss, alpha=0.3))
    for dtype in (bool, np.uint8, np.int8):
        assert_close(run(logits, labels.astype(dtype)), run(logits, labels))


def test_the_sum_over_a_large_batch_of_half_precision_is_taken_in_float32():
    """A bfloat16 sum of ones stops at 256."""
    distances = jnp.ones((4096, 2), jnp.bfloat16)
    labels = jnp.zeros(4096, int)
    assert jax.jit(losses.class_mean_distance)(distances, labels) == 1
