"""Rows that are decoded once, to files that are memory-mapped ever after.

An entry is a folder of `.npy` files and an `entry.json`. Its name holds a hash of the file's path,
size and time, of its preprocessing and of the seed. It is written under another name, then renamed.
"""

import functools
import hashlib
import json
import mmap
import os
import pathlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from fal_jax.data._block_rows import BlockRows, MappedRows
from fal_jax.data._parsing import parse
from fal_jax.data._preprocessing import Preprocessing, preprocess
from fal_jax.data._shards import Shards
from fal_jax.data._shuffling import by_key, random_keys, random_order

_FORMAT = 2  # raise it when what is stored changes
_AT_ONCE = 2**17
_TYPES = {"features": np.dtype("<f4"), "labels": np.dtype("<i4")}


def decode_shards(
    shards: Shards,
    preprocessing: Preprocessing,
    folder: str | os.PathLike[str],
    *,
    numbers: Iterable[int] | None = None,
    seed: int = 0,
) -> None:
    """Decodes files once, their rows in a random order, so that `decoded_rows` can map them.

    All orders of the rows of a file are alike likely: the order is that of random keys. Memory
    holds some 131,072 rows and their copies, however many there are, and of Parquet a row group as
    it is in the file; the folder has 4 bytes a number, and meanwhile as much again for the file
    that is decoded.

    What is decoded already is left, so that a call that was ended goes on where it was. A file that
    has changed since, and other preprocessing, are decoded anew.

    Args:
      shards: of `open_shards`.
      preprocessing: what is made of them.
      folder: where to; made if need be. Several processes need one that all of them see.
      numbers: of the files to decode, each by one process, see `files_of_process`; None for all.
      seed: not negative, of the random orders, together with the files' names.

    Returns:
      Nothing.

    Raises:
      FileNotFoundError: a file is missing.
      ValueError: a file is damaged, a value is not what its column holds, or seed is negative.
      OSError: the folder can't be written, for want of space, say; what is decoded stays.
    """
    folder = pathlib.Path(folder)
    for number in range(len(shards.files)) if numbers is None else numbers:
        entry = _entry(shards, preprocessing, folder, number, seed)
        if entry.is_dir():
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix="unfinished-") as parent:
                made = pathlib.Path(parent) / "entry"
                made.mkdir()
                _write(made, shards, number, preprocessing, seed)
                made.rename(entry)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise OSError(
                f"{shards.files[number]} can't be decoded to {folder} ({error}): what was decoded "
                "before stays; make room and call again."
            ) from error


def decoded_rows(
    shards: Shards,
    preprocessing: Preprocessing,
    folder: str | os.PathLike[str],
    *,
    seed: int = 0,
) -> BlockRows:
    """Rows that `decode_shards` decoded, memory-mapped: streams hand them out without a copy.

    Pages are given back when they have been used, so the memory of a process does not grow with
    the files.

    Args:
      shards: of `open_shards`, as they were decoded.
      preprocessing: as they were decoded.
      folder: where they were decoded to.
      seed: as they were decoded.

    Returns:
      The `BlockRows`, with a block for each file.

    Raises:
      FileNotFoundError: a file is not decoded.
      ValueError: what was decoded is damaged.
    """
    entries = [
        _entry(shards, preprocessing, pathlib.Path(folder), number, seed)
        for number in range(len(shards.files))
    ]
    counts = np.array([_decoded_counts(entry, preprocessing.dim) for entry in entries])
    sizes = counts.sum(axis=1)

    @functools.cache
    def mapped(file: int) -> MappedRows:
        return _mapped_rows(entries[file])

    def read(block: int, features: np.ndarray, labels: np.ndarray) -> None:
        found = mapped(block)
        features[:], labels[:] = found.features, found.labels
        found.give_back(0, len(labels))

    @functools.cache
    def positives(file: int) -> tuple[np.ndarray, np.ndarray]:
        found, numbers, features = mapped(file), [], []
        for start in range(0, int(sizes[file]), _AT_ONCE):
            labels = found.labels[start : start + _AT_ONCE]
            numbers.append(start + np.flatnonzero(labels))
            features.append(found.features[numbers[-1]])
            found.give_back(start, start + len(labels))
        return np.concatenate(numbers), np.concatenate(features)

    def order(file: int) -> np.ndarray:
        return random_order(shards.files[file].name, int(sizes[file]), seed)

    blocks = np.arange(len(sizes))
    dim = preprocessing.dim
    return BlockRows(sizes, blocks, counts, dim, read, positives, order, mapped, seed)


