"""How sure a metric of one test set is: DeLong's variance of AUCs, and the stratified bootstrap."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks, _keys
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
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Interval:
    """ROC AUC with DeLong's interval, `AUC +- z sqrt(S10 / P + S01 / N)`.

    With weights, `S / n` of a side of n examples is the variance of a weighted mean,
    `n / (n - 1) sum of w^2 (V - mean V)^2 / (sum of w)^2`: examples drawn with unequal chances.

    Args:
      scores: `[batch]`, floating, higher for class 1.
      labels: `[batch]`, integer, 0 or 1, or bool.
      level: scalar in (0, 1], of confidence.
      weights: `[batch]`, floating, at least 0; None for 1 each.
      where: `[batch]`, bool, the valid examples; None for all.

    Returns:
      An `Interval` within [0, 1]; NaN with fewer than two examples of a class with a weight
      above 0, a NaN score or another label.

    Raises:
      ValueError: if the shapes differ, level is out of range or a known weight is negative.
      TypeError: if a dtype does not fit.

    References:
      DeLong et al., Comparing the areas under two or more correlated ROC curves, 1988.

    Example:
      >>> delong_interval([0.1, 0.4, 0.3, 0.8], [0, 0, 1, 1]).value
      Array(0.75, dtype=float32)
    """
    found = _delong(jnp.asarray(scores)[None], labels, jnp.ones(1), level, weights, where)
    return found._replace(low=jnp.maximum(found.low, 0), high=jnp.minimum(found.high, 1))


def delong_difference(
    first: ArrayLike,
    second: ArrayLike,
    labels: ArrayLike,
    *,
    level: ArrayLike = 0.95,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Interval:
    """Difference of two models' ROC AUCs on the same examples, with DeLong's interval.

    Args:
      first: `[batch]`, scores of the one model, floating, higher for class 1.
      second: `[batch]`, scores of the other.
      labels: `[batch]`, integer, 0 or 1, or bool.
      level: scalar in (0, 1], of confidence.
      weights: `[batch]`, floating, at least 0, as in `delong_interval`.
      where: `[batch]`, bool, the valid examples; None for all.

    Returns:
      An `Interval` of the first's AUC less the second's; NaN as in `delong_interval`.

    Raises:
      ValueError: if the shapes differ, level is out of range or a known weight is negative.
      TypeError: if a dtype does not fit.

    References:
      DeLong et al., Comparing the areas under two or more correlated ROC curves, 1988.

    Example:
      >>> delong_difference([0.1, 0.2, 0.3, 0.4], [0.1, 0.3, 0.2, 0.4], [0, 0, 1, 1]).value
      Array(0.25, dtype=float32)
    """
    both = jnp.stack([jnp.asarray(first), jnp.asarray(second)])
    return _delong(both, labels, jnp.array([1.0, -1.0]), level, weights, where)


def bootstrap_interval(
    key: jax.Array,
    metric: Callable[..., jax.Array],
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    num_samples: int = 1000,
    level: ArrayLike = 0.95,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Interval:
    """A metric with its interval between percentiles of the stratified bootstrap.

    Each sample draws as many examples of each class as there are, with replacement, and with
    their weights. Examples without a weight are never drawn.

    Args:
      key: a PRNG key.
      metric: `metric(scores, labels, where=where) -> scalar`, such as `average_precision`; given
        `weights=` too where there are some.
      scores: `[batch, ...]`.
      labels: `[batch]`, integer or bool.
      num_samples: at least 2.
      level: scalar in (0, 1], of confidence.
      weights: `[batch]`, floating, at least 0; None for 1 each.
      where: `[batch]`, bool, the valid examples; None for all.

    Returns:
      An `Interval`; its error is the standard deviation over the samples.

    Raises:
      ValueError: if the shapes differ, level or num_samples is out of range or a known weight is
        negative.
      TypeError: if key is no PRNG key, or a dtype does not fit.

    References:
      Efron and Tibshirani, An introduction to the bootstrap, 1993, ch. 13.

    Example:
      >>> from fal_jax.metrics import roc_auc
      >>> scores, labels = jnp.array([0.1, 0.4, 0.3, 0.8]), jnp.array([0, 0, 1, 1])
      >>> bootstrap_interval(jax.random.key(0), roc_auc, scores, labels, num_samples=50).high
      Array(1., dtype=float32)
    """
    _keys.checked(key)
    scores = jnp.asarray(scores)
    labels = _checks.labels(labels, scores.shape[:1], of="scores")
    weighs = _checks.example_weights(weights, jnp.ones(labels.shape), of="labels")
    valid = _checks.mask(where, labels.shape) & (weighs > 0)
    level = _checks.number("level", level, FLOAT, maximum=1.0, open_minimum=True)
    if num_samples < 2:
        raise ValueError(f"num_samples must be at least 2, got {num_samples}.")
    strata = jnp.where(valid, labels, jnp.iinfo(labels.dtype).max)
    order = jnp.argsort(strata)
    ranked = strata[order]
    starts, ends = (jnp.searchsorted(ranked, ranked, side=side) for side in ("left", "right"))

    def measured(rows: jax.Array) -> jax.Array:
        options = {} if weights is None else {"weights": weighs[rows]}
        return metric(scores[rows], labels[rows], where=valid[rows], **options)

    def sampled(key: jax.Array) -> jax.Array:
        return measured(order[jax.random.randint(key, starts.shape, starts, ends)])

    keys = jax.random.split(key, num_samples)
    values = jax.jit(lambda keys: jax.lax.map(sampled, keys, batch_size=16))(keys)
    low, high = jnp.quantile(values, jnp.stack([(1 - level) / 2, (1 + level) / 2]), axis=0)
    value = measured(jnp.arange(labels.size))
    return Interval(value, low, high, jnp.std(values, axis=0, ddof=1))


def _delong(
    scores: jax.Array,
    labels: ArrayLike,
    contrast: jax.Array,
    level: ArrayLike,
    weights: ArrayLike | None,
    where: ArrayLike | None,
) -> Interval:
    """Of a contrast of the AUCs of `scores [models, batch]`."""
    scores = _checks.floating("scores", scores)
    if scores.ndim != 2:
        raise ValueError(f"scores must be [batch], got shape {scores.shape[1:]}.")
    labels = _checks.labels(labels, scores.shape[1:], of="scores")
    valid = _checks.mask(where, scores.shape[1:])
    weights = _checks.example_weights(weights, scores[0], of="scores")
    level = _checks.number("level", level, scores.dtype, maximum=1.0, open_minimum=True)
    weighs = jnp.where(valid, weights, 0)
    positive, negative = (jnp.where(labels == side, weighs, 0) for side in (1, 0))
    value, one = _side(scores, contrast, positive, negative)
    _, other = _side(scores, contrast, negative, positive)
    is_wrong = (labels < 0) | (labels > 1) | jnp.any(jnp.isnan(scores), axis=0)
    sizes = [jnp.sum(side > 0) for side in (positive, negative)]
    is_usable = (jnp.minimum(*sizes) > 1) & ~jnp.any((weighs > 0) & is_wrong)
    error = jnp.sqrt(one + other)
    reach = jnp.where(error > 0, jax.scipy.stats.norm.ppf((1 + level) / 2) * error, 0)
    found = Interval(value, value - reach, value + reach, error)
    return jax.tree.map(lambda each: jnp.where(is_usable, each, jnp.nan), found)


def _side(
    scores: jax.Array, contrast: jax.Array, own: jax.Array, other: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The mean over one side, by its weights, of the contrast of placements, and its variance."""
    values = contrast @ jax.vmap(_placements, in_axes=(0, None))(scores, other)
    count, total = jnp.sum(own > 0), jnp.maximum(jnp.sum(own), jnp.finfo(own.dtype).tiny)
    shares = own / total
    mean = jnp.sum(shares * values, where=own > 0)
    spread = jnp.sum((shares * (values - mean)) ** 2, where=own > 0)
    return mean, spread * count / jnp.maximum(count - 1, 1)


def _placements(scores: jax.Array, weights: jax.Array) -> jax.Array:
    """By weight, the share of the other side below each score, ties half."""
    keys = jnp.where(weights > 0, scores, jnp.inf)
    order = jnp.argsort(keys)
    heap = jnp.append(0, jnp.cumsum(weights[order]))
    ends = (jnp.searchsorted(keys[order], scores, side=side) for side in ("left", "right"))
    below, to = (heap[end] for end in ends)
    return (below + to) / 2 / jnp.maximum(heap[-1], jnp.finfo(heap.dtype).tiny)
