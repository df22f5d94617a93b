"""Layers of networks for images, each a `Model` over plain dicts, and what joins them."""

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from fal_jax import _checks
from fal_jax.models._conv import convolution
from fal_jax.models._heads import Head
from fal_jax.models._mlp import classifier
from fal_jax.models._model import Model, Params, Stats

Initializer = jax.nn.initializers.Initializer
he_normal = jax.nn.initializers.he_normal()


def chain(layers: Mapping[str, Model]) -> Model:
    """Layers one after the other; parameters and statistics lie under their names."""

    def init(key: jax.Array) -> tuple[Params, Stats]:
        params, stats = {}, {}
        for name, layer_key in zip(layers, jax.random.split(key, len(layers)), strict=True):
            params[name], stats[name] = layers[name].init(layer_key)
        return params, stats

    def apply(
        params: Params,
        stats: Stats,
        inputs: jax.Array,
        *,
        train: bool = False,
        axis_name: Hashable | None = None,
    ) -> tuple[jax.Array, Stats]:
        new = {}
        for name, layer in layers.items():
            inputs, new[name] = layer.apply(
                params[name], stats[name], inputs, train=train, axis_name=axis_name
            )
        return inputs, new

    return Model(init, apply)


def then(layer: Model, *functions: Callable[[jax.Array], jax.Array]) -> Model:
    """A layer, and functions of its outputs in their order."""

    def apply(
        params: Params, stats: Stats, inputs: jax.Array, **options: Any
    ) -> tuple[jax.Array, Stats]:
        outputs, stats = layer.apply(params, stats, inputs, **options)
        for function in functions:
            outputs = function(outputs)
        return outputs, stats

    return Model(layer.init, apply)


def dense(num_inputs: int, num_outputs: int, *, kernel_init: Initializer) -> Model:
    """`inputs @ kernel + bias`."""

    def init(key: jax.Array) -> tuple[Params, Stats]:
        kernel = kernel_init(key, (num_inputs, num_outputs), jnp.float32)
        return {"kernel": kernel, "bias": jnp.zeros(num_outputs)}, {}

    def apply(params: Params, stats: Stats, inputs: jax.Array, **_: Any) -> tuple[jax.Array, Stats]:
        kernel = params["kernel"].astype(inputs.dtype)
        outputs = jnp.dot(inputs, kernel, preferred_element_type=jnp.float32) + params["bias"][None]
        return outputs.astype(inputs.dtype), stats

    return Model(init, apply)


def conv(
    num_inputs: int,
    num_outputs: int,
    *,
    size: int,
    stride: int = 1,
    padding: int,
    kernel_init: Initializer,
) -> Model:
    """A convolution and a bias."""

    def init(key: jax.Array) -> tuple[Params, Stats]:
        kernel = kernel_init(key, (size, size, num_inputs, num_outputs), jnp.float32)
        return {"kernel": kernel, "bias": jnp.zeros(num_outputs)}, {}

    def apply(params: Params, stats: Stats, inputs: jax.Array, **_: Any) -> tuple[jax.Array, Stats]:
        kernel, bias = (params[name].astype(inputs.dtype) for name in ("kernel", "bias"))
        outputs = convolution(inputs, kernel, stride=stride, padding=padding)
        return outputs + _per_channel(bias), stats

    return Model(init, apply)


