"""What is told of the data sets that are there."""

import hashlib
import json

from fal_jax.cli import _datasets
from tests.cli.made import called
from tests.data import prepared


def test_the_papers_tables_are_told_of(capsys, workplace, monkeypatch):
    monkeypatch.delenv("FAL_JAX_DATA", raising=False)
    (workplace / "files").mkdir()
    (workplace / "files" / "ccFraud.csv").write_text("custID,gender\n1,2\n")
    code, printed, _ = called(capsys, "datasets", "--data-dir", "files")
    assert code == 0
    assert "SatImage │ whole │ 6,435 │ in the package" in printed
    assert "GMSC │ missing │ - │ get it from Kaggle's competition GiveMeSomeCredit │ -" in printed
    assert "CCFraud │ damaged" in printed
    assert 'builder("cifar10", data_dir="files/tfds", file_format="array_record")' in printed
    code, _, said = called(capsys, "datasets", "--data-dir", "nowhere")
    assert (code, "the data folder nowhere is missing" in said) == (2, True)


def test_prepared_images_are_told_of_with_a_checksum_of_all_their_files(workplace):
    prepared.prepare(workplace / "tfds", "mnist", [0, 1, 2], [3, 4])
    (told,) = (found for found in _datasets.datasets(workplace) if found.name == "mnist")
    assert (told.kind, told.rows, told.problem) == ("sample", 5, None)
    parts = (
        told.file / f"mnist-{split}.array_record-00000-of-00001" for split in ("test", "train")
    )
    joined = b"".join(part.read_bytes() for part in parts)
    assert told.sha256 == hashlib.sha256(joined).hexdigest()


def test_images_that_are_not_whole_are_told_of(workplace):
    prepared.prepare(workplace / "tfds", "cifar10", [0, 1], [2])
    prepared.prepare(workplace / "tfds", "mnist", [0, 1], [2])
    (workplace / "tfds/cifar10/3.0.2/cifar10-test.array_record-00000-of-00001").unlink()
    (workplace / "tfds/mnist/3.0.1/dataset_info.json").write_text('{"splits": [{"name": "tra')
    told = {found.name: found for found in _datasets.datasets(workplace)}
    assert [told[name].kind for name in ("cifar10", "mnist", "cifar100")] == [
        "damaged", "damaged", "missing",
    ]  # fmt: skip
    assert "3.0.2/cifar10-test.array_record-00000-of-00001" in told["cifar10"].problem
    assert "prepare it again" in told["mnist"].problem


def test_the_newest_version_counts_whole_by_its_rows_and_in_the_right_format(workplace):
    prepared.prepare(workplace / "tfds", "mnist", [0], [1])
    folder = workplace / "tfds" / "mnist"
    newer = folder / "3.0.10"
    (folder / "3.0.1").rename(newer)
    (folder / "3.0.9").mkdir()
    (folder / "incomplete.ABC_3.1.0").mkdir()
    description = json.loads((newer / "dataset_info.json").read_text())

    def told(**changes):
        (newer / "dataset_info.json").write_text(json.dumps(description | changes))
        return next(found for found in _datasets.datasets(workplace) if found.name == "mnist")

    lengths = {"train": ["60000"], "test": ["10000"]}
    whole = [{"name": name, "shardLengths": length} for name, length in lengths.items()]
    assert (told(splits=whole).file, told(splits=whole).kind) == (newer, "whole")
    assert told(splits=whole[:1]).kind == "damaged"
    assert "its format is tfrecord, not array_record" in told(fileFormat="tfrecord").problem


def test_without_a_folder_images_are_looked_for_where_tfds_prepares_them(workplace, monkeypatch):
    monkeypatch.delenv("FAL_JAX_DATA", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(workplace / "own"))
    prepared.prepare(workplace / "own", "mnist", [0], [1])
    (told,) = (found for found in _datasets.datasets() if found.name == "mnist")
    assert (told.kind, told.rows) == ("sample", 2)