def _mapped_rows(entry: pathlib.Path) -> MappedRows:
    """Maps an entry's arrays."""
    features, labels = (_mapped(entry / f"{name}.npy") for name in _TYPES)

    def give_back(start: int, stop: int) -> None:
        for array in (features, labels):
            array.give_back(start, stop)

    return MappedRows(features.array, labels.array, give_back)


class _Mapped(NamedTuple):
    """A memory-mapped array of a file, which begins at some byte of it."""

    file: mmap.mmap
    array: np.ndarray
    offset: int

    def give_back(self, start: int, stop: int) -> None:
        """Gives the pages of some rows back; who reads them after all gets them from the file."""
        if hasattr(mmap, "MADV_DONTNEED"):  # else the system takes them when it needs them
            row = self.array.strides[0]
            first = (self.offset + start * row) // mmap.PAGESIZE * mmap.PAGESIZE
            last = self.offset + stop * row
            self.file.madvise(mmap.MADV_DONTNEED, first, last - first)


def _mapped(path: pathlib.Path) -> _Mapped:
    """Maps an .npy file, whose header is as long as to leave the rows at a multiple of 64 bytes."""
    found = np.load(path, mmap_mode="r")
    with path.open("rb") as stream:
        file = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    array = np.ndarray(found.shape, found.dtype, buffer=file, offset=found.offset)
    return _Mapped(file, array, found.offset)


def _entry(
    shards: Shards, preprocessing: Preprocessing, folder: pathlib.Path, number: int, seed: int
) -> pathlib.Path:
    """Where a file is, or will be, decoded to."""
    file = shards.files[number].resolve()
    state, said = file.stat(), hashlib.sha256()
    for array in (preprocessing.fill, *preprocessing.scaler, *preprocessing.knots):
        said.update(array.tobytes())
    label = shards.label, shards.positive, shards.negative
    read_as = label, shards.columns, said.hexdigest()
    key = repr((_FORMAT, str(file), state.st_size, state.st_mtime_ns, read_as, seed))
    return folder / f"{file.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _write(
    folder: pathlib.Path, shards: Shards, number: int, preprocessing: Preprocessing, seed: int
) -> None:
    """Writes features and labels in their random order, and how many there are."""
    shapes, counts = {"features": (preprocessing.dim,), "labels": ()}, np.zeros(2, np.int64)
    with (
        (folder / "features.npy").open("wb") as features,
        (folder / "labels.npy").open("wb") as labels,
    ):
        streams = {"features": features, "labels": labels}
        for name, stream in streams.items():
            _write_header(stream, _TYPES[name], (0, *shapes[name]))
        records = _records(shards, number, preprocessing, seed)
        for found in by_key(records, folder.with_name("scattered")):
            for name, stream in streams.items():
                stream.write(np.ascontiguousarray(found[name]).data)
            counts += np.bincount(found["labels"], minlength=2)
        for name, stream in streams.items():
            stream.seek(0)  # NumPy leaves room in the header for more rows
            _write_header(stream, _TYPES[name], (int(counts.sum()), *shapes[name]))
    (folder / "entry.json").write_text(json.dumps({"counts": counts.tolist()}))


def _records(
    shards: Shards, number: int, preprocessing: Preprocessing, seed: int
) -> Iterator[np.ndarray]:
    """The rows of a file in its order, some at a time, each with a random key."""
    file = shards.files[number]
    keys = random_keys(file.name, seed)
    features = ("features", _TYPES["features"], (preprocessing.dim,))
    dtype = np.dtype([features, ("labels", _TYPES["labels"]), ("key", np.uint64)])
    for chunk in parse(file, shards.layout(number)):
        records = np.empty(len(chunk.labels), dtype)
        records["features"] = preprocess(chunk.features, preprocessing)
        records["labels"] = chunk.labels
        records["key"] = keys.random_raw(len(records))
        yield records


def _write_header(stream: BinaryIO, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


def _decoded_counts(entry: pathlib.Path, dim: int) -> list[int]:
    """The rows of each class that are decoded, if the arrays are whole."""
    if not entry.is_dir():
        raise FileNotFoundError(f"{entry} is missing: decode its file first, by decode_shards.")
    try:
        counts = json.loads((entry / "entry.json").read_text())["counts"]
        shapes = {name: np.load(entry / f"{name}.npy", mmap_mode="r").shape for name in _TYPES}
        whole = shapes == {"features": (sum(counts), dim), "labels": (sum(counts),)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{entry} is damaged ({error}): delete it and decode again.") from error
    if not whole:
        raise ValueError(f"{entry} is damaged ({shapes}): delete it and decode again.")
    return counts
