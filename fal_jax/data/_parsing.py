"""From data frames to the arrays of a table."""

import contextlib
import pathlib
import reprlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fal_jax.data._columns import Column, check_values
from fal_jax.data._reading import Dialect, check_widths, read_frames

if TYPE_CHECKING:
    import pandas as pd


class Layout(NamedTuple):
    """How a file becomes a table.

    Attributes:
      header: all columns of the file, in order.
      label: the column that holds the label.
      columns: those that become features, in this order; the others are dropped.
      positive: the value of the label that becomes 1.
      negative: the values that become 0; None for all others.
      per_hour: by column of kind "hour", how many of its units make an hour.
      none_codes: by column, a number that says that there is no value.
      copies: rows that are equal in all of these columns are copies; none for no copies.
      classes: the texts of the label, which become 0, 1, and so on; none where `positive` says.
      dialect: how a text file is to be read.
    """

    header: tuple[str, ...]
    label: str
    columns: tuple[Column, ...]
    positive: float | str = 1
    negative: tuple[float | str, ...] | None = (0,)
    per_hour: tuple[tuple[str, float], ...] = ()
    none_codes: tuple[tuple[str, float], ...] = ()
    copies: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    dialect: Dialect = Dialect()


class Chunk(NamedTuple):
    """Some rows: `[rows, columns]` float32, `[rows]` int32, and a hash of what tells copies.

    There are no hashes where nothing tells copies.
    """

    features: np.ndarray
    labels: np.ndarray
    copy_keys: np.ndarray


def parse(
    file: pathlib.Path, layout: Layout, *, group: int | None = None, first_row: int = 0
) -> Iterator[Chunk]:
    """Reads and checks a file, or one row group of it, some rows at a time.

    Rows are named by number, from `first_row`.
    """
    text = {column.name for column in layout.columns if column.num_codes}
    if layout.classes or isinstance(layout.positive, str):
        text.add(layout.label)
    rows_before, is_last_missing = first_row, False
    frames = read_frames(file, layout.header, text=text, dialect=layout.dialect, group=group)
    for frame in frames:
        with _file_named(file):
            features = [_feature(frame[c.name], c, layout, first_row) for c in layout.columns]
            labels = _labels(frame[layout.label], layout, first_row)
        yield Chunk(np.column_stack(features), labels, _copy_keys(frame, layout))
        is_last_missing |= bool(frame.iloc[:, -1].isna().any())
        first_row += len(frame)
    if is_last_missing:  # a row that is too short looks so
        check_widths(file, layout.header, layout.dialect)
    if first_row == rows_before:
        raise ValueError(f"{file} has no rows: get it again.")


def parse_labels(file: pathlib.Path, layout: Layout) -> Iterator[tuple[int, np.ndarray]]:
    """The labels of a Parquet file, some at a time, after the number of the first of them."""
    for first_row, values in _label_columns(file, layout):
        with _file_named(file):
            labels = _labels(values, layout, first_row)
        yield first_row, labels


def first_other_label(file: pathlib.Path, layout: Layout) -> float | str | None:
    """The first label but the positive one, None without one; reads no further than that."""
    for first_row, values in _label_columns(file, layout):
        with _file_named(file):
            found = _label_values(values, layout, first_row)
        others = found[values.notna().to_numpy() & (found != layout.positive)]
        if others.size:
            other = others.tolist()[0]
            return int(other) if isinstance(other, float) and other.is_integer() else other
    return None


def copy_groups(copy_keys: np.ndarray) -> np.ndarray | None:
    """The row number of each row's first copy, itself if it has none; None without copies."""
    ordered = np.sort(copy_keys)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not repeated.size:
        return None
    places = np.searchsorted(repeated, copy_keys).clip(max=repeated.size - 1)
    copies = np.flatnonzero(repeated[places] == copy_keys)
    _, first, copied = np.unique(copy_keys[copies], return_index=True, return_inverse=True)
    groups = np.arange(copy_keys.size, dtype=np.int32)
    groups[copies] = copies[first][copied]
    return groups


