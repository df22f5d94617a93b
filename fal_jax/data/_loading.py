"""The paper's six tables, from the original files."""

import os
import pathlib
from collections.abc import Iterator

import numpy as np

from fal_jax.data._cache import entry_folder, read_entry, write_entry
from fal_jax.data._fraud_tables import SOURCES, Source
from fal_jax.data._parsing import parse
from fal_jax.data._reading import COMPRESSIONS, check_header, read_header
from fal_jax.data._satimage import load_satimage
from fal_jax.data._tables import Table

TABLES = ("CreditCard", "GMSC", "SatImage", "HomeCredit", "PaySim", "CCFraud")
_FOLDERS = ("", "*/", "*/*/")


def load_table(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    file: str | os.PathLike[str] | None = None,
    allow_partial: bool = False,
) -> Table:
    """Loads one of the paper's data sets, from its original file or a known sample of it.

    A file is parsed once; after that a cache in `FAL_JAX_CACHE` (default `~/.cache/fal_jax`) is
    memory-mapped. The features are raw; see `fit_preprocessing`. What would tell the label or the
    order of the rows is left out, and copies of a row get one number in `Table.groups`:

    CreditCard: Time counts the seconds since the first row, so it is the order of the rows; its
      time of day stays. Copies are equal but for Time: 9,144 rows are such repetitions, 1,081 of
      them at the same second.
    GMSC: the row number is left out. Codes 96 and 98 of the three past-due counts, which are no
      counts, stay as the highest ranks. Copies are equal in all columns.
    SatImage: in the package, so it needs no file; `load_satimage` reads the original ones. Its
      windows overlap, which no column shows.
    HomeCredit: the loan's number is left out; 365243 days of employment mean none.
    PaySim: the balances after the transaction, the flag and the names are left out, as is the
      step but for its hour. A fraud is two rows, a transfer and a cash-out of one amount at one
      step: those are the groups. The publisher warns of the balances before it, too, since
      frauds are cancelled; they are known beforehand and stay, but tell more in this simulation
      than they would in a bank: nearly all frauds take the whole balance, and no other row does.
    CCFraud: the customer's number is left out. Equal rows are different customers, no copies.

    Args:
      name: one of `TABLES`.
      data_dir: the folder of the files; None takes the environment variable FAL_JAX_DATA. The
          original file is looked for by its name, plain or with .xz, .gz, .bz2 or .zip, or as
          .parquet, there and two folders deep, then the known sample.
      file: this file instead.
      allow_partial: whether a file with another number of rows than the original and the known
          sample is loaded, as a sample.

    Returns:
      A `Table` of two classes, 1 the rare one. Its features are a read-only memory map.

    Raises:
      FileNotFoundError: no such file, with where to get it.
      ValueError: no such name, a file that is damaged, has other columns or another number of
          rows, a value that is not what its column holds, or rows of one class only.
      OSError: the cache can't be written.

    Example:
      >>> load_table("SatImage").features.shape
      (6435, 36)
    """
    if name not in TABLES:
        raise ValueError(f"name must be one of {TABLES}, got {name!r}.")
    if name == "SatImage":
        if file is not None:
            raise ValueError("SatImage is in the package: leave file out, or see load_satimage.")
        return load_satimage()
    source = SOURCES[name]
    path = _found(source, data_dir) if file is None else pathlib.Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: get it from {source.origin}.")
    folder = entry_folder(path, source.layout)
    entry = read_entry(folder)
    if entry is None:
        check_header(read_header(path), source.layout.header, path)
        entry = write_entry(folder, source.layout.columns, parse(path, source.layout))
    _check_classes(entry.labels, source, path)
    rows, known = len(entry.labels), [source.rows, *source.sample_rows]
    if rows not in known and not allow_partial:
        expected = " or, as the known sample, ".join(f"{number:,}" for number in known)
        raise ValueError(
            f"{path} has {rows:,} rows, but {name} has {expected}: get it from {source.origin}, "
            "or set allow_partial=True."
        )
    return Table(
        name=name,
        features=entry.features,
        labels=entry.labels,
        rows_expected=source.rows,
        is_sample=rows != source.rows,
        columns=entry.columns,
        groups=entry.groups,
    )


def _check_classes(labels: np.ndarray, source: Source, path: pathlib.Path) -> None:
    """Refuses rows of one class."""
    if labels.min() == labels.max():
        raise ValueError(
            f"{path} must have rows of two classes, but {source.layout.label} is {labels[0]} in "
            f"all of its {len(labels):,} rows: get it from {source.origin}, or take a part with "
            "both."
        )


def available_tables(data_dir: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """The tables that `load_table` finds, in the order of `TABLES`.

    Args:
      data_dir: as in `load_table`; without it and FAL_JAX_DATA there is only SatImage.

    Returns:
      Their names. The files are not opened.

    Raises:
      FileNotFoundError: there is no such folder.

    Example:
      >>> "SatImage" in available_tables()
      True
    """
    files = table_files(data_dir)
    return tuple(name for name in TABLES if name == "SatImage" or files[name] is not None)


def table_files(
    data_dir: str | os.PathLike[str] | None = None,
) -> dict[str, pathlib.Path | None]:
    """Where `load_table` finds the tables, in the order of `TABLES`.

    Args:
      data_dir: as in `load_table`.

    Returns:
      By name the file, None where there is none and for SatImage, which is in the package.

    Raises:
      FileNotFoundError: there is no such folder.

    Example:
      >>> table_files()["SatImage"] is None
      True
    """
    folder = _data_folder(data_dir)
    return {
        name: None
        if folder is None or name == "SatImage"
        else next(_candidates(SOURCES[name], folder), None)
        for name in TABLES
    }


def _data_folder(data_dir: str | os.PathLike[str] | None) -> pathlib.Path | None:
    """The folder of the files, None if none is named."""
    named = data_dir or os.environ.get("FAL_JAX_DATA")
    if not named:
        return None
    folder = pathlib.Path(named).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the data folder {folder} is missing: check FAL_JAX_DATA or data_dir."
        )
    return folder


def _names(source: Source) -> list[str]:
    """The names of files that hold a table, the whole before the sample."""
    whole = [source.file + ending for ending in ("", *COMPRESSIONS)]
    return [*whole, source.file.removesuffix(".csv") + ".parquet", *source.sample_files]


def _candidates(source: Source, folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Files that may hold a table, the best first."""
    for name in _names(source):
        for above in _FOLDERS:
            yield from (path for path in sorted(folder.glob(above + name)) if path.is_file())


def _found(source: Source, data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    """The file that holds a table."""
    folder = _data_folder(data_dir)
    advice = f"get it from {source.origin}, and set data_dir or FAL_JAX_DATA to its folder."
    if folder is None:
        raise FileNotFoundError(f"no data folder is named to look for {source.file} in: {advice}")
    path = next(_candidates(source, folder), None)
    if path is None:
        raise FileNotFoundError(
            f"{folder} has none of {', '.join(_names(source))}, there or two folders deep: {advice}"
        )
    return path
