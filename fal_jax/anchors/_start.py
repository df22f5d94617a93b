"""Where anchors start."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks, _keys


def initial_anchors(
    key: jax.Array, num_classes: int, dim: int, *, spread: ArrayLike = 4.0
) -> jax.Array:
    """Draws anchors to start from: not negative, at a given mean distance from one another.

    Anchors that start together give the classes one and the same probability and no gradient that
    tells them apart. FAL recovers, since its anchors learn; FAML does not: on SatImage it stalled
    whole at a spread of 1e-6 and in some seeds at 1, and in none at 4 or 16 (experiments/results).
    The coordinates are magnitudes of normal numbers, scaled, so that anchors lie where rectified
    features can reach them; signed ones did as well there.

    Args:
      key: a PRNG key.
      num_classes: number of classes, at least 2.
      dim: width of the features, at least 1.
      spread: scalar above 0, the mean squared distance between two anchors; may be traced. It
          is the log-odds that a feature at its own anchor gets against another class: 4 is a
          probability of .98 with two classes.

    Returns:
      `[classes, dim]`, float32, at least 0.

    Raises:
      TypeError: key is no PRNG key.
      ValueError: num_classes is below 2, dim below 1 or a concrete spread not above 0.

    Example:
      >>> anchors = initial_anchors(jax.random.key(0), 2, 8, spread=9.0)
      >>> jnp.sum((anchors[0] - anchors[1]) ** 2).round(3)
      Array(9., dtype=float32)
    """
    _keys.checked(key)
    _checks.sizes(num_classes, dim)
    spread = _checks.number("spread", spread, jnp.float32, open_minimum=True)
    anchors = jnp.abs(jax.random.normal(key, (num_classes, dim)))
    centred = anchors - jnp.mean(anchors, axis=0, keepdims=True)
    mean_squared_distance = 2 * jnp.sum(centred**2) / (num_classes - 1)
    return anchors * jnp.sqrt(spread / mean_squared_distance)
