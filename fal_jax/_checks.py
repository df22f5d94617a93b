"""Checks of arguments on entry: they run when a function is traced, so they are free under jit.

Each check returns its argument, ready for use. Errors name the argument, what came and what was
expected: `ValueError` for shapes and values, `TypeError` for dtypes. Values can be checked only
where they are concrete; what a traced value out of range does is said where it is used.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


def is_traced(value: object) -> bool:
    """Whether `value` is known only when the compiled program runs."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(value))


def is_double(value: object) -> bool:
    """Whether `value` is a known array of float64 that JAX would round to float32."""
    double = isinstance(value, np.ndarray) and value.dtype == np.float64
    return double and jax.dtypes.canonicalize_dtype(np.float64) != np.float64


def dtype_of(value: ArrayLike) -> np.dtype:
    """The dtype that `value` came with."""
    return value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype


def floating(name: str, value: ArrayLike) -> jax.Array:
    """Returns `value` in `promote_types(its dtype, float32)`; a TypeError if it is not floating."""
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(f"{name} must have a floating dtype, got {array.dtype}.")
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def scores(name: str, value: ArrayLike) -> jax.Array:
    """Returns floating `[..., classes]` with at least 2 classes."""
    array = floating(name, value)
    if array.ndim < 1 or array.shape[-1] < 2:
        raise ValueError(
            f"{name} must have shape [..., classes] with at least 2 classes, "
            f"got shape {array.shape}."
        )
    return array


def features_and_anchors(
    features: ArrayLike, anchors: ArrayLike, *, anchors_name: str = "anchors"
) -> tuple[jax.Array, jax.Array]:
    """Returns floating `[..., dim]` and `[classes, dim]` of one width and one dtype."""
    features, anchors = floating("features", features), floating(anchors_name, anchors)
    if anchors.ndim != 2 or anchors.shape[0] < 2:
        raise ValueError(
            f"{anchors_name} must have shape [classes, dim] with at least 2 classes, "
            f"got shape {anchors.shape}."
        )
    if features.ndim < 1 or features.shape[-1] != anchors.shape[1]:
        raise ValueError(
            f"features must have shape [..., dim] with dim = {anchors.shape[1]}, the width of "
            f"{anchors_name}, got shape {features.shape}."
        )
    dtype = jnp.promote_types(features.dtype, anchors.dtype)
    return features.astype(dtype), anchors.astype(dtype)


def log_variances(value: ArrayLike, means: jax.Array) -> jax.Array:
    """Returns floating log variances of the shape of means."""
    array = floating("log_variances", value)
    _check_shape("log_variances", array, means.shape, "as means")
    return array


def labels(value: ArrayLike, batch_shape: tuple[int, ...], *, of: str) -> jax.Array:
    """Returns labels, integer or bool, of exactly `batch_shape`, the leading axes of `of`."""
    if isinstance(value, np.ndarray) and value.dtype in (np.int64, np.uint64, np.uint32):
        # Without x64 they would wrap around, perhaps into the classes.
        narrow = value.astype(np.int32)
        value = np.where(value == narrow, narrow, np.int32(-1))
    array = _classes("labels", value)
    _check_shape("labels", array, batch_shape, f"the batch shape of {of}")
    return array.astype(jnp.promote_types(array.dtype, jnp.int32))  # int8 cannot hold 300 classes


def labels_or_shares(
    value: ArrayLike, shape: tuple[int, ...], *, of: str, dtype: jnp.dtype, any_value: bool = False
) -> jax.Array:
    """Returns integer labels of the batch shape, or soft labels of all of `shape` as `dtype`.

    `shape` is that of the argument `of`, `[..., classes]`. Shares are at least 0, but for
    `any_value`, where some rows are masked.
    """
    came = dtype_of(value)
    if not jnp.issubdtype(came, jnp.floating):
        return labels(value, shape[:-1], of=of)
    array = jnp.asarray(value, dtype)
    if array.shape == shape[:-1]:
        raise TypeError(
            f"labels must have an integer dtype where they are one number an example, got {came}; "
            f"soft labels are one share a class, of shape {shape}."
        )
    if array.shape != shape:
        raise ValueError(
            f"labels must have shape {shape} where they are floating, one share a class, or "
            f"{shape[:-1]} where they are integer, for {of}, got shape {array.shape}."
        )
    if not any_value:
        _check_range("labels", value, 0.0, np.inf)
    return array


def like(
    name: str,
    value: ArrayLike,
    other: jax.Array,
    *,
    of: str,
    minimum: float = -np.inf,
    maximum: float = np.inf,
    any_value: bool = False,
) -> jax.Array:
    """Returns `value` as the dtype of `other`, the argument `of`, whose shape it must have.

    Values are not checked for `any_value`, where some rows are masked.
    """
    array = jnp.asarray(value, other.dtype)
    _check_shape(name, array, other.shape, f"as {of}")
    if not any_value:
        _check_range(name, value, minimum, maximum)
    return array


