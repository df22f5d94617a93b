"""Changes of image batches on the device: jitted, key first, the same however a batch is split.

>>> images = jnp.zeros((2, 32, 32, 3), jnp.uint8)
>>> crop_key, flip_key = jax.random.split(jax.random.key(0))
>>> normalise(flip(flip_key, pad_and_crop(crop_key, images)), mean=128.0, std=128.0).shape
(2, 32, 32, 3)
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks, _keys


class Mixed(NamedTuple):
    """A batch of images mixed in pairs.

    Attributes:
      inputs: `[batch, height, width, channels]`, `weight * inputs + (1 - weight) * others`.
      partners: `[batch]`, int32, the place in the batch of each image's other.
      weight: scalar in [0, 1]; a loss is `weight * loss(labels) + (1 - weight) *
        loss(labels[partners])`.
    """

    inputs: jax.Array
    partners: jax.Array
    weight: jax.Array


@functools.partial(jax.jit, static_argnames="padding")
def pad_and_crop(key: jax.Array, images: ArrayLike, *, padding: int = 4) -> jax.Array:
    """Pads every image with zeros and cuts a window of its size from it, each at a random place.

    Args:
      key: a PRNG key.
      images: `[batch, height, width, channels]`.
      padding: pixels on either side, at least 0.

    Returns:
      As images.

    Raises:
      TypeError: a key that is none.
      ValueError: images of another rank, or padding below 0.

    References:
      Lee et al., "Deeply-supervised nets", AISTATS 2015, as He et al., CVPR 2016, take it.

    Example:
      >>> pad_and_crop(jax.random.key(0), jnp.ones((2, 4, 4, 1)), padding=1).shape
      (2, 4, 4, 1)
    """
    _keys.checked(key)
    images = _batch(images)
    if padding < 0:
        raise ValueError(f"padding must be at least 0, got {padding}.")
    padded = jnp.pad(images, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * padding + 1)

    # On a CPU the fastest of six ways, which are all below a hundredth of a training step.
    def window(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (*corner, 0), images.shape[1:])

    return jax.vmap(window)(padded, corners)


@jax.jit
def flip(key: jax.Array, images: ArrayLike, *, probability: ArrayLike = 0.5) -> jax.Array:
    """Swaps left and right, in each image with the same probability.

    Args:
      key: a PRNG key.
      images: `[batch, height, width, channels]`.
      probability: scalar in [0, 1]; may be traced.

    Returns:
      As images.

    Raises:
      TypeError: a key that is none.
      ValueError: images of another rank.

    Example:
      >>> flip(jax.random.key(0), jnp.arange(2).reshape(1, 1, 2, 1), probability=1.0).ravel()
      Array([1, 0], dtype=int32)
    """
    _keys.checked(key)
    images = _batch(images)
    is_flipped = jax.random.bernoulli(key, probability, (len(images),))
    return jnp.where(is_flipped[:, None, None, None], images[:, :, ::-1], images)


@jax.jit
def normalise(images: ArrayLike, *, mean: ArrayLike, std: ArrayLike) -> jax.Array:
    """`(images - mean) / std` in float32.

    Args:
      images: `[batch, height, width, channels]`, uint8, say.
      mean: scalar or `[channels]`, in the units of the images: 0 to 255 for uint8.
      std: scalar or `[channels]`, above 0, in these units. 128 for both gives -1 to 1.

    Returns:
      As images, float32.

    Raises:
      ValueError: images of another rank.

    Example:
      >>> normalise(jnp.full((1, 1, 1, 1), 192, jnp.uint8), mean=128.0, std=128.0).ravel()
      Array([0.5], dtype=float32)
    """
    images = _batch(images).astype(jnp.float32)
    mean, std = (jnp.asarray(value, jnp.float32).reshape(1, 1, 1, -1) for value in (mean, std))
    return (images - mean) / std


@functools.partial(jax.jit, static_argnames="size")
def cutout(key: jax.Array, images: ArrayLike, *, size: int = 16) -> jax.Array:
    """Sets a square in every image to 0, each around a random pixel; borders cut it off.

    Args:
      key: a PRNG key.
      images: `[batch, height, width, channels]`; normalised ones, whose 0 is grey.
      size: the side of the square, at least 0.

    Returns:
      As images.

    Raises:
      TypeError: a key that is none.
      ValueError: images of another rank, or size below 0.

    References:
      DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout",
      2017.

    Example:
      >>> int(cutout(jax.random.key(0), jnp.ones((1, 8, 8, 1)), size=1).sum())
      63
    """
    _keys.checked(key)
    images = _batch(images)
    if size < 0:
        raise ValueError(f"size must be at least 0, got {size}.")
    batch, height, width, _ = images.shape
    corners = jax.random.randint(key, (2, batch, 1), 0, jnp.array([[[height]], [[width]]]))
    corners = corners - size // 2
    rows, columns = (
        (jnp.arange(length)[None] >= corner) & (jnp.arange(length)[None] < corner + size)
        for length, corner in zip((height, width), corners, strict=True)
    )
    is_cut = rows[:, :, None, None] & columns[:, None, :, None]
    return jnp.where(is_cut, jnp.zeros((), images.dtype), images)


@jax.jit
def mixup(key: jax.Array, images: ArrayLike, *, alpha: ArrayLike = 1.0) -> Mixed:
    """Mixes every image of a batch with another of it, all in the same proportion.

    The proportion is drawn from Beta(alpha, alpha), the others are a random order of the batch.

    Args:
      key: a PRNG key.
      images: `[batch, height, width, channels]`, floating.
      alpha: scalar above 0; may be traced.

    Returns:
      The `Mixed` batch.

    Raises:
      ValueError: images of another rank.
      TypeError: a key that is none, or images that are not floating.

    References:
      Zhang et al., "mixup: Beyond empirical risk minimization", ICLR 2018.

    Example:
      >>> mixed = mixup(jax.random.key(0), jnp.ones((4, 8, 8, 3)))
      >>> mixed.inputs.shape, mixed.partners.shape
      ((4, 8, 8, 3), (4,))
    """
    _keys.checked(key)
    images = _batch(_checks.floating("images", images))
    weight_key, order_key = jax.random.split(key)
    weight = jax.random.beta(weight_key, alpha, alpha)
    partners = jax.random.permutation(order_key, len(images)).astype(jnp.int32)
    return Mixed(weight * images + (1 - weight) * images[partners], partners, weight)


def _batch(images: ArrayLike) -> jax.Array:
    images = jnp.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            f"images must have shape [batch, height, width, channels], got shape {images.shape}."
        )
    return images
