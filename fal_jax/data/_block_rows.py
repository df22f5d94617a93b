"""Rows that are read in blocks, straight from Parquet."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from fal_jax.data._parsing import Chunk, parse, parse_labels
from fal_jax.data._preprocessing import Preprocessing, preprocess
from fal_jax.data._reading import group_sizes
from fal_jax.data._shards import Shards


class MappedRows(NamedTuple):
    """The rows of a file, to be used without a copy.

    Attributes:
      features: `[rows, dim]`, float32, at a multiple of 64 bytes: JAX on a CPU takes it as it is.
      labels: `[rows]`, int32.
      give_back: `give_back(start, stop)` frees the memory that some rows take, until they are read
        again.
    """

    features: np.ndarray
    labels: np.ndarray
    give_back: Callable[[int, int], None]


class BlockRows(NamedTuple):
    """Preprocessed rows of several files, in blocks that can be read in any order.

    Attributes:
      sizes: `[blocks]`, int64, the rows of each block.
      files: `[blocks]`, int64, the number of the file that it is of, ascending.
      counts: `[files, classes]`, int64, the rows of each class.
      dim: how many columns a row has.
      read: `read(block, features, labels)` fills `[rows, dim]` float32 and `[rows]` int32.
      positives: `positives(file) -> ([num], [num, dim])`, which rows of a file are of class 1, by
        number, and these rows; it reads them once.
      order: `order(file) -> [num]`, which row of the file itself each row is.
      mapped: `mapped(file)` is all of a file, in a random order; None where blocks are decoded.
      seed: of that random order; None where rows lie as in the files.
    """

    sizes: np.ndarray
    files: np.ndarray
    counts: np.ndarray
    dim: int
    read: Callable[[int, np.ndarray, np.ndarray], None]
    positives: Callable[[int], tuple[np.ndarray, np.ndarray]]
    order: Callable[[int], np.ndarray]
    mapped: Callable[[int], MappedRows] | None = None
    seed: int | None = None

    @property
    def starts(self) -> np.ndarray:
        """The number of the first row of each block among all rows."""
        return np.cumsum(self.sizes) - self.sizes


def parquet_rows(shards: Shards, preprocessing: Preprocessing) -> BlockRows:
    """Rows straight from Parquet files: each row group is a block, decoded whenever it is read.

    Args:
      shards: of `open_shards`, all Parquet.
      preprocessing: what is made of them.

    Returns:
      The `BlockRows`. The labels are read once, to be counted.

    Raises:
      FileNotFoundError: a file is missing, also when a block is read.
      ValueError: a file is not Parquet or damaged; when a block is read, if its values are not what
        its columns hold.
    """
    other = [str(file) for file in shards.files if file.suffix != ".parquet"]
    if other:
        raise ValueError(f"{other[0]} is no .parquet file: decode it once, by decode_shards.")
    files = _ParquetFiles(shards, preprocessing, tuple(map(group_sizes, shards.files)))
    counts = np.zeros((len(shards.files), 2), np.int64)
    for number in range(len(counts)):
        for _, labels in parse_labels(shards.files[number], shards.layout(number)):
            counts[number] += np.bincount(labels, minlength=2)
    return BlockRows(
        sizes=np.concatenate(files.groups).astype(np.int64),
        files=np.repeat(np.arange(len(counts)), list(map(len, files.groups))),
        counts=counts,
        dim=preprocessing.dim,
        read=files.read,
        positives=functools.cache(files.positives),
        order=lambda file: np.arange(counts[file].sum()),
    )


class _ParquetFiles(NamedTuple):
    """The readers of `BlockRows`; `groups` are the sizes of each file's row groups."""

    shards: Shards
    preprocessing: Preprocessing
    groups: tuple[list[int], ...]

    def read(self, block: int, features: np.ndarray, labels: np.ndarray) -> None:
        ends = np.cumsum(list(map(len, self.groups)))
        file = int(np.searchsorted(ends, block, side="right"))
        start = 0
        for chunk in self._parsed(file, block - int(ends[file]) + len(self.groups[file])):
            part = slice(start, start + len(chunk.labels))
            features[part] = preprocess(chunk.features, self.preprocessing)
            labels[part] = chunk.labels
            start = part.stop

    def positives(self, file: int) -> tuple[np.ndarray, np.ndarray]:
        numbers, features, first = [], [], 0
        for group in range(len(self.groups[file])):
            for chunk in self._parsed(file, group):
                found = np.flatnonzero(chunk.labels)
                numbers.append(first + found)
                features.append(preprocess(chunk.features[found], self.preprocessing))
                first += len(chunk.labels)
        return np.concatenate(numbers), np.concatenate(features)

    def _parsed(self, file: int, group: int) -> Iterator[Chunk]:
        first_row = sum(self.groups[file][:group])
        layout = self.shards.layout(file)
        return parse(self.shards.files[file], layout, group=group, first_row=first_row)
