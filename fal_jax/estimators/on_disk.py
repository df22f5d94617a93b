"""The rows of a task, prepared once and kept on disk in a random order."""

import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fal_jax import data
from fal_jax.data import Column, Table
from fal_jax.data._hashing import mixed
from fal_jax.data._measuring import measure_chunk
from fal_jax.data._parsing import Chunk
from fal_jax.data._shuffling import by_key, random_keys, random_order
from fal_jax.estimators._encoding import Encoding, encode_codes, encoding_of, tolerant
from fal_jax.estimators.problems import Task, num_classes

_AT_ONCE = 2**26  # bytes of rows that are held at once
_BLOCK = 1024  # rows that are read together
_FEW = 2**16


class Prepared(NamedTuple):
    """A task's rows as a network takes them.

    Attributes:
      encoding: what prepared them.
      train: the training rows, on disk, in a random order.
      inputs: `[rows, dim]`, the validation rows.
      labels: `[rows]`, of the validation rows.
    """

    encoding: Encoding
    train: data.BlockRows
    inputs: np.ndarray
    labels: np.ndarray


def width(columns: Sequence[Column]) -> int:
    """How many numbers a row of these columns becomes, at most."""
    return sum(len(column.outputs) for column in tolerant(columns))


def most_validation_rows(table: Table, trials: int, hidden: tuple[int, ...], memory: float) -> int:
    """Rows to validate on that half of so many GiB have room for, with the outputs of all trials.

    At least 65,536.
    """
    outputs = 8 * hidden[-1] + 24 * len(table.classes)
    bytes_of_row = 4 * width(table.columns) + trials * outputs
    return max(_FEW, int(memory * 2**29 / bytes_of_row))


def prepare(table: Table, task: Task, folder: str | os.PathLike[str]) -> Prepared:
    """Writes a task's training rows, prepared and shuffled, to disk.

    Means and deviations are those of all training rows, medians and quantiles those of 65,536.
    Memory holds the validation rows, a few times 64 MiB of training rows at once, and 65,536 of
    these as they are, to measure.

    Args:
      table: whose features may be a memory map.
      task: its training and validation rows.
      folder: where to, with room for 4 bytes a number, and up to twice that meanwhile; it must
        stay.

    Returns:
      The `Prepared`.

    Raises:
      ValueError: a column has too few values to be measured.
      OSError: the folder can't be written, for want of space, say.
    """
    step = max(_BLOCK, min(_FEW, _AT_ONCE // (4 * width(table.columns))))
    parts = [task.train[start : start + step] for start in range(0, task.train.size, step)]
    encoding = _measured(table, parts)
    file = pathlib.Path(folder) / "rows"
    try:
        labels = _write(file, table, parts, encoding, task.seed)
    except OSError as error:
        need = task.train.size * encoding.dim * 4 / 2**30
        raise OSError(
            f"{task.train.size:,} prepared rows can't be written to {folder} ({error}): they need "
            f"{need:.1f} GiB there, up to twice that meanwhile; make room, or choose another place."
        ) from error
    counts = np.bincount(labels, minlength=num_classes(table))
    train = _rows(file, encoding.dim, labels, counts, task.seed)
    inputs = encode_codes(table.features[task.validation], encoding)
    return Prepared(encoding, train, inputs, table.labels[task.validation])


def _measured(table: Table, parts: Sequence[np.ndarray]) -> Encoding:
    """The encoding of some parts of the rows, looked at one after the other."""
    columns = tolerant(table.columns)

    def chunks() -> Iterator[data.Measured]:
        first = 0
        for rows in parts:
            nothing = np.zeros(rows.size, np.int32)
            keys = mixed(np.arange(first, first + rows.size, dtype=np.uint64))
            yield measure_chunk(Chunk(table.features[rows], nothing, nothing), keys, columns)
            first += rows.size

    measured = data.merge_measured(chunks())
    return encoding_of(data.preprocessing_of(measured, columns), table.columns)


def _write(
    file: pathlib.Path, table: Table, parts: Sequence[np.ndarray], encoding: Encoding, seed: int
) -> np.ndarray:
    """Writes the prepared rows in the order of random keys; returns their labels."""
    keys, labels = random_keys(file.name, seed), []
    dtype = np.dtype([("inputs", "<f4", (encoding.dim,)), ("label", np.int32), ("key", np.uint64)])

    def records() -> Iterator[np.ndarray]:
        for rows in parts:
            made = np.empty(rows.size, dtype)
            made["inputs"] = encode_codes(table.features[rows], encoding)
            made["label"] = table.labels[rows]
            made["key"] = keys.random_raw(rows.size)
            yield made

    with (
        tempfile.TemporaryDirectory(dir=file.parent, prefix="unfinished-") as parent,
        file.open("wb") as stream,
    ):
        for found in by_key(records(), pathlib.Path(parent) / "rows", at_once=parts[0].size):
            stream.write(np.ascontiguousarray(found["inputs"]).data)
            labels.append(found["label"])
    return np.concatenate(labels)


def _rows(
    file: pathlib.Path, dim: int, labels: np.ndarray, counts: np.ndarray, seed: int
) -> data.BlockRows:
    """The rows of a file `[rows, dim]`, float32, to be read in small blocks."""
    starts = np.arange(0, len(labels), _BLOCK)

    def read(block: int, features: np.ndarray, out: np.ndarray) -> None:
        first = int(starts[block])
        with file.open("rb") as stream:  # of a memory map all pages that were read would stay
            stream.seek(first * dim * 4)
            found = stream.readinto(features.data)
        if found != features.nbytes:
            raise ValueError(f"{file} is cut short: it was written by another process since.")
        out[:] = labels[first : first + len(out)]

    def positives(_: int) -> tuple[np.ndarray, np.ndarray]:
        found = np.flatnonzero(labels == 1)
        return found, np.memmap(file, np.float32, "r", shape=(len(labels), dim))[found]

    return data.BlockRows(
        sizes=np.diff(np.append(starts, len(labels))),
        files=np.zeros(len(starts), np.int64),
        counts=counts[None],
        dim=dim,
        read=read,
        positives=positives,
        order=lambda _: random_order(file.name, len(labels), seed),
        seed=seed,
    )
