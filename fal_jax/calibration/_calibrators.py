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
      fit: `fit(scores, labels, *, weights=None, where=None) -> params`, a pytree of arrays.
        `labels` are `[batch]`, integer or bool; `where` `[batch]`, bool; `weights` `[batch]`,
        floating, at least 0, None for 1 each. Where a valid label is out of range the params are
        NaN.
      apply: `apply(params, scores) -> probabilities`; gradients pass through it, not through fit.
    """

    fit: Callable[..., Any]
    apply: Callable[[Any, ArrayLike], jax.Array]


def temperature() -> Calibrator:
    """Temperature scaling of logits: `softmax(z / T)`, T by maximum likelihood.

    Returns:
      A `Calibrator` of logits `[batch, classes]`; its params are `1 / T`, a scalar, found by
      Newton's method. Where logits and labels oppose each other it is below 0.

    Raises:
      ValueError: in fit, if the shapes do not fit or a known weight is negative.
      TypeError: in fit or apply, if a dtype does not fit.

    References:
      Guo et al., On calibration of modern neural networks, ICML 2017, Eq. 9.

    Example:
      >>> calibrator = temperature()
      >>> inverse = calibrator.fit([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], [0, 0, 1])
      >>> round(float(calibrator.apply(inverse, [2.0, 0.0])[0]), 2)
      0.67
    """

    def fit(
        logits: ArrayLike,
        labels: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> jax.Array:
        logits = _checks.scores("logits", logits)
        labels = _checks.labels(labels, logits.shape[:-1], of="logits")
        weighs = example_weights(logits[..., 0], weights, where)
        wrong = jnp.any((weighs > 0) & ((labels < 0) | (labels >= logits.shape[-1])))
        logits = jnp.where(weighs[..., None] > 0, logits, 0)
        scale = jnp.maximum(jnp.max(jnp.abs(logits)), 1e-12)

        def loss(inverse: jax.Array) -> jax.Array:
            logs = jax.nn.log_softmax(logits / scale * inverse[0], axis=-1)
            own = jnp.take_along_axis(logs, labels[..., None], axis=-1, mode="clip")[..., 0]
            return -weighted_mean(own, weighs)

        inverse = newton(loss, jnp.ones(1, logits.dtype) * scale)[0] / scale
        return jnp.where(wrong, jnp.nan, inverse)

    def apply(inverse: jax.Array, logits: ArrayLike) -> jax.Array:
        return jax.nn.softmax(_checks.scores("logits", logits) * inverse, axis=-1)

    return Calibrator(fit, apply)


def platt() -> Calibrator:
    """Platt's scaling of a binary score: `sigmoid(a s + b)`, with his smoothed targets.

    `t = (P + 1) / (P + 2)` for class 1 and `1 / (N + 2)` for class 0, P and N the weights of both.

    Returns:
      A `Calibrator` of scores `[batch]`; its params are `[a, b]`.

    Raises:
      ValueError: in fit, if the shapes do not fit or a known weight is negative.
      TypeError: in fit or apply, if a dtype does not fit.

    References:
      Platt, Probabilistic outputs for support vector machines, 1999, Sec. 2.2.

    Example:
      >>> calibrator = platt()
      >>> params = calibrator.fit([-1.0, -1.0, 1.0, 1.0], [0, 0, 1, 1])
      >>> [round(float(p), 2) for p in calibrator.apply(params, [-1.0, 1.0])]
      [0.25, 0.75]
    """

    def fit(
        scores: ArrayLike,
        labels: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> jax.Array:
        scores, labels, weighs = binary(scores, labels, weights, where)
        positives, negatives = (jnp.sum(weighs, where=labels == k) for k in (1, 0))
        targets = jnp.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        shift = weighted_mean(scores, weighs)
        spread = jnp.sqrt(weighted_mean((scores - shift) ** 2, weighs))
        spread = jnp.where(spread > 0, spread, 1)
        columns = jnp.stack([(scores - shift) / spread, jnp.ones_like(scores)], axis=-1)
        slope, intercept = _logistic(columns, targets, weighs)
        return jnp.stack([slope / spread, intercept - slope * shift / spread])

    def apply(params: jax.Array, scores: ArrayLike) -> jax.Array:
        return jax.nn.sigmoid(params[0] * _checks.floating("scores", scores) + params[1])

    return Calibrator(fit, apply)


def beta() -> Calibrator:
    """Beta calibration: `sigmoid(a log p - b log(1 - p) + c)`, with a and b at least 0.

    Returns:
      A `Calibrator` of log-odds `[batch]`, from which p comes without loss; its params are
      `[a, b, c]`. A negative a or b is set to 0 and the others fitted anew.

    Raises:
      ValueError: in fit, if the shapes do not fit or a known weight is negative.
      TypeError: in fit or apply, if a dtype does not fit.

    References:
      Kull et al., Beta calibration, AISTATS 2017, Algorithm 1.

    Example:
      >>> calibrator = beta()
      >>> params = calibrator.fit([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], [0, 0, 1, 0, 1, 1])
      >>> [round(float(p), 2) for p in calibrator.apply(params, [-1.0, 1.0])]
      [0.33, 0.67]
    """

    def fit(
        scores: ArrayLike,
        labels: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> jax.Array:
        scores, labels, weighs = binary(scores, labels, weights, where)
        columns = _logs(scores)
        params = _logistic(columns, labels, weighs)
        for place in (0, 1):
            keep = jnp.arange(3) != place
            without = _logistic(columns * keep[None], labels, weighs) * keep
            params = jnp.where(params[place] < 0, without, params)
        return jnp.where(jnp.arange(3) < 2, jnp.maximum(params, 0), params)

    def apply(params: jax.Array, scores: ArrayLike) -> jax.Array:
        return jax.nn.sigmoid(_logs(_checks.floating("scores", scores)) @ params)

    return Calibrator(fit, apply)


def binary(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Scores `[batch]`, 0 where they do not count and NaN for a wrong label, labels, weights."""
    scores = _checks.floating("scores", scores)
    if scores.ndim != 1:
        raise ValueError(f"scores must be [batch], got shape {scores.shape}.")
    labels = _checks.labels(labels, scores.shape, of="scores")
    weighs = example_weights(scores, weights, where)
    spoiled = jnp.any((weighs > 0) & ((labels < 0) | (labels > 1)))
    return jnp.where(weighs > 0, scores, 0) + jnp.where(spoiled, jnp.nan, 0), labels, weighs