def example_weights(value: ArrayLike | None, other: jax.Array, *, of: str) -> jax.Array:
    """Returns weights of the shape and dtype of `other`, the argument `of`; 1 each for None."""
    if value is None:
        return jnp.ones_like(other)
    return like("weights", value, other, of=of, minimum=0.0)


def predictions(value: ArrayLike, batch_shape: tuple[int, ...] | None = None) -> jax.Array:
    """Returns predicted classes, integer or bool, as int32; of `batch_shape` if one is given."""
    array = _classes("predictions", value)
    if batch_shape is not None:
        _check_shape("predictions", array, batch_shape, "that of labels")
    return array.astype(jnp.int32)


def sizes(num_classes: int, dim: int) -> None:
    """Refuses fewer than 2 classes and features without a column."""
    if num_classes < 2 or dim < 1:
        raise ValueError(
            f"num_classes must be at least 2 and dim at least 1, got {num_classes} and {dim}."
        )


def mask(value: ArrayLike | None, batch_shape: tuple[int, ...]) -> jax.Array:
    """Returns a bool mask of exactly `batch_shape`; all true for None."""
    if value is None:
        return jnp.ones(batch_shape, bool)
    array = jnp.asarray(value)
    if array.dtype != jnp.bool_:
        raise TypeError(f"where must have dtype bool, got {array.dtype}.")
    _check_shape("where", array, batch_shape, "one flag an example")
    return array


def row_weights(value: ArrayLike, where: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """Returns weights, at least 0, of the shape of the mask, and 0 where that is false."""
    array = jnp.asarray(value, dtype)
    _check_shape("weights", array, where.shape, "one number an example")
    if not is_traced(where):
        _check_range("weights", np.where(where, value, 0), 0.0, np.inf)
    return jnp.where(where, array, 0)


def number(
    name: str,
    value: ArrayLike,
    dtype: jnp.dtype,
    *,
    minimum: float = 0.0,
    maximum: float = np.inf,
    open_minimum: bool = False,
) -> jax.Array:
    """Returns a scalar hyper-parameter as `dtype`; where concrete it must lie in the range."""
    array = jnp.asarray(value, dtype)
    if array.ndim != 0:
        raise ValueError(f"{name} must be a scalar, got shape {array.shape}.")
    _check_range(name, value, minimum, maximum, open_minimum=open_minimum)
    return array


def class_vector(
    name: str,
    value: ArrayLike,
    num_classes: int,
    dtype: jnp.dtype,
    *,
    minimum: float = -np.inf,
    maximum: float = np.inf,
    scalar: bool = False,
) -> jax.Array:
    """Returns one number a class, `[classes]`; or a scalar, where `scalar` allows one."""
    array = jnp.asarray(value, dtype)
    if array.shape != (num_classes,) and not (scalar and array.ndim == 0):
        allowed = f"{'a scalar or ' if scalar else ''}of shape ({num_classes},)"
        raise ValueError(f"{name} must be {allowed}, one number a class, got shape {array.shape}.")
    _check_range(name, value, minimum, maximum)
    return array


def costs(value: ArrayLike) -> jax.Array:
    """Returns float32 costs `[2, 2]`, by true and predicted class; mistakes cost the more."""
    table = jnp.asarray(value, jnp.float32)
    if table.shape != (2, 2):
        raise ValueError(f"costs must have shape (2, 2), got shape {table.shape}.")
    if not is_traced(value):
        (quiet, false_alarm), (miss, hit) = np.asarray(value)
        if not (false_alarm > quiet and miss > hit):
            raise ValueError(f"costs of a mistake must be above those of being right, got {value}.")
    return table


def _classes(name: str, value: ArrayLike) -> jax.Array:
    array = jnp.asarray(value)
    if not (jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_):
        raise TypeError(f"{name} must have an integer dtype or bool, got {array.dtype}.")
    return array


def _check_shape(name: str, array: jax.Array, shape: tuple[int, ...], what: str) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, {what}, got shape {array.shape}.")


def _check_range(
    name: str, value: ArrayLike, minimum: float, maximum: float, *, open_minimum: bool = False
) -> None:
    if is_traced(value):
        return
    host = np.asarray(value, np.float64)
    above = host > minimum if open_minimum else host >= minimum
    if not np.all(above & (host <= maximum)):
        bounds = f"{'above' if open_minimum else 'at least'} {minimum:g}"
        bounds += f" and at most {maximum:g}" if np.isfinite(maximum) else ""
        raise ValueError(f"{name} must be {bounds}, got {value}.")
