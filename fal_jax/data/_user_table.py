"""Tables from a user's own file."""

import os
import pathlib
from collections.abc import Sequence

from fal_jax.data._cache import Entry, entry_folder, read_entry, write_entry
from fal_jax.data._columns import Column, check_columns
from fal_jax.data._parsing import Layout, junk_row, parse
from fal_jax.data._reading import read_frames, read_header
from fal_jax.data._tables import Table

_MOST_LEVELS = 256


def load_csv(
    file: str | os.PathLike[str],
    *,
    label: str,
    positive: float | str = 1,
    columns: Sequence[Column] | None = None,
) -> Table:
    r"""Loads any table of two classes.

    The file is parsed once, then memory-mapped from the cache, as in `load_table`. Leave out with
    `columns` what would tell the label: numbers of rows and customers, what is known only
    afterwards.

    Args:
      file: a csv file with one line of names, plain or as .xz, .gz or .zip, or .parquet.
      label: the name of the column that holds the label.
      positive: its value that becomes class 1, a number or, for a label read as text, a text; all
          others become class 0.
      columns: what each feature holds and how it is preprocessed; columns of the file that are
          not named are left out. None takes all but the label: numbers of the kind "quantile",
          text as a category with the levels in the file, with `missing=True` where a value is.

    Returns:
      A `Table` named as the file, complete as far as can be told. Rows that are equal in all
      features are one of `groups`; the levels that are found are names, not statistics of rows.

    Raises:
      FileNotFoundError: no such file.
      ValueError: a damaged file, a column that is missing or twice there, text with more than 256
          different values that is not declared as "hashed", a value that is not what its column
          holds, a row without label, or rows of one class only.
      OSError: the cache can't be written.

    Example:
      >>> import os, pathlib, tempfile
      >>> folder = os.environ["FAL_JAX_CACHE"] = tempfile.mkdtemp()
      >>> file = pathlib.Path(folder) / "loans.csv"
      >>> _ = file.write_text("age,job,late\n31,clerk,no\n64,,yes\n")
      >>> table = load_csv(file, label="late", positive="yes")
      >>> table.columns[1].kind, table.columns[1].levels, table.labels.tolist()
      ('category', ('clerk',), [0, 1])
    """
    path = pathlib.Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing.")
    declared = None if columns is None else tuple(columns)
    folder = entry_folder(path, ("load_csv", label, positive, declared))
    entry = read_entry(folder) or _parsed(path, folder, label, positive, declared)
    if not 0 < entry.labels.sum() < len(entry.labels):
        raise ValueError(
            f"label {label!r} of {path} must have two classes, but {entry.labels.sum():,} of "
            f"{len(entry.labels):,} rows are {positive!r}: set positive to a value that it has."
        )
    return Table(
        name=path.name.split(".")[0],
        features=entry.features,
        labels=entry.labels,
        rows_expected=len(entry.labels),
        is_sample=False,
        columns=entry.columns,
        groups=entry.groups,
    )


def _parsed(
    path: pathlib.Path,
    folder: pathlib.Path,
    label: str,
    positive: float | str,
    declared: tuple[Column, ...] | None,
) -> Entry:
    """Parses a file into the cache."""
    header = read_header(path)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"{path} has columns of the same name: {twice}. Rename them.")
    if declared is not None:
        check_columns(declared)
    wanted = [label, *(column.name for column in declared or ())]
    missing = [name for name in wanted if name not in header]
    if missing or label in wanted[1:]:
        raise ValueError(
            f"{path} has no columns {missing}; it has {list(header)}."
            if missing
            else f"the label {label!r} must not be one of the columns."
        )
    columns = _found_columns(path, header, label) if declared is None else declared
    names = tuple(column.name for column in columns)
    layout = Layout(header, label, columns, positive, negative=None, copies=names)
    return write_entry(folder, columns, parse(path, layout))


def _found_columns(path: pathlib.Path, header: tuple[str, ...], label: str) -> tuple[Column, ...]:
    """What the columns of a file seem to hold."""
    names = [name for name in header if name != label]
    text, missing = set(), set()
    for frame in read_frames(path, header, text=()):
        text |= {name for name in names if junk_row(frame[name]) is not None}
        missing |= {name for name in names if frame[name].isna().any()}
    levels: dict[str, set[str]] = {name: set() for name in text}
    for frame in read_frames(path, header, text=text) if text else ():
        for name in text:
            levels[name] |= set(frame[name].dropna().unique())
            if len(levels[name]) > _MOST_LEVELS:
                raise ValueError(
                    f"column {name!r} of {path} holds text with more than {_MOST_LEVELS} different "
                    f"values, such as {sorted(levels[name])[0]!r}: correct it, leave it out of "
                    f"`columns`, or name it there as Column({name!r}, 'hashed', buckets=64)."
                )
    return tuple(
        Column(name, "category", name in missing, tuple(sorted(levels[name])))
        if name in text
        else Column(name, "quantile", name in missing)
        for name in names
    )