def example_weights(
    scores: jax.Array, weights: ArrayLike | None, where: ArrayLike | None
) -> jax.Array:
    """Weights of the shape of scores, 0 where not valid."""
    valid = _checks.mask(where, scores.shape)
    return jnp.where(valid, _checks.example_weights(weights, scores, of="scores"), 0)


def weighted_mean(values: jax.Array, weighs: jax.Array) -> jax.Array:
    """0 where nothing has a weight."""
    total = jnp.sum(weighs)
    return jnp.sum(values * weighs, where=weighs > 0) / jnp.where(total > 0, total, 1)


def _logs(scores: jax.Array) -> jax.Array:
    """`[log p, -log(1 - p), 1]` of log-odds, on a new last axis."""
    parts = [jax.nn.log_sigmoid(scores), jax.nn.softplus(scores), jnp.ones_like(scores)]
    return jnp.stack(parts, axis=-1)


def _logistic(columns: jax.Array, targets: jax.Array, weighs: jax.Array) -> jax.Array:
    """Maximum likelihood of a logistic regression, `[columns]`."""

    def loss(params: jax.Array) -> jax.Array:
        logits = columns @ params
        return weighted_mean(jax.nn.softplus(logits) - targets * logits, weighs)

    return newton(loss, jnp.zeros(columns.shape[-1], columns.dtype))


def newton(loss: Callable[[jax.Array], jax.Array], start: jax.Array) -> jax.Array:
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

    found = jax.lax.fori_loop(0, _STEPS, step, start)
    return jnp.where(jnp.isnan(loss(start)), jnp.nan, found)
