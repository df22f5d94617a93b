"""Synthetic rows on segments between rows of a table, drawn inside a compiled step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks, _keys


class Segments(NamedTuple):
    """Where synthetic rows of one class lie: between a base and one of its neighbours.

    Segments of several folds that were padded to one size stack and can be mapped over.

    Attributes:
      rows: `[bases]`, int32, row numbers of the bases in the table.
      neighbours: `[bases, k]`, int32, row numbers of what each is joined to.
      foreign: `[bases, k]`, bool, neighbours of another class: only the nearer half is used.
      shares: `[bases]`, floating, how often each base is drawn; 0 for padding.
    """

    rows: jax.Array
    neighbours: jax.Array
    foreign: jax.Array
    shares: jax.Array


class Draws(NamedTuple):
    """What is left to chance, `[samples]` each: base, neighbour (int32) and step (floating)."""

    bases: jax.Array
    columns: jax.Array
    steps: jax.Array


def draw(key: jax.Array, segments: Segments, *, num_samples: int) -> Draws:
    """Draws bases by their shares, one of the neighbours of each, and how far to go towards it.

    Args:
      key: a PRNG key.
      segments: where the rows lie.
      num_samples: how many to draw, at least 0.

    Returns:
      `Draws`; steps are uniform in [0, 1), times another such number and 1/2 towards foreign
      neighbours.

    Raises:
      TypeError: key is no PRNG key.

    Example:
      >>> from fal_jax.resampling import smote_segments
      >>> segments = smote_segments(jnp.eye(3), [1, 1, 0], label=1, num_neighbours=1)
      >>> draw(jax.random.key(0), segments, num_samples=4).columns
      Array([0, 0, 0, 0], dtype=int32)
    """
    _keys.checked(key)
    of_base, of_column, of_step, of_half = jax.random.split(key, 4)
    bases, k = segments.neighbours.shape
    shape, dtype = (num_samples,), segments.shares.dtype
    base = jax.random.choice(of_base, bases, shape, p=segments.shares).astype(jnp.int32)
    # A third of the time of jax.random.randint, whose exactness k of 2^24 does not need.
    column = jnp.minimum(k * jax.random.uniform(of_column, shape, dtype), k - 1).astype(jnp.int32)
    step = jax.random.uniform(of_step, shape, dtype)

    def shortened() -> jax.Array:
        half = jax.random.uniform(of_half, shape, dtype, maxval=0.5)
        return step * jnp.where(segments.foreign[base, column], half, 1)

    step = jax.lax.cond(jnp.any(segments.foreign), shortened, lambda: step)
    return Draws(base, column, step)


def interpolate(features: ArrayLike, segments: Segments, draws: Draws) -> jax.Array:
    """The synthetic rows that were drawn: `x + step (neighbour - x)`.

    Args:
      features: `[rows, dim]`, floating, the table that the segments are of.
      segments: where the rows lie.
      draws: which of them.

    Returns:
      `[samples, dim]`, floating.

    Raises:
      TypeError: features are not floating.

    Example:
      >>> from fal_jax.resampling import smote_segments
      >>> segments = smote_segments(jnp.eye(3), [1, 1, 0], label=1, num_neighbours=1)
      >>> draws = Draws(bases=jnp.array([0]), columns=jnp.array([0]), steps=jnp.array([0.25]))
      >>> interpolate(jnp.eye(3), segments, draws)
      Array([[0.75, 0.25, 0.  ]], dtype=float32)
    """
    table = _checks.floating("features", features)
    # Without a check of bounds, which takes as long as the rest.
    rows = jnp.take(segments.rows, draws.bases, mode="clip")
    ends = segments.neighbours.at[draws.bases, draws.columns].get(mode="clip")
    base, towards = (jnp.take(table, row, axis=0, mode="clip") for row in (rows, ends))
    return base + draws.steps[:, None] * (towards - base)


def smote_sample(
    key: jax.Array, features: ArrayLike, segments: Segments, *, num_samples: int
) -> jax.Array:
    """Draws synthetic rows: `interpolate` of a `draw`, made to be called inside a compiled step.

    The table is read where it lies; nothing of its size is made.

    Args:
      key: a PRNG key.
      features: `[rows, dim]`, floating, the table that the segments are of.
      segments: of one class; may be traced.
      num_samples: how many to draw, at least 0.

    Returns:
      `[samples, dim]`, floating.

    Raises:
      TypeError: key is no PRNG key, or features are not floating.

    Example:
      >>> from fal_jax.resampling import smote_segments
      >>> segments = smote_segments(jnp.eye(3), [1, 1, 0], label=1, num_neighbours=1)
      >>> smote_sample(jax.random.key(0), jnp.eye(3), segments, num_samples=4).sum(axis=1)
      Array([1., 1., 1., 1.], dtype=float32)
    """
    return interpolate(features, segments, draw(key, segments, num_samples=num_samples))
