"""Parsed tables on disk: each file is parsed once, then memory-mapped.

An entry is a folder of `.npy` files and an `entry.json` with their checksums. Its name holds a
hash of the file's path, size and time and of how it was parsed, so that a changed file is parsed
again. It is written under another name, then renamed.
"""

import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np

from fal_jax.data._columns import Column
from fal_jax.data._hashing import crc32
from fal_jax.data._parsing import Chunk, copy_groups

# Raise it when what is stored, or how a file is parsed, changes.
_FORMAT = 4
_ARRAYS = ("features", "labels", "groups")


class Entry(NamedTuple):
    """A parsed table: the features are a read-only memory map."""

    columns: tuple[Column, ...]
    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None
    classes: tuple[str, ...] = ()


def entry_folder(file: pathlib.Path, parsed_as: object) -> pathlib.Path:
    """Where the cache has, or will have, a file parsed in this way."""
    cache = pathlib.Path(os.environ.get("FAL_JAX_CACHE") or "~/.cache/fal_jax").expanduser()
    file = file.resolve()
    state = file.stat()
    key = repr((_FORMAT, str(file), state.st_size, state.st_mtime_ns, parsed_as))
    return cache / f"{file.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def read_entry(folder: pathlib.Path) -> Entry | None:
    """An entry of the cache; None if it is missing or damaged."""
    try:
        entry = json.loads((folder / "entry.json").read_text())
        for name, checksum in entry["checksums"].items():
            if crc32(folder / name) != checksum:
                return None
        columns = tuple(Column(**c | {"levels": tuple(c["levels"])}) for c in entry["columns"])
        classes = tuple(entry["classes"])
        arrays = {name.removesuffix(".npy"): folder / name for name in entry["checksums"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Entry(
        columns,
        np.load(arrays["features"], mmap_mode="r"),
        np.load(arrays["labels"]),
        np.load(arrays["groups"]) if "groups" in arrays else None,
        classes,
    )


def write_entry(
    folder: pathlib.Path,
    columns: tuple[Column, ...],
    chunks: Iterable[Chunk],
    classes: tuple[str, ...] = (),
) -> Entry:
    """Writes a table as it is parsed, holding some rows at a time, and returns it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=folder.parent, prefix="unfinished-")
    except OSError as error:
        raise OSError(
            f"{folder.parent} can't be written to ({error}): set FAL_JAX_CACHE to a folder for "
            "parsed tables that can."
        ) from error
    with temporary as parent:
        made = pathlib.Path(parent) / "entry"
        made.mkdir()
        _write_arrays(made, chunks, len(columns))
        checksums = {file.name: crc32(file) for file in sorted(made.glob("*.npy"))}
        described = [column._asdict() for column in columns]
        entry = {"columns": described, "classes": classes, "checksums": checksums}
        (made / "entry.json").write_text(json.dumps(entry))
        if read_entry(folder) is None:  # else another process has been faster
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    written = read_entry(folder)
    if written is None:
        raise OSError(f"{folder} can't be read back: is the disk full?")
    return written


def _write_arrays(folder: pathlib.Path, chunks: Iterable[Chunk], dim: int) -> None:
    """Writes features as they come, then labels and groups."""
    labels, copy_keys, rows = [], [], 0
    with (folder / "features.npy").open("wb") as stream:
        _write_header(stream, 0, dim)
        data_start = stream.tell()
        for chunk in chunks:
            stream.write(np.ascontiguousarray(chunk.features, np.float32).data)
            labels.append(chunk.labels)
            copy_keys.append(chunk.copy_keys)
            rows += len(chunk.labels)
        stream.seek(0)
        _write_header(stream, rows, dim)
        assert stream.tell() == data_start  # NumPy leaves room in the header for more rows
    np.save(folder / "labels.npy", np.concatenate(labels))
    groups = copy_groups(np.concatenate(copy_keys))
    if groups is not None:
        np.save(folder / "groups.npy", groups)


def _write_header(stream: BinaryIO, rows: int, dim: int) -> None:
    """The header of an .npy file of `[rows, dim]` float32."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
    np.lib.format.write_array_header_1_0(stream, header)
