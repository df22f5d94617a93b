"""Metrics of streams: a state of constant size, to which batches and other states are added."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.metrics._counts import place


class Metric(NamedTuple):
    """A metric of a stream, as pure functions over a state of constant size.

    States add, so `jax.lax.psum(state, axis)` is the merge across devices. Counts add as whole
    numbers, exactly and in any order; sums of weights or of losses as float32. All four may be
    used inside `jax.jit` and `jax.lax.scan`.

    Attributes:
      init: `init() -> state`.
      update: `update(state, scores or predictions or probabilities, labels, *, weights=None,
        where=None) -> state`; weights where the metric was made to take them.
      merge: `merge(state, other) -> state`.
      compute: `compute(state) -> value`.
    """

    init: Callable[[], Any]
    update: Callable[..., Any]
    merge: Callable[[Any, Any], Any]
    compute: Callable[[Any], Any]


class Counted(NamedTuple):
    """Counts of a stream.

    Attributes:
      examples: uint32, exact up to 2**32 - 1 examples in all; or float32 sums of weights.
      spoiled: uint32 scalar, how many could not be counted: they make the value NaN.
    """

    examples: jax.Array
    spoiled: jax.Array


class RankingEstimate(NamedTuple):
    """Metrics of a stream's ranking, and how far the exact ones may be from them.

    `abs(exact - value) <= bound`, but for float32's rounding, some 1e-6.
    """

    roc_auc: jax.Array
    roc_auc_bound: jax.Array
    average_precision: jax.Array
    average_precision_bound: jax.Array


def streaming_ranking(*, num_bins: int = 2**17, weighted: bool = False) -> Metric:
    """ROC AUC and average precision of a stream of binary scores, with bounds of their errors.

    Scores are counted by class in bins evenly spaced in `log(1 + 16 |s|)`. What order the scores
    of one bin had is not known: with p and n examples of class 1 and 0 in it, and H hits and A
    alarms above, AUC may differ by `p n / (2 P N)`, and the bin's part of `P * AP` lies between
    `sum over j to p of (H + j) / (A + n + j)` and `p (H + p) / (A + p)`. Values are middles. With
    weights p, n, H and A are sums of weights, and the sum over j is an integral.

    Args:
      num_bins: at least 2; the state holds `[2, num_bins]` counts, 1 MiB of them by default.
      weighted: whether update takes weights; their sums are float32, and an example whose weight is
        less than 6e-8 of its bin's sum is lost in it.

    Returns:
      A `Metric` whose update takes floating scores and labels 0 or 1 or bool, and which computes a
      `RankingEstimate`. Give it log-odds: probabilities near 0 share bins, and the bound says so.
      NaN if a class is missing, or an example had a NaN score or another label.

    Raises:
      ValueError: if num_bins is below 2; in update, if shapes differ or weights do not belong.
      TypeError: in update, if a dtype does not fit.

    Example:
      >>> metric = streaming_ranking()
      >>> state = metric.update(metric.init(), jnp.array([-2.0, 0.5, 3.0]), jnp.array([0, 0, 1]))
      >>> metric.compute(metric.merge(state, state)).roc_auc
      Array(1., dtype=float32)
    """
    if num_bins < 2:
        raise ValueError(f"num_bins must be at least 2, got {num_bins}.")

    def update(
        state: Counted,
        scores: ArrayLike,
        labels: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> Counted:
        scores = _checks.floating("scores", scores)
        labels = _checks.labels(labels, scores.shape, of="scores")
        is_right = (labels >= 0) & (labels <= 1) & ~jnp.isnan(scores)
        cells = place(scores, num_bins) + num_bins * labels
        return _counted(state, cells, is_right, weights, where)

    def compute(state: Counted) -> RankingEstimate:
        return _estimate(state.examples.reshape(2, num_bins), state.spoiled)

    return Metric(lambda: _empty(2 * num_bins, weighted), update, merge_states, compute)


def streaming_confusion(num_classes: int, *, weighted: bool = False) -> Metric:
    """The confusion matrix of a stream: whole numbers by true class (row) and predicted (column).

    Args:
      num_classes: at least 2.
      weighted: whether update takes weights, as in `streaming_ranking`.

    Returns:
      A `Metric` whose update takes integer predictions and labels, and which computes
      `[classes, classes]`, uint32, exact up to 2**32 - 1, or float32 with weights. Examples with a
      prediction or label out of range are left out and counted in `state.spoiled`.

    Raises:
      ValueError: if num_classes is below 2; in update, if shapes differ or weights do not belong.
      TypeError: in update, if a dtype does not fit.

    Example:
      >>> metric = streaming_confusion(2)
      >>> metric.compute(metric.update(metric.init(), jnp.array([0, 1, 1]), jnp.array([0, 0, 1])))
      Array([[1, 1],
             [0, 1]], dtype=uint32)
    """
    _checks.sizes(num_classes, 1)

    def compute(state: Counted) -> jax.Array:
        return state.examples.reshape(num_classes, num_classes)

    update = _confusion(num_classes)
    return Metric(lambda: _empty(num_classes**2, weighted), update, merge_states, compute)


def streaming_recall(num_classes: int, *, weighted: bool = False) -> Metric:
    """The accuracy of each class of a stream.

    Args:
      num_classes: at least 2.
      weighted: whether update takes weights, as in `streaming_ranking`.

    Returns:
      A `Metric` whose update takes integer predictions and labels, and which computes `[classes]`;
      NaN for a class without examples, and for all if a prediction or label was out of range.

    Raises:
      ValueError: if num_classes is below 2; in update, if shapes differ or weights do not belong.
      TypeError: in update, if a dtype does not fit.

    Example:
      >>> metric = streaming_recall(2)
      >>> metric.compute(metric.update(metric.init(), jnp.array([0, 1, 1]), jnp.array([0, 0, 1])))
      Array([0.5, 1. ], dtype=float32)
    """
    _checks.sizes(num_classes, 1)

    def compute(state: Counted) -> jax.Array:
        confusion = state.examples.reshape(num_classes, num_classes)
        totals = jnp.sum(confusion, axis=1).astype(jnp.float32)
        hits = jnp.diagonal(confusion).astype(jnp.float32)
        return jnp.where((state.spoiled == 0) & (totals > 0), hits / totals, jnp.nan)

    update = _confusion(num_classes)
    return Metric(lambda: _empty(num_classes**2, weighted), update, merge_states, compute)


def merge_states(state: Any, other: Any) -> Any:
    """The sum of two states."""
    return jax.tree.map(jnp.add, state, other)


def _empty(cells: int, weighted: bool) -> Counted:
    dtype = jnp.float32 if weighted else jnp.uint32
    return Counted(jnp.zeros(cells, dtype), jnp.zeros((), jnp.uint32))


def _counted(
    state: Counted,
    cells: jax.Array,
    is_right: jax.Array,
    weights: ArrayLike | None,
    where: ArrayLike | None,
) -> Counted:
    dtype = state.examples.dtype
    if weights is not None and not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError("weights belong to a metric that is made with weighted=True.")
    each = _checks.example_weights(weights, jnp.ones(cells.shape, dtype), of="labels")
    amounts = jnp.where(_checks.mask(where, cells.shape), each, 0)
    examples = state.examples.at[jnp.where(is_right, cells, 0)].add(jnp.where(is_right, amounts, 0))
    return Counted(examples, state.spoiled + jnp.sum(~is_right & (amounts > 0), dtype=jnp.uint32))


def _confusion(num_classes: int) -> Callable[..., Counted]:
    def update(
        state: Counted,
        predictions: ArrayLike,
        labels: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> Counted:
        shape = np.shape(labels)
        classes = _checks.labels(labels, shape, of="predictions")
        guesses = _checks.predictions(predictions, shape)
        is_right = (jnp.minimum(guesses, classes) >= 0) & (
            jnp.maximum(guesses, classes) < num_classes
        )
        cells = classes * num_classes + guesses
        return _counted(state, cells, is_right, weights, where)

    return update


def _estimate(counts: jax.Array, spoiled: jax.Array) -> RankingEstimate:
    """From `[2, bins]`. Sums of counts are whole numbers until they become shares."""
    added_false, added = (side.astype(jnp.float32) for side in counts[:, ::-1])
    false_alarms, hits = (jnp.cumsum(side, dtype=counts.dtype) for side in counts[:, ::-1])
    positives, negatives = hits[-1].astype(jnp.float32), false_alarms[-1].astype(jnp.float32)
    is_usable = (positives > 0) & (negatives > 0) & (spoiled == 0)
    p, n = added / positives, added_false / negatives
    recall = hits.astype(jnp.float32) / positives - p / 2
    auc, auc_bound = jnp.sum(recall * n), jnp.sum(p * n) / 2
    misses = (false_alarms - counts[0, ::-1]).astype(jnp.float32)  # false alarms above the bin
    ahead = (hits - counts[1, ::-1]).astype(jnp.float32)
    upper = p * (ahead + added) / _positive(ahead + added + misses)
    # (H + j) / (A + n + j) = 1 - F / (A + n + j), F all false alarms; the sum of the reciprocals
    # is below the integral of 1 / x from half a step before the first to half after the last. A
    # sum of weights has no step: as the fraction rises with j, the integral itself is below it.
    half = 0.0 if jnp.issubdtype(counts.dtype, jnp.floating) else 0.5
    below = misses + added_false
    reciprocals = jnp.log1p(added / _positive(ahead + below + half))
    lower = p - below * reciprocals / positives
    ap, ap_bound = jnp.sum(upper + lower) / 2, jnp.sum(upper - lower) / 2
    values = (auc, auc_bound, ap, ap_bound)
    return RankingEstimate(*(jnp.where(is_usable, value, jnp.nan) for value in values))


def _positive(values: jax.Array) -> jax.Array:
    """To divide by: 1 for what is not above 0."""
    return jnp.where(values > 0, values, 1)
