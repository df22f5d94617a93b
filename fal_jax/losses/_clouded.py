"""Gaussian clouded logits, a loss on cosines."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._classification import checked
from fal_jax.losses._cosine import scaled_loss
from fal_jax.losses._weights import checked_counts


def gcl_loss(
    cosines: ArrayLike,
    labels: ArrayLike,
    noise: ArrayLike,
    *,
    class_counts: ArrayLike,
    strength: ArrayLike = 0.5,
    margin: ArrayLike = 0.0,
    scale: ArrayLike = 30.0,
    alpha: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Gaussian clouded logits: cosines lowered at random, more so for rarer classes.

    Cross-entropy of `scale (c_k - strength |noise_k| log(n_max / n_k) / log(n_max / n_min) - margin
    1[k = y])`.

    Args:
      cosines: `[..., classes]`, floating, in [-1, 1]; see `cosines`.
      labels: `[...]`, integer in `[0, classes)`; or soft, `[..., classes]`, floating, at least 0.
      noise: `[..., classes]`; in the source `jnp.clip(jax.random.normal(key, shape) / 3, -1, 1)`.
      class_counts: `[classes]`, at least 1 each; may be traced.
      strength: scalar, at least 0; 0 gives `cosface_loss`.
      margin: scalar, at least 0, in units of cosine.
      scale: scalar, at least 0, the inverse temperature.
      alpha: None, `[classes]`, or with 2 classes a scalar; see `softmax_loss`.
      where: `[...]`, bool, the valid examples; None for all; see `softmax_loss`.

    Returns:
      `[...]`, one loss an example, in `promote_types(dtype, float32)`; NaN for an out-of-range
      label. No gradient is stopped.

    Raises:
      ValueError: if the shapes do not fit or a concrete hyper-parameter is out of range.
      TypeError: if cosines are not floating, labels neither integer nor soft, or where not bool.

    References:
      Li et al., Long-tailed Visual Recognition via Gaussian Clouded Logit Adjustment, CVPR 2022,
      with the clipped noise and the scaled rarity of its implementation.

    Example:
      >>> noise = [[0.0, -0.5]]
      >>> gcl_loss([[0.5, 0.4]], [1], noise, class_counts=[100, 10], scale=10.0).round(4)
      Array([3.5298], dtype=float32)
    """
    cosines, labels, valid = checked(cosines, labels, where, of="cosines")
    counts = checked_counts(class_counts, cosines.shape[-1])
    noise = _checks.floating("noise", noise)
    noise = _checks.like("noise", noise, cosines, of="cosines", any_value=valid is not None)
    noise = noise if valid is None else jnp.where(valid[..., None], noise, 0)
    strength = _checks.number("strength", strength, cosines.dtype)
    margin = _checks.number("margin", margin, cosines.dtype)
    rarity = jnp.log(jnp.asarray(counts.max() / counts, cosines.dtype))
    rarity = rarity / jnp.where(jnp.max(rarity) > 0, jnp.max(rarity), 1)
    clouds = strength * jnp.abs(noise) * jax.lax.broadcast_to_rank(rarity, cosines.ndim)
    return scaled_loss(cosines - clouds, labels, margin, scale, alpha, where)
