"""What a column of a table holds, and the check that it does."""

from collections import Counter
from typing import Literal, NamedTuple, get_args

import numpy as np

Kind = Literal["number", "log", "quantile", "category", "hashed", "hour"]


class Column(NamedTuple):
    """One raw column of a table, and how it is preprocessed.

    Attributes:
      name: as in the original file.
      kind: "number", standard scaling. "log", `sign(x) * log1p(|x|)`, then standard scaling, for
          amounts. "quantile", the rank among the training rows as a standard normal, for heavy
          tails and flags. "category", codes that index `levels`, one-hot. "hashed", text of too
          many values for that, as the codes of `buckets` that a hash puts it into, one-hot.
          "hour", of the day, in [0, 24), as sine and cosine.
      missing: whether values may be missing (NaN). A 0/1 column then says where they are.
      levels: what the codes of a category stand for.
      buckets: into how many a hashed column's values are put, at least 2; several values share one.
    """

    name: str
    kind: Kind
    missing: bool = False
    levels: tuple[str, ...] = ()
    buckets: int = 0

    @property
    def num_codes(self) -> int:
        """How many codes the column's values may have; 0 where they are no codes."""
        return self.buckets or len(self.levels)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the columns that preprocessing makes of this one."""
        if self.kind == "category":
            names = tuple(f"{self.name}={level}" for level in self.levels)
        elif self.kind == "hashed":
            names = tuple(f"{self.name}#{bucket}" for bucket in range(self.buckets))
        elif self.kind == "hour":
            names = (f"{self.name} sine", f"{self.name} cosine")
        else:
            names = (self.name,)
        return (*names, f"{self.name} missing") if self.missing else names


def check_columns(columns: tuple[Column, ...]) -> None:
    """Refuses columns that can't be preprocessed."""
    if not columns:
        raise ValueError("columns must hold at least one Column, got none.")
    for column in columns:
        if column.kind not in get_args(Kind):
            raise ValueError(
                f"column {column.name!r} must be of a kind in {get_args(Kind)}, "
                f"got {column.kind!r}."
            )
        if (column.kind == "category") != bool(column.levels):
            raise ValueError(
                f"column {column.name!r} of kind {column.kind!r} must "
                f"{'have' if column.kind == 'category' else 'not have'} levels, "
                f"got {column.levels}."
            )
        if column.buckets < 2 if column.kind == "hashed" else column.buckets != 0:
            raise ValueError(
                f"column {column.name!r} of kind {column.kind!r} must have "
                f"{'at least 2' if column.kind == 'hashed' else 'no'} buckets, "
                f"got {column.buckets}."
            )
    times = Counter(column.name for column in columns)
    twice = sorted(name for name in times if times[name] > 1)
    if twice:
        raise ValueError(f"columns must differ by name; {twice} appear more than once.")


def check_values(values: np.ndarray, column: Column, *, first_row: int = 0) -> None:
    """Refuses values `[rows]` that a column can't hold; rows count from `first_row`."""
    absent = np.isnan(values)
    if column.missing:
        values = np.where(absent, 0, values)
    elif absent.any():
        raise ValueError(
            f"column {column.name!r} must have no missing values, but row "
            f"{first_row + absent.argmax()} has none: impute it, or declare missing=True."
        )
    expected, valid = "finite numbers", np.abs(values) <= np.finfo(np.float32).max
    if column.num_codes:
        expected = f"codes from 0 to {column.num_codes - 1}"
        valid = (values >= 0) & (values < column.num_codes) & (values == np.floor(values))
    elif column.kind == "hour":
        expected = "hours of the day, in [0, 24)"
        valid = (values >= 0) & (values < 24)
    if not valid.all():
        row = valid.argmin()
        raise ValueError(
            f"column {column.name!r} must hold {expected}, got {values[row]} at row "
            f"{first_row + row}."
        )
