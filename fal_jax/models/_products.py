"""The product of a layer's kernel with examples along the last axis."""

import functools

import jax
import jax.numpy as jnp


def times_columns(kernel: jax.Array, columns: jax.Array) -> jax.Array:
    """`kernel.T @ columns`, from `[in, out]` and `[in, ...]` to `[out, ...]`.

    In training on a CPU the transposed kernel is written out first, since XLA is slow at small
    products whose left operand it must read across. Gradients see it as it was, so that the one of
    the columns reads along the kernel's rows as well.
    """
    matrix = kernel.T
    return _product(matrix, columns.astype(jnp.result_type(matrix, columns)))


@jax.custom_jvp
def _product(matrix: jax.Array, columns: jax.Array) -> jax.Array:
    return jnp.tensordot(matrix, columns, axes=1)


@_product.defjvp
def _product_jvp(
    primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (matrix, columns), (matrix_dot, columns_dot) = primals, tangents
    written = jax.lax.platform_dependent(
        matrix, cpu=jax.lax.optimization_barrier, default=lambda matrix: matrix
    )
    product = functools.partial(jnp.tensordot, axes=1)
    moved = product(matrix_dot, columns) + product(matrix, columns_dot)
    return product(written, columns), moved
