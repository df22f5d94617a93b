"""The product of a kernel with columns, and its derivatives in both modes and of second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax.models._products import times_columns

close = np.testing.assert_allclose
SHAPES = {"vector": (5,), "columns": (5, 7), "more axes": (5, 2, 3)}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@pytest.fixture
def kernel(rng):
    return rng.normal(size=(5, 4)).astype(np.float32)


@each_shape
def test_agrees_with_numpy(rng, kernel, shape):
    columns = rng.normal(size=shape).astype(np.float32)
    expected = np.einsum("io,i...->o...", kernel.astype(np.float64), columns.astype(np.float64))
    close(times_columns(kernel, columns), expected, rtol=1e-5, atol=1e-5)


@each_shape
def test_derivatives_in_both_modes_agree_with_their_closed_forms(rng, kernel, shape):
    columns, moved = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    turned = rng.normal(size=kernel.shape).astype(np.float32)
    value, tangent = jax.jvp(times_columns, (kernel, columns), (turned, moved))
    expected = np.einsum("io,i...->o...", turned, columns)
    expected += np.einsum("io,i...->o...", kernel, moved)
    close(tangent, expected, rtol=1e-5, atol=1e-5)
    weights = rng.normal(size=value.shape).astype(np.float32)
    by_kernel, by_columns = jax.vjp(times_columns, kernel, columns)[1](jnp.asarray(weights))
    flat = (array.reshape(len(array), -1) for array in (columns, weights))
    close(by_kernel, np.einsum("in,on->io", *flat), rtol=1e-5, atol=1e-5)
    close(by_columns, np.einsum("io,o...->i...", kernel, weights), rtol=1e-5, atol=1e-5)


def test_the_hessian_of_a_square_is_twice_the_gram_matrix(rng, kernel):
    columns = rng.normal(size=(5, 7)).astype(np.float32)
    hessian = jax.hessian(lambda kernel: jnp.sum(times_columns(kernel, columns) ** 2))(kernel)
    expected = 2 * np.einsum("in,jn,op->iojp", columns, columns, np.eye(4))
    close(hessian, expected, rtol=1e-5, atol=1e-4)


def test_weights_of_numpy_may_be_constants_of_a_compiled_program(rng, kernel):
    columns = rng.normal(size=(5, 7)).astype(np.float32)
    found = jax.jit(lambda columns: times_columns(kernel, columns))(columns)
    close(found, kernel.T @ columns, rtol=1e-5, atol=1e-5)


def test_models_share_columns_under_vmap(rng):
    kernels = rng.normal(size=(3, 5, 4)).astype(np.float32)
    columns = rng.normal(size=(5, 7)).astype(np.float32)
    found = jax.vmap(times_columns, in_axes=(0, None))(kernels, columns)
    close(found, np.einsum("mio,in->mon", kernels, columns), rtol=1e-5, atol=1e-5)


def test_half_precision_is_summed_and_returned_in_single(rng):
    kernel, columns = (rng.normal(size=(400, 3)).astype(jnp.bfloat16) for _ in range(2))
    product = times_columns(kernel, columns)
    assert product.dtype == jnp.float32
    exact = kernel.astype(np.float64).T @ columns.astype(np.float64)
    close(product, exact, rtol=1e-5, atol=1e-5)
