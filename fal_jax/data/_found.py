"""What one column of a file seems to hold, measured some rows at a time."""

import math
import pathlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fal_jax.data._parquet import NotTextError
from fal_jax.data._parsing import junk_row
from fal_jax.data._reading import Dialect, check_widths, read_frames

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 256


class Found(NamedTuple):
    """What one column seems to hold.

    Attributes:
      name: of the column.
      present: rows with a value.
      low: the least number, infinite where there is none; minus infinity where it is in the file.
      high: the greatest likewise.
      levels: the values of a column with text, in order, 257 of more; None for numbers alone.
      odd: row and value of the first text in a column that has numbers too, or None.
      words: of a column with text, words such as NA in a text file, which count as no value.
    """

    name: str
    present: int
    low: float = math.inf
    high: float = -math.inf
    levels: tuple[str, ...] | None = None
    odd: tuple[int, str] | None = None
    words: tuple[str, ...] = ()

    @property
    def has_too_many_levels(self) -> bool:
        """Whether it is text of more different values than a category may have."""
        return self.levels is not None and len(self.levels) > MOST_LEVELS

    @property
    def is_constant(self) -> bool:
        """Whether all rows with a value have the same."""
        return len(self.levels) < 2 if self.levels is not None else self.low >= self.high


class Numbers:
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
            raise NotTextError(name) from error
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

    def column(self, name: str, levels: set[str] | None, words: Collection[str]) -> Found:
        """All of one column, with the levels of its text and the words that are no value."""
        low, high = self.ends[name]
        odd = self.first_texts[name] if low <= high else None
        some = None if levels is None else tuple(sorted(levels)[: MOST_LEVELS + 1])
        return Found(name, self.present[name], low, high, some, odd, tuple(sorted(words)))
