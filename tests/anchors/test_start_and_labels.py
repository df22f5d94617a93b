"""Where anchors start, and how an optimiser tells them apart."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fal_jax import anchors


@pytest.mark.parametrize(("num_classes", "dim"), [(2, 1), (2, 8), (10, 64), (10, 2)])
def test_initial_anchors_are_not_negative_and_as_far_apart_as_asked(key, num_classes, dim):
    start = np.asarray(anchors.initial_anchors(key, num_classes, dim, spread=9.0), np.float64)
    squares = ((start[:, None] - start) ** 2).sum(-1)
    pairs = squares[~np.eye(num_classes, dtype=bool)]
    np.testing.assert_allclose(pairs.mean(), 9.0, rtol=1e-5)
    assert start.min() >= 0


def test_initial_anchors_differ_by_key(key):
    other = jax.random.key(1)
    assert np.any(anchors.initial_anchors(key, 2, 8) != anchors.initial_anchors(other, 2, 8))


@pytest.mark.parametrize("spread", [0.0, -1.0])
def test_bad_spread(key, spread):
    with pytest.raises(ValueError, match="spread must be above 0"):
        anchors.initial_anchors(key, 2, 8, spread=spread)


@pytest.mark.parametrize(("num_classes", "dim"), [(1, 8), (2, 0)])
def test_bad_sizes(key, num_classes, dim):
    with pytest.raises(ValueError, match="num_classes must be at least 2 and dim at least 1"):
        anchors.initial_anchors(key, num_classes, dim)


def test_paper_decay_starts_at_nine_tenths_and_ends_at_nothing():
    rate = anchors.paper_decay(4)
    expected = [0.9 * (1 - t / 4) ** 2 for t in range(5)] + [0.0]
    np.testing.assert_allclose([rate(t) for t in range(6)], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="num_updates must be at least 1"):
        anchors.paper_decay(0)


def test_labelled_anchors_get_their_own_rate_and_no_decay():
    params = {"body": {"kernel": jnp.ones(3)}, "head": {"anchors": jnp.ones(2)}}
    optimizer = optax.partition(
        {"anchors": optax.sgd(0.5), "network": optax.adamw(0.1, weight_decay=1.0)},
        anchors.anchor_labels,
    )
    gradients = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    np.testing.assert_array_equal(updates["head"]["anchors"], np.zeros(2))
    np.testing.assert_allclose(updates["body"]["kernel"], np.full(3, -0.1), rtol=1e-6)
    gradients["head"]["anchors"] = jnp.ones(2)
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    np.testing.assert_allclose(updates["head"]["anchors"], np.full(2, -0.5))


def test_labels_without_anchors_raise():
    with pytest.raises(ValueError, match='a leaf under a key "anchors"'):
        anchors.anchor_labels({"head": {"kernel": 1.0}})
