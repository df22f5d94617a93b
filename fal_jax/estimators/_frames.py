"""The columns of arrays and data frames, as plain values."""

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np


def is_frame(table: Any) -> bool:
    """Whether a table is a data frame: of pandas, polars, pyarrow or another of that kind."""
    import narwhals as nw

    return nw.dependencies.is_into_dataframe(table)


def check_eager(table: Any) -> None:
    """Refuses a lazy frame, of which nothing is in memory."""
    import narwhals as nw

    if isinstance(nw.from_native(table, pass_through=True), nw.LazyFrame):
        raise TypeError(
            f"X must be a table in memory, got a {type(table).__name__}: collect it first, as by "
            "X.collect()."
        )


def columns_of(table: Any) -> Iterator[tuple[str, np.ndarray, bool]]:
    """Each column's name, its values, and whether it is declared categorical.

    Values are float64, NaN where missing, or objects, None where missing.
    """
    if not is_frame(table):
        for index, column in enumerate(np.asarray(table).T):
            yield f"x{index}", _plain(column), False
        return
    import narwhals as nw

    frame = nw.from_native(table, eager_only=True)
    for name in frame.columns:
        series = frame.get_column(name)
        if series.dtype.is_temporal():
            raise TypeError(
                f"column {str(name)!r} holds {series.dtype}: convert it to a number, such as days "
                "since a date, or leave it out."
            )
        is_category = series.dtype in (nw.Categorical, nw.Enum)
        is_number = series.dtype.is_numeric() and not series.dtype.is_decimal()
        values = series.to_numpy() if is_number else _objects(series.to_list())
        yield str(name), _plain(values), is_category


def _objects(values: list) -> np.ndarray:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _plain(column: np.ndarray) -> np.ndarray:
    """Numbers in float64; other values with None for each of the ways to be missing."""
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    return _objects([None if _is_missing(value) else value for value in column.tolist()])


def _is_missing(value: Any) -> bool:
    """None, NaN, or pandas' NA, which is not even equal to itself for sure."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Number) and bool(value != value)
