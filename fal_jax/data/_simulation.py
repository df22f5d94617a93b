"""Simulated transactions on disk, as Parquet files of a folder, and read back into memory."""

import os
import pathlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fal_jax.data import _transactions as transactions
from fal_jax.data._hashing import crc32
from fal_jax.data._manifest import Shard, Simulation, earlier, read_manifest, write_manifest
from fal_jax.data._tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP = 2**16  # rows of a row group, which is drawn at once


class Transactions(NamedTuple):
    """Simulated transactions in memory, in order of the day.

    Attributes:
      table: the features, raw, and the labels as a bank would have them, some wrong.
      days: `[rows]`, int32, ascending, from 0 to 729: split by it.
      bayes_score: `[rows]`, float64, the probability of the label 1 given all features: no score
        of them ranks better in expectation. Not a feature.
    """

    table: Table
    days: np.ndarray
    bayes_score: np.ndarray


def simulate_transactions(
    folder: str | os.PathLike[str], *, rows: int, ratio: float, seed: int, chunk_rows: int = 2**20
) -> Simulation:
    """Simulates a bank's transactions, a few of them suspicious, into Parquet files of a folder.

    Accounts of customers of four segments transact over 730 days. Four ordinary patterns and five
    suspicious ones (structuring, rapid movement, round trip, dormant account waking, funnel
    account) differ in amounts, times, counts and kinds of payment, and overlap. The suspicious
    ones become more frequent in time, their mix changes and some learn; values are missing, more
    often where something is hidden; 10% of the suspicious transactions are labelled 0 and 2% of
    the labels 1 are false alarms. Shares, counts and ages are drawn for each row given its account
    and pattern, not added up over the account's other rows. So rows are independent given account
    and day, and the probability of the label 1 given the features is known, `bayes_score`:

        P(1 | x) = .9 P(suspicious | x) + P(false alarm) (1 - P(suspicious | x))

    where the posterior over the patterns z is `P(z | account, day) prod_j p(x_j | parents, z)`,
    normalised. All figures are invented; say "simulated" wherever results are shown.

    Memory does not grow with the number of rows. A call that was ended goes on where it was.

    Args:
      folder: for `shard-00000.parquet` and so on and `manifest.json`; made if need be.
      rows: at least 1.
      ratio: at least 9, how many labels 0 come with one label 1, in expectation: 2222 for 1:2222.
      seed: not negative. The rows are a function of rows, ratio, seed and chunk_rows.
      chunk_rows: rows a file, at least 1.

    Returns:
      A `Simulation`; it holds what the manifest does.

    Raises:
      ImportError: there is no pyarrow.
      ValueError: a number is out of range, or the folder holds something else, or a simulation of
        other arguments.
      OSError: a file can't be written, for want of space, say; what is written is kept.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     made = simulate_transactions(folder, rows=1000, ratio=99, seed=0)
      ...     load_transactions(folder).table.features.shape
      (1000, 17)
    """
    _check(rows, ratio, seed, chunk_rows)
    folder = pathlib.Path(folder)
    asked = Simulation(int(rows), float(ratio), int(seed), int(chunk_rows), ())
    made = earlier(folder, asked)
    for number in range(len(made.shards), -(-rows // chunk_rows)):
        try:
            shard = _write_shard(folder, made, number)
            made = made._replace(shards=(*made.shards, shard))
            write_manifest(folder, made)
        except OSError as error:
            raise OSError(
                f"shard {number} can't be written to {folder} ({error}): the {number} before it "
                "stay; make room and call again."
            ) from error
    return made


def load_transactions(folder: str | os.PathLike[str]) -> Transactions:
    """Loads simulated transactions into memory, 76 bytes a row.

    Args:
      folder: what `simulate_transactions` wrote.

    Returns:
      The `Transactions`.

    Raises:
      FileNotFoundError: there is no manifest, or a shard is missing.
      ValueError: the simulation was not finished, or a shard has changed.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     _ = simulate_transactions(folder, rows=365, ratio=9, seed=0)
      ...     int(load_transactions(folder).days[-1])
      728
    """
    import pyarrow.parquet

    folder = pathlib.Path(folder)
    made = read_manifest(folder)
    features = np.empty((made.rows, len(transactions.COLUMNS)), np.float32)
    labels, days = np.empty(made.rows, np.int32), np.empty(made.rows, np.int32)
    score, start = np.empty(made.rows), 0
    for shard in made.shards:
        if crc32(folder / shard.name) != shard.crc32:
            raise ValueError(f"{folder / shard.name} has changed since it was written.")
        for batch in pyarrow.parquet.ParquetFile(folder / shard.name).iter_batches(_GROUP):
            part = slice(start, start + batch.num_rows)
            for place, column in enumerate(transactions.COLUMNS):
                values = batch[column.name]
                codes = _codes(values, column.levels) if column.levels else values
                features[part, place] = codes
            labels[part], score[part] = batch["label"], batch["bayes_score"]
            days[part] = np.floor(batch["time"])
            start = part.stop
    table = Table("simulated", features, labels, made.rows, False, transactions.COLUMNS)
    return Transactions(table, days, score)


def _check(rows: int, ratio: float, seed: int, chunk_rows: int) -> None:
    """Refuses numbers out of range."""
    for name, value, least in (("rows", rows, 1), ("seed", seed, 0), ("chunk_rows", chunk_rows, 1)):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    if not 9 <= ratio < np.inf:
        raise ValueError(f"ratio must be at least 9 and finite, got {ratio}.")


def _write_shard(folder: pathlib.Path, made: Simulation, number: int) -> Shard:
    """Draws and writes one file, under another name first."""
    import pyarrow.parquet

    first = number * made.chunk_rows
    last = min(first + made.chunk_rows, made.rows)
    prior = transactions.prior_of(made.rows, made.ratio)
    path, positives = folder / f"shard-{number:05}.parquet", 0
    unfinished = path.with_suffix(".unfinished")
    with (
        unfinished.open("wb") as stream,
        pyarrow.parquet.ParquetWriter(stream, _schema()) as writer,
    ):
        for start in range(first, last, _GROUP):
            days = np.arange(start, min(start + _GROUP, last)) * transactions.DAYS // made.rows
            rng = np.random.default_rng((made.seed, start))
            found = transactions.draw(rng, days, prior, made.seed)
            positives += int(found["label"].sum())
            writer.write_batch(_record_batch(found))
    unfinished.replace(path)
    return Shard(path.name, last - first, positives, crc32(path))


def _schema() -> "pa.Schema":
    """How columns are stored: categories by name, numbers in float32, counts and ids.

    And that they are simulated, which stays with a file that leaves its folder.
    """
    import pyarrow as pa

    kinds = dict.fromkeys(transactions.IDS, pa.int32())
    for column in transactions.COLUMNS:
        text = pa.dictionary(pa.int8(), pa.string())
        kinds[column.name] = text if column.levels else pa.float32()
    kinds |= dict.fromkeys(transactions.COUNTS, pa.int32())
    kinds |= {"time": pa.float64(), "label": pa.int8(), "bayes_score": pa.float64()}
    return pa.schema(kinds, metadata={"simulated": "true"})


def _record_batch(found: dict[str, np.ndarray]) -> "pa.RecordBatch":
    """Drawn columns as they are stored."""
    import pyarrow as pa

    levels, schema = {c.name: c.levels for c in transactions.COLUMNS if c.levels}, _schema()
    arrays = []
    for name in schema.names:
        if name in levels:
            codes = found[name].astype(np.int8)
            arrays.append(pa.DictionaryArray.from_arrays(codes, pa.array(levels[name])))
        else:
            values = found[name].astype(schema.field(name).type.to_pandas_dtype())
            arrays.append(pa.array(values, from_pandas=True))  # NaN is null
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _codes(values: "pa.Array", levels: tuple[str, ...]) -> np.ndarray:
    """The places of text values among the levels."""
    places = np.array([levels.index(level) for level in values.dictionary.to_pylist()])
    return places[values.indices]
