"""Labels of tables in many files: of two values that stay, or refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from fal_jax import data

COLUMNS = (data.Column("x", "number"),)
TEXTS = ["no"] * 5 + ["yes", "no"]


def write(folder, **files):
    """Parquet files of given labels, a row group of four rows each."""
    for name, labels in files.items():
        table = pa.table({"x": np.arange(len(labels)) * 1.0, "y": labels})
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet", row_group_size=4)


def opened(files, positive="yes", **options):
    return data.open_shards(files, label="y", positive=positive, columns=COLUMNS, **options)


def counts(shards):
    return [data.measure_shard(shards, n).labels.tolist() for n in range(len(shards.files))]


@pytest.mark.parametrize(
    ("positive", "first", "then", "message"),
    [
        ("yes", TEXTS, ["no"] * 5 + ["YES"], r"be \('no', 'yes'\) .* got 'YES' at row 5"),
        ("yes", TEXTS, ["no"] * 5 + [None], r"be \('no', 'yes'\) .* got (nan|None) at row 5"),
        ("yes", TEXTS, [0] * 5 + [1], r"be \('no', 'yes'\) in every row, got '0' at row 0"),
        (1, [0, 0, 1], [0] * 5 + [2], r"be \(0, 1\) in every row, got 2 at row 5"),
        (1, [0, 0, 1], ["0"] * 5 + ["yes"], r"'y' must hold numbers, got 'yes' at row 5"),
        (1, [0, 0, 1], [False] * 5 + [True], r"'y' must hold numbers, got .*False.* at row 0"),
    ],
)
def test_a_parquet_file_whose_labels_turn_is_refused(tmp_path, positive, first, then, message):
    write(tmp_path, a=first, b=then)
    shards = opened(tmp_path, positive)
    message = rf"b\.parquet: .*{message}"
    preprocessing = data.fit_preprocessing(np.zeros((2, 1), np.float32), COLUMNS)
    with pytest.raises(ValueError, match=message):
        data.measure_shard(shards, 1)
    with pytest.raises(ValueError, match=message):
        data.parquet_rows(shards, preprocessing)
    with pytest.raises(ValueError, match=message):
        data.decode_shards(shards, preprocessing, tmp_path / "decoded", numbers=[1])


@pytest.mark.parametrize("rows_at_once", [2, 100])
@pytest.mark.parametrize(("positive", "tail"), [("yes", "1"), ("yes", "YES"), ("1", "1.0"), (1, 3)])
def test_a_csv_file_whose_labels_turn_at_its_end_is_refused(
    tmp_path, monkeypatch, rows_at_once, positive, tail
):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", rows_at_once)
    other = "no" if positive == "yes" else 0
    labels = [other, other, positive, other, other, tail]
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"1,{label}\n" for label in labels))
    with pytest.raises(ValueError, match=rf"a\.csv: label 'y' must be .* got '?{tail}.* at row 5"):
        counts(opened(tmp_path, positive))


def test_a_file_may_have_one_value_and_all_processes_take_the_same(tmp_path):
    write(tmp_path, a=["yes"] * 3, b=[*["yes"] * 5, None, "no"], c=["no"] * 4)
    shards = opened(tmp_path)
    assert shards.negative == ("no",)
    for number, expected in ((0, [0, 3]), (2, [4, 0])):  # each in a process of its own
        one = opened(tmp_path)
        assert one == shards
        assert data.measure_shard(one, number).labels.tolist() == expected
    with pytest.raises(ValueError, match=r"b\.parquet: .* at row 5"):
        data.measure_shard(shards, 1)


def test_the_value_of_class_0_is_found_as_positive_is_read(tmp_path):
    write(tmp_path, a=[1.0, 0.5, 1.0], b=["1", "0.5", "0.50"])
    shards = opened(tmp_path, 1)
    assert shards.negative == (0.5,)
    assert counts(shards) == [[1, 2], [2, 1]]
    write(tmp_path, a=["yes", "1"], b=["1", "1"])
    assert opened(tmp_path).negative == ("1",)


def test_values_of_class_0_can_be_named(tmp_path):
    write(tmp_path, a=["YES", "yes"], b=["no", "yes"])
    assert counts(opened(tmp_path, negative=("no", "YES"))) == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match=r"a\.parquet: .*\('no', 'yes'\).*got 'YES' at row 0"):
        counts(opened(tmp_path, negative="no"))
    write(tmp_path, a=["yes"], b=["yes"])
    assert counts(opened(tmp_path, negative="no")) == [[0, 1], [0, 1]]
    with pytest.raises(ValueError, match=r"'y' has no value but 'yes' in .*a\.parquet on: name by"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("positive", "negative"), [("yes", "yes"), ("yes", 0), (1, "0"), (1, (0, 1)), (1, ())]
)
def test_values_of_class_0_are_others_of_the_same_kind(tmp_path, positive, negative):
    write(tmp_path, a=TEXTS)
    with pytest.raises(ValueError, match=r"negative must be other (texts|numbers) than positive"):
        opened(tmp_path, positive, negative=negative)


def test_files_decoded_with_another_class_0_are_decoded_anew(tmp_path):
    write(tmp_path, a=TEXTS)
    preprocessing = data.fit_preprocessing(np.zeros((2, 1), np.float32), COLUMNS)
    data.decode_shards(opened(tmp_path), preprocessing, tmp_path / "decoded")
    others = opened(tmp_path, negative=("no", "never"))
    with pytest.raises(FileNotFoundError, match="decode its file first"):
        data.decoded_rows(others, preprocessing, tmp_path / "decoded")
