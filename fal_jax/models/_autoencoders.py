"""Autoencoders of tables and of images, in parts that other networks can start from."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from fal_jax.models._layers import chain, conv, dense, he_normal, then
from fal_jax.models._mlp import perceptron
from fal_jax.models._model import Model


class Autoencoder(NamedTuple):
    """A network that codes inputs, and one that decodes the codes.

    Attributes:
      trunk: a `Model` from inputs to features `[batch, dim]`.
      code: a `Model` from features to codes `[batch, latent]`.
      decoder: a `Model` from codes to inputs.
      dim: width of the features.
      latent: width of the codes.
    """

    trunk: Model
    code: Model
    decoder: Model
    dim: int
    latent: int


def table_autoencoder(
    num_inputs: int, *, hidden: Sequence[int] = (64, 32), latent: int = 16
) -> Autoencoder:
    """Multi-layer perceptrons; leaky rectifiers to the code, rectifiers back, linear ends.

    Args:
      num_inputs: width of the inputs.
      hidden: widths of the layers before the code, at least one; the decoder has them reversed.
      latent: width of the code.

    Returns:
      An `Autoencoder` of inputs `[batch, num_inputs]`. Its statistics are empty.

    Raises:
      ValueError: if hidden is empty.

    Example:
      >>> networks = table_autoencoder(30)
      >>> params, stats = networks.decoder.init(jax.random.key(0))
      >>> networks.decoder.apply(params, stats, jnp.zeros((5, 16)))[0].shape
      (5, 30)
    """
    if not hidden:
        raise ValueError("hidden must name at least one layer before the code, got none.")
    depth = len(hidden)
    return Autoencoder(
        perceptron((num_inputs, *hidden), (jax.nn.leaky_relu,) * depth),
        perceptron((hidden[-1], latent), (None,)),
        perceptron((latent, *reversed(hidden), num_inputs), (*(jax.nn.relu,) * depth, None)),
        hidden[-1],
        latent,
    )


def image_autoencoder(
    image_size: int, channels: int, *, width: int = 16, latent: int = 32
) -> Autoencoder:
    """Two convolutions of stride 2 to the code; twice the size and a convolution, twice, back.

    Args:
      image_size: height and width of the inputs, a multiple of 4.
      channels: channels of the inputs.
      width: channels at half the size; a quarter of the size has twice as many.
      latent: width of the code.

    Returns:
      An `Autoencoder` of inputs `[batch, image_size, image_size, channels]` in [-1, 1]. Its
      statistics are empty.

    Raises:
      ValueError: if image_size is no multiple of 4.

    Example:
      >>> networks = image_autoencoder(28, 1)
      >>> params, stats = networks.decoder.init(jax.random.key(0))
      >>> networks.decoder.apply(params, stats, jnp.zeros((5, 32)))[0].shape
      (5, 28, 28, 1)
    """
    if image_size < 4 or image_size % 4:
        raise ValueError(f"image_size must be a multiple of 4, got {image_size}.")
    side = image_size // 4
    dim = side * side * 2 * width
    layer = functools.partial(conv, size=3, padding=1, kernel_init=he_normal)
    trunk = {
        "conv0": then(layer(channels, width, stride=2), jax.nn.leaky_relu),
        "conv1": then(layer(width, 2 * width, stride=2), jax.nn.leaky_relu, _flat),
    }
    decoder = {
        "dense": then(
            dense(latent, dim, kernel_init=he_normal),
            jax.nn.relu,
            lambda x: _doubled(x.reshape(len(x), side, side, 2 * width)),
        ),
        "conv0": then(layer(2 * width, width), jax.nn.relu, _doubled),
        "conv1": then(layer(width, channels), jnp.tanh),
    }
    code = dense(dim, latent, kernel_init=jax.nn.initializers.lecun_normal())
    return Autoencoder(chain(trunk), code, chain(decoder), dim, latent)


def _flat(images: jax.Array) -> jax.Array:
    return images.reshape(len(images), -1)


def _doubled(images: jax.Array) -> jax.Array:
    """Each pixel as 2x2 pixels."""
    return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)
