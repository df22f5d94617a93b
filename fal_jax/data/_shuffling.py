"""Records in a random order, however many there are: a sort by random keys, on disk."""

import contextlib
import pathlib
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

_BITS = 6  # of a key, by which records are scattered at once
_AT_ONCE = 2**16  # records in memory


def random_keys(name: str, seed: int) -> np.random.PCG64:
    """What gives the keys of a file's rows in their order, by `random_raw`, uint64."""
    return np.random.PCG64((seed, zlib.crc32(name.encode())))


def random_order(name: str, rows: int, seed: int) -> np.ndarray:
    """Which row of a file of this name comes where, `[rows]`, int64, if all are shuffled."""
    return np.argsort(random_keys(name, seed).random_raw(rows), kind="stable")


def by_key(
    chunks: Iterable[np.ndarray],
    folder: pathlib.Path,
    *,
    at_once: int | None = None,
    level: int = 0,
) -> Iterator[np.ndarray]:
    """Sorts structured arrays by their uint64 "key", and gives some sorted records at a time.

    Records are scattered over 64 files by some bits of their keys, so that these files in turn are
    the order. Each is then sorted in memory; one of more than `at_once` records (None: 65,536) is
    scattered again. So memory holds a chunk twice, or as many records, and the folder all of them
    once.
    """
    folder.mkdir()
    most = _AT_ONCE if at_once is None else at_once
    dtype = _scatter(chunks, folder, level)
    for number in range(2**_BITS):
        file = folder / str(number)
        if file.stat().st_size > most * dtype.itemsize:
            stored = _stored(file, dtype, most)
            yield from by_key(stored, folder / f"{number}.all", at_once=most, level=level + 1)
        else:
            records = np.fromfile(file, dtype)
            yield records[np.argsort(records["key"], kind="stable")]
        file.unlink()


def _scatter(chunks: Iterable[np.ndarray], folder: pathlib.Path, level: int) -> np.dtype:
    """Appends each record to the file of its key; returns what records are."""
    dtype = np.dtype(np.void)
    with contextlib.ExitStack() as stack:
        files = [
            stack.enter_context((folder / str(number)).open("wb")) for number in range(2**_BITS)
        ]
        for chunk in chunks:
            dtype = chunk.dtype
            place = (chunk["key"] >> np.uint64(64 - _BITS * (level + 1))) % np.uint64(2**_BITS)
            place = place.astype(np.uint8)
            ends = np.cumsum(np.bincount(place, minlength=2**_BITS))
            scattered = chunk[np.argsort(place, kind="stable")]
            for file, records in zip(files, np.split(scattered, ends[:-1]), strict=True):
                file.write(records.view(np.uint8).data)
    return dtype


def _stored(file: pathlib.Path, dtype: np.dtype, most: int) -> Iterator[np.ndarray]:
    """The records of a file, some at a time."""
    with file.open("rb") as stream:
        while (records := np.fromfile(stream, dtype, most)).size:
            yield records
