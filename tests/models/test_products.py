"""Products of a kernel with columns or rows: values and derivatives, in both modes and second."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import models
from fal_jax.models._products import times_columns, times_rows

close = np.testing.assert_allclose
SHAPES = {"vector": (), "columns": (7,), "more axes": (2, 3)}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def times_rows_of(kernel, columns):
    return times_rows(kernel, jnp.moveaxis(columns, 0, -1))


# In training on a CPU rows of 25 to 31 values are filled up.
PRODUCTS = {
    "columns": (times_columns, 5),
    "rows": (times_rows_of, 5),
    "rows, filled": (times_rows_of, 27),
}


@pytest.fixture(params=PRODUCTS.values(), ids=PRODUCTS)
def case(request):
    return request.param


@pytest.fixture
def product(case):
    return case[0]


@pytest.fixture
def width(case):
    return case[1]


@pytest.fixture
def kernel(rng, width):
    return rng.normal(size=(width, 4)).astype(np.float32)


@each_shape
def test_agrees_with_numpy(rng, product, width, kernel, shape):
    columns = rng.normal(size=(width, *shape)).astype(np.float32)
    expected = np.einsum("io,i...->o...", kernel.astype(np.float64), columns.astype(np.float64))
    close(product(kernel, columns), expected, rtol=1e-5, atol=1e-5)


@each_shape
def test_derivatives_in_both_modes_agree_with_their_closed_forms(
    rng, product, width, kernel, shape
):
    columns, moved = (rng.normal(size=(width, *shape)).astype(np.float32) for _ in range(2))
    turned = rng.normal(size=kernel.shape).astype(np.float32)
    value, tangent = jax.jvp(product, (kernel, columns), (turned, moved))
    expected = np.einsum("io,i...->o...", turned, columns)
    expected += np.einsum("io,i...->o...", kernel, moved)
    close(tangent, expected, rtol=1e-5, atol=1e-5)
    weights = rng.normal(size=value.shape).astype(np.float32)
    by_kernel, by_columns = jax.vjp(product, kernel, columns)[1](jnp.asarray(weights))
    flat = (array.reshape(len(array), -1) for array in (columns, weights))
    close(by_kernel, np.einsum("in,on->io", *flat), rtol=1e-5, atol=1e-5)
    close(by_columns, np.einsum("io,o...->i...", kernel, weights), rtol=1e-5, atol=1e-5)


def test_the_hessian_of_a_square_is_twice_the_gram_matrix(rng, product, width, kernel):
    columns = rng.normal(size=(width, 7)).astype(np.float32)
    hessian = jax.hessian(lambda kernel: jnp.sum(product(kernel, columns) ** 2))(kernel)
    expected = 2 * np.einsum("in,jn,op->iojp", columns, columns, np.eye(4))
    close(hessian, expected, rtol=1e-5, atol=1e-4)


def test_weights_of_numpy_may_be_constants_of_a_compiled_program(rng, product, width, kernel):
    columns = rng.normal(size=(width, 7)).astype(np.float32)
    found = jax.jit(lambda columns: product(kernel, columns))(columns)
    close(found, kernel.T @ columns, rtol=1e-5, atol=1e-5)


def lowered(function, width, platform="cpu"):
    kernel, columns = np.ones((width, 4), np.float32), np.ones((width, 7), np.float32)
    traced = jax.jit(function).trace(kernel, columns)
    return traced.lower(lowering_platforms=(platform,)).as_text()


def gradient_of(product):
    return jax.grad(lambda *given: jnp.sum(product(*given) ** 2))


def test_the_kernel_is_written_out_in_training_on_a_cpu_alone(product, width):
    barrier = "optimization_barrier"
    assert barrier in lowered(gradient_of(product), width)
    assert barrier not in lowered(gradient_of(product), width, "cuda")
    assert barrier not in lowered(product, width)


def test_rows_that_lack_little_of_32_are_filled_up_in_training_on_a_cpu_alone():
    def primal(*given):
        return jax.vjp(times_rows_of, *given)[0]

    for function in (gradient_of(times_rows_of), primal):
        assert "stablehlo.pad" in lowered(function, 25)
        assert "stablehlo.pad" not in lowered(function, 25, "cuda")
        for width in (24, 32, 33):
            assert "stablehlo.pad" not in lowered(function, width)
    assert "stablehlo.pad" not in lowered(gradient_of(times_columns), 25)
    assert "stablehlo.pad" not in lowered(times_rows_of, 25)


def test_models_share_columns_under_vmap_and_so_do_their_gradients(rng, product, width):
    kernels = rng.normal(size=(3, width, 4)).astype(np.float32)
    columns = rng.normal(size=(width, 7)).astype(np.float32)
    found = jax.vmap(product, in_axes=(0, None))(kernels, columns)
    expected = np.einsum("mio,in->mon", kernels, columns)
    close(found, expected, rtol=1e-5, atol=1e-5)
    gradient = jax.vmap(jax.grad(lambda *given: jnp.sum(product(*given) ** 2)), (0, None))
    gradients = jax.jit(gradient)(kernels, columns)
    close(gradients, 2 * np.einsum("in,mon->mio", columns, expected), rtol=1e-5, atol=1e-4)


def test_the_mixed_second_derivative_is_that_of_the_square(rng, product, width, kernel):
    """Of `|kernel.T c|^2` for one column: `d2/dK_io dc_j = 2 (K_jo c_i + 1[i = j] (K.T c)_o)`."""
    column = rng.normal(size=width).astype(np.float32)
    square = jax.grad(lambda *given: jnp.sum(product(*given) ** 2))
    found = jax.jacrev(square, argnums=1)(kernel, column)
    expected = 2 * np.einsum("jo,i->ioj", kernel, column)
    expected += 2 * np.einsum("ij,o->ioj", np.eye(width), kernel.T @ column)
    close(found, expected, rtol=1e-5, atol=1e-4)


def test_whole_numbers_have_a_gradient_in_the_kernel(rng, product, width, kernel):
    columns = rng.integers(0, 9, (width, 7)).astype(np.uint8)
    gradient = jax.grad(lambda kernel: jnp.sum(product(kernel, columns)))(kernel)
    close(gradient, np.tile(columns.sum(axis=1)[:, None], (1, 4)), rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, np.float64])
def test_a_linear_head_gives_logits_in_single_precision_at_least(rng, dtype):
    features, kernel = (rng.normal(size=(3, 400)).astype(dtype) for _ in range(2))
    params = {"kernel": kernel.T, "bias": np.zeros(3, np.float32)}
    logits = models.linear_head(3, 400).apply(params, features)
    assert logits.dtype == jnp.float32
    exact = features.astype(np.float64) @ kernel.astype(np.float64).T
    close(logits, exact, rtol=1e-5, atol=1e-4)


@pytest.mark.usefixtures("x64")
def test_double_precision_stays(rng):
    head = models.linear_head(3, 4)
    features, params = jnp.asarray(rng.normal(size=(2, 4))), head.init(jax.random.key(0))
    logits = head.apply(params, features)
    assert logits.dtype == jnp.float64
    close(logits, np.asarray(features) @ np.asarray(params["kernel"], np.float64), rtol=1e-14)
