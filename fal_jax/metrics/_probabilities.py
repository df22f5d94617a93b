"""How good probabilities are: calibration errors, Brier score and log loss."""

from types import ModuleType
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from fal_jax.metrics import _arrays


def brier_score(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Mean squared error of probabilities: of class 1, or summed over all classes.

    Args:
      probabilities: `[...]` of class 1, or `[..., classes]`; floating, in [0, 1].
      labels: `[...]`, integer or bool.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar; NaN if no example is valid, or for a NaN probability or an out-of-range label.

    Raises:
      ValueError: if the shapes do not fit, a known weight is negative or a known probability is
        outside [0, 1] by more than 1e-6.
      TypeError: if a dtype does not fit.

    Example:
      >>> brier_score([0.5, 1.0], [1, 1])
      Array(0.125, dtype=float32)
    """
    found = _mean(squared_errors, probabilities, labels, weights, where)
    return found / 2 if is_binary(probabilities, labels) else found


def log_loss(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Mean of `-log` of the probability of the true class.

    Args:
      probabilities: `[...]` of class 1, or `[..., classes]`; floating, in [0, 1].
      labels: `[...]`, integer or bool.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar, infinite where the true class has probability 0; NaN as in `brier_score`.

    Raises:
      ValueError: if the shapes do not fit, a known weight is negative or a known probability is
        outside [0, 1] by more than 1e-6.
      TypeError: if a dtype does not fit.

    Example:
      >>> log_loss([0.5, 1.0], [1, 1]).round(4)
      Array(0.3466, dtype=float32)
    """
    return _mean(surprises, probabilities, labels, weights, where)


def binary_calibration_error(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    num_bins: int = 15,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Expected calibration error of class 1: mean over bins of |share of class 1 - mean p|.

    Args:
      probabilities: `[...]` of class 1, floating, in [0, 1].
      labels: `[...]`, integer, 0 or 1, or bool.
      num_bins: bins `[b / num_bins, (b + 1) / num_bins)`, weighed by their examples.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN as in `brier_score`.

    Raises:
      ValueError: if the shapes do not fit, a known weight is negative or a known probability is
        outside [0, 1] by more than 1e-6.
      TypeError: if a dtype does not fit.

    Example:
      >>> binary_calibration_error([0.25, 0.25, 0.75, 0.75], [0, 0, 1, 1])
      Array(0.25, dtype=float32)
    """

    def formula(xp: ModuleType, table: Any, classes: Any, weighs: Any) -> Any:
        return _gaps(xp, table[:, 1], classes == 1, weighs, num_bins)

    return _measured(formula, probabilities, labels, weights, where)


def top_label_calibration_error(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    num_bins: int = 15,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Expected calibration error of the likeliest class: mean over bins of |accuracy - mean p|.

    Args:
      probabilities: `[..., classes]`, floating, in [0, 1].
      labels: `[...]`, integer in `[0, classes)`, or bool.
      num_bins: bins `[b / num_bins, (b + 1) / num_bins)`, weighed by their examples.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN as in `brier_score`.

    Raises:
      ValueError: if the shapes do not fit, a known weight is negative or a known probability is
        outside [0, 1] by more than 1e-6.
      TypeError: if a dtype does not fit.

    References:
      Guo et al., On calibration of modern neural networks, ICML 2017, Eq. 3.

    Example:
      >>> top_label_calibration_error([[0.75, 0.25], [0.25, 0.75]], [0, 1])
      Array(0.25, dtype=float32)
    """

    def formula(xp: ModuleType, table: Any, classes: Any, weighs: Any) -> Any:
        is_hit = xp.argmax(table, axis=1) == classes
        return _gaps(xp, xp.max(table, axis=1), is_hit, weighs, num_bins)

    return _measured(formula, probabilities, labels, weights, where)


def class_wise_calibration_error(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    num_bins: int = 15,
    weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> jax.Array:
    """Mean over classes of the expected calibration error of each against the rest.

    Args:
      probabilities: `[..., classes]`, floating, in [0, 1].
      labels: `[...]`, integer in `[0, classes)`, or bool.
      num_bins: bins `[b / num_bins, (b + 1) / num_bins)`, weighed by their examples.
      weights: `[...]`, floating, at least 0; None for 1 each.
      where: `[...]`, bool, the valid examples; None for all.

    Returns:
      A scalar in [0, 1]; NaN as in `brier_score`.

    Raises:
      ValueError: if the shapes do not fit, a known weight is negative or a known probability is
        outside [0, 1] by more than 1e-6.
      TypeError: if a dtype does not fit.

    References:
      Kull et al., Beyond temperature scaling, NeurIPS 2019, Eq. 3.

    Example:
      >>> class_wise_calibration_error([[0.75, 0.25], [0.25, 0.75]], [0, 1])
      Array(0.25, dtype=float32)
    """

    def formula(xp: ModuleType, table: Any, classes: Any, weighs: Any) -> Any:
        parts = [
            _gaps(xp, table[:, k], classes == k, weighs, num_bins) for k in range(table.shape[1])
        ]
        return sum(parts) / len(parts)

    return _measured(formula, probabilities, labels, weights, where)


def squared_errors(xp: ModuleType, table: Any, classes: Any) -> Any:
    """`[examples]`, summed over the classes of probabilities `[examples, classes]`."""
    truth = classes[:, None] == xp.arange(table.shape[1])[None]
    return xp.sum((table - truth) ** 2, axis=1)


def surprises(xp: ModuleType, table: Any, classes: Any) -> Any:
    """`[examples]`, -log of the probability of the true class."""
    own = xp.take_along_axis(table, classes[:, None], axis=1)[:, 0]
    return -xp.log(xp.where(own > 0, own, 1)) + xp.where(own > 0, 0.0, xp.inf)


def _gaps(xp: ModuleType, chances: Any, is_hit: Any, weighs: Any, num_bins: int) -> Any:
    """Sum over bins of |sum of weight * (hit - chance)|."""
    bins = xp.clip((chances * num_bins).astype(np.int32), 0, num_bins - 1)
    size = {"minlength": num_bins} | ({} if xp is np else {"length": num_bins})
    return xp.sum(xp.abs(xp.bincount(bins, weighs * (is_hit - chances), **size)))


def is_binary(probabilities: ArrayLike, labels: ArrayLike) -> bool:
    """Whether they are probabilities of class 1 alone."""
    return np.ndim(probabilities) == np.ndim(labels)


def _mean(formula: Any, probabilities: Any, labels: Any, weights: Any, where: Any) -> jax.Array:
    """Of one value an example."""

    def weighed(xp: ModuleType, table: Any, classes: Any, weighs: Any) -> Any:
        return xp.sum(xp.where(weighs > 0, formula(xp, table, classes) * weighs, 0))

    return _measured(weighed, probabilities, labels, weights, where)


def _measured(formula: Any, probabilities: Any, labels: Any, weights: Any, where: Any) -> jax.Array:
    """A formula of a table `[examples, classes]`, labels and weights that sum to 1."""
    xp = _arrays.module_for(probabilities, labels, weights, where)
    checked = _arrays.floating(xp, "probabilities", probabilities)
    if is_binary(probabilities, labels):
        checked = xp.stack([1 - checked, checked], axis=-1)
    shape, num_classes = checked.shape[:-1], checked.shape[-1]
    classes, weighs = _arrays.labels_and_weights(
        xp, labels, weights, where, shape, of="probabilities"
    )
    table = checked.reshape(-1, num_classes)
    weighs = np.ones(classes.shape, table.dtype) if weighs is None else weighs
    _arrays.check_probabilities(table, weighs)
    is_right = (classes >= 0) & (classes < num_classes) & ~xp.any(xp.isnan(table), axis=1)
    total = xp.sum(weighs, dtype=np.float64 if xp is np else None)
    is_usable = (total > 0) & ~xp.any(~is_right & (weighs > 0))
    is_counted = is_right & (weighs > 0)
    table = xp.where(is_counted[:, None], table, 1)  # of finite surprise, whatever the label
    classes = xp.where(is_right, classes, 0)
    value = formula(xp, table, classes, weighs / xp.where(total > 0, total, 1))
    return _arrays.result(value, is_usable, table.dtype)