def junk_row(values: "pd.Series") -> int | None:
    """The first row of a column that holds neither a number nor nothing; None if all do."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return None
    junk = (values.notna() & pd.to_numeric(values.astype("str"), errors="coerce").isna()).to_numpy()
    return int(junk.argmax()) if junk.any() else None


@contextlib.contextmanager
def _file_named(file: pathlib.Path) -> Iterator[None]:
    """Puts the file before what is said of its values."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _feature(values: "pd.Series", column: Column, layout: Layout, first_row: int) -> np.ndarray:
    """One column `[rows]`, float32, checked."""
    if column.kind == "category":
        feature = _codes(values, column, first_row)
    elif column.kind == "hashed":
        feature = _buckets(values, column)
    else:
        feature = numbers(values, first_row)
        none_code = dict(layout.none_codes).get(column.name)
        if none_code is not None:
            feature = np.where(feature == none_code, np.nan, feature)
        if column.kind == "hour":
            feature = feature / dict(layout.per_hour).get(column.name, 1) % 24
    check_values(feature, column, first_row=first_row)
    return feature.astype(np.float32)


def brief(value: object) -> str:
    """A value in a message, which a cell of any length must not fill."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    return short.repr(value)


def numbers(values: "pd.Series", first_row: int) -> np.ndarray:
    """A column of numbers, in float64."""
    import pandas as pd

    junk = junk_row(values)
    if junk is not None:
        raise ValueError(
            f"column {values.name!r} must hold numbers, got {brief(values.iloc[junk])} at row "
            f"{first_row + junk}."
        )
    return pd.to_numeric(values).to_numpy(np.float64, na_value=np.nan)


def _codes(values: "pd.Series", column: Column, first_row: int) -> np.ndarray:
    """A column of text as the places of its values among the levels; NaN where there is none."""
    import pandas as pd

    codes = pd.Index(column.levels).get_indexer(pd.Index(values)).astype(np.float64)
    absent = values.isna().to_numpy()
    unknown = (codes < 0) & ~absent
    if unknown.any():
        row = unknown.argmax()
        raise ValueError(
            f"column {column.name!r} must hold one of {column.levels}, got "
            f"{brief(values.iloc[row])} at row {first_row + row}."
        )
    codes[absent] = np.nan
    return codes


def _buckets(values: "pd.Series", column: Column) -> np.ndarray:
    """A column of text as the buckets of its values' hashes; NaN where there is none."""
    import pandas as pd

    hashes = pd.util.hash_array(values.fillna("").to_numpy(object), categorize=False)
    return np.where(values.isna(), np.nan, (hashes % column.buckets).astype(np.float64))


def _label_columns(file: pathlib.Path, layout: Layout) -> Iterator[tuple[int, "pd.Series"]]:
    """The column of labels, some rows at a time, after the number of the first of them."""
    text = (layout.label,) if isinstance(layout.positive, str) else ()
    header = (layout.label,) if file.suffix == ".parquet" else layout.header
    first_row = 0
    for frame in read_frames(file, header, text=text, dialect=layout.dialect):
        yield first_row, frame[layout.label]
        first_row += len(frame)


def _label_values(values: "pd.Series", layout: Layout, first_row: int) -> np.ndarray:
    """Labels as the positive value is, text or float64."""
    is_text = isinstance(layout.positive, str)
    return values.to_numpy(object) if is_text else numbers(values, first_row)


def _labels(values: "pd.Series", layout: Layout, first_row: int) -> np.ndarray:
    """The labels `[rows]`, int32: 1 for the positive value, or the places among the classes."""
    if layout.classes:
        column = Column(layout.label, "category", levels=layout.classes)
        codes = _codes(values, column, first_row)
        check_values(codes, column, first_row=first_row)
        return codes.astype(np.int32)
    found = _label_values(values, layout, first_row)
    positive = np.asarray(found == layout.positive, bool)
    if layout.negative is None:
        expected, known = "present", values.notna().to_numpy()
    else:
        expected = (*layout.negative, layout.positive)
        known = np.any([found == value for value in expected], axis=0)
    if not known.all():
        row = known.argmin()
        raise ValueError(
            f"label {layout.label!r} must be {expected} in every row, got "
            f"{brief(values.tolist()[row])} at row {first_row + row}."
        )
    return positive.astype(np.int32)


def _copy_keys(frame: "pd.DataFrame", layout: Layout) -> np.ndarray:
    """A 64-bit hash of each row's values in the columns that tell copies, `[rows]`."""
    import pandas as pd

    if not layout.copies:
        return np.empty(0, np.uint64)
    told_by = frame[list(layout.copies)].copy()
    # In one chunk of a file a column may look like integers and in the next not; 0.0 hides -0.0.
    numbers = list(told_by.select_dtypes("number").columns)
    told_by[numbers] = told_by[numbers].astype(np.float64) + 0.0
    return pd.util.hash_pandas_object(told_by, index=False).to_numpy()
