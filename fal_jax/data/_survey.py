"""What a file of a table holds, measured some rows at a time before it is parsed."""

import math
import os
import pathlib
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fal_jax.data._parsing import junk_row
from fal_jax.data._reading import Dialect, check_widths, read_frames, read_header

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 256
_NAMED = 20


class Found(NamedTuple):
    """What one column seems to hold.

    Attributes:
      name: of the column.
      present: rows with a value.
      low: the least number, infinite where there is none; minus infinity where it is in the file.
      high: the greatest likewise.
      levels: the values of a column with text, in order, 257 of more; None for numbers alone.
      odd: row and value of the first text in a column that has numbers too, or None.
    """

    name: str
    present: int
    low: float = math.inf
    high: float = -math.inf
    levels: tuple[str, ...] | None = None
    odd: tuple[int, str] | None = None

    @property
    def has_too_many_levels(self) -> bool:
        """Whether it is text of more different values than a category may have."""
        return self.levels is not None and len(self.levels) > MOST_LEVELS

    @property
    def is_constant(self) -> bool:
        """Whether all rows with a value have the same."""
        return len(self.levels) < 2 if self.levels is not None else self.low >= self.high


class Survey(NamedTuple):
    """What a file of a table holds.

    Attributes:
      rows: how many.
      columns: all but the label.
      classes: how often the label has which value, read as text, in order; at most 257 of them.
      unlabelled: the first row without a label, or None.
    """

    rows: int
    columns: tuple[Found, ...]
    classes: dict[str, int]
    unlabelled: int | None


def survey_csv(
    file: str | os.PathLike[str],
    *,
    label: str,
    drop: Collection[str] = (),
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
) -> Survey:
    r"""Measures what a file holds, to choose the columns for `load_csv` by.

    Args:
      file: as for `load_csv`.
      label: the name of the column that holds the label.
      drop: columns that are not measured.
      delimiter: what stands between two values; None is a tab in .tsv files, else a comma.
      encoding: of a text file.

    Returns:
      A `Survey`.

    Raises:
      FileNotFoundError: no such file.
      ValueError: a damaged file, rows of different widths, a column that is missing or twice
          there, or one of lists, structures or bytes that are no text.

    Example:
      >>> import pathlib, tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
      >>> _ = file.write_text("age,job,late\n31,clerk,no\n64,,yes\n")
      >>> found = survey_csv(file, label="late")
      >>> found.rows, found.classes, found.columns[1].levels
      (2, {'no': 1, 'yes': 1}, ('clerk',))
    """
    path, dialect = pathlib.Path(file), Dialect(delimiter, encoding)
    header = checked_header(path, [label], dialect)
    columns = [name for name in header if name != label and name not in drop]
    return survey(path, header, columns, label, dialect)


