"""Arguments of metrics, checked and flat: NumPy arrays where they are known, else traced ones."""

import warnings
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks

FLOAT = jnp.dtype(jnp.float32)
_ROUNDING = 1e-6  # a mean of float32 probabilities may be 1.0000001


class Rows(NamedTuple):
    """Binary examples, flat.

    On the host only the valid ones with a weight above 0, and weights may be None for ones all
    over. Inside a program all, with weight 0 where not valid.
    """

    scores: Any
    is_positive: Any
    weights: Any
    is_spoiled: Any  # whether a score is NaN or a label neither 0 nor 1

    def totals(self, xp: ModuleType) -> tuple[Any, Any]:
        """The weight of class 1 and that of class 0."""
        if self.weights is None:
            positives = np.count_nonzero(self.is_positive)
            return positives, self.is_positive.size - positives
        return tuple(
            xp.sum(xp.where(side, self.weights, 0))
            for side in (self.is_positive, ~self.is_positive)
        )


def module_for(*arguments: Any) -> ModuleType:
    """NumPy if all of the arguments are known, `jax.numpy` if some are traced."""
    return jnp if _checks.is_traced(arguments) else np


def binary_rows(
    xp: ModuleType,
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None,
    where: ArrayLike | None,
) -> Rows:
    """Checks scores and labels of two classes."""
    checked = floating(xp, "scores", scores)
    flat = checked.ravel()
    classes, weighs = labels_and_weights(xp, labels, weights, where, checked.shape, of="scores")
    if xp is np and weighs is not None:
        is_kept = weighs > 0
        flat, classes, weighs = flat[is_kept], classes[is_kept], weighs[is_kept]
        weighs = None if weights is None else weighs
    is_wrong = xp.isnan(flat) | (classes < 0) | (classes > 1)
    is_wrong = is_wrong if weighs is None else is_wrong & (weighs > 0)
    return Rows(flat, classes == 1, weighs, xp.any(is_wrong))


def labels_and_weights(
    xp: ModuleType,
    labels: ArrayLike,
    weights: ArrayLike | None,
    where: ArrayLike | None,
    shape: tuple[int, ...],
    *,
    of: str,
) -> tuple[Any, Any]:
    """Flat labels, and weights that are 0 where not valid; None on the host for all alike."""
    flat = xp.asarray(_checks.labels(labels, shape, of=of)).ravel()
    if xp is np and weights is None and where is None:
        return flat, None
    is_valid = xp.asarray(_checks.mask(where, shape)).ravel()
    if weights is None:
        return flat, is_valid.astype(np.float32)
    weighs = floating(xp, "weights", weights)
    if weighs.shape != shape:
        raise ValueError(
            f"weights must have shape {shape}, the batch shape of {of}, got shape {weighs.shape}."
        )
    if xp is np and not (weighs >= 0).all():
        raise ValueError("weights must be at least 0, got a negative one or NaN.")
    return flat, xp.where(is_valid, weighs.ravel(), 0)


def floating(xp: ModuleType, name: str, value: ArrayLike) -> Any:
    """A floating array; float64 stays what it is on the host, even where JAX would round it."""
    if xp is np and _checks.is_double(value):
        return value
    return xp.asarray(_checks.floating(name, value))


def check_probabilities(table: Any, weighs: Any) -> None:
    """Refuses known probabilities `[examples, classes]` outside [0, 1], a rounding apart.

    NaN is let through, and what has no weight; what is traced is not checked.
    """
    if _checks.is_traced((table, weighs)):
        return
    host = np.asarray(table)[np.asarray(weighs) > 0, ::-1]  # class 1 comes before what it leaves
    is_wrong = (host < -_ROUNDING) | (host > 1 + _ROUNDING)
    if is_wrong.any():
        raise ValueError(
            f"probabilities must be at least 0 and at most 1, got {host[is_wrong][0]:g}; "
            "of log-odds take jax.nn.sigmoid, of logits jax.nn.softmax."
        )


def warn_of_classes(number: int, *, least: int = 2) -> None:
    """Says that the labels of the valid examples leave a metric undefined."""
    what = "class" if number else "example"
    warnings.warn(
        f"The metric is NaN: the valid examples hold {number} {what if number == 1 else what + 's'}"
        f" with a weight above 0, and it needs {least}. Stratify the split, or leave the part out.",
        stacklevel=4,
    )


def result(value: Any, is_usable: Any, dtype: Any) -> jax.Array:
    """The value as a JAX array; NaN where it is not usable."""
    return jnp.where(is_usable, jnp.asarray(value, jax.dtypes.canonicalize_dtype(dtype)), jnp.nan)


def threshold(value: Any, is_usable: Any, dtype: Any) -> jax.Array | np.float64:
    """A `result` that scores of this dtype are compared with: NumPy's where JAX would round it."""
    if jax.dtypes.canonicalize_dtype(dtype) == dtype:
        return result(value, is_usable, dtype)
    return np.float64(value if is_usable else np.nan)
