"""Log loss and Brier score of streams: two sums, each in two floats."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.metrics import _arrays
from fal_jax.metrics._probabilities import is_binary, squared_errors, surprises
from fal_jax.metrics._streams import Metric


class Summed(NamedTuple):
    """Sums of a stream.

    Attributes:
      sums: `[2]`, float32, of weight times loss, and of the weights.
      rests: `[2]`, float32, what the sums lost to rounding.
      spoiled: uint32 scalar, how many examples could not be scored: they make the value NaN.
    """

    sums: jax.Array
    rests: jax.Array
    spoiled: jax.Array


def streaming_log_loss() -> Metric:
    """Log loss of a stream, `sum of w * -log p(true class) / sum of w`.

    The sums carry what they lost to rounding beside them: the value is right to some 1e-6 of it
    over any number of batches.

    Returns:
      A `Metric` whose update takes probabilities, `[...]` of class 1 or `[..., classes]`, and
      labels, and which computes a scalar; infinite where a true class had probability 0, NaN
      without examples, or for a NaN probability or an out-of-range label.

    Raises:
      ValueError: in update, if shapes differ, a known weight is negative or a known probability is
        outside [0, 1] by more than 1e-6.
      TypeError: in update, if a dtype does not fit.

    Example:
      >>> metric = streaming_log_loss()
      >>> state = metric.update(metric.init(), jnp.array([0.5, 1.0]), jnp.array([1, 1]))
      >>> metric.compute(state).round(4)
      Array(0.3466, dtype=float32)
    """
    return _mean_of(surprises)


def streaming_brier_score() -> Metric:
    """Brier score of a stream: squared error of class 1, or summed over all classes.

    `sum of w * sum over k of (p_k - [k is true])^2 / sum of w`, half of it for class 1 alone.

    Returns:
      A `Metric` as of `streaming_log_loss`. All updates of a state are of one kind: of class 1, or
      of all classes.

    Raises:
      ValueError: in update, if shapes differ, a known weight is negative or a known probability is
        outside [0, 1] by more than 1e-6.
      TypeError: in update, if a dtype does not fit.

    Example:
      >>> metric = streaming_brier_score()
      >>> metric.compute(metric.update(metric.init(), jnp.array([0.5, 1.0]), jnp.array([1, 1])))
      Array(0.125, dtype=float32)
    """
    return _mean_of(squared_errors, binary_part=0.5)


def _mean_of(formula: Callable[..., Any], *, binary_part: float = 1.0) -> Metric:
    """Of `formula(jnp, table, labels) -> [examples]`, of which a binary score takes a part."""

    def update(
        state: Summed,
        probabilities: ArrayLike,
        labels: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> Summed:
        table, part = _checks.floating("probabilities", probabilities), 1.0
        if is_binary(probabilities, labels):
            table, part = jnp.stack([1 - table, table], axis=-1), binary_part
        shape, num_classes = table.shape[:-1], table.shape[-1]
        classes = _checks.labels(labels, shape, of="probabilities").ravel()
        each = _checks.example_weights(weights, jnp.ones(shape), of="labels")
        weighs = jnp.where(_checks.mask(where, shape), each, 0).ravel()
        table = table.reshape(-1, num_classes)
        _arrays.check_probabilities(table, weighs)
        is_right = (classes >= 0) & (classes < num_classes) & ~jnp.any(jnp.isnan(table), axis=1)
        values = part * formula(jnp, table, jnp.where(is_right, classes, 0))
        is_kept = is_right & (weighs > 0)
        added = jnp.stack([jnp.sum(values * weighs, where=is_kept), jnp.sum(weighs, where=is_kept)])
        wrong = jnp.sum(~is_right & (weighs > 0), dtype=jnp.uint32)
        return merge(state, Summed(added, jnp.zeros(2), wrong))

    def init() -> Summed:
        return Summed(jnp.zeros(2), jnp.zeros(2), jnp.zeros((), jnp.uint32))

    def compute(state: Summed) -> jax.Array:
        total, weight = state.sums + state.rests
        is_usable = (weight > 0) & (state.spoiled == 0)
        return jnp.where(is_usable, total / jnp.where(weight > 0, weight, 1), jnp.nan)

    return Metric(init, update, merge, compute)


def merge(state: Summed, other: Summed) -> Summed:
    """The sums of both, and what adding them lost: Knuth's two-sum."""
    sums = state.sums + other.sums
    part = sums - state.sums
    lost = (state.sums - (sums - part)) + (other.sums - part)
    lost = jnp.where(jnp.isfinite(sums), lost, 0)  # of infinities nothing is lost
    return Summed(sums, state.rests + other.rests + lost, state.spoiled + other.spoiled)
