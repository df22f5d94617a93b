"""Tables from a user's own file."""

import os
import pathlib
from collections.abc import Sequence

from fal_jax.data._cache import Entry, entry_folder, read_entry, write_entry
from fal_jax.data._columns import Column, check_columns
from fal_jax.data._parsing import Layout, parse
from fal_jax.data._reading import Dialect
from fal_jax.data._survey import MOST_LEVELS, checked_header, only_needed, survey
from fal_jax.data._tables import Table


def load_csv(
    file: str | os.PathLike[str],
    *,
    label: str,
    positive: float | str = 1,
    classes: Sequence[str] | None = None,
    columns: Sequence[Column] | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
) -> Table:
    r"""Loads any table, of two classes or more.

    The file is parsed once, then memory-mapped from the cache, as in `load_table`. Leave out with
    `columns` what would tell the label: numbers of rows and customers, what is known only
    afterwards.

    Args:
      file: a csv or tsv file with one line of names, plain or as .xz, .gz, .bz2 or .zip, or
          .parquet.
      label: the name of the column that holds the label.
      positive: its value that becomes class 1, a number or, for a label read as text, a text; all
          others become class 0, however many they are.
      classes: the values that become class 0, 1, and so on, as text, instead of `positive`; any
          other is refused. `survey_csv` tells those in the file.
      columns: what each feature holds and how it is preprocessed; columns of the file that are
          not named are left out. None takes all but the label: numbers of the kind "quantile",
          text as a category with the levels in the file, with `missing=True` where a value is.
      delimiter: what stands between two values; None is a tab in .tsv files, else a comma.
      encoding: of a text file; the default takes UTF-8 with or without a mark at its start.

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
    names, dialect = tuple(classes or ()), Dialect(delimiter, encoding)
    folder = entry_folder(path, ("load_csv", label, positive, names, declared, dialect))
    entry = read_entry(folder) or _parsed(path, folder, label, positive, names, declared, dialect)
    if entry.labels.min() == entry.labels.max():
        number, value = entry.labels.astype(bool).sum(), names[1] if names else positive
        raise ValueError(
            f"label {label!r} of {path} must have two classes, but {number:,} of "
            f"{len(entry.labels):,} rows are {value!r}: set positive to a value that it has."
        )
    return Table(
        name=path.name.split(".")[0],
        features=entry.features,
        labels=entry.labels,
        rows_expected=len(entry.labels),
        is_sample=False,
        columns=entry.columns,
        groups=entry.groups,
        classes=entry.classes,
    )


def _parsed(
    path: pathlib.Path,
    folder: pathlib.Path,
    label: str,
    positive: float | str,
    classes: tuple[str, ...],
    declared: tuple[Column, ...] | None,
    dialect: Dialect,
) -> Entry:
    """Parses a file into the cache."""
    if declared is not None:
        check_columns(declared)
    wanted = [column.name for column in declared or ()]
    if label in wanted:
        raise ValueError(f"the label {label!r} must not be one of the columns.")
    header = checked_header(path, [label, *wanted], dialect)
    columns = _found_columns(path, header, label, dialect) if declared is None else declared
    layout = Layout(
        only_needed(path, header, {label, *(column.name for column in columns)}),
        label,
        columns,
        positive,
        negative=None,
        copies=tuple(column.name for column in columns),
        classes=classes,
        dialect=dialect,
    )
    return write_entry(folder, columns, parse(path, layout), classes)


def _found_columns(
    path: pathlib.Path, header: tuple[str, ...], label: str, dialect: Dialect
) -> tuple[Column, ...]:
    """What the columns of a file seem to hold, as they are preprocessed."""
    names = [name for name in header if name != label]
    found = survey(path, header, names, None, dialect)
    columns = []
    for column in found.columns:
        name, levels = column.name, column.levels
        if levels is not None and len(levels) > MOST_LEVELS:
            raise ValueError(
                f"column {name!r} of {path} holds text with more than {MOST_LEVELS} different "
                f"values, such as {levels[0]!r}: correct it, leave it out of `columns`, or name it "
                f"there as Column({name!r}, 'hashed', buckets=64)."
            )
        kind = "quantile" if levels is None else "category"
        columns.append(Column(name, kind, column.present < found.rows, levels or ()))
    return tuple(columns)
