"""Which of the paper's tables and image sets are where, whole or as a sample."""

import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fal_jax import data
from fal_jax.data._fraud_tables import SOURCES

_IMAGES = {"cifar10": 60_000, "cifar100": 60_000, "mnist": 70_000}  # to train and to test on


class Found(NamedTuple):
    """One of the data sets; what is not known is None.

    Attributes:
      name: of the data set.
      file: where it is, of images the folder.
      kind: "whole", "sample", "missing" or "damaged"; of images by their description alone.
      rows: how many.
      sha256: of the file, of images of all files of records in the order of their names.
      problem: what is wrong with it, and where to get what is missing.
    """

    name: str
    file: pathlib.Path | None
    kind: str
    rows: int | None = None
    sha256: str | None = None
    problem: str | None = None


def datasets(data_dir: str | os.PathLike[str] | None = None) -> list[Found]:
    """Looks for all data sets, and reads the tables that are there."""
    tables = [_table(name, file, data_dir) for name, file in data.table_files(data_dir).items()]
    folder = _image_folder(data_dir)
    return tables + [_images(name, folder) for name in _IMAGES]


def _table(name: str, file: pathlib.Path | None, data_dir: str | os.PathLike[str] | None) -> Found:
    if file is None and name != "SatImage":
        return Found(name, None, "missing", problem=f"get it from {SOURCES[name].origin}")
    try:
        table = data.load_table(name, data_dir=data_dir, allow_partial=name != "SatImage")
    except (OSError, ValueError) as error:
        return Found(name, file, "damaged", problem=str(error))
    checksum = None if file is None else _checksum([file])
    return Found(name, file, "sample" if table.is_sample else "whole", len(table.labels), checksum)


def _image_folder(data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    """Where `data.load_images` looks: beside the tables, or where tensorflow-datasets does."""
    root = data_dir or os.environ.get("FAL_JAX_DATA")
    if root:
        return pathlib.Path(root).expanduser() / "tfds"
    own = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(own).expanduser()


def _images(name: str, folder: pathlib.Path) -> Found:
    """An image set by what tensorflow-datasets wrote of it; its records are not decoded."""
    versions = [path for path in folder.glob(f"{name}/*.*.*") if _version(path)]
    if not versions:
        how = (
            f'tensorflow_datasets.builder("{name}", data_dir="{folder}", '
            'file_format="array_record").download_and_prepare()'
        )
        return Found(name, None, "missing", problem=f"prepare it by {how}")
    place = max(versions, key=_version)
    try:
        described = json.loads((place / "dataset_info.json").read_text())
        if described["fileFormat"] != "array_record":
            raise ValueError(f"its format is {described['fileFormat']}, not array_record")
        lengths = {split["name"]: split["shardLengths"] for split in described["splits"]}
        rows = sum(int(length) for split in ("train", "test") for length in lengths[split])
        checksum = _checksum(_records(name, place, {s: len(n) for s, n in lengths.items()}))
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = str(error) if isinstance(error, OSError | ValueError) else repr(error)
        problem = f"{reason}: delete the folder and prepare it again"
        return Found(name, place, "damaged", problem=problem)
    return Found(name, place, "whole" if rows == _IMAGES[name] else "sample", rows, checksum)


def _version(path: pathlib.Path) -> tuple[int, ...]:
    """The version that a folder is named by, empty for none."""
    parts = path.name.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def _records(name: str, place: pathlib.Path, shards: Mapping[str, int]) -> list[pathlib.Path]:
    """The files of an image set's records, in the order of their names."""
    return sorted(
        place / f"{name}-{split}.array_record-{shard:05}-of-{number:05}"
        for split, number in shards.items()
        for shard in range(number)
    )


def _checksum(files: Iterable[pathlib.Path]) -> str:
    """SHA-256 of the files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()
