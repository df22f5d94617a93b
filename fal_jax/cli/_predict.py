"""Predictions for a file, some rows at a time."""

import contextlib
import gzip
import os
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fal_jax.cli._file import Reading, check_flat, header, some
from fal_jax.cli._measures import decided
from fal_jax.cli._model import Model
from fal_jax.cli._table import Say
from fal_jax.data import Column
from fal_jax.data._columns import check_values
from fal_jax.data._parsing import numbers
from fal_jax.data._reading import Dialect, check_widths, read_frames
from fal_jax.data._survey import only_needed

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[["pd.DataFrame"], None]
ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
_CHANCE = "probability:"  # before the name of a class


def predict(
    model: Model,
    path: pathlib.Path,
    out: pathlib.Path,
    *,
    keep: Sequence[str] = (),
    threshold: float | None = None,
    reading: Reading = Reading(),  # noqa: B008  # a tuple
    say: Say = lambda _: None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> int:
    """Writes probabilities and decisions of all rows of a file, whole or not at all.

    Args:
      model: what predicts.
      path: of the file.
      out: of the predictions, ending on one of `ENDINGS`.
      keep: columns of the file that are written too.
      threshold: of two classes, the probability that raises an alarm; None is the model's.
      reading: of a text file.
      say: takes warnings.
      on_rows: called with the number of rows done.

    Returns:
      The number of rows.
    """
    _check_keep(keep, model)
    dialect = Dialect(*reading.checked())
    columns = model.classifier.encoding_.preprocessing.columns
    wanted = [*(column.name for column in columns), *keep]
    advice = "the model is of a table with these; add them, or set another --delimiter or --keep"
    names = header(path, wanted, reading, advice)
    check_flat(path, wanted, "keep others")
    names = only_needed(path, names, wanted)
    text = [*(column.name for column in columns if column.levels), *keep]
    at = model.threshold if threshold is None else threshold
    unseen: Counter[str] = Counter()
    rows, is_last_missing = 0, False
    with _writer(out) as write:
        for frame in read_frames(path, names, text=text, dialect=dialect):
            if not len(frame):
                continue
            write(_predicted(model, frame, rows, keep, at, unseen))
            is_last_missing |= bool(frame.iloc[:, -1].isna().any())
            rows += len(frame)
            on_rows(rows)
        if not rows:
            raise ValueError(f"{path} has no rows to predict.")
        if is_last_missing:  # a row that is too short looks so
            check_widths(path, names, dialect)
    if unseen:
        names = [f"{name} ({count:,} rows)" for name, count in unseen.items()]
        say(f"values that the training rows lack count as missing, in the columns {some(names)}.")
    return rows


def _predicted(
    model: Model,
    frame: "pd.DataFrame",
    first_row: int,
    keep: Sequence[str],
    threshold: float | None,
    unseen: Counter[str],
) -> "pd.DataFrame":
    """The predictions of some rows."""
    import pandas as pd

    columns = model.classifier.encoding_.preprocessing.columns
    raw = np.column_stack([_raw(frame[c.name], c, first_row, unseen) for c in columns])
    chances, names = model.probabilities(raw), np.array(model.classes)
    found = {
        "row": np.arange(first_row, first_row + len(frame)),
        **{name: frame[name].to_numpy() for name in keep},
        "prediction": names[decided(chances, threshold)],
    }
    for name, values in zip(names, chances.astype(np.float32).T, strict=True):
        found[f"{_CHANCE}{name}"] = values
    return pd.DataFrame(found)


def _check_keep(keep: Sequence[str], model: Model) -> None:
    """Refuses columns to keep that would stand in the place of the predictions' own."""
    own = {"row", "prediction", *(f"{_CHANCE}{name}" for name in model.classes)}
    taken = [name for name in keep if name in own]
    if taken:
        raise ValueError(
            f"--keep names {some(taken)}, which the predictions have a column of: rename it in the "
            "table, or keep others."
        )


def check_out(out: pathlib.Path) -> None:
    """Refuses a file of predictions of an unknown kind."""
    if not out.name.endswith(ENDINGS):
        raise ValueError(f"--out must end on one of {', '.join(ENDINGS)}, got {out}.")


def _raw(values: "pd.Series", column: Column, first_row: int, unseen: Counter[str]) -> np.ndarray:
    """A column's numbers, or the codes of its values; NaN where missing or unseen."""
    import pandas as pd

    if column.levels:
        codes = pd.Index(column.levels).get_indexer(pd.Index(values)).astype(np.float64)
        is_unseen = (codes < 0) & values.notna().to_numpy()
        if is_unseen.any():
            unseen[column.name] += int(is_unseen.sum())
        return np.where(codes < 0, np.nan, codes)
    try:
        raw = numbers(values, first_row)
        check_values(raw, column, first_row=first_row)
    except ValueError as error:
        raise ValueError(f"{error} Correct it; the first row is row 0.") from error
    return raw


@contextlib.contextmanager
def _writer(out: pathlib.Path) -> Iterator[Write]:
    """What writes frame after frame to a temporary name, renamed at the end if all went well."""
    check_out(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with _parquet(temporary) if out.suffix == ".parquet" else _text(temporary, out) as write:
            yield write
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _text(temporary: pathlib.Path, out: pathlib.Path) -> Iterator[Write]:
    delimiter = "\t" if ".tsv" in out.suffixes[-2:] else ","
    opened = gzip.open if out.suffix == ".gz" else open
    with opened(temporary, "wt", encoding="utf-8", newline="") as stream:
        has_header = False

        def write(frame: "pd.DataFrame") -> None:
            nonlocal has_header
            frame.to_csv(stream, index=False, header=not has_header, sep=delimiter)
            has_header = True

        yield write


@contextlib.contextmanager
def _parquet(temporary: pathlib.Path) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet

    with contextlib.ExitStack() as stack:
        writers: list[pyarrow.parquet.ParquetWriter] = []

        def write(frame: "pd.DataFrame") -> None:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if not writers:
                opened = pyarrow.parquet.ParquetWriter(temporary, table.schema, compression="zstd")
                writers.append(stack.enter_context(opened))
            writers[0].write_table(table.cast(writers[0].schema))

        yield write
