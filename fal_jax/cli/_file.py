"""The file of a table as the command line is given it: how it is read, and what it must have."""

import codecs
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from fal_jax.data._parsing import brief
from fal_jax.data._reading import Dialect, read_header
from fal_jax.data._survey import checked_header, nested

_NAMED, _NAMED_OF_ALL = 5, 20  # columns that a message names
_DELIMITERS = ",;\t|"


class Reading(NamedTuple):
    """How a file is read.

    Attributes:
      delimiter: what stands between two values, None by the file's name.
      encoding: of text.
    """

    delimiter: str | None = None
    encoding: str = "utf-8-sig"

    def checked(self) -> "Reading":
        """The same, if a file can be read so."""
        if self.delimiter == "\\t":  # as shells hand it on
            return self._replace(delimiter="\t").checked()
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ValueError(f"--delimiter must be one character, got {self.delimiter!r}.")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(
                f"--encoding must be one that Python knows, such as latin-1, got {self.encoding!r}."
            ) from None
        return self


def header(
    path: pathlib.Path, wanted: Sequence[str], reading: Reading, way_out: str
) -> tuple[str, ...]:
    """The names of a file's columns.

    Args:
      path: of the file.
      wanted: columns that it must have.
      reading: of a text file.
      way_out: what to do where it lacks one.

    Returns:
      All names, in order.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: a folder, a damaged file, columns of one name, one of `wanted` is missing, or
        another character than the delimiter separates the values.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name the file of a table, such as one in it.")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: name the file of a table that is there.")
    dialect = Dialect(*reading.checked())
    try:
        names = checked_header(path, [], dialect)
        missing = [name for name in wanted if name not in names]
        if missing:
            raise ValueError(
                f"{path} has no columns {some(missing)}; it has {some(names, _NAMED_OF_ALL)}: "
                f"{way_out}."
            )
    except ValueError as error:
        other = _delimiter(path, wanted, dialect)
        if other is None:
            raise
        raise ValueError(
            f"{path} has {other!r} between its values: set --delimiter {other!r}."
        ) from error
    return names


def _delimiter(path: pathlib.Path, wanted: Sequence[str], dialect: Dialect) -> str | None:
    """What separates the values of a file so that it has the columns wanted, if it is another."""
    for other in _DELIMITERS.replace(dialect.between(path), ""):
        try:
            names = read_header(path, dialect._replace(delimiter=other))
        except ValueError:
            continue
        if len(names) > 1 and set(wanted) <= set(names):
            return other
    return None


def check_flat(path: pathlib.Path, names: Sequence[str], way_out: str) -> None:
    """Refuses a Parquet file with lists or structures in some columns; `way_out` is what to do."""
    for name, kind in nested(path, names).items():
        raise ValueError(
            f"column {brief(name)} holds {brief(kind)}, neither numbers nor text: {way_out}, or "
            "make columns of its parts."
        )


def row(number: int) -> str:
    """A row's number in a message."""
    return f"row {number} (the first is row 0)"


def some(names: Collection[str], most: int = _NAMED) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(brief(name) for name in list(names)[:most])
    more = len(names) - most
    return f"{shown} and {more:,} more" if more > 0 else shown
