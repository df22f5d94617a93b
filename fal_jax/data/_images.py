"""Image data sets that tensorflow-datasets has prepared, read without TensorFlow."""

import io
import os
import pathlib
import warnings
from types import ModuleType
from typing import NamedTuple

import numpy as np

IMAGES = ("cifar10", "cifar100", "mnist")
_CHUNK = 5_000  # records decoded at a time


class Images(NamedTuple):
    """A data set of images, as NumPy arrays.

    Attributes:
      name: one of `IMAGES`.
      inputs: `[rows, height, width, channels]`, uint8, to train on.
      labels: `[rows]`, int32, from 0.
      test_inputs: `[test rows, height, width, channels]`, uint8.
      test_labels: `[test rows]`, int32.
      class_names: the names of the classes.
    """

    name: str
    inputs: np.ndarray
    labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]


def load_images(name: str, *, data_dir: str | os.PathLike[str] | None = None) -> Images:
    """Loads CIFAR-10, CIFAR-100 or MNIST as tensorflow-datasets has prepared it.

    Nothing is downloaded, and TensorFlow is not needed. It is needed once to prepare a data set:
    `tfds.builder("cifar10", file_format="array_record").download_and_prepare()`.

    Args:
      name: one of `IMAGES`: "cifar10", "cifar100", "mnist".
      data_dir: the folder that tfds prepares in, which has a folder `name`; None takes `tfds`
          in the folder of the environment variable FAL_JAX_DATA, or without that the default of
          tfds (TFDS_DATA_DIR, or `~/tensorflow_datasets`).

    Returns:
      The `Images`, in the order of the files.

    Raises:
      ValueError: no such name, or files that are damaged or not whole.
      FileNotFoundError: the data set is not prepared there, with how to do so.
      ImportError: a package is missing that reads it, with what to install.

    Example:
      >>> load_images("imagenet")
      Traceback (most recent call last):
      ValueError: name must be one of ('cifar10', 'cifar100', 'mnist'), got 'imagenet'.
    """
    if name not in IMAGES:
        raise ValueError(f"name must be one of {IMAGES}, got {name!r}.")
    root = os.environ.get("FAL_JAX_DATA")
    if data_dir is None and root:
        data_dir = pathlib.Path(root) / "tfds"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # some protobufs', of tfds's own calls
        tfds = _reader()
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    folder = pathlib.Path(builder.data_dir)
    if not (folder / "dataset_info.json").is_file():
        raise FileNotFoundError(
            f"{name} is not prepared in {folder}. Prepare it once, where there is a network, "
            f'with tensorflow installed: tfds.builder("{name}", data_dir=..., '
            'file_format="array_record").download_and_prepare(); or name the folder that it is in '
            "by data_dir or the environment variable FAL_JAX_DATA."
        )
    try:
        train, test = (_read(tfds, builder, split) for split in ("train", "test"))
    except Exception as error:  # each of the libraries that read has errors of its own
        raise ValueError(
            f"the files of {name} in {folder} are damaged or not whole ({error}): delete the "
            "folder and prepare it again."
        ) from error
    return Images(name, *train, *test, tuple(builder.info.features["label"].names))


def _reader() -> ModuleType:
    """tensorflow-datasets, with what it needs to read images."""
    try:
        import array_record.python.array_record_data_source
        import importlib_resources
        import PIL.Image
        import tensorflow_datasets
    except ImportError as error:
        raise ImportError(
            f"images are read by packages of which one is missing ({error}): install "
            '"fal-jax[experiments]", or tensorflow-datasets, array_record, importlib_resources '
            "and pillow."
        ) from error
    del array_record, importlib_resources, PIL
    return tensorflow_datasets


def _read(tfds: ModuleType, builder, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images `[rows, height, width, channels]` and labels `[rows]` of one split."""
    decoders = {"image": tfds.decode.SkipDecoding()}
    source = builder.as_data_source(split=split, decoders=decoders)
    number = builder.info.splits[split].num_examples
    shape = builder.info.features["image"].shape
    if len(source) != number:
        raise ValueError(f"{len(source)} records of {number} in {split}")
    inputs, labels = np.empty((number, *shape), np.uint8), np.empty(number, np.int32)
    for start in range(0, number, _CHUNK):
        rows = range(start, min(start + _CHUNK, number))
        for row, record in zip(rows, source.__getitems__(rows), strict=True):
            inputs[row] = _decoded(record["image"]).reshape(shape)
            labels[row] = record["label"]
    if labels.min() < 0 or labels.max() >= builder.info.features["label"].num_classes:
        raise ValueError(f"labels of {split} from {labels.min()} to {labels.max()}")
    return inputs, labels


def _decoded(encoded: bytes) -> np.ndarray:
    import PIL.Image

    return np.asarray(PIL.Image.open(io.BytesIO(encoded)))