def normed_conv(
    num_inputs: int,
    num_outputs: int,
    *,
    size: int = 3,
    stride: int = 1,
    padding: int = 1,
    kernel_init: Initializer,
    decay: float,
    epsilon: float,
) -> Model:
    """A convolution and batch norm, with parameters and statistics in float32."""

    def init(key: jax.Array) -> tuple[Params, Stats]:
        kernel = kernel_init(key, (size, size, num_inputs, num_outputs), jnp.float32)
        # Each leaf an array of its own, so that all may be donated.
        params = {"kernel": kernel, "scale": jnp.ones(num_outputs), "bias": jnp.zeros(num_outputs)}
        return params, {"mean": jnp.zeros(num_outputs), "variance": jnp.ones(num_outputs)}

    def apply(
        params: Params,
        stats: Stats,
        inputs: jax.Array,
        *,
        train: bool = False,
        axis_name: Hashable | None = None,
    ) -> tuple[jax.Array, Stats]:
        kernel = params["kernel"].astype(inputs.dtype)
        outputs = convolution(inputs, kernel, stride=stride, padding=padding)
        centred = outputs.astype(jnp.promote_types(outputs.dtype, jnp.float32))
        centred -= _per_channel(stats["mean"])
        offset, variance = jnp.zeros_like(stats["mean"]), stats["variance"]
        if train:
            offset, variance = moments(centred, axis_name)
            mean = stats["mean"] + (1 - decay) * offset
            stats = {"mean": mean, "variance": decay * stats["variance"] + (1 - decay) * variance}
        scale = params["scale"] * jax.lax.rsqrt(variance + epsilon)
        normed = centred * _per_channel(scale) + _per_channel(params["bias"] - offset * scale)
        return normed.astype(inputs.dtype), stats

    return Model(init, apply)


def moments(inputs: jax.Array, axis_name: Hashable | None) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of each channel over the batch, wherever its examples lie.

    In one pass, as the mean of squares less the square of the mean: exact where the mean is not
    large beside the deviation, so give it inputs less the running mean.
    """
    number = jnp.float32(math.prod(inputs.shape[:3]))
    sums = jnp.sum(inputs, axis=(0, 1, 2)), jnp.sum(inputs**2, axis=(0, 1, 2)), number
    if axis_name is not None:
        sums = jax.lax.psum(sums, axis_name)
    mean, square = sums[0] / sums[2], sums[1] / sums[2]
    return mean, jnp.maximum(square - mean**2, 0)


def max_pool(inputs: jax.Array) -> jax.Array:
    """The largest value of each 2x2 pixels; a last odd row or column is left out.

    The gradient goes to one pixel of the four. That of `jnp.max` looks for the pixels that equal
    the maximum, and is NaN where XLA computes them twice, with roundings of their own, and none
    does; that of XLA's window reduction is slow on a CPU.
    """
    batch, height, width, channels = inputs.shape
    height, width = height // 2, width // 2
    squares = inputs[:, : 2 * height, : 2 * width].reshape(batch, height, 2, width, 2, channels)
    rows = _larger(squares[:, :, 0], squares[:, :, 1])
    return _larger(rows[:, :, :, 0], rows[:, :, :, 1])


def _larger(a: jax.Array, b: jax.Array) -> jax.Array:
    """The larger of each two, the first of equals, and NaN if one is."""
    return jnp.where((a >= b) | jnp.isnan(a), a, b)


def mean_over_pixels(inputs: jax.Array) -> jax.Array:
    """The mean over height and width, in float32."""
    return jnp.mean(inputs, axis=(1, 2), dtype=jnp.promote_types(inputs.dtype, jnp.float32))


def image_classifier(
    layers: Mapping[str, Model], head: Head, *, channels: int, dtype: DTypeLike
) -> Model:
    """Layers from images to features, computed in `dtype`, and a head for float32 features."""
    trunk = chain(layers)

    def apply(
        params: Params, stats: Stats, inputs: ArrayLike, **options: Any
    ) -> tuple[jax.Array, Stats]:
        images = _checks.floating("inputs", inputs)
        if images.ndim != 4 or images.shape[-1] != channels:
            raise ValueError(
                f"inputs must have shape [batch, height, width, {channels}], "
                f"got shape {images.shape}."
            )
        features, stats = trunk.apply(params, stats, images.astype(dtype), **options)
        return features.astype(jnp.promote_types(features.dtype, jnp.float32)), stats

    return classifier(Model(trunk.init, apply), head)


def _per_channel(vector: jax.Array) -> jax.Array:
    return vector[None, None, None]
