"""Which of the paper's tables are where, whole or as a sample."""

import hashlib
import os
import pathlib
from typing import NamedTuple

from fal_jax import data
from fal_jax.data._fraud_tables import SOURCES


class Found(NamedTuple):
    """One of the paper's tables; what is not known is None.

    Attributes:
      name: of the table.
      file: where it is.
      kind: "whole", "sample", "missing" or "damaged".
      rows: how many.
      sha256: of the file.
      problem: what is wrong with it, and where to get what is missing.
    """

    name: str
    file: pathlib.Path | None
    kind: str
    rows: int | None = None
    sha256: str | None = None
    problem: str | None = None


def datasets(data_dir: str | os.PathLike[str] | None = None) -> list[Found]:
    """Looks for all tables of the paper, and reads those that are there."""
    return [_found(name, file, data_dir) for name, file in data.table_files(data_dir).items()]


def _found(name: str, file: pathlib.Path | None, data_dir: str | os.PathLike[str] | None) -> Found:
    if file is None and name != "SatImage":
        return Found(name, None, "missing", problem=f"get it from {SOURCES[name].origin}")
    try:
        table = data.load_table(name, data_dir=data_dir, allow_partial=name != "SatImage")
    except (OSError, ValueError) as error:
        return Found(name, file, "damaged", problem=str(error))
    checksum = None
    if file is not None:
        with file.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    return Found(name, file, "sample" if table.is_sample else "whole", len(table.labels), checksum)
