"""Which of the paper's tables and image sets are where, whole or as a sample."""

import hashlib
import json
import os
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

from fal_jax import data
from fal_jax.data._fraud_tables import SOURCES


class Found(NamedTuple):
    """One of the data sets; what is not known is None.

    Attributes:
      name: of the data set.
      file: where it is, of images the folder.
      kind: "whole", "sample", "missing" or "damaged".
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
    return tables + [_images(name, folder) for name in data.IMAGES]


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
        return pathlib.Path(root) / "tfds"
    own = os.environ.get("TFDS_DATA_DIR") or pathlib.Path.home() / "tensorflow_datasets"
    return pathlib.Path(own)


def _images(name: str, folder: pathlib.Path) -> Found:
    """An image set by what tensorflow-datasets wrote of it; its records are not decoded."""
    descriptions = sorted(folder.glob(f"{name}/*/dataset_info.json"))
    if not descriptions:
        how = f'tfds.builder("{name}", file_format="array_record").download_and_prepare()'
        return Found(name, None, "missing", problem=f"prepare it with tensorflow-datasets: {how}")
    place, rows, files = descriptions[-1].parent, 0, []
    try:
        for split in json.loads(descriptions[-1].read_text())["splits"]:
            lengths = [int(length) for length in split["shardLengths"]]
            rows += sum(lengths)
            stem, number = f"{name}-{split['name']}.array_record", len(lengths)
            files += [place / f"{stem}-{shard:05}-of-{number:05}" for shard in range(number)]
        return Found(name, place, "whole", rows, _checksum(sorted(files)))
    except (OSError, ValueError, LookupError, TypeError) as error:
        problem = f"{error!r} in {place}: prepare it again, as array_record"
        return Found(name, place, "damaged", problem=problem)


def _checksum(files: Iterable[pathlib.Path]) -> str:
    """SHA-256 of the files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()
