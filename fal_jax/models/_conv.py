"""Convolution, with a gradient of its own where XLA's is slow: on a CPU."""

import functools
import math

import jax
import jax.numpy as jnp

_CHUNK = 8  # images at a time, whose copies stay in the processor's cache


def convolution(inputs: jax.Array, kernel: jax.Array, *, stride: int, padding: int) -> jax.Array:
    """Convolves `[batch, height, width, in]` with `[height, width, in, out]`, zeros around."""
    # Zeros like another array vary over the mapped axes that it does, and so does a sum with them:
    # a kernel that is the same everywhere gets the sum of all gradients.
    kernel = kernel + jax.lax.full_like(inputs, 0, kernel.dtype, kernel.shape)
    return _convolution(stride, padding, inputs, kernel)


def _plain(stride: int, padding: int, inputs: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        inputs,
        kernel,
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


_convolution = jax.custom_vjp(_plain, nondiff_argnums=(0, 1))


def _forward(
    stride: int, padding: int, inputs: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _plain(stride, padding, inputs, kernel), (inputs, kernel)


def _backward(
    stride: int, padding: int, saved: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    inputs, kernel = saved
    _, pull = jax.vjp(lambda inputs: _plain(stride, padding, inputs, kernel), inputs)
    by_products = functools.partial(_by_products, stride, padding)
    by_convolution = functools.partial(_by_convolution, stride, padding)
    of_kernel = jax.lax.platform_dependent(
        inputs, kernel, gradient, cpu=by_products, default=by_convolution
    )
    return pull(gradient)[0], of_kernel


_convolution.defvjp(_forward, _backward)


def _by_convolution(
    stride: int, padding: int, inputs: jax.Array, kernel: jax.Array, gradient: jax.Array
) -> jax.Array:
    """The gradient of a kernel as JAX has it."""
    _, pull = jax.vjp(lambda kernel: _plain(stride, padding, inputs, kernel), kernel)
    return pull(gradient)[0]


def _by_products(
    stride: int, padding: int, inputs: jax.Array, kernel: jax.Array, gradient: jax.Array
) -> jax.Array:
    """The gradient of a kernel as matrix products on chunks of the batch.

    XLA's, on a CPU, is a convolution of transposed arrays, and it recomputes what led to them while
    it transposes. Inside a loop over chunks it can do neither.
    """
    size = math.gcd(len(inputs), _CHUNK)

    def of_chunk(start: jax.Array) -> jax.Array:
        chunk, its_gradient = (
            jax.lax.dynamic_slice_in_dim(array, start, size) for array in (inputs, gradient)
        )
        return _product(stride, padding, chunk, kernel, its_gradient)

    starts = jnp.arange(0, len(inputs), size)
    return jnp.sum(jax.lax.map(of_chunk, starts), axis=0).astype(kernel.dtype)


def _product(
    stride: int, padding: int, inputs: jax.Array, kernel: jax.Array, gradient: jax.Array
) -> jax.Array:
    """The gradient of a kernel as one matrix product.

    Copies of the inputs, moved along the width, meet copies of the gradient, moved along the
    height: a product of two matrices of middling width is what a CPU does best.
    """
    height, width, num_inputs, num_outputs = kernel.shape
    rows, gradient_rows, gradient_columns = inputs.shape[1], *gradient.shape[1:3]
    padded = jnp.pad(inputs, ((0, 0), (0, 0), (padding, padding), (0, 0)))
    end = (gradient_columns - 1) * stride + 1
    moved = [padded[:, :, j : j + end : stride] for j in range(width)]

    above = height - 1 - padding
    below = rows + padding - (gradient_rows - 1) * stride - 1
    margins = (0, 0, 0), (above, below, stride - 1), (0, 0, 0), (0, 0, 0)
    spread = jax.lax.pad(gradient, jnp.zeros((), gradient.dtype), margins)
    lifted = [spread[:, i : i + rows] for i in reversed(range(height))]

    product = jnp.dot(
        jnp.concatenate(moved, axis=-1).reshape(-1, width * num_inputs).T,
        jnp.concatenate(lifted, axis=-1).reshape(-1, height * num_outputs),
        preferred_element_type=jnp.promote_types(gradient.dtype, jnp.float32),
    )
    return product.reshape(width, num_inputs, height, num_outputs).transpose(2, 0, 1, 3)
