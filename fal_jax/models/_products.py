"""Products of a layer's kernel that give examples along the last axis, fast on a CPU."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Product = Callable[[jax.Array, jax.Array], jax.Array]


def times_columns(kernel: jax.Array, columns: jax.Array) -> jax.Array:
    """`kernel.T @ columns`, from `[in, out]` and `[in, ...]` to `[out, ...]`.

    In training on a CPU the transposed kernel is written out first, since XLA is slow at small
    products whose left operand it must read across. Gradients see it as it was, so that the one of
    the columns reads along the kernel's rows as well.
    """
    return _promoted(_by_columns, kernel.T, columns)


def times_rows(kernel: jax.Array, rows: jax.Array) -> jax.Array:
    """`kernel.T @ rows.T`, from `[in, out]` and `[..., in]` to `[out, ...]`.

    As `times_columns`, for a batch as it comes. In training on a CPU rows that lack at most 7
    values of whole 32s are filled up, since XLA takes longer for the kernel's gradient with 25 to
    31 values than with 32. Columns would have to be written across for that, which costs more.
    """
    return _promoted(_by_rows, kernel.T, jnp.moveaxis(rows, -1, 0))


def _promoted(product: Product, matrix: jax.Array, columns: jax.Array) -> jax.Array:
    return product(matrix, columns.astype(jnp.result_type(matrix, columns)))


def _plain(matrix: jax.Array, columns: jax.Array) -> jax.Array:
    return jnp.tensordot(matrix, columns, axes=1)


def _filled_on_cpu(matrix: jax.Array, columns: jax.Array) -> jax.Array:
    """On a CPU, both filled up along what they share if they lack little of whole 32s."""
    short = -len(columns) % 32
    if columns.ndim != 2 or not 0 < short < 8:
        return _plain(matrix, columns)

    def filled(matrix: jax.Array, columns: jax.Array) -> jax.Array:
        rows = jnp.pad(columns.T, ((0, 0), (0, short)))
        return _plain(jnp.pad(matrix, ((0, 0), (0, short))), rows.T)

    return jax.lax.platform_dependent(matrix, columns, cpu=filled, default=_plain)


def _differentiable(in_training: Product) -> Product:
    """The product; where it is differentiated, `in_training` computes it and its kernel's part."""

    @jax.custom_jvp
    def product(matrix: jax.Array, columns: jax.Array) -> jax.Array:
        return _plain(matrix, columns)

    @product.defjvp
    def product_jvp(
        primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        (matrix, columns), (matrix_dot, columns_dot) = primals, tangents
        written = jax.lax.platform_dependent(
            matrix, cpu=jax.lax.optimization_barrier, default=lambda matrix: matrix
        )
        moved = in_training(matrix_dot, columns) + _plain(matrix, columns_dot)
        return in_training(written, columns), moved

    return product


_by_columns, _by_rows = _differentiable(_plain), _differentiable(_filled_on_cpu)
