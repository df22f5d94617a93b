"""Samplers of imbalanced-learn, or in its manner, as functions of a key."""

import copy
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from fal_jax.resampling import _inputs
from fal_jax.resampling._oversampling import Resampled


def from_imblearn(sampler: Any) -> Callable[[jax.Array, ArrayLike, npt.ArrayLike], Resampled]:
    """Makes a function of `(key, features, labels)`, like `smote`, of a sampler.

    Args:
      sampler: an object with `fit_resample(features, labels)`; it is left as it is.

    Returns:
      A function that returns `Resampled`. Every call works on a copy of the sampler, with its
      `random_state`, where it has one, drawn from the key.

    Raises:
      TypeError: the sampler has no `fit_resample`.

    Example:
      >>> from imblearn.over_sampling import SMOTE
      >>> resample = from_imblearn(SMOTE(k_neighbors=1))
      >>> resample(jax.random.key(0), np.eye(5), np.array([0, 0, 0, 1, 1])).labels
      array([0, 0, 0, 1, 1, 1], dtype=int32)
    """
    if not callable(getattr(sampler, "fit_resample", None)):
        raise TypeError(f"sampler must have a method fit_resample, got {type(sampler).__name__}.")

    def resample(key: jax.Array, features: ArrayLike, labels: npt.ArrayLike) -> Resampled:
        one = copy.deepcopy(sampler)
        if hasattr(one, "random_state"):
            one.random_state = int(jax.random.bits(key) >> 1)
        found = one.fit_resample(np.asarray(features), _inputs.checked_labels(labels))
        return Resampled(*(np.asarray(part) for part in found))

    return resample
