"""Small convolutional networks: LeNet with a plane to look at, and one for short budgets."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from fal_jax.models._heads import Head, linear_head
from fal_jax.models._layers import (
    Initializer,
    conv,
    dense,
    he_normal,
    image_classifier,
    max_pool,
    mean_over_pixels,
    normed_conv,
    then,
)
from fal_jax.models._model import Model


def lenet(
    num_classes: int,
    *,
    head: Callable[[int, int], Head] = linear_head,
    dim: int = 2,
    image_size: int = 28,
    channels: int = 1,
    dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = he_normal,
) -> Model:
    """LeNet with rectifiers and, before the head, an embedding of two dimensions to look at.

    Two 5x5 convolutions to 20 and 50 channels, each with 2x2 max-pooling, a layer of 500 units and
    a linear one of `dim`. The paper draws such embeddings of MNIST without naming its network.

    Args:
      num_classes: number of classes, at least 2.
      head: `linear_head`, `anchored_head` or any `(num_classes, dim) -> Head`.
      dim: width of the embedding.
      image_size: height and width of the inputs, at least 16.
      channels: channels of the inputs.
      dtype: of the computation between inputs and embedding: float32, or bfloat16 on a GPU or TPU.
        Parameters, embedding and logits are float32.
      kernel_init: draws the kernels; their default is He normal.

    Returns:
      A `Model` whose `apply` returns `Outputs` for floating inputs
      `[batch, image_size, image_size, channels]`. Its statistics are empty.

    Raises:
      ValueError: if image_size is below 16.

    References:
      LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 1998.

    Example:
      >>> model = lenet(10)
      >>> params, stats = model.init(jax.random.key(0))
      >>> outputs, _ = model.apply(params, stats, jnp.ones((5, 28, 28, 1)))
      >>> outputs.features.shape, outputs.logits.shape
      ((5, 2), (5, 10))
    """
    if image_size < 16:
        raise ValueError(f"image_size must be at least 16, got {image_size}.")
    side = ((image_size - 4) // 2 - 4) // 2
    layer = functools.partial(conv, size=5, padding=0, kernel_init=kernel_init)
    layers = {
        "conv0": then(layer(channels, 20), max_pool, jax.nn.relu),
        "conv1": then(layer(20, 50), max_pool, jax.nn.relu, lambda x: x.reshape(len(x), -1)),
        "dense0": then(dense(side * side * 50, 500, kernel_init=kernel_init), jax.nn.relu),
        "dense1": dense(500, dim, kernel_init=kernel_init),
    }
    return image_classifier(layers, head(num_classes, dim), channels=channels, dtype=dtype)


def small_convnet(
    num_classes: int,
    *,
    head: Callable[[int, int], Head] = linear_head,
    width: int = 32,
    channels: int = 3,
    dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = he_normal,
    norm_decay: float = 0.9,
    norm_epsilon: float = 1e-5,
) -> Model:
    """A network for short budgets: few wide layers, most of them at a low resolution.

    Args:
      num_classes: number of classes, at least 2.
      head: `linear_head`, `anchored_head` or any `(num_classes, dim) -> Head`; dim is 4 `width`.
      width: channels after the first layer.
      channels: channels of the inputs.
      dtype: of the computation between inputs and embedding: float32, or bfloat16 on a GPU or TPU.
        Parameters, statistics, embedding and logits are float32.
      kernel_init: draws the kernels; their default is He normal.
      norm_decay: what batch norm keeps of its running statistics in a step.
      norm_epsilon: what batch norm adds to the variance.

    Returns:
      A `Model` as `resnet` returns it.

    Example:
      >>> model = small_convnet(10)
      >>> params, stats = model.init(jax.random.key(0))
      >>> outputs, _ = model.apply(params, stats, jnp.ones((5, 32, 32, 3)))
      >>> outputs.features.shape, outputs.logits.shape
      ((5, 128), (5, 10))
    """
    layer = functools.partial(
        normed_conv, kernel_init=kernel_init, decay=norm_decay, epsilon=norm_epsilon
    )
    layers = {
        "conv0": then(layer(channels, width, size=4, stride=2), jax.nn.relu),
        "conv1": then(layer(width, 2 * width), max_pool, jax.nn.relu),
        "conv2": then(layer(2 * width, 4 * width), max_pool, jax.nn.relu),
        "conv3": then(layer(4 * width, 4 * width), jax.nn.relu, mean_over_pixels),
    }
    return image_classifier(layers, head(num_classes, 4 * width), channels=channels, dtype=dtype)
