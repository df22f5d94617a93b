"""Hyper-parameters that change in training, as data of the step: nothing is compiled anew."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Tree = TypeVar("Tree")


def switched(before: Tree, after: Tree, *, at: ArrayLike) -> Callable[[ArrayLike], Tree]:
    """A schedule that is `before` up to a step and `after` from it on.

    Deferred re-weighting (DRW) is `switched(ones, class_weights, at=...)` for `alpha`, deferred
    re-sampling (DRS) `switched(1.0, 0.0, at=...)` for the exponent of `data.sample_rows`.

    Args:
      before: an array or a pytree of arrays.
      after: the same, of the same shapes.
      at: scalar, the first step of `after`; may be traced.

    Returns:
      `schedule(step)`, as optax has them; step may be traced.

    References:
      Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS
      2019, Algorithm 1.

    Example:
      >>> alpha = switched(jnp.ones(2), jnp.array([0.5, 1.5]), at=100)
      >>> alpha(99), alpha(100)
      (Array([1., 1.], dtype=float32), Array([0.5, 1.5], dtype=float32))
    """

    def schedule(step: ArrayLike) -> Tree:
        is_after = jnp.asarray(step) >= jnp.asarray(at)
        return jax.tree.map(lambda early, late: jnp.where(is_after, late, early), before, after)

    return schedule


def ramped(
    before: Tree, after: Tree, *, start: ArrayLike, stop: ArrayLike
) -> Callable[[ArrayLike], Tree]:
    """A schedule that goes from `before` to `after` in a straight line: warm-up, annealed margins.

    Args:
      before: an array or a pytree of arrays, up to the step `start`.
      after: the same, of the same shapes, from the step `stop` on.
      start: scalar, a step; may be traced.
      stop: scalar, a step, at least `start`; may be traced.

    Returns:
      `schedule(step)`, as optax has them; step may be traced.

    Example:
      >>> margin = ramped(0.0, 2.0, start=10, stop=20)
      >>> [margin(step).item() for step in (0, 10, 15, 20, 30)]
      [0.0, 0.0, 1.0, 2.0, 2.0]
    """

    def schedule(step: ArrayLike) -> Tree:
        step, first, last = (jnp.asarray(value, jnp.float32) for value in (step, start, stop))
        share = jnp.clip((step - first) / jnp.maximum(last - first, 1), 0, 1)
        share = jnp.where(step >= last, 1, share)

        def between(early: ArrayLike, late: ArrayLike) -> jax.Array:
            # Each end as it is, so that an infinite or NaN value there does not spoil the other.
            early, late = jnp.asarray(early), jnp.asarray(late)
            mixed = early + share * (late - early)
            return jnp.where(share == 0, early, jnp.where(share == 1, late, mixed))

        return jax.tree.map(between, before, after)

    return schedule
