import numpy as np
import pandas as pd
import pytest

from fal_jax import data
from fal_jax.data import Column, _user_table

CSV = """age,job,member,income,late
31,clerk,True,100.5,no
44,smith,False,,yes
,clerk,True,7,no
52,,False,1e3,no
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "loans.2024.csv"
    path.write_text(CSV)
    return path


def test_columns_are_told_from_the_file(file):
    table = data.load_csv(file, label="late", positive="yes")
    assert table.columns == (
        Column("age", "quantile", missing=True),
        Column("job", "category", missing=True, levels=("clerk", "smith")),
        Column("member", "category", levels=("False", "True")),
        Column("income", "quantile", missing=True),
    )
    nan = np.nan
    expected = [[31, 0, 1, 100.5], [44, 1, 0, nan], [nan, 0, 1, 7], [52, nan, 0, 1000]]
    np.testing.assert_array_equal(table.features, expected)
    assert table.labels.tolist() == [0, 1, 0, 0]
    assert (table.name, table.rows_expected, table.is_sample) == ("loans", 4, False)
    assert table.groups is None
    fitted = data.fit_preprocessing(table.features, table.columns)
    assert np.isfinite(data.preprocess(table.features, fitted)).all()


def test_declared_columns_choose_and_order(file):
    columns = (Column("income", "log", missing=True), Column("age", "number", missing=True))
    table = data.load_csv(file, label="late", positive="yes", columns=columns)
    assert table.columns == columns
    np.testing.assert_array_equal(table.features[0], [100.5, 31])


@pytest.mark.parametrize("ending", [".csv.xz", ".csv.gz", ".csv.zip", ".parquet"])
def test_every_form_of_a_file(file, tmp_path, ending):
    frame = pd.read_csv(file)
    path = tmp_path / f"loans{ending}"
    frame.to_parquet(path) if ending == ".parquet" else frame.to_csv(path, index=False)
    table, expected = (data.load_csv(f, label="late", positive="yes") for f in (path, file))
    np.testing.assert_array_equal(table.features, expected.features)
    np.testing.assert_array_equal(table.labels, expected.labels)
    assert table.columns == expected.columns


def test_a_number_can_be_the_positive_label(tmp_path):
    file = tmp_path / "made.csv"
    file.write_text("x,y\n1,2\n2,0\n3,2.0\n1,2\n4,1\n")
    table = data.load_csv(file, label="y", positive=2)
    assert table.labels.tolist() == [1, 0, 1, 1, 0]
    assert table.groups.tolist() == [0, 1, 2, 0, 4]
    assert data.load_csv(file, label="y").labels.tolist() == [0, 0, 0, 0, 1]


def test_the_second_time_nothing_is_parsed(file, monkeypatch):
    first = data.load_csv(file, label="late", positive="yes")
    monkeypatch.setattr(_user_table, "survey", None)
    monkeypatch.setattr(_user_table, "parse", None)
    second = data.load_csv(file, label="late", positive="yes")
    assert second.columns == first.columns
    assert second.features.tobytes() == first.features.tobytes()
    assert isinstance(second.features, np.memmap)


def test_text_that_shows_late_makes_a_category_of_the_whole_column(tmp_path, monkeypatch):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 2)
    file = tmp_path / "made.csv"
    file.write_text("x,y\n1,1\n2,0\nmany,0\n1,1\n")
    table = data.load_csv(file, label="y")
    assert table.columns == (Column("x", "category", levels=("1", "2", "many")),)
    assert table.features[:, 0].tolist() == [0, 1, 2, 0]


def test_text_of_too_many_values(tmp_path):
    file = tmp_path / "made.csv"
    names = "".join(f"name {number},{number % 2}\n" for number in range(300))
    file.write_text("who,y\n" + names)
    with pytest.raises(ValueError, match=r"column 'who' of .*made\.csv holds text with more than"):
        data.load_csv(file, label="y")


def test_text_of_many_values_can_be_hashed(tmp_path, monkeypatch):
    """Into the same buckets on every machine, in whatever pieces the file is read."""
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 2)
    file = tmp_path / "made.csv"
    file.write_text("shop,y\nrose,1\nlily,0\n,0\nrose,0\n17,1\n")
    shop = Column("shop", "hashed", missing=True, buckets=8)
    for _ in range(2):  # parsed, then from the cache
        table = data.load_csv(file, label="y", columns=[shop])
        assert table.columns == (shop,)
        np.testing.assert_array_equal(table.features[:, 0], [5, 1, np.nan, 5, 5])


def test_whole_numbers_among_which_one_is_missing_are_the_same_text_from_parquet(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 2)
    ids = pd.array([17, None, 17, 4, 4], dtype="Int64")
    pd.DataFrame({"shop": ids, "y": [1, 0, 0, 0, 1]}).to_parquet(tmp_path / "made.parquet")
    pd.DataFrame({"shop": ids, "y": [1, 0, 0, 0, 1]}).to_csv(tmp_path / "made.csv", index=False)
    tables = [
        data.load_csv(tmp_path / f"made{ending}", label="y", columns=[column])
        for ending in (".parquet", ".csv")
        for column in (
            Column("shop", "hashed", missing=True, buckets=1000),
            Column("shop", "category", missing=True, levels=("17", "4")),
        )
    ]
    hashed, category = (table.features[:, 0] for table in tables[:2])
    np.testing.assert_array_equal(category, [0, np.nan, 0, 1, 1])
    assert (hashed[0], hashed[3]) == (hashed[2], hashed[4])
    for parquet, csv in zip(tables[:2], tables[2:], strict=True):
        np.testing.assert_array_equal(parquet.features, csv.features)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label": "lat"}, r"no columns \['lat'\]; it has \['age', "),
        ({"label": "late", "columns": [Column("Age", "log")]}, r"no columns \['Age'\]"),
        ({"label": "age", "columns": [Column("age", "log")]}, "label 'age' must not be one of"),
        ({"label": "late", "positive": "Yes"}, r"two classes, but 0 of 4 rows are 'Yes'"),
        ({"label": "late"}, r"column 'late' must hold numbers, got 'no' at row 0"),
        ({"label": "age", "positive": 31}, r"'age' must be present in every row, got nan at row 2"),
        ({"label": "job", "positive": "smith"}, r"'job' must be present .* got nan at row 3"),
        (
            {"label": "late", "positive": "yes", "columns": [Column("age", "number")]},
            "column 'age' must have no missing values, but row 2 has none",
        ),
        (
            {"label": "late", "positive": "yes", "columns": [Column("job", "log", True)]},
            "column 'job' must hold numbers, got 'clerk' at row 0",
        ),
        ({"label": "late", "columns": []}, "at least one Column"),
    ],
)
def test_what_does_not_fit_the_file(file, arguments, message):
    for _ in range(2):  # a table that was refused is refused again
        with pytest.raises(ValueError, match=message):
            data.load_csv(file, **arguments)


def test_a_row_that_breaks_off_lacks_more_than_a_value(tmp_path):
    file = tmp_path / "short.csv"
    file.write_text("y,a,b\n0,1,2\n1,2\n0,3,\n")
    columns = Column("a", "number"), Column("b", "number", missing=True)
    message = r"3 values in every row.* ends at line 3 has 2: correct it"
    with pytest.raises(ValueError, match=message):
        data.load_csv(file, label="y", columns=columns)
    file.write_text("y,a,b\n0,1,2\n1,2,\n0,3,\n")
    assert np.isnan(data.load_csv(file, label="y", columns=columns).features[:, 1]).sum() == 2


def test_columns_of_the_same_name(tmp_path):
    file = tmp_path / "made.csv"
    file.write_text("x,x,y\n1,2,0\n3,4,1\n")
    with pytest.raises(ValueError, match=r"columns of the same name: \['x'\]"):
        data.load_csv(file, label="y")


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv is missing"):
        data.load_csv(tmp_path / "none.csv", label="y")
