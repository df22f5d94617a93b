"""Recipes for images: learning rates, weight decay, and how images come to the network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.image_recipes import NETWORKS, RECIPES, network
from fal_jax import models


def test_cuis_learning_rate_rises_in_five_epochs_and_drops_after_160_and_180():
    steps = 19_384  # of 12,406 images, in batches of 128, 200 times
    rates = RECIPES["cui"].rates(steps)
    assert steps == 12_406 * RECIPES["cui"].epochs // RECIPES["cui"].batch_size
    epochs = np.arange(steps) * 200 / steps
    np.testing.assert_allclose(rates[epochs < 5], np.linspace(0, 1, 486)[1:486], atol=3e-3)
    assert (rates[(epochs >= 5.1) & (epochs < 159.9)] == 1).all()
    assert rates[(epochs >= 160.1) & (epochs < 179.9)] == pytest.approx(0.01)
    assert rates[epochs >= 180.1] == pytest.approx(0.0001)


def test_a_short_recipe_rises_and_falls_evenly():
    rates = RECIPES["short"].rates(100)
    assert rates[0] == pytest.approx(0.05)
    assert rates[19:21] == pytest.approx([1, 1])
    assert rates[60] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.02


def test_weights_decay_and_anchors_do_not():
    recipe = RECIPES["cui"]
    params = {"body": {"kernel": jnp.ones(2)}, "head": {"anchors": jnp.ones(2)}}
    optimizer = recipe.optimizer({"learning_rate": jnp.float32(0.5)})
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = optimizer.init(params)
    updates, state = optimizer.update(zeros, state, params)
    np.testing.assert_allclose(updates["body"]["kernel"], -0.5 * 2e-4, rtol=1e-6)
    np.testing.assert_array_equal(updates["head"]["anchors"], 0)
    updates, _ = optimizer.update(zeros, state, params)
    np.testing.assert_allclose(updates["body"]["kernel"], -0.5 * 2e-4 * 1.9, rtol=1e-6)


def test_images_are_changed_to_train_on_and_only_scaled_to_score(key, rng):
    images = jnp.asarray(rng.integers(0, 256, (8, 32, 32, 3)), jnp.uint8)
    scored = RECIPES["cui"].transform(None, images)
    np.testing.assert_array_equal(scored, np.asarray(images, np.float32) / 128 - 1)
    trained = RECIPES["cui"].transform(key, images)
    assert trained.shape == scored.shape
    assert not np.array_equal(trained, scored)


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32)], ids=["MNIST", "CIFAR"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_takes_the_images_of_every_data_set(name, channels, size):
    model = network(name, 10, channels, jnp.float32)(models.anchored_head)
    params, stats = jax.eval_shape(model.init, jax.random.key(0))
    inputs = jnp.zeros((2, size, size, channels))
    outputs, _ = jax.eval_shape(model.apply, params, stats, inputs)
    assert outputs.logits.shape == (2, 10)
