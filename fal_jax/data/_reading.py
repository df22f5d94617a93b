"""Files of tables, plain, compressed or Parquet, as data frames of some rows at a time."""

import bz2
import contextlib
import csv
import gzip
import io
import lzma
import pathlib
import zipfile
import zlib
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from fal_jax.data._parquet import parquet_frames

if TYPE_CHECKING:
    import pandas as pd

# What an original file's name may end on, besides its own.
COMPRESSIONS = (".xz", ".gz", ".bz2", ".zip")
MISSING_WORDS = frozenset((
    "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "#N/A N/A", "NULL", "null", "None", "NaN", "nan",
    "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
))  # fmt: skip
"""Cells of a text file that hold no value, as empty ones; those that pandas takes for it."""
_ROWS_AT_ONCE, _VALUES_AT_ONCE = 2**17, 2**22
_TEXTS = (".csv", ".tsv", ".txt")


class Dialect(NamedTuple):
    """How the text of a file is to be read.

    Attributes:
      delimiter: one character; None is a tab in files named .tsv, with or without a compression,
        and a comma in others.
      encoding: of the text; the default takes UTF-8 with or without a mark at its start.
    """

    delimiter: str | None = None
    encoding: str = "utf-8-sig"

    def between(self, file: pathlib.Path) -> str:
        """What stands between two values of this file."""
        return self.delimiter or ("\t" if ".tsv" in file.suffixes[-2:] else ",")


_PLAIN = Dialect()


def read_header(file: pathlib.Path, dialect: Dialect = _PLAIN) -> tuple[str, ...]:
    """The names of the columns, as they are in the file."""
    import pyarrow.parquet

    with _damage_named(file):
        if file.suffix == ".parquet":
            return tuple(pyarrow.parquet.read_schema(file).names)
        with _opened(file, dialect) as stream:
            rows = csv.reader(stream, delimiter=dialect.between(file))
            header = tuple(next(rows, ()))
            first = next(filter(None, rows), header)
    if not header:
        raise ValueError(f"{file} is empty: get it again.")
    # pandas refuses a longer row, unless it is the first: then it takes a column for an index.
    if len(first) > len(header):
        raise ValueError(f"{file} has a first row longer than its header: correct it.")
    return header


def group_sizes(file: pathlib.Path) -> list[int]:
    """How many rows each row group of a Parquet file has."""
    import pyarrow.parquet

    with _damage_named(file):
        told = pyarrow.parquet.read_metadata(file)
        return [told.row_group(number).num_rows for number in range(told.num_row_groups)]


def check_header(found: Sequence[str], expected: Sequence[str], file: pathlib.Path) -> None:
    """Refuses columns that are not the expected ones in the expected order."""
    if tuple(found) == tuple(expected):
        return
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    place = next(
        (i for i, names in enumerate(zip(found, expected, strict=False)) if names[0] != names[1]),
        min(len(found), len(expected)),
    )
    complaints = [
        f"missing are {missing}" if missing else "",
        f"unknown are {unknown}" if unknown else "",
        f"column {place + 1} is {found[place]!r}, expected {expected[place]!r}"
        if place < min(len(found), len(expected))
        else f"{len(found)} columns, expected {len(expected)}",
    ]
    raise ValueError(
        f"{file} has not the original's columns in their order: "
        f"{'; '.join(filter(None, complaints))}. Use the original file."
    )


def read_frames(
    file: pathlib.Path,
    header: Sequence[str],
    *,
    text: Collection[str],
    dialect: Dialect = _PLAIN,
    group: int | None = None,
    keep_words: bool = False,
) -> Iterator["pd.DataFrame"]:
    """All rows, some at a time; the columns named in `text` as text, the others as they look.

    Of a Parquet file only the columns in `header`, and only one row group, if it has a number.
    With `keep_words` missing words in the columns of `text` stay what they are.
    """
    rows_at_once = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // len(header)))
    with _damage_named(file):
        if file.suffix == ".parquet":
            yield from parquet_frames(file, header, text, group, rows_at_once)
        else:
            kept = text if keep_words else ()
            yield from _csv_frames(file, header, text, kept, dialect, rows_at_once)


