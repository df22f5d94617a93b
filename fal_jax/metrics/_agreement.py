"""Agreement of decisions with labels beyond chance, and recall by the size of classes."""

from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax.metrics._decisions import measured, per_class_recall


class GroupAccuracy(NamedTuple):
    """Mean recall of the classes with many, a medium number and few training examples."""

    many: jax.Array
    medium: jax.Array
    few: jax.Array


def matthews_correlation(
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int = 2,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Matthews' correlation of predictions and labels, of any number of classes.

    Args:
      predictions: `[...]`, integer in `[0, num_classes)`, or bool.
      labels: `[...]`, integer in `[0, num_classes)`, or bool.
      num_classes: at least 2.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [-1, 1], 0 if all predictions are of one class; NaN as in `balanced_accuracy`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or num_classes is below 2.
      TypeError: if a dtype does not fit.

    References:
      Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004.

    Example:
      >>> matthews_correlation([0, 1, 1], [0, 0, 1]).round(4)
      Array(0.5, dtype=float32)
    """
    return measured(_matthews, predictions, labels, num_classes, weights, where)


def cohen_kappa(
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int = 2,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Cohen's kappa, `(agreement - agreement by chance) / (1 - agreement by chance)`.

    Args:
      predictions: `[...]`, integer in `[0, num_classes)`, or bool.
      labels: `[...]`, integer in `[0, num_classes)`, or bool.
      num_classes: at least 2.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar of at most 1; NaN as in `balanced_accuracy`.

    Raises:
      ValueError: if the shapes differ, a known weight is negative or num_classes is below 2.
      TypeError: if a dtype does not fit.

    References:
      Cohen, A coefficient of agreement for nominal scales, 1960.

    Example:
      >>> round(float(cohen_kappa([0, 1, 1], [0, 0, 1])), 4)
      0.4
    """
    return measured(_kappa, predictions, labels, num_classes, weights, where)


def group_accuracy(
    predictions: ArrayLike,
    labels: ArrayLike,
    class_counts: ArrayLike,
    *,
    many: int = 100,
    few: int = 20,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> GroupAccuracy:
    """Mean recall of the classes with more than `many`, fewer than `few`, and other counts.

    Args:
      predictions: `[...]`, integer in `[0, classes)`.
      labels: `[...]`, integer in `[0, classes)`, or bool.
      class_counts: `[classes]`, of the training examples.
      many: a class with more has many.
      few: a class with fewer has few.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      `GroupAccuracy(many, medium, few)`; NaN for a group none of whose classes has examples.

    Raises:
      ValueError: if the shapes do not fit or a known weight is negative.
      TypeError: if a dtype does not fit.

    References:
      Liu et al., Large-scale long-tailed recognition in an open world, CVPR 2019.

    Example:
      >>> group_accuracy([0, 0, 2], [0, 1, 2], [900, 50, 5])
      GroupAccuracy(many=Array(1., dtype=float32), medium=Array(0., dtype=float32), \
few=Array(1., dtype=float32))
    """
    counts = jnp.asarray(class_counts)
    if counts.ndim != 1:
        raise ValueError(f"class_counts must be [classes], got shape {counts.shape}.")
    recall = per_class_recall(
        predictions, labels, num_classes=counts.size, weights=weights, where=where
    )
    is_many, is_few = counts > many, counts < few
    groups = (is_many, ~is_many & ~is_few, is_few)
    has_examples = ~jnp.isnan(recall)
    return GroupAccuracy(*(jnp.mean(recall, where=group & has_examples) for group in groups))


def _matthews(xp: ModuleType, confusion: Any) -> Any:
    shares = confusion / xp.sum(confusion)
    true, predicted = xp.sum(shares, axis=1), xp.sum(shares, axis=0)
    covariance = xp.trace(shares) - xp.sum(true * predicted)
    spread = xp.sqrt((1 - xp.sum(true**2)) * (1 - xp.sum(predicted**2)))
    is_varied = xp.sum(predicted > 0) > 1
    return xp.where(is_varied, covariance / xp.where(is_varied, spread, 1), 0.0)


def _kappa(xp: ModuleType, confusion: Any) -> Any:
    shares = confusion / xp.sum(confusion)
    chance = xp.sum(xp.sum(shares, axis=1) * xp.sum(shares, axis=0))
    return (xp.trace(shares) - chance) / (1 - chance)
