"""Image data sets: read as they were prepared, or refused with a word on what to do."""

import os
import pathlib
import sys
import time

import numpy as np
import pytest

from fal_jax import data
from tests.data.prepared import prepare

ROOT = os.environ.get("FAL_JAX_DATA", "")
TFDS = pathlib.Path(ROOT) / "tfds"
LABELS, TEST_LABELS = np.arange(40) % 10, np.arange(20) // 2


@pytest.fixture
def made(tmp_path):
    return {name: prepare(tmp_path, name, LABELS, TEST_LABELS) for name in ("cifar10", "mnist")}


def file_of(folder, split):
    (path,) = folder.glob(f"cifar10/*/cifar10-{split}.array_record*")
    return path


def test_images_are_those_that_were_prepared(made, tmp_path):
    for name, pictures in made.items():
        images = data.load_images(name, data_dir=tmp_path)
        assert images.name == name
        assert len(images.class_names) == 10
        np.testing.assert_array_equal(images.inputs, pictures["train"])
        np.testing.assert_array_equal(images.test_inputs, pictures["test"])
        np.testing.assert_array_equal(images.labels, LABELS)
        np.testing.assert_array_equal(images.test_labels, TEST_LABELS)
        assert images.inputs.dtype == np.uint8
        assert images.labels.dtype == np.int32


def test_the_environment_names_the_folder(made, tmp_path, monkeypatch):
    root = tmp_path / "data"
    root.mkdir()
    (root / "tfds").symlink_to(tmp_path)
    monkeypatch.setenv("FAL_JAX_DATA", str(root))
    np.testing.assert_array_equal(data.load_images("mnist").inputs, made["mnist"]["train"])


def test_what_is_not_prepared_is_said_at_once_and_how_to_prepare_it(tmp_path):
    started = time.perf_counter()
    with pytest.raises(FileNotFoundError, match=r"cifar100 is not prepared in .*array_record"):
        data.load_images("cifar100", data_dir=tmp_path)
    assert time.perf_counter() - started < 10
    with pytest.raises(ValueError, match="name must be one of"):
        data.load_images("svhn", data_dir=tmp_path)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "importlib_resources", None)
    with pytest.raises(ImportError, match=r"importlib_resources.*install"):
        data.load_images("cifar10", data_dir=tmp_path)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("damage", ["truncated", "overwritten", "missing", "of another length"])
@pytest.mark.usefixtures("made")
def test_damaged_files_are_refused(tmp_path, split, damage):
    path = file_of(tmp_path, split)
    if damage == "missing":
        path.unlink()
    elif damage == "of another length":
        info = path.parent / "dataset_info.json"
        info.write_text(info.read_text().replace('["40"]', '["41"]').replace('["20"]', '["21"]'))
    else:
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        if damage == "truncated":
            del content[middle:]
        else:
            content[middle : middle + 200] = bytes(200)
        path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or not whole"):
        data.load_images("cifar10", data_dir=tmp_path)


@pytest.mark.skipif(not (TFDS / "mnist").is_dir(), reason="MNIST is not in FAL_JAX_DATA")
def test_mnist_is_the_original():
    images = data.load_images("mnist")
    assert images.inputs.shape == (60_000, 28, 28, 1)
    assert np.bincount(images.labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert images.inputs.mean() == pytest.approx(255 * 0.1307, rel=1e-3)
