"""Where anchors start."""

import jax
import jax.numpy as jnp


def initial_anchors(key, num_classes, dim, *, scale=1.0):
    return scale * jax.random.normal(key, (num_classes, dim))
