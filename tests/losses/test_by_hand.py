"""Values that a reader can check with a pencil."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import losses
from tests.losses.case import assert_same

exactly = pytest.mark.usefixtures("x64")


@exactly
def test_focal_loss_by_hand():
    """At logits (log 3, 0) the probabilities are 3/4 and 1/4."""

    def sides(logits):
        labels = jnp.array([0, 1])
        plain = losses.softmax_focal_loss(logits, labels)
        weighed = losses.softmax_focal_loss(logits, labels, alpha=0.2)
        binary = losses.sigmoid_focal_loss(logits[:, 0], 1 - labels, alpha=0.2)
        easy, hard = np.log(4 / 3) / 4**2, (3 / 4) ** 2 * np.log(4)
        expected = ([easy, hard], [0.8 * easy, 0.2 * hard], [0.2 * easy, 0.8 * hard])
        return (plain, weighed, binary), tuple(map(jnp.array, expected))

    assert_same(sides, np.array([[np.log(3), 0.0]] * 2))


@exactly
def test_fal_by_hand():
    """A margin of log 3 turns the odds of 3 into 1, so that p = 1/2."""

    def sides(distances, label):
        options = {"margin": np.log(3), "gamma": 1.0, "alpha": 0.2, "beta": 0.5}
        loss = losses.fal_loss(distances, label, **options)
        return loss, 0.8 * np.log(2) / 2 + 0.5 * 1.0

    assert_same(sides, np.array([[1.0, 1.0 + np.log(3)]]), np.array([0]))


def test_class_mean_distance_by_hand():
    """Class 0 lies at 1 and 3, class 1 at 4, class 2 is absent."""
    distances, labels = np.array([[1.0, 9, 9], [3, 9, 9], [9, 4, 9]]), np.array([0, 0, 1])
    for over, mean in (("present", 3), ("all", 2)):
        run = jax.jit(functools.partial(losses.class_mean_distance, over=over))
        assert run(distances, labels) == mean
    with pytest.raises(ValueError, match=r"over.*median"):
        losses.class_mean_distance(distances, labels, over="median")


@exactly
def test_lgm_by_hand():
    """A margin of 1 doubles the true distance, the weighed likelihood adds half of it again."""

    def sides(distances, label):
        bare = losses.lgm_loss(distances, label, margin=0.0, likelihood_weight=0.0)
        margin = losses.lgm_loss(distances, label, margin=1.0, likelihood_weight=0.0)
        options = {"margin": 1.0, "likelihood_weight": 0.5, "log_det": np.array([2.0, 2.0])}
        whole = losses.lgm_loss(distances, label, **options)
        log = np.log
        return (bare, margin, whole), (log(4), log(10), log(10) + 0.5 * (log(3) + 1.0))

    assert_same(sides, np.array([[np.log(3), 0.0]]), np.array([0]))


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.uint32])
def test_a_label_too_large_for_int32_gives_nan(dtype):
    """2^32 and 2^32 - 1 must not wrap around to 0 or to -1, which is out of range anyway."""
    largest = 2**32 if np.iinfo(dtype).max > 2**32 else 2**32 - 1
    loss = losses.softmax_cross_entropy(np.zeros((2, 3), np.float32), np.array([largest, 1], dtype))
    np.testing.assert_array_equal(np.isnan(loss), [True, False])


def test_a_traced_alpha_may_come_in_a_list():
    logits, labels = np.zeros((2, 2), np.float32), np.array([0, 1], np.int32)
    traced = jax.jit(lambda a: losses.softmax_focal_loss(logits, labels, alpha=[1 - a, a]))(0.2)
    exact = losses.softmax_focal_loss(logits, labels, alpha=0.2)
    np.testing.assert_allclose(traced, exact, rtol=1e-6)


def test_a_traced_count_of_0_makes_all_weights_nan():
    weights = jax.jit(losses.inverse_frequency_weights)(np.array([5, 0, 3]))
    assert np.isnan(weights).all()
