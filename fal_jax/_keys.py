"""The check of a PRNG key, an argument that comes first and is easily given as a seed."""

import jax
import jax.numpy as jnp


def checked(key: jax.Array) -> jax.Array:
    """Returns the key if it is one, of either of JAX's two forms; it may be traced."""
    dtype = getattr(key, "dtype", None)
    is_typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not is_typed and dtype != jnp.uint32:
        came = f"{key!r} of type {type(key).__name__}" if dtype is None else f"dtype {dtype}"
        raise TypeError(f"key must be a PRNG key, such as jax.random.key(0), got {came}.")
    if key.ndim != (0 if is_typed else 1):
        raise ValueError(f"key must be one PRNG key, got an array of shape {key.shape}.")
    return key
