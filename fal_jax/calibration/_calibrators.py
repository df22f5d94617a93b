"""Calibrators: pairs of pure functions that learn probabilities from scores, and give them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks

_STEPS = 50


class Calibrator(NamedTuple):
    """Learns on held-out rows, never on those that the model was trained on.

    Attributes:
      fit: `fit(scores, labels, *, where=None) -> params`, a pytree of arrays.
      apply: `apply(params, scores) -> probabilities`.
    """

    fit: Callable[..., Any]
    apply: Callable[[Any, ArrayLike], jax.Array]


class Step(NamedTuple):
    """A step function of isotonic regression, linear between its points.

    Attributes:
      scores: `[batch]`, rising.
      probabilities: `[batch]`, not falling.
    """

    scores: jax.Array
    probabilities: jax.Array


def temperature() -> Calibrator:
    """Temperature scaling of logits: `softmax(z / T)`, T by maximum likelihood.

    Returns:
      A `Calibrator` of logits `[batch, classes]`; its params are `1 / T`, a scalar.

    References:
      Guo et al., On calibration of modern neural networks, ICML 2017, Eq. 9.

    Example:
      >>> calibrator = temperature()
      >>> inverse = calibrator.fit([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], [0, 0, 1])
      >>> round(float(calibrator.apply(inverse, [2.0, 0.0])[0]), 2)
      0.67
    """

    def fit(logits: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None) -> jax.Array:
        logits = _checks.scores("logits", logits)
        labels = _checks.labels(labels, logits.shape[:-1], of="logits")
        valid = _checks.mask(where, logits.shape[:-1])
        logits = jnp.where(valid[..., None], logits, 0)
        scale = jnp.maximum(jnp.max(jnp.abs(logits)), 1e-12)

        def loss(inverse: jax.Array) -> jax.Array:
            logs = jax.nn.log_softmax(logits / scale * inverse[0], axis=-1)
            own = jnp.take_along_axis(logs, labels[..., None], axis=-1)[..., 0]
            return -jnp.sum(own, where=valid) / jnp.maximum(jnp.sum(valid), 1)

        return _newton(loss, jnp.ones(1, logits.dtype) * scale)[0] / scale

    def apply(inverse: jax.Array, logits: ArrayLike) -> jax.Array:
        return jax.nn.softmax(_checks.scores("logits", logits) * inverse, axis=-1)

    return Calibrator(fit, apply)


def platt() -> Calibrator:
    """Platt's scaling of a binary score: `sigmoid(a s + b)`, with his smoothed targets.

    Returns:
      A `Calibrator` of scores `[batch]`; its params are `[a, b]`.

    References:
      Platt, Probabilistic outputs for support vector machines, 1999.

    Example:
      >>> calibrator = platt()
      >>> params = calibrator.fit([-1.0, -1.0, 1.0, 1.0], [0, 0, 1, 1])
      >>> [round(float(p), 2) for p in calibrator.apply(params, [-1.0, 1.0])]
      [0.25, 0.75]
    """

    def fit(scores: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None) -> jax.Array:
        scores, labels, valid = _binary(scores, labels, where)
        positives = jnp.sum(valid & (labels == 1))
        negatives = jnp.sum(valid & (labels == 0))
        targets = jnp.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        count = jnp.maximum(positives + negatives, 1)
        shift = jnp.sum(scores, where=valid) / count
        spread = jnp.sqrt(jnp.sum((scores - shift) ** 2, where=valid) / count)
        spread = jnp.where(spread > 0, spread, 1)
        columns = jnp.stack([(scores - shift) / spread, jnp.ones_like(scores)], axis=-1)
        slope, intercept = _logistic(columns, targets, valid)
        return jnp.stack([slope / spread, intercept - slope * shift / spread])

    def apply(params: jax.Array, scores: ArrayLike) -> jax.Array:
        return jax.nn.sigmoid(params[0] * _checks.floating("scores", scores) + params[1])

    return Calibrator(fit, apply)


def beta() -> Calibrator:
    """Beta calibration: `sigmoid(a log p - b log(1 - p) + c)`, with a and b at least 0.

    Returns:
      A `Calibrator` of log-odds `[batch]`, from which p comes without loss; its params are
      `[a, b, c]`. A negative a or b is set to 0 and the others fitted anew.

    References:
      Kull et al., Beta calibration, AISTATS 2017, Algorithm 1.

    Example:
      >>> calibrator = beta()
      >>> params = calibrator.fit([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], [0, 0, 1, 0, 1, 1])
      >>> [round(float(p), 2) for p in calibrator.apply(params, [-1.0, 1.0])]
      [0.33, 0.67]
    """

    def fit(scores: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None) -> jax.Array:
        scores, labels, valid = _binary(scores, labels, where)
        columns = _logs(scores)
        params = _logistic(columns, labels, valid)
        for place in (0, 1):
            keep = jnp.arange(3) != place
            without = _logistic(columns * keep[None], labels, valid) * keep
            params = jnp.where(params[place] < 0, without, params)
        return jnp.where(jnp.arange(3) < 2, jnp.maximum(params, 0), params)

    def apply(params: jax.Array, scores: ArrayLike) -> jax.Array:
        return jax.nn.sigmoid(_logs(_checks.floating("scores", scores)) @ params)

    return Calibrator(fit, apply)


def isotonic() -> Calibrator:
    """Isotonic regression of labels on scores, by pooling adjacent violators.

    Each round pools all neighbouring blocks whose means do not rise, until all do.

    Returns:
      A `Calibrator` of scores `[batch]`; its params are a `Step`, between whose points
      probabilities are linear, as scikit-learn's, and constant beyond them.

    References:
      Zadrozny and Elkan, Transforming classifier scores into accurate probabilities, KDD 2002.

    Example:
      >>> calibrator = isotonic()
      >>> params = calibrator.fit([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1])
      >>> calibrator.apply(params, [1.0, 2.0, 3.0, 4.0])
      Array([0. , 0.5, 0.5, 1. ], dtype=float32)
    """
    return Calibrator(_fit_isotonic, _apply_isotonic)


def _fit_isotonic(scores: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None) -> Step:
    scores, labels, valid = _binary(scores, labels, where)
    keys = jnp.where(valid, scores, jnp.inf)
    order = jnp.argsort(keys)
    keys, weights = keys[order], valid[order].astype(scores.dtype)
    sums = labels[order] * weights
    size = keys.shape[0]

    def pooled(starts: jax.Array) -> tuple[jax.Array, jax.Array]:
        blocks = jnp.cumsum(starts) - 1
        totals = jax.ops.segment_sum(sums, blocks, size)
        counts = jax.ops.segment_sum(weights, blocks, size)
        means = (totals / jnp.maximum(counts, 1))[blocks]
        is_rising = (means[1:] > means[:-1]) & (weights[1:] > 0)
        return means, starts & jnp.append(True, is_rising)

    def changes(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.any(state[0] != state[1])

    def one_round(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return state[1], pooled(state[1])[1]

    first = jnp.append(True, (keys[1:] != keys[:-1]) & (weights[1:] > 0))
    _, starts = jax.lax.while_loop(changes, one_round, (first, pooled(first)[1]))
    last = jnp.max(jnp.where(valid, scores, -jnp.inf))
    return Step(jnp.minimum(keys, last), pooled(starts)[0])


def _apply_isotonic(params: Step, scores: ArrayLike) -> jax.Array:
    return jnp.interp(_checks.floating("scores", scores), params.scores, params.probabilities)


def _binary(
    scores: ArrayLike, labels: ArrayLike, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Scores `[batch]`, 0 where not valid and NaN for a wrong label, labels and the mask."""
    scores = _checks.floating("scores", scores)
    if scores.ndim != 1:
        raise ValueError(f"scores must be [batch], got shape {scores.shape}.")
    labels = _checks.labels(labels, scores.shape, of="scores")
    valid = _checks.mask(where, scores.shape)
    spoiled = jnp.any(valid & ((labels < 0) | (labels > 1)))
    return jnp.where(valid, scores, 0) + jnp.where(spoiled, jnp.nan, 0), labels, valid


