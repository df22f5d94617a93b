"""Residual networks for small images."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from fal_jax.models._heads import Head, linear_head
from fal_jax.models._layers import (
    Initializer,
    chain,
    he_normal,
    image_classifier,
    mean_over_pixels,
    normed_conv,
    then,
)
from fal_jax.models._model import Model, Params, Stats


def resnet(
    depth: int,
    num_classes: int,
    *,
    head: Callable[[int, int], Head] = linear_head,
    width: int = 16,
    channels: int = 3,
    dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = he_normal,
    norm_decay: float = 0.9,
    norm_epsilon: float = 1e-5,
) -> Model:
    """The residual network of CIFAR: three stages of pairs of 3x3 convolutions.

    A convolution to `width` channels, then `(depth - 2) / 6` blocks at each of three resolutions,
    of `width`, 2 `width` and 4 `width` channels, and the mean over the pixels, the embedding.
    Where a block changes the resolution its shortcut takes every second pixel and pads the new
    channels with zeros, half on either side (the article's option A, without parameters).

    Args:
      depth: number of layers with weights, 6n + 2: 20, 32, 44, 56, 110.
      num_classes: number of classes, at least 2.
      head: `linear_head`, `anchored_head` or any `(num_classes, dim) -> Head`; dim is 4 `width`.
      width: channels of the first stage.
      channels: channels of the inputs.
      dtype: of the computation between inputs and embedding: float32, or bfloat16 on a GPU or TPU.
        Parameters, statistics, embedding and logits are float32.
      kernel_init: draws the kernels; their default is He normal.
      norm_decay: what batch norm keeps of its running statistics in a step.
      norm_epsilon: what batch norm adds to the variance.

    Returns:
      A `Model` whose `apply(params, stats, inputs, *, train=False, axis_name=None)` returns
      `Outputs` for floating inputs `[batch, height, width, channels]`; with `axis_name` the batch
      statistics are those of the whole batch, which is split over that mapped axis.

    Raises:
      ValueError: if depth is not 6n + 2.

    References:
      He et al., "Deep residual learning for image recognition", CVPR 2016, Sec. 4.2.

    Example:
      >>> model = resnet(20, 10)
      >>> params, stats = jax.eval_shape(model.init, jax.random.key(0))
      >>> sum(leaf.size for leaf in jax.tree.leaves(params))
      269722
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise ValueError(f"depth must be 6n + 2 (20, 32, 44, 56, 110), got {depth}.")
    conv = functools.partial(
        normed_conv, kernel_init=kernel_init, decay=norm_decay, epsilon=norm_epsilon
    )
    widths = [width * 2**stage for stage in range(3) for _ in range(blocks)]
    layers = {
        f"block{i}": _block(conv, before, after)
        for i, (before, after) in enumerate(zip([width, *widths], widths, strict=False))
    }
    last = f"block{len(widths) - 1}"
    layers[last] = then(layers[last], mean_over_pixels)
    layers = {"stem": then(conv(channels, width), jax.nn.relu), **layers}
    return image_classifier(layers, head(num_classes, 4 * width), channels=channels, dtype=dtype)


def _block(conv: Callable[..., Model], num_inputs: int, num_outputs: int) -> Model:
    """Two convolutions around which a shortcut leads; twice the channels halve the resolution."""
    stride = 1 if num_inputs == num_outputs else 2
    added = num_outputs - num_inputs
    layers = chain(
        {
            "first": then(conv(num_inputs, num_outputs, stride=stride), jax.nn.relu),
            "second": conv(num_outputs, num_outputs),
        }
    )

    def apply(
        params: Params, stats: Stats, inputs: jax.Array, **options: Any
    ) -> tuple[jax.Array, Stats]:
        residual, stats = layers.apply(params, stats, inputs, **options)
        shortcut = inputs[:, ::stride, ::stride]
        padding = [(0, 0)] * 3 + [(added // 2, added - added // 2)]
        return jax.nn.relu(residual + jnp.pad(shortcut, padding)), stats

    return Model(layers.init, apply)
