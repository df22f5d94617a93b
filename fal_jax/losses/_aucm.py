"""The min-max margin loss of AUC, whose means and dual variable are explicit state."""

from collections.abc import Hashable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._ranked import mean_over_columns, ranked


class AUCMState(NamedTuple):
    """The variables of `aucm_loss`: scalars, or `[classes]` for scores `[..., classes]`.

    a and b follow the mean scores of the positives and of the negatives and are minimised over;
    alpha, at least 0, is maximised over. `fal_jax.training.min_max` makes the steps.
    """

    a: jax.Array
    b: jax.Array
    alpha: jax.Array

    @classmethod
    def zeros(cls, num_classes: int | None = None) -> "AUCMState":
        """The start of training: scalars, or one number a class."""
        shape = () if num_classes is None else (num_classes,)
        return cls(*(jnp.zeros(shape) for _ in cls._fields))


def aucm_loss(
    scores: ArrayLike,
    labels: ArrayLike,
    state: AUCMState,
    *,
    margin: ArrayLike = 1.0,
    where: ArrayLike | None = None,
    axis_name: Hashable | None = None,
) -> jax.Array:
    """AUCM: the squared hinge of the gap of the class means, as a saddle point without pairs.

    `E+[(s - a)^2] + E-[(s - b)^2] + 2 alpha (margin + E-[s] - E+[s]) - alpha^2`, with E+ and E-
    the means over positives and negatives. At its saddle point in a, b and alpha >= 0 it is the
    variance within the classes plus `max(margin + E-[s] - E+[s], 0)^2`.

    Args:
      scores: `[...]`, floating, higher for class 1, in [0, 1] in the paper; or `[..., classes]`,
        column k higher for class k: then the mean over the classes that have positives and
        negatives.
      labels: `[...]`, integer: 0 or 1, or in `[0, classes)`.
      state: `AUCMState` of scalars, or of `[classes]`; floating.
      margin: scalar, at least 0.
      where: `[...]`, bool, the valid examples; None for all.
      axis_name: the mapped axis that the batch is split over, or None; sums over it are exact.

    Returns:
      A scalar in `promote_types(dtype, float32)`: 0 without a gradient where the batch lacks
      positives or negatives, NaN for an out-of-range label of a valid example. No gradient is
      stopped; that in alpha is to be ascended. Below 0 only through alpha.

    Raises:
      ValueError: if the shapes do not fit or margin is below 0.
      TypeError: if scores or state are not floating, labels not integer or where not bool.

    References:
      Ying et al., Stochastic Online AUC Maximization, NeurIPS 2016; Yuan et al., Large-scale Robust
      Deep AUC Maximization, ICCV 2021, without the factor p (1 - p) of the classes' shares.

    Example:
      >>> aucm_loss([0.5, 0.0], [1, 0], AUCMState(a=0.5, b=0.0, alpha=0.5))
      Array(0.25, dtype=float32)
    """
    batch = ranked(scores, labels, where, axis_name, gather=False)
    a, b, alpha = _columns(state, np.shape(scores), np.shape(labels))
    margin = _checks.number("margin", margin, batch.scores.dtype)
    drift = 2 * alpha[:, None] * batch.scores
    totals = (
        jnp.sum((batch.scores - a[:, None]) ** 2 - drift, axis=-1, where=batch.positive),
        jnp.sum((batch.scores - b[:, None]) ** 2 + drift, axis=-1, where=batch.negative),
    )
    if axis_name is not None:
        totals = jax.lax.psum(totals, axis_name)
    of_positives = totals[0] / jnp.maximum(batch.num_positive, 1)
    of_negatives = totals[1] / jnp.maximum(batch.num_negative, 1)
    return mean_over_columns(batch, of_positives + of_negatives + alpha * (2 * margin - alpha))


def _columns(
    state: AUCMState, scores_shape: tuple[int, ...], labels_shape: tuple[int, ...]
) -> list[jax.Array]:
    """a, b and alpha as floating `[columns]`."""
    expected, parts = scores_shape[len(labels_shape) :], tuple(state)
    if len(parts) != 3 or any(np.shape(part) != expected for part in parts):
        raise ValueError(
            f"state must hold a, b and alpha of shape {expected} each for scores of shape "
            f"{scores_shape}, got {len(parts)} parts of shapes {[np.shape(p) for p in parts]}."
        )
    return [_checks.floating("state", part).reshape(-1) for part in parts]
