"""Statistics of the columns of many files: measured one file at a time, then merged."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.data._columns import Column
from fal_jax.data._hashing import mixed
from fal_jax.data._parsing import Chunk, parse
from fal_jax.data._preprocessing import Preprocessing, knots_of, transformed
from fal_jax.data._scaling import Scaler
from fal_jax.data._shards import Shards

_SAMPLE = 2**16
_NO_ROW = np.iinfo(np.uint64).max


class Measured(NamedTuple):
    """What some rows say about each column; a state that merges, of one size for any rows.

    Attributes:
      labels: `[2]`, int64, rows of each class.
      present: `[columns]`, float64, how many values are there; the others are missing.
      mean: `[columns]`, float64, of the values that are there, as they are scaled.
      squares: `[columns]`, float64, their squared differences from the mean, added up.
      low: `[columns]`, float64, the least of them.
      high: `[columns]`, float64, the greatest.
      keys: `[65536]`, uint64, ascending, random numbers of the rows that are kept: the least.
      sample: `[65536, columns]`, float32, those rows, raw.
    """

    labels: np.ndarray
    present: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray
    keys: np.ndarray
    sample: np.ndarray


def measure_shard(shards: Shards, number: int) -> Measured:
    """Measures one file, some rows at a time; see `merge_measured`.

    Args:
      shards: of `open_shards`.
      number: which of its files.

    Returns:
      What it says, `Measured`.

    Raises:
      FileNotFoundError: the file is missing.
      ValueError: it is damaged, or a value is not what its column holds.
    """

    def chunks() -> Iterator[Measured]:
        row = number << 40
        for chunk in parse(shards.files[number], shards.layout(number)):
            keys = mixed(np.arange(row, row + len(chunk.labels), dtype=np.uint64))
            yield measure_chunk(chunk, keys, shards.columns)
            row += len(chunk.labels)

    return merge_measured(chunks())


def merge_measured(parts: Iterable[Measured]) -> Measured:
    """What the rows of several parts say together.

    An iterator that measures a part when it is asked for one never holds more than two.

    Means and squares merge by Chan et al.'s formula in float64. They depend on how the rows were
    divided, and on the order of the parts, by rounding: the last bits differ, so that merging in
    the order of the files is what gives the same bits again. Counts and bounds are exact. The rows
    that are kept for medians and quantiles are those with the least random numbers of all: a
    uniform sample, the same rows however they were divided and in whatever order, and all rows if
    there are no more than 65,536.

    Args:
      parts: one or more.

    Returns:
      The `Measured` of all.

    Raises:
      ValueError: there is no part.

    References:
      Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance, 1983, Eq. 2.1.
    """
    total = None
    for part in parts:
        total = part if total is None else _merged(total, part)
    if total is None:
        raise ValueError("parts must have one or more `Measured`, got none.")
    return total


def _merged(total: Measured, part: Measured) -> Measured:
    present = total.present + part.present
    share = part.present / np.maximum(present, 1)
    apart = part.mean - total.mean
    keys = np.concatenate([total.keys, part.keys])
    kept = np.argsort(keys, kind="stable")[:_SAMPLE]
    return Measured(
        total.labels + part.labels,
        present,
        total.mean + share * apart,
        total.squares + part.squares + apart**2 * share * total.present,
        np.minimum(total.low, part.low),
        np.maximum(total.high, part.high),
        keys[kept],
        np.concatenate([total.sample, part.sample])[kept],
    )


def preprocessing_of(measured: Measured, columns: Sequence[Column]) -> Preprocessing:
    """What `fit_preprocessing` gives for the rows that were measured.

    The same to rounding for up to 65,536 rows; of more, medians and quantiles are those of a sample
    of so many, means and deviations still of all.

    Args:
      measured: of all training rows.
      columns: of the shards.

    Returns:
      The `Preprocessing`.

    Raises:
      ValueError: a column has no value in any row.

    Example:
      >>> import tempfile
      >>> from fal_jax.data import open_shards, simulate_transactions
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     _ = simulate_transactions(folder, rows=900, ratio=9, seed=0)
      ...     shards = open_shards(folder)
      ...     preprocessing_of(measure_shard(shards, 0), shards.columns).dim
      30
    """
    fits = [_fit(measured, index, column) for index, column in enumerate(columns)]
    fill, mean, deviation, knots = zip(*fits, strict=True)
    return Preprocessing(
        tuple(columns), np.array(fill), Scaler(np.array(mean), np.array(deviation)), knots
    )


def _fit(measured: Measured, index: int, column: Column) -> tuple[float, float, float, np.ndarray]:
    """The median, the mean, the standard deviation and the knots of a column."""
    no_knots = np.empty((2, 0))
    if column.kind in ("category", "hashed", "hour"):
        return 0.0, 0.0, 1.0, no_knots
    values = measured.sample[measured.keys < _NO_ROW, index].astype(np.float64)
    values = values[~np.isnan(values)]
    if not values.size:
        rows, present = int(measured.labels.sum()), int(measured.present[index])
        some = f", and none in the {_SAMPLE:,} that are looked at" if present else ""
        raise ValueError(
            f"column {column.name!r} has {present or 'no'} value{'s' * (present > 1)} in "
            f"{rows:,} training rows{some}: leave it out."
        )
    fill = float(np.median(values)) if column.missing else 0.0
    if column.kind == "quantile":
        return fill, 0.0, 1.0, knots_of(values)
    return fill, *_with_fill(measured, index, transformed(np.array(fill), column)), no_knots


def _with_fill(measured: Measured, index: int, fill: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of a column, 1 if it is constant, its missing values filled."""
    present, mean = measured.present[index], measured.mean[index]
    missing = measured.labels.sum() - present
    share = missing / (present + missing)
    squares = measured.squares[index] + (fill - mean) ** 2 * share * present
    constant = measured.low[index] == measured.high[index]
    deviation = 1.0 if constant else np.sqrt(squares / (present + missing))
    return float(mean + share * (fill - mean)), float(deviation)


def measure_chunk(chunk: Chunk, keys: np.ndarray, columns: Sequence[Column]) -> Measured:
    """What a chunk says, its rows numbered at random by the keys."""
    values = np.column_stack(
        [
            transformed(v, c)
            for v, c in zip(chunk.features.T.astype(np.float64), columns, strict=True)
        ]
    )
    there = ~np.isnan(values)
    present = there.sum(axis=0).astype(np.float64)
    mean = np.sum(values, axis=0, where=there) / np.maximum(present, 1)
    squares = np.sum((values - mean) ** 2, axis=0, where=there)
    kept = np.argsort(keys)[:_SAMPLE]
    room = _SAMPLE - len(kept)
    return Measured(
        np.bincount(chunk.labels, minlength=2),
        present,
        mean,
        squares,
        np.min(values, axis=0, where=there, initial=np.inf),
        np.max(values, axis=0, where=there, initial=-np.inf),
        np.pad(keys[kept], (0, room), constant_values=_NO_ROW),
        np.pad(chunk.features[kept], ((0, room), (0, 0))),
    )
