"""From raw columns to what a model takes, by the statistics of the training rows alone."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fal_jax.data._columns import Column, check_columns, check_values
from fal_jax.data._scaling import Scaler, fit_scaler

_ROWS_AT_ONCE = 2**16
_KNOTS = 1000
_LARGEST_NORMAL = 4.0


class Preprocessing(NamedTuple):
    """What the training rows say about each column.

    Attributes:
      columns: the raw columns.
      fill: `[columns]`, float64, what a missing value becomes: the median.
      scaler: `[columns]` each, of the kinds "number" and "log"; 0 and 1 for the others.
      knots: by column, `[2, points]` float64, at most 1,000 training values, ascending, and the
          normal quantiles of their ranks; `[2, 0]` for kinds other than "quantile".
    """

    columns: tuple[Column, ...]
    fill: np.ndarray
    scaler: Scaler
    knots: tuple[np.ndarray, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that `preprocess` returns."""
        return tuple(name for column in self.columns for name in column.outputs)

    @property
    def dim(self) -> int:
        """The number of columns that `preprocess` returns; the rows have no say in it."""
        return len(self.names)


def fit_preprocessing(features: npt.ArrayLike, columns: Sequence[Column]) -> Preprocessing:
    """Measures medians, means, deviations and quantiles of the training rows.

    Fit it on training rows only; statistics of all rows let the test rows leak into training.
    Medians and quantiles are those of the values that are there; means and deviations those after
    imputation.

    Args:
      features: `[rows, columns]`, the training rows as loaded: NaN where a value is missing.
      columns: what each column holds, as `Table.columns`.

    Returns:
      A `Preprocessing`. What `preprocess` makes of it is as wide as the columns say, whatever the
      rows: folds of one table need no recompilation.

    Raises:
      ValueError: the wrong number of columns, no rows, a NaN in a column without `missing=True`, a
          value that is infinite, no code or no hour, or a column without any value.

    Example:
      >>> kind = Column("kind", "category", levels=("cash", "card"))
      >>> rows = [[9.0, 0], [np.nan, 1]]
      >>> fit_preprocessing(rows, [Column("income", "log", missing=True), kind]).names
      ('income', 'income missing', 'kind=cash', 'kind=card')
    """
    columns = tuple(columns)
    check_columns(columns)
    features = _checked(features, columns)
    if not len(features):
        raise ValueError("features must have at least one row to fit on, got none.")
    fits = [_fit(_values(features, index, columns), c) for index, c in enumerate(columns)]
    fill, mean, deviation, knots = zip(*fits, strict=True)
    return Preprocessing(
        columns, np.array(fill), Scaler(np.array(mean), np.array(deviation)), knots
    )


def preprocess(features: npt.ArrayLike, preprocessing: Preprocessing) -> np.ndarray:
    """Imputes, transforms and encodes rows by what the training rows said.

    Args:
      features: `[rows, columns]`, any rows as loaded: training, validation or test. A memory map
          is read some rows at a time.
      preprocessing: what `fit_preprocessing` measured on the training rows.

    Returns:
      `[rows, preprocessing.dim]`, float32, finite: of each raw column its outputs, in order. A
      missing number becomes the median, a missing category or hour all zeros; the indicator is 1.

    Raises:
      ValueError: the wrong number of columns, a NaN in a column without `missing=True`, or a value
          that is infinite, no code or no hour.

    Example:
      >>> rows = [[0.0, 6.0], [2.0, 18.0]]
      >>> fitted = fit_preprocessing(rows, [Column("age", "number"), Column("time", "hour")])
      >>> preprocess(rows, fitted).round(6) + 0
      array([[-1.,  1.,  0.],
             [ 1., -1.,  0.]], dtype=float32)
    """
    columns = preprocessing.columns
    features = _checked(features, columns)
    result = np.empty((len(features), preprocessing.dim), np.float32)
    for start in range(0, len(features), _ROWS_AT_ONCE):
        rows = features[start : start + _ROWS_AT_ONCE]
        place = 0
        for index, column in enumerate(columns):
            values = _values(rows, index, columns, start)
            width = len(column.outputs)
            block = result[start : start + len(rows), place : place + width]
            block[:] = _outputs(values, index, preprocessing)
            place += width
    return result


