"""Convolution, whose gradient is written by hand where XLA's own is slow: on a CPU."""

import functools
import math

import jax
import jax.numpy as jnp

_CHUNK = 8  # images whose copies stay in a core's cache


def convolution(inputs: jax.Array, kernel: jax.Array, *, stride: int, padding: int) -> jax.Array:
    """Convolves `[batch, height, width, in]` with `[height, width, in, out]`, zeros around."""
    # Zeros like another array vary over the mapped axes that it does, and so does a sum with them:
    # a kernel that is the same everywhere gets the sum of all gradients.
    kernel = kernel + jax.lax.full_like(inputs, 0, kernel.dtype, kernel.shape)
    return _convolution(stride, padding, inputs, kernel)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _convolution(stride: int, padding: int, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        inputs,
        kernel,
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _forward(stride: int, padding: int, inputs: jax.Array, kernel: jax.Array):
    return _convolution(stride, padding, inputs, kernel), (inputs, kernel)


def _backward(stride: int, padding: int, saved: tuple[jax.Array, jax.Array], outputs: jax.Array):
    conv = functools.partial(_convolution.fun, stride, padding)
    inputs, kernel = saved
    (to_inputs,) = jax.vjp(lambda inputs: conv(inputs, kernel), inputs)[1](outputs)

    def plain(inputs: jax.Array, outputs: jax.Array) -> jax.Array:
        return jax.vjp(lambda kernel: conv(inputs, kernel), kernel)[1](outputs)[0]

    def products(inputs: jax.Array, outputs: jax.Array) -> jax.Array:
        chunk = math.gcd(len(inputs), _CHUNK)

        def of_chunk(start: jax.Array) -> jax.Array:
            parts = (jax.lax.dynamic_slice_in_dim(a, start, chunk) for a in (inputs, outputs))
            return _kernel_gradient(stride, padding, *kernel.shape[:2], *parts)

        by_chunk = jax.lax.map(of_chunk, jnp.arange(0, len(inputs), chunk))
        return jnp.sum(by_chunk, axis=0).astype(kernel.dtype)

    return to_inputs, jax.lax.platform_dependent(inputs, outputs, cpu=products, default=plain)


_convolution.defvjp(_forward, _backward)


def _kernel_gradient(
    stride: int, padding: int, height: int, width: int, inputs: jax.Array, outputs: jax.Array
) -> jax.Array:
    """The gradient of a kernel as one matrix product, from the outputs' gradient.

    Copies of the inputs, moved along the width, meet copies of the outputs' gradient, moved along
    the height. That is a product of two matrices of middling width, which is what a CPU does best.
    """
    rows = inputs.shape[1]
    columns = (outputs.shape[2] - 1) * stride + 1
    padded = jnp.pad(inputs, ((0, 0), (0, 0), (padding, padding), (0, 0)))
    moved = [padded[:, :, j : j + columns : stride] for j in range(width)]
    top = height - 1 - padding
    bottom = rows + padding - (outputs.shape[1] - 1) * stride - 1
    spread = jax.lax.pad(
        outputs,
        jnp.zeros((), outputs.dtype),
        ((0, 0, 0), (top, bottom, stride - 1), (0, 0, 0), (0, 0, 0)),
    )
    gradients = [spread[:, i : i + rows] for i in reversed(range(height))]
    left, right = (jnp.concatenate(a, axis=-1) for a in (moved, gradients))
    product = jnp.dot(
        left.reshape(-1, left.shape[-1]).T,
        right.reshape(-1, right.shape[-1]),
        preferred_element_type=jnp.promote_types(outputs.dtype, jnp.float32),
    )
    return product.reshape(width, -1, height, outputs.shape[-1]).transpose(2, 0, 1, 3)
