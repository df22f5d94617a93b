"""A user's table for the command line: checked, with a way out of whatever is wrong with it."""

import math
import pathlib
import re
from collections.abc import Callable, Collection, Sequence

import numpy as np

from fal_jax import data
from fal_jax.cli._file import Reading, check_flat, header, row, some
from fal_jax.data import Column, Found, Survey, Table
from fal_jax.data._parquet import NotTextError
from fal_jax.data._parsing import brief
from fal_jax.estimators._encoding import KINDS, Scaling

Say = Callable[[str], None]
_LARGEST = float(np.finfo(np.float32).max)
_FEW = 10  # rows with a value, which folds may have none of
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d[\d.]*(,\d+)+(\.\d+)?")
_INDEX = re.compile(r"(Unnamed: [\d.]+|__index_level_\d+__)?")  # as pandas writes and reads them


def load(
    path: pathlib.Path,
    label: str,
    *,
    least: int,
    fewer: str = "",
    positive: str | None = None,
    drop: Collection[str] = (),
    scaling: Scaling = "quantile",
    reading: Reading = Reading(),  # noqa: B008  # a tuple
    say: Say = lambda _: None,
) -> Table:
    """Loads a table to train on.

    Args:
      path: of the file.
      label: the column that holds it.
      least: rows that every class must have.
      fewer: ends the message where one has fewer, with an option by which fewer will do.
      positive: of two classes, the one to find; None is the rarer one.
      drop: columns to leave out.
      scaling: of numbers.
      reading: of a text file.
      say: takes warnings.

    Returns:
      The table; of two classes the second is the positive one.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: what is wrong with the table or an option, and what to do.
    """
    options = reading.checked()._asdict()
    if label in drop:
        raise ValueError(f"--drop names the label {label!r}, which is not learned from anyway.")
    advice = "name another with --label, or what is between the values with --delimiter"
    names = header(path, [label], reading, advice)
    unknown = sorted(set(drop).difference(names))
    if unknown:
        raise ValueError(f"--drop names columns that the table does not have: {some(unknown)}.")
    names = [name for name in names if name not in drop]
    check_flat(path, names, "leave it out with --drop")
    try:
        found = data.survey_csv(path, label=label, drop=drop, **options)
    except NotTextError as error:
        if error.column == label:
            raise
        raise ValueError(f"{str(error).removesuffix('.')} with --drop {error.column!r}.") from error
    classes = _classes(found, label, least, fewer, positive)
    columns = _columns(found, scaling, say)
    if len(columns) > found.rows:
        say(
            f"{len(columns):,} columns are more than the {found.rows:,} rows: what is learned from "
            "them may be chance; leave columns out with --drop, or add rows."
        )
    return data.load_csv(path, label=label, classes=classes, columns=columns, **options)


def _classes(
    found: Survey, label: str, least: int, fewer: str, positive: str | None
) -> tuple[str, ...]:
    """The classes in order, of two the positive one last."""
    counts = found.classes
    if found.unlabelled is not None:
        raise ValueError(
            f"label {label!r} has no value at {row(found.unlabelled)}; NA, null, None and the like "
            "in a text file are none: fill it in, call such a class otherwise, or leave such rows "
            "out."
        )
    if len(counts) > data.MOST_LEVELS:
        raise ValueError(
            f"label {label!r} has more than {data.MOST_LEVELS} different values: it is no column "
            "of classes; name another with --label, or make classes of its values."
        )
    if len(counts) == 1:
        raise ValueError(
            f"label {label!r} is {some(counts)} in all {found.rows:,} rows: take rows of two "
            "classes at least, or name another column with --label."
        )
    rare = [f"{name} ({count})" for name, count in counts.items() if count < least]
    if rare:
        raise ValueError(
            f"label {label!r} must have at least {least} rows of every class, got fewer of "
            f"{some(rare)}: add rows, leave these out, or join the class with another{fewer}."
        )
    if positive is not None and (len(counts) > 2 or positive not in counts):
        raise ValueError(
            f"--positive must be one of two classes; label {label!r} has {some(counts)}, got "
            f"{positive!r}."
        )
    if len(counts) > 2:
        return tuple(counts)
    positive = positive or min(reversed(counts), key=lambda name: counts[name])
    return tuple(sorted(counts, key=lambda name: name == positive))


