"""Autoencoders: shapes of codes and of what is given back."""

import functools

import jax
import jax.numpy as jnp
import pytest

from fal_jax import models

CASES = {
    "table": (models.table_autoencoder(7, hidden=(6, 5), latent=3), (7,), 5, 3),
    "MNIST": (models.image_autoencoder(28, 1, width=4, latent=3), (28, 28, 1), 7 * 7 * 8, 3),
    "CIFAR": (models.image_autoencoder(32, 3, width=4, latent=3), (32, 32, 3), 8 * 8 * 8, 3),
}


def given_back(model, inputs):
    params, stats = model.init(jax.random.key(0))
    return model.apply(params, stats, inputs)


@pytest.mark.parametrize("name", CASES)
def test_shapes(name):
    networks, shape, dim, latent = CASES[name]
    given = {"trunk": shape, "code": (dim,), "decoder": (latent,)}
    for part, expected in zip(given, [(dim,), (latent,), shape], strict=True):
        model, inputs = getattr(networks, part), jnp.ones((2, *given[part]))
        outputs, stats = jax.eval_shape(functools.partial(given_back, model), inputs)
        assert outputs.shape == (2, *expected)
        assert not jax.tree.leaves(stats)
    assert (networks.dim, networks.latent) == (dim, latent)


def test_images_are_given_back_within_their_range():
    networks = models.image_autoencoder(4, 1, width=2, latent=3)
    images, _ = jax.jit(given_back, static_argnums=0)(networks.decoder, 50 * jnp.ones((2, 3)))
    assert 0.9 < jnp.abs(images).max() <= 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="hidden must name at least one layer"):
        models.table_autoencoder(3, hidden=())
    with pytest.raises(ValueError, match="image_size must be a multiple of 4, got 30"):
        models.image_autoencoder(30, 1)
