"""What a file of a table holds, measured some rows at a time before it is parsed."""

import math
import os
import pathlib
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.data._found import MOST_LEVELS, Found, Numbers
from fal_jax.data._reading import MISSING_WORDS, Dialect, read_frames, read_header

_NAMED = 20


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
    numbers = Numbers(path, header, names, dialect)
    text = [name for name in names if numbers.first_texts[name] is not None]
    # In Parquet a word is a word.
    no_value = frozenset() if path.suffix == ".parquet" else MISSING_WORDS
    levels: dict[str, set[str]] = {name: set() for name in text}
    words: dict[str, set[str]] = {name: set() for name in text}
    classes: Counter[str] = Counter()
    unlabelled: list[int] = []
    first_row = 0
    as_text = text if label is None else [*text, label]
    frames = read_frames(path, header, text=as_text, dialect=dialect, keep_words=True)
    for frame in frames if as_text else ():
        for name in text:
            if len(levels[name]) <= MOST_LEVELS:
                values = set(frame[name].dropna().unique())
                levels[name] |= values - no_value
                words[name] |= values & no_value
        if label is not None:
            values = frame[label].to_numpy(object)
            is_missing = (frame[label].isna() | frame[label].isin(no_value)).to_numpy()
            unlabelled += (first_row + np.flatnonzero(is_missing)[:1]).tolist()
            if len(classes) <= MOST_LEVELS:
                classes.update(values[~is_missing].tolist())
        first_row += len(frame)
    found = tuple(numbers.column(n, levels.get(n), words.get(n, ())) for n in names)
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


def _by_number(item: tuple[str, int]) -> tuple[float, str]:
    """Classes that are numbers by their value, before others by their name."""
    try:
        return float(item[0]), item[0]
    except ValueError:
        return math.inf, item[0]
