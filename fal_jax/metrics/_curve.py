"""What every ranking metric is read from: hits and false alarms, down the sorted scores.

Arrays that are known are sorted by NumPy, which takes a fraction of the time XLA's sort takes on a
CPU, and measured in float64. Inside a program, under `jax.jit` or `jax.vmap`, XLA sorts. The
formulas are the same: they take NumPy's or JAX's functions as `xp`.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax.metrics import _arrays

Array = Any
"""A NumPy array on the host, a JAX array inside a program."""


class Curve(NamedTuple):
    """Weights of the examples down to each score, from the highest; ties are taken together.

    Attributes:
      scores: `[points]`, falling.
      hits: `[points]`, the weight of class 1 at this score or above.
      false_alarms: `[points]`, that of class 0.
      is_end: `[points]` or True: whether the point is the last of its ties; those before it repeat
        its hits and false alarms.
    """

    scores: Array
    hits: Array
    false_alarms: Array
    is_end: Array


class Best(NamedTuple):
    """The best value that any threshold reaches, and the threshold: an alarm is a score >= it.

    Attributes:
      value: scalar.
      threshold: scalar of the scores' dtype, which makes the decisions that the value is of. Of
        known float64 scores, NumPy's, where JAX would round it: compare in float64.
    """

    value: jax.Array
    threshold: jax.Array | np.float64


Formula = Callable[..., Any]
"""`formula(xp, curve, **hyper_parameters) -> scalars`, of a curve with both classes."""


def read_off(
    formula: Formula,
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None,
    where: ArrayLike | None,
    *,
    single_class: bool = False,
    **hyper_parameters: ArrayLike,
) -> Any:
    """A formula's values; NaN for NaN scores, wrong labels or, unless allowed, a class missing.

    A missing class is warned of where the arrays are known.
    """
    xp = _arrays.module_for(scores, labels, weights, where, hyper_parameters)
    rows = _arrays.binary_rows(xp, scores, labels, weights, where)
    dtype = rows.scores.dtype
    positives, negatives = rows.totals(xp)
    if single_class:
        is_usable = (positives + negatives > 0) & ~rows.is_spoiled
    else:
        is_usable = (positives > 0) & (negatives > 0) & ~rows.is_spoiled
    if xp is np and not is_usable:
        if not rows.is_spoiled:
            _arrays.warn_of_classes(int(positives > 0) + int(negatives > 0), least=2 - single_class)
        curve = Curve(np.zeros(2), np.arange(2.0), np.ones(2), True)  # any that has values
    else:
        curve = (_on_the_host if xp is np else _in_a_program)(rows)
    given = {name: xp.asarray(value, dtype) for name, value in hyper_parameters.items()}

    def ready(found: Any) -> Any:
        if isinstance(found, Best):
            return Best(ready(found.value), _arrays.threshold(found.threshold, is_usable, dtype))
        return _arrays.result(found, is_usable, dtype)

    return jax.tree.map(ready, formula(xp, curve, **given), is_leaf=lambda x: isinstance(x, Best))


def _on_the_host(rows: _arrays.Rows) -> Curve:
    order = np.argsort(rows.scores)[::-1]
    scores = rows.scores[order]
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    is_positive = rows.is_positive[order]
    if rows.weights is None:
        hits = np.cumsum(is_positive)[ends].astype(np.float64)
        false_alarms = ends + 1 - hits
    else:
        weights = rows.weights[order].astype(np.float64)
        hits = np.cumsum(weights * is_positive)[ends]
        false_alarms = np.cumsum(weights * ~is_positive)[ends]
    return Curve(scores[ends], hits, false_alarms, True)


def _in_a_program(rows: _arrays.Rows) -> Curve:
    """The rows that are not valid weigh nothing and come last."""
    is_valid = rows.weights > 0
    keys = jnp.where(is_valid, -rows.scores, jnp.inf)
    positives = jnp.where(rows.is_positive, rows.weights, 0)
    keys, positives, weights = jax.lax.sort((keys, positives, rows.weights), num_keys=1)
    is_end = jnp.append(keys[1:] != keys[:-1], True)

    def down_to(values: jax.Array) -> jax.Array:
        ends = jnp.where(is_end, jnp.cumsum(values), jnp.inf)
        return jax.lax.cummin(ends, reverse=True)

    return Curve(-keys, down_to(positives), down_to(weights - positives), is_end)


def steps(xp: ModuleType, values: Array) -> Array:
    """What each point of the curve adds."""
    return xp.diff(values, prepend=xp.zeros(1, values.dtype))


def best(xp: ModuleType, curve: Curve, values: Array) -> Best:
    """The largest of the values, `[points]`, with the threshold half-way to the next score."""
    values = xp.where(curve.is_end, values, -xp.inf)
    place = xp.argmax(values)
    last = curve.scores.shape[0] - 1
    alarms = curve.hits + curve.false_alarms
    upper, lower = curve.scores[place], curve.scores[xp.minimum(place + 1, last)]
    with np.errstate(invalid="ignore"):  # between the infinities is NaN, which is not between
        middle = upper / 2 + lower / 2
    # Half-way between neighbouring floats may round onto the lower; below the last is nothing.
    is_between = (middle > lower) & (middle < upper) & (alarms[place] < alarms[-1])
    return Best(values[place], xp.where(is_between, middle, upper))
