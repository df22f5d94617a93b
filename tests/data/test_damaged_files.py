"""Files that are not what they should be."""

import gzip
import lzma
import shutil

import numpy as np
import pytest

from fal_jax import data
from tests.data import generated


def load(file, name="GMSC"):
    return data.load_table(name, file=file, allow_partial=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[["age", *f.columns.drop("age")]], r"column 1 is 'age', expected ''"),
        (lambda f: f.drop(columns="age"), r"missing are \['age'\]; column 4 is"),
        (
            lambda f: f.rename(columns={"age": "Age"}),
            r"missing are \['age'\]; unknown are \['Age'\]",
        ),
        (lambda f: f.assign(more=1), r"unknown are \['more'\]; 13 columns, expected 12"),
    ],
    ids=["order", "missing", "renamed", "extra"],
)
def test_other_columns_than_the_originals(tmp_path, change, message):
    file = generated.write(tmp_path, "GMSC", change(generated.frame_of("GMSC")))
    with pytest.raises(ValueError, match=rf"cs-training\.csv has not .*{message}"):
        load(file)


@pytest.mark.parametrize(
    ("name", "cells", "message"),
    [
        ("GMSC", {"age": {7: "old"}}, r"column 'age' must hold numbers, got 'old' at row 7"),
        ("GMSC", {"age": {9: None}}, r"column 'age' must have no missing values, but row 9"),
        ("GMSC", {"age": {9: "inf"}}, r"column 'age' must hold finite numbers, got inf at row 9"),
        (
            "GMSC",
            {"SeriousDlqin2yrs": {5: 2}},
            r"must be \(0, 1\) in every row, got .*2.* at row 5",
        ),
        ("GMSC", {"SeriousDlqin2yrs": {5: None}}, r"must be \(0, 1\) .* got .*nan.* at row 5"),
        ("GMSC", {"SeriousDlqin2yrs": {5: "x"}}, r"must hold numbers, got 'x' at row 5"),
        ("PaySim", {"type": {2: "BARTER"}}, r"'type' must hold one of .* got 'BARTER' at row 2"),
        ("PaySim", {"type": {2: None}}, r"'type' must have no missing values, but row 2"),
    ],
)
def test_values_that_do_not_belong(tmp_path, monkeypatch, name, cells, message):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 4)
    file = generated.write(tmp_path, name, generated.altered(name, **cells))
    with pytest.raises(ValueError, match=rf"(_log|cs-training)\.csv: .*{message}"):
        load(file, name)
    assert not list(tmp_path.glob("cache/*")), "an unfinished table was left in the cache"


def test_what_is_too_much_in_a_row(tmp_path):
    file = generated.write(tmp_path, "GMSC")
    lines = file.read_text().splitlines()
    for row in (1, 20):
        file.write_text("\n".join([*lines[:row], lines[row] + ",7", *lines[row + 1 :]]))
        with pytest.raises(
            ValueError, match=r"cs-training\.csv (must have 12 values|has a first row longer)"
        ):
            load(file)


@pytest.mark.parametrize("name", ["GMSC", "HomeCredit", "PaySim"])
@pytest.mark.parametrize("row", [10, 40])
def test_a_row_that_breaks_off_where_values_may_be_missing(tmp_path, name, row):
    """pandas takes what a row lacks for missing values, which the last columns may have."""
    file = generated.write(tmp_path, name)
    lines = file.read_text().splitlines()
    number = len(lines[0].split(","))
    lines[row] = lines[row].rpartition(",")[0]
    file.write_text("\n".join(lines))
    message = rf"{number} values in every row.* ends at line {row + 1} has {number - 1}: correct it"
    with pytest.raises(ValueError, match=message):
        load(file, name)
    assert not list(tmp_path.glob("cache/*")), "an unfinished table was left in the cache"


@pytest.mark.parametrize("ending", [".xz", ".gz", ".bz2", ".zip", ".parquet"])
@pytest.mark.parametrize("damage", ["truncated", "bytes changed", "empty", "not compressed"])
def test_damaged_files_are_named(tmp_path, ending, damage):
    frame = generated.frame_of("CCFraud", rows=4000)
    file = generated.write(tmp_path, "CCFraud", frame, ending)
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(
        {
            "truncated": content[:middle],
            "bytes changed": content[:middle] + bytes(100) + content[middle + 100 :],
            "empty": b"",
            "not compressed": frame.to_csv(index=False).encode(),
        }[damage]
    )
    with pytest.raises(ValueError, match=rf"{file.name}( is (damaged|empty)|: column)"):
        load(file, "CCFraud")


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_only(tmp_path, label):
    frame = generated.frame_of("PaySim").assign(isFraud=label)
    message = rf"_log\.csv must have rows of two classes, but isFraud is {label} in all of its 40"
    with pytest.raises(ValueError, match=message):
        load(generated.write(tmp_path, "PaySim", frame), "PaySim")


def test_a_plain_file_that_breaks_off(tmp_path):
    file = generated.write(tmp_path, "CCFraud")
    text = file.read_text()
    file.write_text(text[: text.rindex(",")])
    with pytest.raises(ValueError, match=r"fraudRisk.* at row 39"):
        load(file, "CCFraud")
    file.write_text("")
    with pytest.raises(ValueError, match=r"ccFraud\.csv is empty"):
        load(file, "CCFraud")
    file.write_bytes(b"\xff\xfe\x00" + text.encode())
    with pytest.raises(ValueError, match=r"ccFraud\.csv is not text in utf-8"):
        load(file, "CCFraud")
    file.write_text(text.splitlines()[0])
    with pytest.raises(ValueError, match=r"ccFraud\.csv has no rows"):
        load(file, "CCFraud")


def test_an_archive_of_several_files(tmp_path):
    files = [generated.write(tmp_path / "all", name) for name in ("GMSC", "CCFraud")]
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "all")
    with pytest.raises(ValueError, match="must hold one csv file, or one named 'archive'"):
        load(archive)
    named = shutil.copy(archive, tmp_path / "cs-training.csv.zip")
    np.testing.assert_array_equal(load(named).features, load(files[0]).features)


def test_a_mark_of_byte_order_is_no_part_of_the_header(tmp_path):
    file = generated.write(tmp_path, "GMSC")
    marked = b"\xef\xbb\xbf" + file.read_bytes()
    expected = load(file).features
    for ending, compress in ((".xz", lzma.compress), (".gz", gzip.compress)):
        (tmp_path / f"marked{ending}").write_bytes(compress(marked))
        np.testing.assert_array_equal(load(tmp_path / f"marked{ending}").features, expected)
