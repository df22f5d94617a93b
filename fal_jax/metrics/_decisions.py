"""Metrics of decisions, all read off the confusion matrix."""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.metrics import _arrays
from fal_jax.metrics._arrays import FLOAT


def confusion_matrix(
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int = 2,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Weight of the examples by true class (row) and predicted class (column).

    Args:
      predictions: `[...]`, integer in `[0, num_classes)`, or bool.
      labels: `[...]`, integer in `[0, num_classes)`, or bool.
      num_classes: at least 2.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `[classes, classes]`, float32; NaN if a valid label or prediction is out of range. Known
      arrays are added in float64, inside a program in float32, there exact up to 2**24 a cell.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or num_classes is below 2.
      TypeError: if a dtype does not fit.

    Example:
      >>> confusion_matrix([0, 1, 1], [0, 0, 1])
      Array([[1., 1.],
             [0., 1.]], dtype=float32)
    """
    xp = _arrays.module_for(predictions, labels, weights, where)
    return jnp.asarray(_confusion(xp, predictions, labels, num_classes, weights, where), FLOAT)


def per_class_recall(
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int = 2,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Share of each class that is predicted as itself, which is its accuracy.

    Args:
      predictions: `[...]`, integer in `[0, num_classes)`, or bool.
      labels: `[...]`, integer in `[0, num_classes)`, or bool.
      num_classes: at least 2.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `[classes]`; NaN for a class without examples.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or num_classes is below 2.
      TypeError: if a dtype does not fit.

    Example:
      >>> per_class_recall([0, 1, 1], [0, 0, 1])
      Array([0.5, 1. ], dtype=float32)
    """
    xp = _arrays.module_for(predictions, labels, weights, where)
    confusion = _confusion(xp, predictions, labels, num_classes, weights, where)
    return jnp.asarray(_recall(xp, confusion), FLOAT)


def balanced_accuracy(
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int = 2,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Mean recall of the classes that have examples.

    Args:
      predictions: `[...]`, integer in `[0, num_classes)`, or bool.
      labels: `[...]`, integer in `[0, num_classes)`, or bool.
      num_classes: at least 2.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN if the valid examples are of one class, with a warning where the
      arrays are known, or if a label or prediction is out of range.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or num_classes is below 2.
      TypeError: if a dtype does not fit.

    Example:
      >>> balanced_accuracy([0, 1, 1], [0, 0, 1])
      Array(0.75, dtype=float32)
    """
    return measured(_balanced_accuracy, predictions, labels, num_classes, weights, where)


def g_mean(
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int = 2,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Geometric mean of the recalls of the classes that have examples.

    Args:
      predictions: `[...]`, integer in `[0, num_classes)`, or bool.
      labels: `[...]`, integer in `[0, num_classes)`, or bool.
      num_classes: at least 2.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN as in `balanced_accuracy`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or num_classes is below 2.
      TypeError: if a dtype does not fit.

    Example:
      >>> g_mean([0, 1, 1], [0, 0, 1]).round(4)
      Array(0.7071, dtype=float32)
    """
    return measured(_g_mean, predictions, labels, num_classes, weights, where)


def f_beta(
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    beta: ArrayLike = 1.0,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """F-beta of class 1, `(1 + b^2) hits / (b^2 positives + alarms)`.

    Args:
      predictions: `[...]`, integer, 0 or 1, or bool.
      labels: `[...]`, integer, 0 or 1, or bool.
      beta: scalar above 0; recall counts beta times as much as precision.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN as in `balanced_accuracy`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or beta is not above 0.
      TypeError: if a dtype does not fit.

    Example:
      >>> f_beta([0, 1, 1], [0, 0, 1], beta=2.0).round(4)
      Array(0.8333, dtype=float32)
    """
    beta = _checks.number("beta", beta, FLOAT, open_minimum=True)

    def formula(_: ModuleType, confusion: Any) -> Any:
        (_, false_alarms), (misses, hits) = confusion
        return (1 + beta**2) * hits / (beta**2 * (hits + misses) + hits + false_alarms)

    return measured(formula, predictions, labels, 2, weights, where)


def _confusion(
    xp: ModuleType,
    predictions: ArrayLike,
    labels: ArrayLike,
    num_classes: int,
    weights: ArrayLike | None,
    where: ArrayLike | None,
) -> Any:
    """`[classes, classes]`; float64 on the host."""
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}.")
    guesses = _checks.predictions(predictions)
    flat = xp.asarray(guesses).ravel().astype(np.int32)
    classes, weighs = _arrays.labels_and_weights(
        xp, labels, weights, where, guesses.shape, of="predictions"
    )
    weighs = np.ones(flat.shape, np.float32) if weighs is None else weighs
    is_right = (xp.minimum(flat, classes) >= 0) & (xp.maximum(flat, classes) < num_classes)
    cells = xp.where(is_right, classes * num_classes + flat, 0)
    counts = xp.bincount(cells, weighs, **_size(xp, num_classes**2))
    spoil = xp.where(xp.any(~is_right & (weighs > 0)), xp.nan, 0.0)
    return counts.reshape(num_classes, num_classes) + spoil


def _size(xp: ModuleType, cells: int) -> dict[str, int]:
    return {"minlength": cells} if xp is np else {"minlength": cells, "length": cells}


def measured(
    formula: Any,
    predictions: ArrayLike,
    labels: ArrayLike,
    num_classes: int,
    weights: ArrayLike | None,
    where: ArrayLike | None,
) -> jax.Array:
    """A formula of the confusion matrix; NaN where fewer than two classes have examples."""
    xp = _arrays.module_for(predictions, labels, weights, where)
    confusion = _confusion(xp, predictions, labels, num_classes, weights, where)
    present = xp.sum(xp.sum(confusion, axis=1) > 0)
    is_usable = (present >= 2) & ~xp.any(xp.isnan(confusion))
    if xp is np and not is_usable:
        if not np.isnan(confusion).any():
            _arrays.warn_of_classes(int(present))
        return jnp.asarray(jnp.nan, FLOAT)
    return _arrays.result(formula(xp, confusion), is_usable, FLOAT)


def _recall(xp: ModuleType, confusion: Any) -> Any:
    """`[classes]`; NaN for a class without examples."""
    totals = xp.sum(confusion, axis=1)
    shares = xp.diagonal(confusion) / xp.where(totals > 0, totals, 1)
    return xp.where(totals > 0, shares, xp.nan)


def _balanced_accuracy(xp: ModuleType, confusion: Any) -> Any:
    return xp.nanmean(_recall(xp, confusion))


def _g_mean(xp: ModuleType, confusion: Any) -> Any:
    recall = _recall(xp, confusion)
    is_present = ~xp.isnan(recall)
    product = xp.prod(xp.where(is_present, recall, 1))
    return product ** (1 / xp.sum(is_present))
