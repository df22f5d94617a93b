"""SatImage, the data set that travels inside the package."""

import functools
import hashlib
import importlib.resources
import io
import lzma
import os
import pathlib
from importlib.resources.abc import Traversable

import numpy as np

from fal_jax.data._columns import Column
from fal_jax.data._splits import Split
from fal_jax.data._tables import Table

_FILE = importlib.resources.files("fal_jax.data") / "satimage.txt.xz"
_SHA256 = "87fe62294d7f3e772421d84c1e0514cc71c59f3d045b12faf77440b25502f8bd"
_CLASSES = (1, 2, 3, 4, 5, 7)
_ROWS, _OFFICIAL_TRAINING_ROWS = 6435, 4435
_COLUMNS = tuple(
    Column(f"pixel {pixel} band {band}", "number") for pixel in range(1, 10) for band in range(1, 5)
)


def load_satimage(
    *, positive: int | None = 4, folder: str | os.PathLike[str] | None = None
) -> Table:
    """Loads Statlog (Landsat Satellite): 6,435 windows of 3x3 pixels from one satellite image.

    A row is one window: 9 pixels, left to right and top to bottom, with 4 spectral bands each
    (two visible, two near infrared), from 0 to 255; its label is the soil at the middle pixel.
    The rows keep the order of the original files: the 4,435 of `sat.trn`, then the 2,000 of
    `sat.tst`.

    The windows overlap. Read `satimage_positions` before you take a result on a random split,
    or on the official one, for an estimate of how a model does on a new image.

    Args:
      positive: the original label that becomes class 1, all others becoming class 0. 4, damp
          grey soil (626 of 6,435 rows), is the usual task of imbalanced learning. None keeps
          the six classes, renumbered: 0 red soil (1), 1 cotton crop (2), 2 grey soil (3), 3
          damp grey soil (4), 4 soil with vegetation stubble (5), 5 very damp grey soil (7).
      folder: where the original files `sat.trn` and `sat.tst` are, to read those; None reads the
          copy in the package, which is the same to the byte.

    Returns:
      A `Table` with features `[6435, 36]`.

    Raises:
      ValueError: `positive` is none of 1, 2, 3, 4, 5, 7, or a file is damaged.
      FileNotFoundError: the folder lacks one of the two files.

    References:
      A. Srinivasan, Statlog (Landsat Satellite), UCI Machine Learning Repository, 1993,
      https://doi.org/10.24432/C55887, CC BY 4.0.

    Example:
      >>> table = load_satimage()
      >>> table.features.shape, table.labels.sum().item()
      ((6435, 36), 626)
    """
    if positive is not None and positive not in _CLASSES:
        raise ValueError(f"positive must be one of {_CLASSES} or None, got {positive!r}.")
    rows = satimage_rows() if folder is None else read_originals(pathlib.Path(folder))
    original = rows[:, -1]
    labels = np.searchsorted(_CLASSES, original) if positive is None else original == positive
    return Table(
        name="SatImage",
        features=rows[:, :-1].astype(np.float32),
        labels=labels.astype(np.int32),
        rows_expected=_ROWS,
        is_sample=False,
        columns=_COLUMNS,
    )


def satimage_official_split() -> Split:
    """The split of the original files: training on `sat.trn`, testing on `sat.tst`.

    Returns:
      A `Split` of 4,435 training and 2,000 test rows. Every one of the test rows shares pixels
      with training rows, see `satimage_positions`.

    Example:
      >>> split = satimage_official_split()
      >>> split.train.size, split.test.size
      (4435, 2000)
    """
    rows = np.arange(_ROWS, dtype=np.int32)
    return Split(rows[:_OFFICIAL_TRAINING_ROWS], rows[_OFFICIAL_TRAINING_ROWS:])


@functools.cache
def satimage_rows() -> np.ndarray:
    """The original integers, `[6435, 37]` uint8, the label last; read-only, read once."""
    rows = read_rows(_FILE)
    rows.flags.writeable = False
    return rows


def read_rows(file: Traversable) -> np.ndarray:
    """Reads and verifies the compressed text of both original files, one after the other."""
    try:
        text = lzma.decompress(file.read_bytes())
    except lzma.LZMAError as error:
        raise ValueError(f"{file} is damaged ({error}): reinstall fal-jax.") from error
    return _verified(text, f"{file} is not SatImage as packaged: reinstall fal-jax.")


def read_originals(folder: pathlib.Path) -> np.ndarray:
    """Reads and verifies the original files."""
    files = [folder / name for name in ("sat.trn", "sat.tst")]
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is missing: get it from the UCI Machine Learning Repository, Statlog "
                "(Landsat Satellite), or leave the folder out to use the packaged copy."
            )
    text = b"".join(file.read_bytes() for file in files)
    return _verified(
        text, f"sat.trn and sat.tst in {folder} are not the originals: get them again."
    )


def _verified(text: bytes, complaint: str) -> np.ndarray:
    """The rows of a text that has the right checksum."""
    digest = hashlib.sha256(text).hexdigest()
    if digest != _SHA256:
        raise ValueError(f"{complaint} The SHA-256 of the text is {digest}, expected {_SHA256}.")
    return np.loadtxt(io.BytesIO(text), dtype=np.uint8)
