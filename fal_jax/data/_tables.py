"""The one type that every loader returns, and the check of what a user brings."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fal_jax.data._columns import Column


class Table(NamedTuple):
    """A loaded data set.

    Attributes:
      name: what reports call it.
      features: `[rows, columns]`, float32, as they came: a missing value is NaN, a category its
          code. `fit_preprocessing` and `preprocess` make of them what a model takes.
      labels: `[rows]`, int32, from 0 to the number of classes - 1.
      rows_expected: the number of rows of the whole, original data set.
      is_sample: whether this is less than the whole; a result on it must say so.
      columns: what each column of the features holds.
      groups: `[rows]`, int32; copies of a row share a number, that of the first of them, so that
          a split can keep them on one side. None where there are no copies.
      classes: what the labels stand for, in their order; none where that is not told.
    """

    name: str
    features: np.ndarray
    labels: np.ndarray
    rows_expected: int
    is_sample: bool
    columns: tuple[Column, ...] = ()
    groups: np.ndarray | None = None
    classes: tuple[str, ...] = ()


def check_table(features: npt.ArrayLike, labels: npt.ArrayLike, *, num_classes: int) -> None:
    """Refuses features and labels that can't be trained on.

    Under `jax.jit` values can't be inspected, so this is the place, on the host and once, where
    they are: every feature finite in float32, every label one of the classes.

    Args:
      features: `[rows, dim]`, real numbers.
      labels: `[rows]`, integers from 0 to `num_classes - 1`.
      num_classes: at least 2.

    Returns:
      Nothing; it raises or it does not.

    Raises:
      TypeError: features are not numbers, or labels not integers.
      ValueError: a wrong rank, no rows or no columns, different lengths, fewer than two
          classes, a NaN or infinite feature, or a label outside the classes.

    Example:
      >>> check_table([[1.0, 2.0], [3.0, 4.0]], [0, 1], num_classes=2)
      >>> check_table([[1.0, 2.0], [3.0, 4.0]], [0, 2], num_classes=2)
      Traceback (most recent call last):
      ValueError: labels must be from 0 to 1; 1 of 2 is not, the first 2 at row 1. ...
    """
    features, labels = np.asarray(features), np.asarray(labels)
    _check_form(features, labels, num_classes)
    unfit = ~(np.abs(features) <= np.finfo(np.float32).max)  # True for NaN as well
    if unfit.any():
        row, column = np.argwhere(unfit)[0]
        raise ValueError(
            f"features must be finite in float32; {unfit.sum()} of {unfit.size} values in "
            f"{unfit.any(axis=1).sum()} rows are not, the first {features[row, column]} at row "
            f"{row}, column {column}. Impute, clip or drop them first."
        )
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        row = outside.argmax()
        raise ValueError(
            f"labels must be from 0 to {num_classes - 1}; {outside.sum()} of {labels.size} "
            f"{'is' if outside.sum() == 1 else 'are'} not, the first {labels[row]} at row {row}. "
            "Renumber the classes, for example by np.unique(labels, return_inverse=True)[1]."
        )


def _check_form(features: np.ndarray, labels: np.ndarray, num_classes: int) -> None:
    """Checks ranks, lengths and dtypes: all that can be told without reading values."""
    if features.dtype.kind not in "fiub":
        raise TypeError(
            f"features must be real numbers, got {features.dtype}; "
            "encode categories and convert with astype(np.float32)."
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"labels must be integers, got {labels.dtype}; convert with astype(np.int32)."
        )
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(
            "features must be [rows, dim] with at least one row and one column, "
            f"got shape {features.shape}."
        )
    if labels.shape != features.shape[:1]:
        raise ValueError(
            f"labels must be [rows] = {features.shape[:1]} as in features, "
            f"got shape {labels.shape}; one integer a row, not one-hot."
        )
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}.")
