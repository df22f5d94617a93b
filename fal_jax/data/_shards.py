"""Tables in many files, or in one that is larger than memory."""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.data import _transactions as transactions
from fal_jax.data._columns import Column, check_columns
from fal_jax.data._manifest import check_rows, read_manifest
from fal_jax.data._parsing import Layout, first_other_label
from fal_jax.data._reading import COMPRESSIONS, read_header


class Shards(NamedTuple):
    """Files that hold one table between them.

    Attributes:
      files: in their order, which numbers them.
      label: the column that holds the label.
      positive: its value that becomes 1.
      negative: its values that become 0; no row has another.
      columns: what each feature holds.
    """

    files: tuple[pathlib.Path, ...]
    label: str
    positive: float | str
    negative: tuple[float | str, ...]
    columns: tuple[Column, ...]

    def only(self, numbers: Sequence[int]) -> "Shards":
        """The table in some of the files, those of a period, say."""
        return self._replace(files=tuple(self.files[number] for number in numbers))

    def layout(self, number: int) -> Layout:
        """How a file becomes a table; of a Parquet file no other columns are read."""
        file, names = self.files[number], (self.label, *(c.name for c in self.columns))
        header = names if file.suffix == ".parquet" else read_header(file)
        return Layout(header, self.label, self.columns, self.positive, self.negative)


def open_shards(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    label: str | None = None,
    positive: float | str = 1,
    negative: float | str | Sequence[float | str] | None = None,
    columns: Sequence[Column] | None = None,
) -> Shards:
    """Names the files of a table of two classes that need not fit into memory.

    Args:
      files: Parquet files, or csv files as `load_csv` takes them, of one table; or the folder of
        one, whose .parquet, .csv and .tsv files, plain or compressed, are taken by name. A folder
        of `simulate_transactions` tells label and columns.
      label: the name of the column that holds the label.
      positive: its value that becomes class 1, a number or, for a label read as text, a text.
      negative: its value that becomes class 0, or all of these; None takes the first value but
        `positive` in the order of the files, 0 of a simulation. A file with a label that is
        neither is refused when it is read: files written by others may spell it otherwise.
      columns: what each feature holds and how it is preprocessed; other columns are left out.

    Returns:
      The `Shards`. Only the names of columns are read yet, and the labels up to the first that is
      not positive, so that all processes that open the files take the same for class 0.

    Raises:
      FileNotFoundError: a file or shard is missing, or the folder has none.
      ValueError: a damaged file or one without a column that is named, no label or columns, columns
        that can't be preprocessed, values of class 0 that are none or not of the kind of
        `positive`, only positive labels without `negative`, a folder that has a file in two forms,
        or a simulation that is unfinished or has a file of more or fewer rows than were written.

    Example:
      >>> import tempfile
      >>> from fal_jax.data import simulate_transactions
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     _ = simulate_transactions(folder, rows=900, ratio=9, seed=0, chunk_rows=300)
      ...     len(open_shards(folder).files)
      3
    """
    if isinstance(files, str | os.PathLike) and (folder := pathlib.Path(files)).is_dir():
        if (folder / "manifest.json").is_file() and label is None and columns is None:
            label, columns = "label", transactions.COLUMNS
            negative = 0 if negative is None else negative
            made = read_manifest(folder)
            check_rows(folder, made)
            found = [folder / shard.name for shard in made.shards]
        else:
            found = _files_of(folder)
    else:
        named = [files] if isinstance(files, str | os.PathLike) else files
        found = [pathlib.Path(file) for file in named]
    if not found:
        raise FileNotFoundError(f"there is no .parquet, .csv or .tsv file in {files}.")
    if label is None or columns is None:
        raise ValueError("label and columns must be given, but for a simulation.")
    shards = Shards(tuple(found), label, positive, _values(negative, positive), tuple(columns))
    check_columns(shards.columns)
    for file in shards.files:
        _check_file(file, shards)
    return shards if shards.negative else shards._replace(negative=(_first_other(shards),))


def files_of_process(num_files: int, *, process: int, processes: int) -> np.ndarray:
    """The numbers of the files that one of several processes measures or decodes.

    Args:
      num_files: how many there are.
      process: the number of the process, from 0.
      processes: how many there are.

    Returns:
      `[files]`, int64; each file is that of one process.

    Example:
      >>> files_of_process(5, process=1, processes=2)
      array([1, 3])
    """
    return np.arange(process, num_files, processes)


def _files_of(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of a folder that are read, by name; refuses one that is there in two forms."""
    found: dict[str, pathlib.Path] = {}
    for file in sorted(folder.iterdir()):
        plain = file.with_suffix("") if file.suffix in COMPRESSIONS else file
        if plain.suffix not in (".parquet", ".csv", ".tsv"):
            continue
        other = found.setdefault(plain.stem, file)
        if other != file:
            raise ValueError(
                f"{folder} has {other.name} and {file.name}, which may be the same rows: move one "
                "away, or name the files instead of the folder."
            )
    return list(found.values())


def _check_file(file: pathlib.Path, shards: Shards) -> None:
    """Refuses a file that is not there or lacks a column."""
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing.")
    header = read_header(file)
    missing = [n for n in (shards.label, *(c.name for c in shards.columns)) if n not in header]
    if missing:
        raise ValueError(f"{file} has no columns {missing}; it has {list(header)}.")


def _values(
    negative: float | str | Sequence[float | str] | None, positive: float | str
) -> tuple[float | str, ...]:
    """The values of class 0, none if they are to be found."""
    if negative is None:
        return ()
    is_one = isinstance(negative, str) or not isinstance(negative, Sequence)
    values = (negative,) if is_one else tuple(negative)
    alike = [isinstance(value, str) == isinstance(positive, str) for value in values]
    if not values or not all(alike) or positive in values:
        raise ValueError(
            f"negative must be other {'texts' if isinstance(positive, str) else 'numbers'} than "
            f"positive = {positive!r}, got {negative!r}."
        )
    return values


def _first_other(shards: Shards) -> float | str:
    """The first label that is not positive, in the order of the files."""
    for number, file in enumerate(shards.files):
        other = first_other_label(file, shards.layout(number))
        if other is not None:
            return other
    raise ValueError(
        f"label {shards.label!r} has no value but {shards.positive!r} in all of the "
        f"{len(shards.files)} files from {shards.files[0]} on: name by negative what class 0 is."
    )
