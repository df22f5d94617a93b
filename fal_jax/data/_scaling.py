"""Standard scaling by the statistics of the training rows."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Scaler(NamedTuple):
    """The statistics of the training rows, `[dim]` each, float64."""

    mean: np.ndarray
    scale: np.ndarray


def fit_scaler(features: npt.ArrayLike) -> Scaler:
    """Measures the mean and the standard deviation of every column, in float64.

    Fit it on training rows only; statistics of all rows let the test rows leak into training.

    Args:
      features: `[rows, dim]`, finite; the training rows.

    Returns:
      A `Scaler`. The scale of a constant column is 1, so that it becomes 0 and not NaN.

    Raises:
      ValueError: not of rank 2, no rows, or a NaN or infinite value.

    Example:
      >>> fit_scaler([[1.0, 7.0], [3.0, 7.0]])
      Scaler(mean=array([2., 7.]), scale=array([1., 1.]))
    """
    features = np.asarray(features)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(
            f"features must be [rows, dim] with at least one row, got shape {features.shape}."
        )
    finite = np.isfinite(features).all(axis=0)
    if not finite.all():
        raise ValueError(
            f"features must be finite; columns {np.flatnonzero(~finite).tolist()} hold NaN or "
            "infinite values. Impute, clip or drop them first."
        )
    # Not "standard deviation == 0": a mean that was rounded leaves a constant column a tiny one.
    constant = features.min(axis=0) == features.max(axis=0)
    deviation = features.std(axis=0, dtype=np.float64)
    return Scaler(features.mean(axis=0, dtype=np.float64), np.where(constant, 1.0, deviation))


def scale(features: npt.ArrayLike, scaler: Scaler) -> np.ndarray:
    """Scales to the training rows' zero mean and unit variance: `(features - mean) / scale`.

    Args:
      features: `[..., dim]`, any rows: training, validation or test.
      scaler: what `fit_scaler` measured on the training rows.

    Returns:
      `[..., dim]`, float32; the difference is taken in float64, so that columns far from 0
      keep their digits.

    Raises:
      ValueError: the number of columns is not the scaler's.

    Example:
      >>> scale([[5.0, 8.0]], Scaler(mean=np.array([2.0, 7.0]), scale=np.array([1.5, 1.0])))
      array([[2., 1.]], dtype=float32)
    """
    features = np.asarray(features)
    if features.shape[-1:] != scaler.mean.shape:
        raise ValueError(
            f"features must be [..., {scaler.mean.size}] as the scaler, got shape {features.shape}."
        )
    return ((features - scaler.mean) / scaler.scale).astype(np.float32)
