"""Tables in files: measured and decoded file by file as they would be at once, or refused."""

import shutil
import weakref

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from fal_jax import data
from fal_jax.data import _measuring
from tests.disk import full_disk

ROWS = 5000
COLUMNS = (
    data.Column("amount", "log", missing=True),
    data.Column("constant", "number"),
    data.Column("far", "number"),
    data.Column("score", "quantile", missing=True),
    data.Column("hour", "hour"),
    data.Column("kind", "category", missing=True, levels=("card", "cash", "cheque")),
    data.Column("shop", "hashed", buckets=3),
)


def frame(rows, seed):
    rng = np.random.default_rng(seed)
    missing = rng.random((3, rows)) < 0.2
    return {
        "amount": pa.array(rng.lognormal(3, 2, rows), mask=missing[0]),
        "constant": pa.array(np.full(rows, 0.1)),
        "far": pa.array(rng.integers(-3, 4, rows) + 10**6),
        "score": pa.array(rng.normal(size=rows), mask=missing[1]),
        "hour": pa.array(rng.random(rows) * 24),
        "kind": pa.array(rng.choice(["card", "cash", "cheque"], rows), mask=missing[2]),
        "shop": pa.array(rng.choice(list("abcdefgh"), rows)),
        "fraud": pa.array(np.where(rng.random(rows) < 0.1, "yes", "no")),
        "ignored": pa.array(rng.normal(size=rows)),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three Parquet files with row groups of 700, and the third as a csv file, too."""
    folder = tmp_path_factory.mktemp("tables")
    for number, rows in enumerate((2000, 700, 2300)):
        table = pa.table(frame(rows, number))
        pyarrow.parquet.write_table(table, folder / f"{number}.parquet", row_group_size=700)
    (folder / "text").mkdir()
    table.to_pandas().to_csv(folder / "text" / "2.csv", index=False)
    return folder


def opened(files):
    return data.open_shards(files, label="fraud", positive="yes", columns=COLUMNS)


@pytest.fixture(scope="module")
def shards(folder):
    return opened(folder)


@pytest.fixture(scope="module")
def whole(folder):
    """All rows as `load_csv` has them."""
    tables = [
        data.load_csv(folder / f"{n}.parquet", label="fraud", positive="yes", columns=COLUMNS)
        for n in range(3)
    ]
    features = np.concatenate([table.features for table in tables])
    return features, np.concatenate([table.labels for table in tables])


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAL_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def measured(shards, numbers=(0, 1, 2)):
    return data.merge_measured(data.measure_shard(shards, number) for number in numbers)


@pytest.fixture(scope="module")
def fitted(shards):
    return data.preprocessing_of(measured(shards), COLUMNS)


def assert_same(found, expected, rtol=0.0):
    for one, other in zip(
        (found.fill, *found.scaler, *found.knots),
        (expected.fill, *expected.scaler, *expected.knots),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


def test_statistics_of_files_are_those_of_all_rows_at_once(fitted, whole):
    assert_same(fitted, data.fit_preprocessing(whole[0], COLUMNS), rtol=1e-12)
    assert fitted.scaler.scale[1] == 1  # of the constant column


def test_the_order_of_files_and_how_they_are_merged_do_not_matter(shards, fitted):
    other = data.merge_measured([data.measure_shard(shards, 2), measured(shards, (1, 0))])
    assert_same(data.preprocessing_of(other, COLUMNS), fitted, rtol=1e-12)
    np.testing.assert_array_equal(other.labels.sum(), ROWS)


def test_parts_are_merged_as_they_come(shards, fitted):
    samples = []

    def parts():
        for number in range(3):
            part = data.measure_shard(shards, number)
            samples.append(weakref.ref(part.sample))
            assert sum(sample() is not None for sample in samples) <= 2
            yield part

    assert_same(data.preprocessing_of(data.merge_measured(parts()), COLUMNS), fitted)
    with pytest.raises(ValueError, match="one or more"):
        data.merge_measured([])


def test_of_many_rows_a_uniform_sample_is_kept(shards, whole, monkeypatch):
    monkeypatch.setattr(_measuring, "_SAMPLE", 1000)
    found = measured(shards)
    assert found.sample.shape == (1000, len(COLUMNS))
    rows = np.unique(found.sample[:, 4])  # the hours tell the rows
    assert rows.size == 1000
    assert np.isin(rows, whole[0][:, 4]).all()
    from_file = [
        np.isin(rows, whole[0][part, 4]).sum() for part in (slice(2000), slice(2000, 2700))
    ]
    expected = np.array([400, 140])
    assert np.all(np.abs(from_file - expected) < 4 * np.sqrt(expected))
    sampled = data.preprocessing_of(found, COLUMNS)
    exact = data.fit_preprocessing(whole[0], COLUMNS)
    np.testing.assert_allclose(sampled.scaler.mean[1:], exact.scaler.mean[1:], rtol=1e-12)
    assert abs(sampled.fill[0] / exact.fill[0] - 1) < 0.3


def all_rows(rows):
    """All rows in the order of the files, which blocks need not have."""
    features = np.empty((rows.sizes.sum(), rows.dim), np.float32)
    labels = np.empty(len(features), np.int32)
    for block, (start, size) in enumerate(zip(rows.starts, rows.sizes, strict=True)):
        rows.read(block, features[start : start + size], labels[start : start + size])
    sizes = rows.counts.sum(axis=1)
    firsts = np.cumsum(sizes) - sizes
    order = np.argsort(np.concatenate([first + rows.order(n) for n, first in enumerate(firsts)]))
    return features[order], labels[order]


def test_decoded_rows_parquets_own_and_rows_in_memory_are_the_same(shards, fitted, whole, tmp_path):
    data.decode_shards(shards, fitted, tmp_path)
    expected = data.preprocess(whole[0], fitted)
    for rows in (data.decoded_rows(shards, fitted, tmp_path), data.parquet_rows(shards, fitted)):
        features, labels = all_rows(rows)
        np.testing.assert_array_equal(features, expected)
        np.testing.assert_array_equal(labels, whole[1])
        np.testing.assert_array_equal(rows.counts.sum(axis=0), np.bincount(whole[1]))
        positives, taken = rows.positives(2)
        positives = rows.order(2)[positives]
        np.testing.assert_array_equal(np.sort(positives), np.flatnonzero(whole[1][2700:]))
        np.testing.assert_array_equal(taken, expected[2700:][positives])


def test_a_csv_file_is_decoded_as_the_parquet_file_is(folder, shards, fitted, tmp_path):
    text = opened([folder / "text" / "2.csv"])
    for found in (shards.only([2]), text):
        data.decode_shards(found, fitted, tmp_path)
    one, other = (
        all_rows(data.decoded_rows(s, fitted, tmp_path))[0] for s in (shards.only([2]), text)
    )
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)  # text rounds
    with pytest.raises(ValueError, match=r"2\.csv is no \.parquet file: decode it once"):
        data.parquet_rows(text, fitted)


def test_a_full_disk_keeps_what_was_decoded_and_the_next_call_goes_on(shards, fitted, tmp_path):
    with full_disk(50_000), pytest.raises(OSError, match=r"0\.parquet can't be decoded to .*room"):
        data.decode_shards(shards, fitted, tmp_path, numbers=[1, 0])
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    with pytest.raises(FileNotFoundError, match=r"is missing: decode its file first"):
        data.decoded_rows(shards, fitted, tmp_path)
    data.decode_shards(shards, fitted, tmp_path)
    assert kept.stat().st_mtime_ns == before
    assert data.decoded_rows(shards, fitted, tmp_path).counts.sum() == ROWS
    (kept / "labels.npy").write_bytes((kept / "labels.npy").read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"1-\w+ is damaged .*delete it and decode again"):
        data.decoded_rows(shards, fitted, tmp_path)


def copied(folder, tmp_path):
    for file in folder.glob("*.parquet"):
        shutil.copy(file, tmp_path)
    return opened(tmp_path)


def test_a_damaged_row_group_is_named(folder, fitted, tmp_path):
    shards = copied(folder, tmp_path)
    rows = data.parquet_rows(shards, fitted)
    content = bytearray(shards.files[0].read_bytes())
    place = pyarrow.parquet.read_metadata(shards.files[0]).row_group(1).column(0).data_page_offset
    content[place : place + 3000] = bytes(3000)
    shards.files[0].write_bytes(content)
    out = np.empty((700, rows.dim), np.float32), np.empty(700, np.int32)
    rows.read(0, *out)
    with pytest.raises(ValueError, match=r"0\.parquet is damaged or incomplete"):
        rows.read(1, *out)
    with pytest.raises(ValueError, match=r"0\.parquet is damaged or incomplete"):
        data.decode_shards(shards, fitted, tmp_path / "decoded")
    assert not list((tmp_path / "decoded").iterdir())
    shards.files[0].write_bytes(content[:-50])
    with pytest.raises(ValueError, match=r"0\.parquet is damaged or incomplete"):
        opened(tmp_path)


def test_a_column_that_changes_its_type_is_named_with_its_row(folder, fitted, tmp_path):
    shards = copied(folder, tmp_path)
    table = pyarrow.parquet.read_table(shards.files[1])
    amounts = [*map(str, range(650)), "a lot", *map(str, range(49))]
    table = table.set_column(0, "amount", pa.array(amounts))
    pyarrow.parquet.write_table(table, shards.files[1], row_group_size=400)
    message = r"1\.parquet: column 'amount' must hold numbers, got 'a lot' at row 650"
    with pytest.raises(ValueError, match=message):
        data.measure_shard(shards, 1)
    rows = data.parquet_rows(shards, fitted)
    out = np.empty((300, rows.dim), np.float32), np.empty(300, np.int32)
    with pytest.raises(ValueError, match=message):
        rows.read(4, *out)
    text = tmp_path / "text.csv"
    table.to_pandas().to_csv(text, index=False)
    with pytest.raises(ValueError, match=message.replace(r"1\.parquet", "text.csv")):
        data.measure_shard(opened(text), 0)


def test_a_file_that_is_missing_or_lacks_a_column_is_named(folder, fitted, tmp_path):
    shards = copied(folder, tmp_path)
    rows = data.parquet_rows(shards, fitted)
    shards.files[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"1\.parquet"):
        rows.read(3, np.empty((700, rows.dim), np.float32), np.empty(700, np.int32))
    with pytest.raises(FileNotFoundError, match=r"1\.parquet is missing"):
        opened(shards.files)
    with pytest.raises(FileNotFoundError, match=r"1\.parquet"):
        data.decode_shards(shards, fitted, tmp_path / "decoded")
    with pytest.raises(FileNotFoundError, match=r"no \.parquet, \.csv or \.tsv file in"):
        opened(tmp_path / "decoded")
    with pytest.raises(ValueError, match=r"0\.parquet has no columns \['crime'\]; it has"):
        data.open_shards(tmp_path, label="crime", columns=COLUMNS)
    with pytest.raises(ValueError, match="label and columns must be given"):
        data.open_shards(tmp_path)


def test_all_files_of_a_folder_are_taken_compressed_ones_too(tmp_path):
    names = ["a.1.csv", "a.2.csv", "b.csv.gz", "c.tsv", "d.tsv.xz", "e.csv.bz2", "f.csv.zip"]
    table = pa.table({"x": [0.5, 1.5, 2.5], "y": [0, 1, 0]})
    for name in names:
        delimiter = "\t" if ".tsv" in name else ","
        table.to_pandas().to_csv(tmp_path / name, index=False, sep=delimiter)
    pyarrow.parquet.write_table(table, tmp_path / "h.parquet")
    (tmp_path / "README.txt").write_text("of the table")
    columns = [data.Column("x", "number")]
    shards = data.open_shards(tmp_path, label="y", columns=columns)
    assert [file.name for file in shards.files] == [*names, "h.parquet"]
    found = measured(shards, range(8))
    assert found.labels.tolist() == [16, 8]
    fitted = data.preprocessing_of(found, columns)
    data.decode_shards(shards, fitted, tmp_path / "rows")
    assert data.decoded_rows(shards, fitted, tmp_path / "rows").counts.tolist() == [[2, 1]] * 8


@pytest.mark.parametrize("names", [("a.csv", "a.csv.gz"), ("a.csv", "a.parquet")])
def test_a_folder_with_a_file_in_two_forms_is_refused(tmp_path, names):
    frame = pa.table({"x": [0.5, 1.5], "y": [0, 1]}).to_pandas()
    for name in names:
        write = frame.to_parquet if "parquet" in name else frame.to_csv
        write(tmp_path / name, index=False)
    named, columns = [tmp_path / name for name in names], [data.Column("x", "number")]
    with pytest.raises(ValueError, match=rf"has {names[0]} and {names[1]}, which may be the same"):
        data.open_shards(tmp_path, label="y", columns=columns)
    assert len(data.open_shards(named, label="y", columns=columns).files) == 2


def test_a_column_without_a_value_is_refused(tmp_path):
    table = pa.table({"empty": pa.array([None, None], pa.float32()), "label": [0, 1]})
    pyarrow.parquet.write_table(table, tmp_path / "0.parquet")
    column = data.Column("empty", "number", missing=True)
    shards = data.open_shards(tmp_path, label="label", columns=[column])
    with pytest.raises(ValueError, match="'empty' has no value in 2 training rows: leave"):
        data.preprocessing_of(data.measure_shard(shards, 0), [column])


def test_each_file_is_one_processes():
    parts = [data.files_of_process(5, process=p, processes=3) for p in range(3)]
    assert sorted(np.concatenate(parts)) == [0, 1, 2, 3, 4]
