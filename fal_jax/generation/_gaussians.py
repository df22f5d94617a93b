"""What codes of each class look like: a normal distribution a class."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from fal_jax import _keys


class Gaussians(NamedTuple):
    """A normal distribution of codes for each class.

    Attributes:
      means: `[classes, latent]`, float32.
      factors: `[classes, latent, latent]`, float32; a factor times its transpose is the covariance.
    """

    means: jax.Array | np.ndarray
    factors: jax.Array | np.ndarray


def class_gaussians(codes: npt.ArrayLike, labels: npt.ArrayLike, *, num_classes: int) -> Gaussians:
    """The mean and covariance of each class's codes.

    `covariance = sum (z - mean)(z - mean)^T / (n - 1)`, of any rank: fewer rows than dimensions
    spread in the space of their differences.

    Args:
      codes: `[rows, latent]`, floating, finite.
      labels: `[rows]`, integer in `[0, num_classes)`, at least two of each.
      num_classes: number of classes.

    Returns:
      `Gaussians`, measured in float64.

    Raises:
      ValueError: shapes that do not fit, codes that are not finite, a class of less than 2 rows.

    References:
      Mariani et al., BAGAN: Data Augmentation with Balancing GAN, 2018, Sec. 3.2.

    Example:
      >>> found = class_gaussians([[0.0], [2.0], [5.0], [5.0]], [0, 0, 1, 1], num_classes=2)
      >>> found.means.ravel().tolist(), (found.factors**2).round(3).ravel().tolist()
      ([1.0, 5.0], [2.0, 0.0])
    """
    codes, labels = np.asarray(codes, np.float64), np.asarray(labels)
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise ValueError(
            "codes must be [rows, latent] with labels [rows], got shapes "
            f"{codes.shape} and {labels.shape}."
        )
    if not np.isfinite(codes).all():
        raise ValueError("codes must be finite; a lower learning rate keeps an autoencoder so.")
    counts = np.bincount(labels, minlength=num_classes)
    if len(counts) > num_classes or counts.min() < 2:
        raise ValueError(
            f"labels must hold at least 2 rows of each of {num_classes} classes to have a "
            f"covariance, got {counts.tolist()}."
        )
    parts = [codes[labels == label] for label in range(num_classes)]
    means = np.stack([part.mean(axis=0) for part in parts])
    factors = np.stack([_root(np.atleast_2d(np.cov(part, rowvar=False))) for part in parts])
    return Gaussians(means.astype(np.float32), factors.astype(np.float32))


def draw_codes(key: jax.Array, gaussians: Gaussians, labels: ArrayLike) -> jax.Array:
    """Draws a code of each label's class: `mean + factor @ e`, e standard normal.

    Args:
      key: a PRNG key.
      gaussians: of `class_gaussians`.
      labels: `[rows]`, integer.

    Returns:
      `[rows, latent]`, float32.

    Raises:
      TypeError: key is no PRNG key.

    Example:
      >>> found = class_gaussians([[0.0], [2.0], [5.0], [5.0]], [0, 0, 1, 1], num_classes=2)
      >>> draw_codes(jax.random.key(0), found, jnp.array([1, 1])).tolist()
      [[5.0], [5.0]]
    """
    _keys.checked(key)
    means, factors = map(jnp.asarray, gaussians)
    labels = jnp.asarray(labels)
    noise = jax.random.normal(key, (len(labels), means.shape[-1]))
    # One class after the other: a factor an example would be large.
    spread = jnp.einsum("kij,bj->kbi", factors, noise)
    return means[labels] + spread[labels, jnp.arange(len(labels))]


def _root(covariance: np.ndarray) -> np.ndarray:
    """A factor of a covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0))