def _checked(features: npt.ArrayLike, columns: tuple[Column, ...]) -> np.ndarray:
    """The features as an array `[rows, columns]` of numbers."""
    features = np.asarray(features)
    if features.dtype.kind not in "fiub":
        raise TypeError(f"features must be real numbers, got {features.dtype}.")
    if features.ndim != 2 or features.shape[1] != len(columns):
        raise ValueError(
            f"features must be [rows, {len(columns)}], one for each column declared, "
            f"got shape {features.shape}."
        )
    return features


def _values(
    features: np.ndarray, index: int, columns: tuple[Column, ...], first_row: int = 0
) -> np.ndarray:
    """One column, checked, in float64."""
    values = features[:, index].astype(np.float64)
    check_values(values, columns[index], first_row=first_row)
    return values


def _fit(values: np.ndarray, column: Column) -> tuple[float, float, float, np.ndarray]:
    """The median, the mean, the standard deviation and the knots of a column."""
    no_knots = np.empty((2, 0))
    if column.kind in ("category", "hashed", "hour"):
        return 0.0, 0.0, 1.0, no_knots
    observed = values[~np.isnan(values)]
    if not observed.size:
        raise ValueError(
            f"column {column.name!r} has no value in any of the {values.size} training rows: "
            "leave it out."
        )
    fill = float(np.median(observed)) if column.missing else 0.0
    if column.kind == "quantile":
        return fill, 0.0, 1.0, knots_of(observed)
    scaler = fit_scaler(transformed(_imputed(values, fill), column)[:, None])
    return fill, scaler.mean.item(), scaler.scale.item(), no_knots


def knots_of(observed: np.ndarray) -> np.ndarray:
    """Some training values and their normal scores.

    The rank of a value that many rows share is the middle of theirs: a column that is 0 in 90% of
    the rows has its zeros at the 45th percentile, not at the lowest.
    """
    ordered = np.sort(observed)
    places = np.linspace(0, ordered.size - 1, min(ordered.size, _KNOTS)).round().astype(np.int64)
    points = np.unique(ordered[places])
    below, up_to = (np.searchsorted(ordered, points, side) for side in ("left", "right"))
    normal = statistics.NormalDist().inv_cdf
    scores = [normal(rank) for rank in (below + up_to) / (2 * ordered.size)]
    return np.stack([points, np.clip(scores, -_LARGEST_NORMAL, _LARGEST_NORMAL)])


def _imputed(values: np.ndarray, fill: float) -> np.ndarray:
    """The values, the missing ones filled."""
    return np.where(np.isnan(values), fill, values)


def transformed(values: np.ndarray, column: Column) -> np.ndarray:
    """The values as they are scaled."""
    return np.sign(values) * np.log1p(np.abs(values)) if column.kind == "log" else values


def _outputs(values: np.ndarray, index: int, preprocessing: Preprocessing) -> np.ndarray:
    """What one column becomes, `[rows, outputs]`."""
    column, scaler = preprocessing.columns[index], preprocessing.scaler
    filled = _imputed(values, preprocessing.fill[index])
    if column.num_codes:  # of the values themselves: NaN is none of the codes
        outputs = values[:, None] == np.arange(column.num_codes)
    elif column.kind == "hour":
        angle = values[:, None] * (2 * np.pi / 24)
        outputs = np.nan_to_num(np.concatenate([np.sin(angle), np.cos(angle)], axis=1))
    elif column.kind == "quantile":
        outputs = np.interp(filled, *preprocessing.knots[index])[:, None]
    else:
        scaled = transformed(filled, column) - scaler.mean[index]
        outputs = (scaled / scaler.scale[index])[:, None]
    return np.column_stack([outputs, np.isnan(values)]) if column.missing else outputs
