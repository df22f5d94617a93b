"""How sure a metric of one test set is: DeLong's variance of AUCs, and the stratified bootstrap."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.metrics._arrays import FLOAT


class Interval(NamedTuple):
    """A value, the ends of its interval, and its standard error."""

    value: jax.Array
    low: jax.Array
    high: jax.Array
    error: jax.Array


def delong_interval(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    level: ArrayLike = 0.95,
    where: ArrayLike | None = None,
) -> Interval:
    """ROC AUC with DeLong's interval, `AUC +- z sqrt(S10 / P + S01 / N)`.

    Args:
      scores: `[batch]`, floating, higher for class 1.
      labels: `[batch]`, integer, 0 or 1.
      level: scalar in (0, 1], of confidence.
      where: `[batch]`, bool, the valid examples; None for all.

    Returns:
      An `Interval` within [0, 1]; NaN with fewer than two examples of a class, a NaN score or
      another label.

    Raises:
      ValueError: if the shapes differ or level is out of range.
      TypeError: if a dtype does not fit.

    References:
      DeLong et al., Comparing the areas under two or more correlated ROC curves, 1988.

    Example:
      >>> delong_interval([0.1, 0.4, 0.3, 0.8], [0, 0, 1, 1]).value
      Array(0.75, dtype=float32)
    """
    found = _delong(jnp.asarray(scores)[None], labels, jnp.ones(1), level, where)
    return found._replace(low=jnp.maximum(found.low, 0), high=jnp.minimum(found.high, 1))


def delong_difference(
    first: ArrayLike,
    second: ArrayLike,
    labels: ArrayLike,
    *,
    level: ArrayLike = 0.95,
    where: ArrayLike | None = None,
) -> Interval:
    """Difference of two models' ROC AUCs on the same examples, with DeLong's interval.

    Args:
      first: `[batch]`, scores of the one model, floating, higher for class 1.
      second: `[batch]`, scores of the other.
      labels: `[batch]`, integer, 0 or 1.
      level: scalar in (0, 1], of confidence.
      where: `[batch]`, bool, the valid examples; None for all.

    Returns:
      An `Interval` of the first's AUC less the second's; NaN as in `delong_interval`.

    Raises:
      ValueError: if the shapes differ or level is out of range.
      TypeError: if a dtype does not fit.

    References:
      DeLong et al., Comparing the areas under two or more correlated ROC curves, 1988.

    Example:
      >>> delong_difference([0.1, 0.2, 0.3, 0.4], [0.1, 0.3, 0.2, 0.4], [0, 0, 1, 1]).value
      Array(0.25, dtype=float32)
    """
    both = jnp.stack([jnp.asarray(first), jnp.asarray(second)])
    return _delong(both, labels, jnp.array([1.0, -1.0]), level, where)


def bootstrap_interval(
    key: jax.Array,
    metric: Callable[..., jax.Array],
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    num_samples: int = 1000,
    level: ArrayLike = 0.95,
    where: ArrayLike | None = None,
) -> Interval:
    """A metric with its interval between percentiles of the stratified bootstrap.

    Each sample draws as many examples of each class as there are, with replacement.

    Args:
      key: a PRNG key.
      metric: `metric(scores, labels, where=where) -> scalar`, such as `average_precision`.
      scores: `[batch, ...]`.
      labels: `[batch]`, integer.
      num_samples: at least 2.
      level: scalar in (0, 1], of confidence.
      where: `[batch]`, bool, the valid examples; None for all.

    Returns:
      An `Interval`; its error is the standard deviation over the samples.

    Raises:
      ValueError: if the shapes differ, or level or num_samples is out of range.
      TypeError: if a dtype does not fit.

    References:
      Efron and Tibshirani, An introduction to the bootstrap, 1993, ch. 13.

    Example:
      >>> from fal_jax.metrics import roc_auc
      >>> scores, labels = jnp.array([0.1, 0.4, 0.3, 0.8]), jnp.array([0, 0, 1, 1])
      >>> bootstrap_interval(jax.random.key(0), roc_auc, scores, labels, num_samples=50).high
      Array(1., dtype=float32)
    """
    scores = jnp.asarray(scores)
    labels = _checks.labels(labels, scores.shape[:1], of="scores")
    valid = _checks.mask(where, labels.shape)
    level = _checks.number("level", level, FLOAT, maximum=1.0, open_minimum=True)
    if num_samples < 2:
        raise ValueError(f"num_samples must be at least 2, got {num_samples}.")
    strata = jnp.where(valid, labels, jnp.iinfo(labels.dtype).max)
    order = jnp.argsort(strata)
    ranked = strata[order]
    starts, ends = (jnp.searchsorted(ranked, ranked, side=side) for side in ("left", "right"))

    def sampled(key: jax.Array) -> jax.Array:
        rows = order[jax.random.randint(key, starts.shape, starts, ends)]
        return metric(scores[rows], labels[rows], where=valid[rows])

    keys = jax.random.split(key, num_samples)
    values = jax.jit(lambda keys: jax.lax.map(sampled, keys, batch_size=16))(keys)
    low, high = jnp.quantile(values, jnp.stack([(1 - level) / 2, (1 + level) / 2]), axis=0)
    value = metric(scores, labels, where=valid)
    return Interval(value, low, high, jnp.std(values, axis=0, ddof=1))


def _delong(
    scores: jax.Array,
    labels: ArrayLike,
    contrast: jax.Array,
    level: ArrayLike,
    where: ArrayLike | None,
) -> Interval:
    """Of a contrast of the AUCs of `scores [models, batch]`."""
    scores = _checks.floating("scores", scores)
    if scores.ndim != 2:
        raise ValueError(f"scores must be [batch], got shape {scores.shape[1:]}.")
    labels = _checks.labels(labels, scores.shape[1:], of="scores")
    valid = _checks.mask(where, scores.shape[1:])
    level = _checks.number("level", level, scores.dtype, maximum=1.0, open_minimum=True)
    sides = valid & (labels == 1), valid & (labels == 0)
    counts = [jnp.sum(side) for side in sides]

    def placements(row: jax.Array, others: jax.Array, count: jax.Array) -> jax.Array:
        """Share of the others below each score, ties half."""
        ranked = jnp.sort(jnp.where(others, row, jnp.inf))
        ends = [jnp.searchsorted(ranked, row, side=side) for side in ("left", "right")]
        below, to = (jnp.minimum(end, count) for end in ends)
        return (below + to) / 2 / jnp.maximum(count, 1)

    def of_side(own: jax.Array, other: jax.Array, count: jax.Array, others: jax.Array):
        parts = jax.vmap(lambda row: placements(row, other, others))(scores)
        values = contrast @ parts
        mean = jnp.sum(values, where=own) / jnp.maximum(count, 1)
        spread = jnp.sum((values - mean) ** 2, where=own) / jnp.maximum(count - 1, 1)
        return mean, spread / jnp.maximum(count, 1)

    (value, one), (_, other) = (
        of_side(*sides, *counts),
        of_side(*sides[::-1], *counts[::-1]),
    )
    is_wrong = valid & ((labels < 0) | (labels > 1) | jnp.any(jnp.isnan(scores), axis=0))
    is_usable = (jnp.minimum(*counts) > 1) & ~jnp.any(is_wrong)
    error = jnp.sqrt(one + other)
    reach = jnp.where(error > 0, jax.scipy.stats.norm.ppf((1 + level) / 2) * error, 0)
    found = Interval(value, value - reach, value + reach, error)
    return jax.tree.map(lambda each: jnp.where(is_usable, each, jnp.nan), found)
