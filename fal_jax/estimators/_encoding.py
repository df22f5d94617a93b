"""A user's table as numbers: columns of arrays and data frames, categories as codes."""

import numbers
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from fal_jax import data
from fal_jax.data import Column, Preprocessing
from fal_jax.data._columns import Kind
from fal_jax.estimators._frames import columns_of

Scaling = Literal["standard", "log", "quantile"]
"""How numbers are scaled: to mean 0 and deviation 1, as they are or as logarithms, or by rank."""

Levels = tuple[Any, ...] | None
"""The values of a category; None for numbers; () where there is no value at all."""

_MOST_LEVELS = 256
KINDS: Mapping[Scaling, Kind] = {"standard": "number", "log": "log", "quantile": "quantile"}


class Encoding(NamedTuple):
    """What the training rows say about a table's columns.

    Attributes:
      levels: by column, the values of a category, which its codes count off; None for numbers, and
        () for a column without any value in the training rows, which is left out.
      preprocessing: of the numbers and codes.
      kept: `[kept]`, which outputs of the preprocessing a network takes: all but what is the same
        in all training rows, of which nothing could be learned: the indicators of columns that lack
        no value, and both outputs of those that lack all.
    """

    levels: tuple[Levels, ...]
    preprocessing: Preprocessing
    kept: np.ndarray

    @property
    def names(self) -> list[str]:
        """The names of the table's columns."""
        return [column.name for column in self.preprocessing.columns]

    @property
    def dim(self) -> int:
        """Columns of the encoded rows: those kept, filled up with zeros.

        So tables of similar width, as the folds of one, run through one compiled program.
        """
        step = 4 if self.kept.size <= 16 else 8
        return -(-self.kept.size // step) * step


def fit_encoding(table: Any, scaling: Scaling) -> tuple[Encoding, np.ndarray]:
    """Measures a table's columns by the training rows, and encodes these.

    Numbers and booleans stay numbers; text and what is declared categorical becomes one-hot, the
    256 most frequent values of it, of intervals, dates and the like by their text. A value that is
    missing becomes the median or all zeros, and an indicator says so where training rows lacked one
    too; a category that the training rows do not have counts as missing. A column without any
    value, as a nearly empty one is in some folds, is left out with a warning.

    Args:
      table: an array `[rows, columns]` of numbers, or a data frame.
      scaling: of the numbers: "standard", or "log" and "quantile" as in `data.Column`.

    Returns:
      The encoding, and the rows as float32 `[rows, dim]`.

    Raises:
      TypeError: a column is neither numbers nor text.
      ValueError: an unknown scaling, names that are there twice, a column that mixes numbers and
        text, or has a value that is infinite, or no column with a value.
    """
    if scaling not in KINDS:
        raise ValueError(f"scaling must be one of {list(KINDS)}, got {scaling!r}.")
    columns, levels, values = [], [], []
    for name, column, is_category in columns_of(table):
        of_column = _levels(name, column, is_category)
        kind = "category" if of_column else KINDS[scaling]
        texts = tuple(str(level) for level in of_column or ())
        columns.append(Column(name, kind, missing=True, levels=texts))
        levels.append(of_column)
        values.append(_numbers(name, column, of_column))
    raw = np.column_stack(values)
    is_empty = _without_value(columns, levels)
    preprocessing = data.fit_preprocessing(np.where(is_empty, 0, raw), columns)
    widths = [len(column.outputs) for column in columns]
    kept = np.repeat(~is_empty, widths)
    kept[np.cumsum(widths) - 1] &= np.isnan(raw).any(axis=0)
    encoding = Encoding(tuple(levels), preprocessing, np.flatnonzero(kept))
    return encoding, encode_codes(raw, encoding)


def _without_value(columns: list[Column], levels: list[Levels]) -> np.ndarray:
    """Which columns have no value, `[columns]`; a warning if any has none, an error if all."""
    is_empty = np.array([of_column == () for of_column in levels])
    if is_empty.any():
        named = ", ".join(repr(c.name) for c, none in zip(columns, is_empty, strict=True) if none)
        if is_empty.all():
            raise ValueError(f"no column has a value in any of the training rows: {named}.")
        warnings.warn(f"left out, as no training row has a value of them: {named}.", stacklevel=4)
    return is_empty


def loaded_encoding(features: np.ndarray, columns: Sequence[Column]) -> Encoding:
    """As `fit_encoding` for rows of a loaded `data.Table`, whose columns say how they are scaled.

    Rows to predict may lack any value; there is an indicator where the columns say that training
    rows do, whichever rows these are: folds of a table have encodings of one width.
    """
    return encoding_of(data.fit_preprocessing(features, tolerant(columns)), columns)


def tolerant(columns: Sequence[Column]) -> list[Column]:
    """The columns, each of which may lack values."""
    return [column._replace(missing=True) for column in columns]


def encoding_of(preprocessing: Preprocessing, columns: Sequence[Column]) -> Encoding:
    """The encoding by a preprocessing of `tolerant` columns."""
    outputs = [
        is_kept
        for column, own in zip(columns, preprocessing.columns, strict=True)
        for is_kept in [True] * (len(own.outputs) - 1) + [column.missing]
    ]
    levels = tuple(column.levels or None for column in columns)
    return Encoding(levels, preprocessing, np.flatnonzero(outputs))


def encode(table: Any, encoding: Encoding) -> np.ndarray:
    """Encodes rows as the training rows were, float32 `[rows, dim]`."""
    return encode_codes(codes(table, encoding), encoding)


def codes(table: Any, encoding: Encoding) -> np.ndarray:
    """A table's numbers and the codes of its categories, float64 `[rows, columns]`.

    NaN where a value is missing, and for a category that the training rows lack.
    """
    columns = zip(encoding.names, encoding.levels, columns_of(table), strict=True)
    return np.column_stack(
        [_numbers(name, values, levels) for name, levels, (_, values, _) in columns]
    )


def encode_codes(raw: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Encodes numbers and codes `[rows, columns]`, float32 `[rows, dim]`."""
    rows = data.preprocess(raw, encoding.preprocessing)
    kept = np.zeros((len(rows), encoding.dim), np.float32)
    kept[:, : encoding.kept.size] = rows[:, encoding.kept]
    return kept


def _levels(name: str, column: np.ndarray, is_category: bool) -> Levels:
    """The values of a category, the most frequent ones in order; None for a column of numbers."""
    if column.dtype != object:
        return () if np.isnan(column).all() else None
    present = [value for value in column if value is not None]
    if is_category:
        present = [_level(value) for value in present]
    texts = [isinstance(value, str) for value in present]
    are_numbers = all(isinstance(value, numbers.Number) for value in present)
    if not present:
        return ()
    if are_numbers and not is_category:
        return None
    if not is_category and not all(texts):
        odd = present[texts.index(False)]
        if any(texts):
            raise ValueError(
                f"column {name!r} mixes text and other values, such as "
                f"{present[texts.index(True)]!r} and {odd!r}: make it all text or all numbers."
            )
        raise TypeError(
            f"column {name!r} must hold numbers or text, got {odd!r} of type {type(odd).__name__}: "
            "convert it, or leave it out."
        )
    most = [value for value, _ in Counter(present).most_common(_MOST_LEVELS)]
    return tuple(sorted(most, key=str))


def _level(value: Any) -> Any:
    """A category's value as it is kept: intervals, dates and the like as their text."""
    return (
        value if value is None or isinstance(value, str | int | float | np.number) else str(value)
    )


def _numbers(name: str, column: np.ndarray, levels: Levels) -> np.ndarray:
    """A column as float64: its numbers, or the codes of its levels; NaN where there is none."""
    if levels is not None:
        code = {level: float(place) for place, level in enumerate(levels)}
        places = [code.get(_level(value), np.nan) for value in column.tolist()]
        return np.array(places, np.float64)
    if column.dtype != object:
        return column
    for row, value in enumerate(column):
        if value is not None and not isinstance(value, numbers.Number):
            raise ValueError(
                f"column {name!r} must hold numbers, as in the rows that the classifier was "
                f"fitted on, got {value!r} at row {row}."
            )
    return np.array([np.nan if value is None else float(value) for value in column], np.float64)