def _columns(found: Survey, scaling: Scaling, say: Say) -> tuple[Column, ...]:
    """The columns to learn from; says which are left out."""
    columns = [column for column in found.columns if not _INDEX.fullmatch(column.name)]
    if len(columns) < len(found.columns):
        index = some([column.name for column in found.columns if column not in columns])
        say(
            f"left out, as an index without a name, which pandas' to_csv() writes: {index}; name "
            "it to learn from it."
        )
    _say_commas(columns, say)
    for column in columns:
        _check(column)
    reasons = [_unfit(column, found.rows) for column in columns]
    for reason in dict.fromkeys(filter(None, reasons)):
        names = [c.name for c, own in zip(columns, reasons, strict=True) if own == reason]
        say(f"left out, as {reason}: {some(names)}.")
    kept = [column for column, reason in zip(columns, reasons, strict=True) if reason is None]
    if not kept:
        raise ValueError("no column is left to learn from: add columns with different values.")
    for column in kept:
        if column.odd is not None:
            place, value = column.odd
            say(
                f"column {column.name!r} holds numbers and text, the first {brief(value)} at "
                f"{row(place)}: taken as a category."
            )
    words = sorted({word for column in kept for word in column.words})
    if words:
        say(
            f"cells that hold {some(words)} are taken as missing, in the columns "
            f"{some([column.name for column in kept if column.words])}: write another word where "
            "they mean a category."
        )
    return tuple(_column(column, found.rows, scaling) for column in kept)


def _say_commas(columns: Sequence[Column | Found], say: Say) -> None:
    """Says which columns of text look like numbers written with commas."""
    names, example = [], ""
    for column in columns:
        texts = [level for level in column.levels or () if not _NUMBER.fullmatch(level)]
        if texts and all(map(_COMMA_NUMBER.fullmatch, texts)):
            names.append(column.name)
            example = texts[0]
    if names:
        say(
            f"numbers with commas, such as {brief(example)}, are read as text, in the columns "
            f"{some(names)}: write them with a point alone, to have them taken as numbers."
        )


def _check(column: Found) -> None:
    """Refuses a column that is neither numbers nor a category."""
    bounds = (column.low, column.high) if column.low <= column.high else ()
    advice = f"or leave the column out with --drop {column.name!r}."
    for bound in bounds:
        if math.isinf(bound):
            raise ValueError(
                f"column {column.name!r} holds the infinite value {bound}: put an empty cell or a "
                f"number in its place, {advice}"
            )
        if abs(bound) > _LARGEST:
            raise ValueError(
                f"column {column.name!r} holds {bound:g}, too large for float32: divide it, "
                f"{advice}"
            )
    if column.odd is not None and column.has_too_many_levels:
        place, value = column.odd
        raise ValueError(
            f"column {column.name!r} mixes numbers and text, the first {brief(value)} at "
            f"{row(place)}: correct it, {advice}"
        )


def _unfit(column: Found, rows: int) -> str | None:
    """Why a column is left out, or None."""
    if not column.present:
        return "they have no value in any row"
    if column.present < min(_FEW, rows // 2):
        return f"they have a value in fewer than {_FEW} rows"
    if column.has_too_many_levels:
        return (
            f"they hold text of more than {data.MOST_LEVELS} different values (join rare values "
            "to keep them)"
        )
    if column.is_constant and column.present == rows:
        return "they have the same value in all rows"
    return None


def well_filled(features: np.ndarray, columns: Sequence[Column], say: Say) -> list[int]:
    """Places of the columns with enough values in these rows; says which are left out."""
    present = np.count_nonzero(~np.isnan(features), axis=0)
    is_filled = present >= min(_FEW, len(features) // 2)
    if not is_filled.any():
        raise ValueError("no column has enough values in the rows drawn: set more --memory.")
    if not is_filled.all():
        names = [columns[place].name for place in np.flatnonzero(~is_filled).tolist()]
        say(f"left out, as they have a value in fewer than {_FEW} of these rows: {some(names)}.")
    return np.flatnonzero(is_filled).tolist()


def _column(column: Found, rows: int, scaling: Scaling) -> Column:
    kind = KINDS[scaling] if column.levels is None else "category"
    return Column(column.name, kind, column.present < rows, column.levels or ())