def _logs(scores: jax.Array) -> jax.Array:
    """`[log p, -log(1 - p), 1]` of log-odds, on a new last axis."""
    parts = [jax.nn.log_sigmoid(scores), jax.nn.softplus(scores), jnp.ones_like(scores)]
    return jnp.stack(parts, axis=-1)


def _logistic(columns: jax.Array, targets: jax.Array, valid: jax.Array) -> jax.Array:
    """Maximum likelihood of a logistic regression, `[columns]`."""

    def loss(params: jax.Array) -> jax.Array:
        logits = columns @ params
        each = jax.nn.softplus(logits) - targets * logits
        return jnp.sum(each, where=valid) / jnp.maximum(jnp.sum(valid), 1)

    return _newton(loss, jnp.zeros(columns.shape[-1], columns.dtype))


def _newton(loss: Callable[[jax.Array], jax.Array], start: jax.Array) -> jax.Array:
    """The minimum of a convex loss: Newton's steps, each halved until it is no step back."""
    halves = 0.5 ** jnp.arange(12, dtype=start.dtype)

    def step(_: int, params: jax.Array) -> jax.Array:
        hessian = jax.hessian(loss)(params)
        ridge = 1e-7 * jnp.maximum(jnp.trace(hessian), 1e-12) * jnp.eye(params.size)
        move = jnp.linalg.solve(hessian + ridge, jax.grad(loss)(params))
        tried = params[None] - halves[:, None] * move[None]
        values = jax.vmap(loss)(tried)
        place = jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values))
        return jnp.where(values[place] <= loss(params), tried[place], params)

    return jax.lax.fori_loop(0, _STEPS, step, start)
