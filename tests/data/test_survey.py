"""What a file holds, before it is parsed: columns, classes, and rows that do not fit."""

import io
import math

import numpy as np
import pandas as pd
import pytest

from fal_jax import data
from fal_jax.data import Found
from fal_jax.data._reading import MISSING_WORDS

CSV = """x,job,mixed,none,same,far,label
1,clerk,7,,3,1,10
-2.5,smith,8,,3,inf,9
,,many,,3,-1,b
4,clerk,,,3,2,9
"""


@pytest.fixture(params=[2, 2**17])
def file(tmp_path, monkeypatch, request):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", request.param)
    path = tmp_path / "made.csv"
    path.write_text(CSV)
    return path


def test_a_survey_finds_what_there_is(file):
    found = data.survey_csv(file, label="label")
    nothing = math.inf, -math.inf
    assert found.rows == 4
    assert found.columns == (
        Found("x", 3, -2.5, 4.0),
        Found("job", 3, *nothing, levels=("clerk", "smith")),
        Found("mixed", 3, 7.0, 8.0, levels=("7", "8", "many"), odd=(2, "many")),
        Found("none", 0),
        Found("same", 4, 3.0, 3.0),
        Found("far", 4, -1.0, math.inf),
    )
    assert [column.is_constant for column in found.columns] == [
        False,
        False,
        False,
        True,
        True,
        False,
    ]
    assert list(found.classes.items()) == [("9", 2), ("10", 1), ("b", 1)]
    assert found.unlabelled is None


def test_rows_without_a_label_and_too_many_values(file):
    lines = "".join(f"name {number},{number}\n" for number in range(300))
    file.write_text("who,y\n" + lines + "none,\nnone,\n")
    found = data.survey_csv(file, label="y")
    assert found.unlabelled == 300
    assert len(found.classes) == 257
    assert found.columns[0].has_too_many_levels


def test_words_for_no_value_are_told_of_columns_of_text(file):
    lines = ["a,b,c,y", "NA,x,1,p", ",NA,NA,q", "None,x,nan,p", "NA,w,2,NA"]
    file.write_text("\n".join(lines) + "\n")
    found = data.survey_csv(file, label="y")
    assert [column.words for column in found.columns] == [(), ("NA",), ()]
    assert [column.present for column in found.columns] == [0, 3, 2]
    assert found.columns[1].levels == ("w", "x")
    assert (found.classes, found.unlabelled) == ({"p": 2, "q": 1}, 3)
    columns = [data.Column("b", "category", missing=True, levels=("w", "x"))]
    file.write_text("\n".join(lines[:-1]) + "\n")
    loaded = data.load_csv(file, label="y", classes=("p", "q"), columns=columns)
    np.testing.assert_array_equal(loaded.features[:, 0], [1, np.nan, 1])


def test_in_parquet_a_word_is_a_word(tmp_path):
    frame = pd.DataFrame({"a": ["NA", "x", None], "y": ["None", "b", "b"]})
    frame.to_parquet(tmp_path / "made.parquet")
    found = data.survey_csv(tmp_path / "made.parquet", label="y")
    assert found.columns == (Found("a", 2, levels=("NA", "x")),)
    assert (found.classes, found.unlabelled) == ({"None": 1, "b": 2}, None)


def test_the_words_for_no_value_are_those_of_pandas():
    words = sorted(MISSING_WORDS)
    table = pd.read_csv(io.StringIO("\n".join(["a", *words, '""', "na"])), dtype=str)
    assert table["a"].isna().tolist() == [True] * (len(words) + 1) + [False]


def test_classes_by_their_texts(file):
    def load(*classes):
        columns = [data.Column("same", "number")]
        return data.load_csv(file, label="label", classes=classes, columns=columns)

    for _ in range(2):  # parsed, then from the cache
        table = load("b", "10", "9")
        assert table.labels.tolist() == [1, 2, 0, 2]
        assert table.classes == ("b", "10", "9")
    with pytest.raises(ValueError, match=r"'label' must hold one of .*, got '10' at row 0"):
        load("b", "9")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("made.tsv", {}),
        ("made.tsv.gz", {}),
        ("made.csv", {"delimiter": ";"}),
        ("made.csv", {"encoding": "latin-1"}),
        ("made.csv", {"encoding": "utf-16", "delimiter": "|"}),
        ("made.parquet", {}),
    ],
)
def test_other_delimiters_encodings_and_forms(tmp_path, name, options):
    frame = pd.DataFrame({"née": ["façade, côté", "b", "b"], "y": [0, 1, 1]})
    path = tmp_path / name
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        delimiter = "\t" if ".tsv" in name else options.get("delimiter", ",")
        encoding = options.get("encoding", "utf-8")
        frame.to_csv(path, index=False, sep=delimiter, encoding=encoding)
    found = data.survey_csv(path, label="y", **options)
    assert found.columns == (Found("née", 3, levels=("b", "façade, côté")),)
    table = data.load_csv(path, label="y", **options)
    np.testing.assert_array_equal(table.features[:, 0], [1, 0, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,y\n1,2,0\n1,1\n2,2,1\n", r"3 values in every row.* ends at line 3 has 2: correct"),
        ("a,b,y\n1,2,0\n1,1,1\n2,2,1,5\n", r"3 values in every row.* ends at line 4 has 4"),
        ("a,a,y\n1,2,0\n", r"columns of the same name: \['a'\]"),
        ("a,b\n1,2\n", r"no columns \['y'\]; it has \['a', 'b'\]"),
        ("a,y\n", "has no rows"),
        ("a,y\n\xe9,1\n", "is not text in utf-8 .*save it as UTF-8, or name its encoding"),
    ],
)
def test_files_that_can_not_be_measured(tmp_path, text, message):
    path = tmp_path / "made.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        data.survey_csv(path, label="y")


def test_wide_tables_are_read_fewer_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("fal_jax.data._reading._VALUES_AT_ONCE", 9)
    path = tmp_path / "made.csv"
    path.write_text("a,b,y\n" + "1,2,x\n" * 7)
    sizes = []
    counted = pd.DataFrame.__len__
    monkeypatch.setattr(pd.DataFrame, "__len__", lambda f: sizes.append(counted(f)) or sizes[-1])
    assert data.survey_csv(path, label="y").rows == 7
    assert max(sizes) == 3
