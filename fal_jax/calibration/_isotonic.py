"""Isotonic regression in a compiled program."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.calibration._calibrators import Calibrator, binary


class Step(NamedTuple):
    """A step function of isotonic regression, linear between its points.

    Attributes:
      scores: `[batch]`, rising.
      probabilities: `[batch]`, not falling.
    """

    scores: jax.Array
    probabilities: jax.Array


def isotonic() -> Calibrator:
    """Isotonic regression of labels on scores, by pooling adjacent violators.

    Each round pools all neighbouring blocks whose means do not rise, until all do: what comes out
    minimises `sum of w (p - y)^2` over all p that do not fall with the score.

    Returns:
      A `Calibrator` of scores `[batch]`; its params are a `Step`, between whose points
      probabilities are linear, as scikit-learn's, and constant beyond them.

    Raises:
      ValueError: in fit, if the shapes do not fit or a known weight is negative.
      TypeError: in fit or apply, if a dtype does not fit.

    References:
      Zadrozny and Elkan, Transforming classifier scores into accurate probabilities, KDD 2002,
      Sec. 3.

    Example:
      >>> calibrator = isotonic()
      >>> params = calibrator.fit([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1])
      >>> calibrator.apply(params, [1.0, 2.0, 3.0, 4.0])
      Array([0. , 0.5, 0.5, 1. ], dtype=float32)
    """
    return Calibrator(_fit, _apply)


def _fit(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Step:
    scores, labels, weighs = binary(scores, labels, weights, where)
    keys = jnp.where(weighs > 0, scores, jnp.inf)
    order = jnp.argsort(keys)
    keys, weighs = keys[order], weighs[order]
    sums = labels[order] * weighs
    size = keys.shape[0]

    def pooled(starts: jax.Array) -> tuple[jax.Array, jax.Array]:
        blocks = jnp.cumsum(starts) - 1
        totals = jax.ops.segment_sum(sums, blocks, size)
        counts = jax.ops.segment_sum(weighs, blocks, size)
        means = (totals / jnp.where(counts > 0, counts, 1))[blocks]
        is_rising = (means[1:] > means[:-1]) & (weighs[1:] > 0)
        return means, starts & jnp.append(True, is_rising)

    def changes(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.any(state[0] != state[1])

    def one_round(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return state[1], pooled(state[1])[1]

    first = jnp.append(True, (keys[1:] != keys[:-1]) & (weighs[1:] > 0))
    _, starts = jax.lax.while_loop(changes, one_round, (first, pooled(first)[1]))
    last = jnp.max(jnp.where(weighs > 0, keys, -jnp.inf))
    return Step(jnp.minimum(keys, last), pooled(starts)[0])


def _apply(params: Step, scores: ArrayLike) -> jax.Array:
    return jnp.interp(_checks.floating("scores", scores), params.scores, params.probabilities)
