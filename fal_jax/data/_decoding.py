"""Rows that are decoded once, to files that are memory-mapped ever after.

An entry is a folder of `.npy` files and an `entry.json`. Its name holds a hash of the file's path,
size and time and of its preprocessing. It is written under another name, then renamed.
"""

import functools
import hashlib
import json
import mmap
import os
import pathlib
import tempfile
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np

from fal_jax.data._block_rows import BlockRows
from fal_jax.data._parsing import parse
from fal_jax.data._preprocessing import Preprocessing, preprocess
from fal_jax.data._shards import Shards

_FORMAT = 1  # raise it when what is stored changes
_BLOCK = 2**13
_TYPES = {"features": np.dtype("<f4"), "labels": np.dtype("i1")}


def decode_shards(
    shards: Shards,
    preprocessing: Preprocessing,
    folder: str | os.PathLike[str],
    *,
    numbers: Iterable[int] | None = None,
) -> None:
    """Decodes files once, so that `decoded_rows` can map them: 4 bytes a number.

    What is decoded already is left, so that a call that was ended goes on where it was. A file that
    has changed since, and other preprocessing, are decoded anew. Memory does not
    grow with the number of rows.

    Args:
      shards: of `open_shards`.
      preprocessing: what is made of them.
      folder: where to; made if need be. Several processes need one that all of them see.
      numbers: of the files to decode, each by one process, see `files_of_process`; None for all.

    Returns:
      Nothing.

    Raises:
      FileNotFoundError: a file is missing.
      ValueError: a file is damaged, or a value is not what its column holds.
      OSError: the folder can't be written, for want of space, say; what is decoded stays.
    """
    folder = pathlib.Path(folder)
    for number in range(len(shards.files)) if numbers is None else numbers:
        entry = _entry(shards, preprocessing, folder, number)
        if entry.is_dir():
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix="unfinished-") as parent:
                made = pathlib.Path(parent) / "entry"
                made.mkdir()
                _write(made, shards, number, preprocessing)
                made.rename(entry)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise OSError(
                f"{shards.files[number]} can't be decoded to {folder} ({error}): what was decoded "
                "before stays; make room and call again."
            ) from error


def decoded_rows(
    shards: Shards, preprocessing: Preprocessing, folder: str | os.PathLike[str]
) -> BlockRows:
    """Rows that `decode_shards` decoded, memory-mapped, in blocks of 8,192.

    A block's pages are given back when it has been copied, so the memory of a process does not grow
    with the files.

    Args:
      shards: of `open_shards`, as they were decoded.
      preprocessing: as they were decoded.
      folder: where they were decoded to.

    Returns:
      The `BlockRows`.

    Raises:
      FileNotFoundError: a file is not decoded.
      ValueError: what was decoded is damaged.
    """
    entries = [
        _entry(shards, preprocessing, pathlib.Path(folder), n) for n in range(len(shards.files))
    ]
    counts = np.array([_decoded_counts(entry, preprocessing.dim) for entry in entries])
    rows = counts.sum(axis=1)
    starts = [np.arange(0, size, _BLOCK) for size in rows]
    files = np.repeat(np.arange(len(rows)), [len(start) for start in starts])
    start_of = np.concatenate(starts)
    sizes = np.minimum(rows[files] - start_of, _BLOCK)

    @functools.cache
    def mapped(file: int, name: str) -> _Mapped:
        return _mapped(entries[file] / f"{name}.npy")

    def read(block: int, features: np.ndarray, labels: np.ndarray) -> None:
        start, file = int(start_of[block]), int(files[block])
        mapped(file, "features").copy_to(features, start)
        mapped(file, "labels").copy_to(labels, start)

    @functools.cache
    def positives(file: int) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.flatnonzero(_mapped(entries[file] / "labels.npy").array)
        return numbers, _mapped(entries[file] / "features.npy").array[numbers]

    return BlockRows(sizes, files, counts, preprocessing.dim, read, positives)


class _Mapped(NamedTuple):
    """A memory-mapped array of a file, which begins at some byte of it."""

    file: mmap.mmap
    array: np.ndarray
    offset: int

    def copy_to(self, out: np.ndarray, start: int) -> None:
        """Copies rows from `start` on, and gives their pages back."""
        out[:] = self.array[start : start + len(out)]
        if hasattr(mmap, "MADV_DONTNEED"):  # else the system takes them when it needs them
            row = self.array.strides[0]
            first = (self.offset + start * row) // mmap.PAGESIZE * mmap.PAGESIZE
            last = self.offset + (start + len(out)) * row
            self.file.madvise(mmap.MADV_DONTNEED, first, last - first)


def _mapped(path: pathlib.Path) -> _Mapped:
    """Maps an .npy file."""
    found = np.load(path, mmap_mode="r")
    with path.open("rb") as stream:
        file = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    array = np.ndarray(found.shape, found.dtype, buffer=file, offset=found.offset)
    return _Mapped(file, array, found.offset)


def _entry(
    shards: Shards, preprocessing: Preprocessing, folder: pathlib.Path, number: int
) -> pathlib.Path:
    """Where a file is, or will be, decoded to."""
    file = shards.files[number].resolve()
    state, said = file.stat(), hashlib.sha256()
    for array in (preprocessing.fill, *preprocessing.scaler, *preprocessing.knots):
        said.update(array.tobytes())
    read_as = shards.label, shards.positive, shards.columns, said.hexdigest()
    key = repr((_FORMAT, str(file), state.st_size, state.st_mtime_ns, read_as))
    return folder / f"{file.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _write(folder: pathlib.Path, shards: Shards, number: int, preprocessing: Preprocessing) -> None:
    """Writes features and labels as they come, and how many there are."""
    shapes, counts = {"features": (preprocessing.dim,), "labels": ()}, np.zeros(2, np.int64)
    with (
        (folder / "features.npy").open("wb") as features,
        (folder / "labels.npy").open("wb") as labels,
    ):
        streams = {"features": features, "labels": labels}
        for name, stream in streams.items():
            _write_header(stream, _TYPES[name], (0, *shapes[name]))
        for chunk in parse(shards.files[number], shards.layout(number)):
            features.write(preprocess(chunk.features, preprocessing).data)
            labels.write(chunk.labels.astype(np.int8).data)
            counts += np.bincount(chunk.labels, minlength=2)
        for name, stream in streams.items():
            stream.seek(0)  # NumPy leaves room in the header for more rows
            _write_header(stream, _TYPES[name], (int(counts.sum()), *shapes[name]))
    (folder / "entry.json").write_text(json.dumps({"counts": counts.tolist()}))


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