def check_widths(file: pathlib.Path, header: Sequence[str], dialect: Dialect = _PLAIN) -> None:
    """Refuses a csv file with a row of more or fewer values than names: pandas fills up the short.

    Blank lines are no rows.
    """
    if file.suffix == ".parquet":
        return
    with _damage_named(file), _opened(file, dialect) as stream:
        rows = csv.reader(stream, delimiter=dialect.between(file))
        for row in rows:
            if row and len(row) != len(header):
                raise ValueError(
                    f"{file} must have {len(header)} values in every row, as its header has names; "
                    f"the row that ends at line {rows.line_num} has {len(row)}: correct it."
                )


def _csv_frames(
    file: pathlib.Path,
    header: Sequence[str],
    text: Collection[str],
    kept: Collection[str],
    dialect: Dialect,
    rows_at_once: int,
) -> Iterator["pd.DataFrame"]:
    """All rows of a csv file."""
    import pandas as pd

    delimiter, no_value = dialect.between(file), ["", *MISSING_WORDS]
    with _opened(file, dialect) as stream:
        next(csv.reader(stream, delimiter=delimiter))
        as_text: dict[Hashable, str] = dict.fromkeys(text, "str")
        with pd.read_csv(
            stream,
            header=None,
            names=list(header),
            sep=delimiter,
            dtype=as_text,
            na_values={n: [""] if n in kept else no_value for n in header} if kept else no_value,
            keep_default_na=False,
            chunksize=rows_at_once,
            low_memory=False,
        ) as frames:
            try:
                yield from frames
            except pd.errors.ParserError:  # whose line numbers are off by the header
                check_widths(file, header, dialect)
                raise


@contextlib.contextmanager
def _opened(file: pathlib.Path, dialect: Dialect) -> Iterator[io.TextIOWrapper]:
    """The text of a csv file, decompressed as it is read."""
    with contextlib.ExitStack() as stack:
        if file.suffix == ".xz":
            stream = stack.enter_context(lzma.open(file))
        elif file.suffix == ".gz":
            stream = stack.enter_context(gzip.open(file))
        elif file.suffix == ".bz2":
            stream = stack.enter_context(bz2.open(file))
        elif file.suffix == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(file))
            stream = stack.enter_context(archive.open(_member(archive, file)))
        else:
            stream = stack.enter_context(file.open("rb"))
        text = io.TextIOWrapper(cast(BinaryIO, stream), encoding=dialect.encoding, newline="")
        yield stack.enter_context(text)


def _member(archive: zipfile.ZipFile, file: pathlib.Path) -> str:
    """The csv file in an archive: the one named as the archive, or the only one."""
    names = [name for name in archive.namelist() if name.endswith(_TEXTS)]
    named = [name for name in names if pathlib.PurePath(name).name == file.stem]
    if len(named or names) != 1:
        raise ValueError(
            f"{file} must hold one csv file, or one named {file.stem!r}, got {names}: unpack it."
        )
    return (named or names)[0]


@contextlib.contextmanager
def _damage_named(file: pathlib.Path) -> Iterator[None]:
    """Turns what the readers say of a damaged file into one error that names it."""
    import pandas as pd
    import pyarrow as pa

    damage = (
        EOFError,
        csv.Error,
        lzma.LZMAError,
        pd.errors.EmptyDataError,
        pd.errors.ParserError,
        pa.ArrowException,
        zipfile.BadZipFile,
        zlib.error,
    )
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not text in {error.encoding} ({error.reason} at byte {error.start}): save "
            "it as UTF-8, or name its encoding, such as latin-1."
        ) from error
    except (OSError, *damage) as error:
        if getattr(error, "errno", None) is not None:  # the system's word, not a reader's
            raise
        raise ValueError(f"{file} is damaged or incomplete ({error}): get it again.") from error