def checked_header(path: pathlib.Path, wanted: Sequence[str], dialect: Dialect) -> tuple[str, ...]:
    """The names of a file's columns, if they differ and those wanted are there."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing.")
    header = read_header(path, dialect)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"{path} has columns of the same name: {twice}. Rename them.")
    missing = [name for name in wanted if name not in header]
    if missing:
        some = list(header[:_NAMED]) + ["..."] * (len(header) > _NAMED)
        raise ValueError(f"{path} has no columns {missing}; it has {some}.")
    return header


def survey(
    path: pathlib.Path,
    header: tuple[str, ...],
    names: Sequence[str],
    label: str | None,
    dialect: Dialect,
) -> Survey:
    """Measures some columns, and counts the values of a label where one is named."""
    wanted = list(names) if label is None else [*names, label]
    for name, kind in nested(path, wanted).items():
        raise ValueError(
            f"column {name!r} of {path} holds {kind}, neither numbers nor text: leave it out."
        )
    header = only_needed(path, header, wanted)
    numbers = _Numbers(path, header, names, dialect)
    text = [name for name in names if numbers.first_texts[name] is not None]
    levels: dict[str, set[str]] = {name: set() for name in text}
    classes: Counter[str] = Counter()
    unlabelled: list[int] = []
    first_row = 0
    as_text = text if label is None else [*text, label]
    for frame in read_frames(path, header, text=as_text, dialect=dialect) if as_text else ():
        for name in text:
            if len(levels[name]) <= MOST_LEVELS:
                levels[name] |= set(frame[name].dropna().unique())
        if label is not None:
            values = frame[label].to_numpy(object)
            is_missing = frame[label].isna().to_numpy()
            unlabelled += (first_row + np.flatnonzero(is_missing)[:1]).tolist()
            if len(classes) <= MOST_LEVELS:
                classes.update(values[~is_missing].tolist())
        first_row += len(frame)
    found = tuple(numbers.column(name, levels.get(name)) for name in names)
    counts = dict(sorted(classes.items(), key=_by_number)[: MOST_LEVELS + 1])
    return Survey(numbers.rows, found, counts, unlabelled[0] if unlabelled else None)


def nested(path: pathlib.Path, names: Sequence[str]) -> dict[str, str]:
    """Which of some columns of a Parquet file hold lists or structures, with their types."""
    import pyarrow as pa
    import pyarrow.parquet

    if path.suffix != ".parquet":
        return {}
    schema = pyarrow.parquet.read_schema(path)
    kinds = {name: schema.field(name).type for name in names}
    return {name: str(kind) for name, kind in kinds.items() if pa.types.is_nested(kind)}


def only_needed(
    path: pathlib.Path, header: tuple[str, ...], wanted: Collection[str]
) -> tuple[str, ...]:
    """The columns to read of a file: of Parquet those wanted alone, of text all."""
    if path.suffix != ".parquet":
        return header
    return tuple(name for name in header if name in wanted)


class _Numbers:
    """What the columns hold, read as they look."""

    def __init__(
        self, path: pathlib.Path, header: tuple[str, ...], names: Sequence[str], dialect: Dialect
    ):
        from pandas.api.types import is_bool_dtype, is_numeric_dtype

        self.rows = 0
        self.present = dict.fromkeys(names, 0)
        self.first_texts: dict[str, tuple[int, str] | None] = dict.fromkeys(names)
        self.ends = dict.fromkeys(names, (math.inf, -math.inf))
        is_last_missing = False
        for frame in read_frames(path, header, text=(), dialect=dialect):
            kinds = frame.dtypes
            numeric = [
                n for n in names if is_numeric_dtype(kinds[n]) and not is_bool_dtype(kinds[n])
            ]
            values = frame[numeric].to_numpy(np.float64, na_value=np.nan)
            self._add_numbers(numeric, values)
            for name in set(names).difference(numeric):
                self._add(name, frame[name])
            is_last_missing |= bool(frame.iloc[:, -1].isna().any())
            self.rows += len(frame)
        if is_last_missing:  # a row that is too short looks so
            check_widths(path, header, dialect)
        if not self.rows:
            raise ValueError(f"{path} has no rows: get it again.")

    def _add(self, name: str, values: "pd.Series") -> None:
        """Adds a column that does not look like numbers."""
        import pandas as pd

        try:
            junk = junk_row(values)
        except UnicodeDecodeError as error:
            raise ValueError(f"column {name!r} holds bytes, not text: leave it out.") from error
        if junk is not None and self.first_texts[name] is None:
            self.first_texts[name] = self.rows + junk, str(values.iloc[junk])
        if pd.api.types.is_bool_dtype(values):
            self.present[name] += int(values.count())
            return
        numbers = pd.to_numeric(values.astype("str"), errors="coerce").to_numpy(np.float64)
        self._add_numbers([name], numbers[:, None])
        self.present[name] += int(values.count() - (~np.isnan(numbers)).sum())

    def _add_numbers(self, names: Sequence[str], values: np.ndarray) -> None:
        """Adds columns `[rows, names]`, NaN where there is no number."""
        lows = np.fmin.reduce(values, axis=0, initial=np.inf)
        highs = np.fmax.reduce(values, axis=0, initial=-np.inf)
        present = (~np.isnan(values)).sum(axis=0)
        for name, low, high, count in zip(names, lows, highs, present, strict=True):
            self.present[name] += int(count)
            before = self.ends[name]
            self.ends[name] = min(before[0], float(low)), max(before[1], float(high))

    def column(self, name: str, levels: set[str] | None) -> Found:
        """All of one column."""
        low, high = self.ends[name]
        odd = self.first_texts[name] if low <= high else None
        some = None if levels is None else tuple(sorted(levels)[: MOST_LEVELS + 1])
        return Found(name, self.present[name], low, high, some, odd)


def _by_number(item: tuple[str, int]) -> tuple[float, str]:
    """Classes that are numbers by their value, before others by their name."""
    try:
        return float(item[0]), item[0]
    except ValueError:
        return math.inf, item[0]
