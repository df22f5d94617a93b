"""Bad tables get a message with what to do and exit code 2, or a note where going on is right."""

import numpy as np
import pandas as pd
import pytest

from fal_jax.cli import _compare
from tests.cli.made import TINY, called, frame, write

pytestmark = pytest.mark.usefixtures("no_training")
COMPARE = ("--label", "Class", "--out", "found", *TINY, "--methods", "CE")


def text(name, content, encoding="utf-8"):
    """Writes a file as it is, whatever the table."""

    def made(_, workplace):
        path = workplace / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return made


def changed(change):
    """Writes the table after a change."""
    return lambda table, workplace: write(workplace / "made.csv", change(table))


def with_label(values):
    return changed(lambda table: table.assign(Class=values))


def semicolons(**options):
    return lambda table, workplace: write(workplace / "made.csv", table, sep=";", **options)


def parquet(**columns):
    """Writes the table and more columns as Parquet."""

    def made(table, workplace):
        more = {name: make(len(table)) for name, make in columns.items()}
        return write(workplace / "made.parquet", table.assign(**more))

    return made


ROWS = 120
MANY = [f"n{number}" for number in range(ROWS * 3)]
LONG = frame(3 * ROWS)
REFUSED = {
    "no such file": (lambda *_: "no.csv", "no.csv is missing: name the file of a table"),
    "a folder": (lambda _, workplace: workplace, "is a folder: name the file of a table"),
    "an empty file": (text("made.csv", ""), "made.csv is empty"),
    "no rows": (changed(lambda table: table.head(0)), "made.csv has no rows"),
    "one class": (with_label("fair"), "'Class' is 'fair' in all 120 rows: take rows of two"),
    "no label column": (
        changed(lambda table: table.drop(columns="Class")),
        "has no columns 'Class'; it has 'amount', 'age', 'kind': name another with --label, or",
    ),
    "semicolons": (semicolons(), "has ';' between its values: set --delimiter ';'."),
    "semicolons and decimal commas": (
        semicolons(decimal=","),
        "has ';' between its values: set --delimiter ';'.",
    ),
    "lists in a Parquet file": (
        parquet(tags=lambda rows: [[1.0, 2.0]] * rows),
        "column 'tags' holds 'list<element: double>', neither numbers nor text: leave it out with "
        "--drop, or make columns of its parts",
    ),
    "structures in a Parquet file": (
        parquet(place=lambda rows: [{"x": 1}] * rows),
        "column 'place' holds 'struct<x: int64>', neither numbers nor text: leave it out",
    ),
    "bytes in a Parquet file": (
        parquet(image=lambda rows: [b"\xff\xd8"] * rows),
        "column 'image' holds bytes, not text: leave it out with --drop 'image'.",
    ),
    "bytes for a label": (
        lambda table, workplace: parquet()(table.assign(Class=b"\xff\xd8"), workplace),
        "column 'Class' holds bytes, not text: ",
    ),
    "a row without label": (
        with_label(["fraud", "fair", None] + ["fair", "fraud"] * 58 + ["fair"]),
        "label 'Class' has no value at row 2 (the first is row 0); NA, null, None and the like "
        "in a text file are none: fill it in",
    ),
    "a class called NA": (
        with_label(["fair", "NA"] * 60),
        "label 'Class' has no value at row 1 (the first is row 0); NA, null, None and the like",
    ),
    "numbers for a label": (
        lambda _, workplace: write(workplace / "made.csv", LONG.assign(Class=np.arange(3 * ROWS))),
        "'Class' has more than 256 different values: it is no column of classes",
    ),
    "a label with 1 example": (
        with_label(["rare"] + ["fair", "fraud"] * 59 + ["fair"]),
        "3 rows of every class, got fewer of 'rare (1)': add rows, leave these out, or join the "
        "class with another.",
    ),
    "copies of one row": (
        lambda _, workplace: write(workplace / "made.csv", pd.concat([frame(4)] * 30)),
        "can't be split into 3 folds",
    ),
    "no column but constants": (
        changed(lambda table: table[["Class"]].assign(one=1)),
        "no column is left to learn from",
    ),
    "an infinite value": (
        changed(lambda table: table.assign(age=[-np.inf, *range(ROWS - 1)])),
        "column 'age' holds the infinite value -inf: put an empty cell",
    ),
    "a value too large": (
        changed(lambda table: table.assign(age=[1e39, *range(ROWS - 1)])),
        "column 'age' holds 1e+39, too large for float32: divide it",
    ),
    "numbers and text of many values": (
        lambda _, workplace: write(
            workplace / "made.csv", LONG.assign(age=[*range(3 * ROWS - 1), "n/k"])
        ),
        "column 'age' mixes numbers and text, the first 'n/k' at row 359 (the first is row 0): "
        "correct it",
    ),
    "columns of one name": (
        changed(lambda table: table.set_axis(["age", "age", "kind", "Class"], axis=1)),
        "columns of the same name: ['age']. Rename them",
    ),
    "another encoding": (
        text("made.csv", "né,Class\n1,é\n" * 9, "latin-1"),
        "is not text in utf-8 (invalid continuation byte at byte 1): save it as UTF-8, or name",
    ),
    "no text at all": (text("made.csv", b"PK\x03\x04\xff\xfe\x00\x81"), "is not text in utf-8"),
    "a row too short": (
        text("made.csv", "a,b,Class\n" + "1,2,0\n2,1,1\n" * 9 + "1,2\n"),
        "3 values in every row, as its header has names; the row that ends at line 20 has 2",
    ),
    "a row too long": (
        text("made.csv", "a,b,Class\n" + "1,2,0\n2,1,1\n" * 9 + "1,2,0,5\n"),
        "3 values in every row, as its header has names; the row that ends at line 20 has 4",
    ),
    "a Parquet file cut short": (
        lambda table, workplace: text("made.parquet", table.to_parquet(None)[:-9])(
            table, workplace
        ),
        "made.parquet is damaged or incomplete",
    ),
    "a csv file named Parquet": (text("made.parquet", "a,Class\n1,0\n"), "made.parquet is damaged"),
    "a file cut short": (text("made.csv.gz", b"\x1f\x8b\x08\x00"), "made.csv.gz is damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_table_that_is_refused(kind, capsys, workplace):
    make, message = REFUSED[kind]
    code, _, said = called(capsys, "compare", make(frame(), workplace), *COMPARE)
    assert said.startswith("Error: ")
    assert message in said
    assert code == 2
    assert not (workplace / "found").exists()


WIDE = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 10_000))).add_prefix("x")
NOTED = {
    "constant columns": (
        lambda table: table.assign(one=1, two="b"),
        "left out, as they have the same value in all rows: 'one', 'two'.",
        3,
    ),
    "columns without a value": (
        lambda table: table.assign(none=np.nan),
        "left out, as they have no value in any row: 'none'.",
        3,
    ),
    "columns with hardly a value": (
        lambda table: table.assign(few=[1.0, 2.0] + [np.nan] * (ROWS - 2)),
        "left out, as they have a value in fewer than 10 rows: 'few'.",
        3,
    ),
    "text of many values": (
        lambda _: LONG.assign(key=MANY),
        "left out, as they hold text of more than 256 different values (join rare values to keep "
        "them): 'key'.",
        3,
    ),
    "numbers and text of few values": (
        lambda table: table.assign(grade=["1", "2", "A"] * (ROWS // 3)),
        "'grade' holds numbers and text, the first 'A' at row 2 (the first is row 0): taken as a "
        "category",
        4,
    ),
    "an index without a name": (
        lambda table: table.rename_axis("").reset_index(),
        "left out, as an index without a name, which pandas' to_csv() writes: ''; name it to learn",
        3,
    ),
    "an index read and written again": (
        lambda table: table.rename_axis("Unnamed: 0").reset_index(),
        "left out, as an index without a name, which pandas' to_csv() writes: 'Unnamed: 0'; name",
        3,
    ),
    "few numbers with decimal commas": (
        lambda table: table.assign(dose=["0,5", "1,25", "2"] * (ROWS // 3)),
        "numbers with commas, such as '0,5', are read as text, in the columns 'dose': write them "
        "with a point alone, to have them taken as numbers.",
        4,
    ),
    "many numbers with decimal commas": (
        lambda _: LONG.assign(dose=[f"-1.{number:03},5" for number in range(3 * ROWS)]),
        "numbers with commas, such as '-1.000,5', are read as text, in the columns 'dose'",
        3,
    ),
    "categories called NA": (
        lambda table: table.assign(
            pool=["NA", "good", "fair"] * (ROWS // 3), gate=["None", "N/A", "a", "b"] * (ROWS // 4)
        ),
        "cells that hold 'N/A', 'NA', 'None' are taken as missing, in the columns 'pool', 'gate': "
        "write another word where they mean a category.",
        5,
    ),
    "more columns than rows": (
        lambda _: WIDE.assign(Class=["a", "b"] * 20),
        "10,000 columns are more than the 40 rows",
        10_000,
    ),
}


@pytest.mark.parametrize("kind", NOTED)
def test_a_table_that_is_gone_on_with(kind, capsys, workplace):
    change, message, columns = NOTED[kind]
    path = write(workplace / "made.csv", change(frame()))
    code, printed, said = called(capsys, "compare", path, *COMPARE, "--scaling", "standard")
    assert (code, said) == (0, "")
    assert message in printed
    assert f'"columns": {columns},' in (workplace / "found" / "comparison.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drop", "nothing"), "--drop names columns that the table does not have: 'nothing'"),
        (("--drop", "Class"), "--drop names the label 'Class'"),
        (("--positive", "odd"), "--positive must be one of two classes; label 'Class' has 'fair'"),
        (("--folds", "1"), "--folds must be at least 2, got 1"),
        (("--trials", "0"), "--trials must be at least 1"),
        (
            ("--members", "9"),
            "--members must be at most the 2 trials, got 9: set",
        ),
        (("--hidden",), "--hidden must be widths from 1"),
        (("--validation-fraction", "1"), "--validation-fraction must be in (0, 1), got 1.0"),
        (("--delimiter", ";;"), "--delimiter must be one character, got ';;'"),
        (("--encoding", "morse"), "--encoding must be one that Python knows"),
        (("--methods", "Magic"), "--methods must be of CE, "),
        (("--scaling", "cubic"), "cubic"),
        (("--folds", "many"), "many"),
    ],
)
def test_options_that_are_refused(arguments, message, capsys, workplace):
    path = write(workplace / "made.csv")
    code, _, said = called(capsys, "compare", path, *COMPARE, *arguments)
    assert (code, message in said) == (2, True), said
    assert not (workplace / "found").exists()


def test_columns_that_can_not_be_read_may_be_dropped(capsys, workplace):
    columns = {"tags": lambda rows: [[1.0]] * rows, "image": lambda rows: [b"\xff"] * rows}
    path = parquet(**columns)(frame(), workplace)
    code, _, said = called(capsys, "compare", path, *COMPARE, "--drop", "tags", "image")
    assert (code, said) == (0, "")


@pytest.mark.parametrize("delimiter", ["\t", r"\t"])
def test_a_tab_may_be_written_as_shells_hand_it_on(delimiter, capsys, workplace):
    path = write(workplace / "made.csv", sep="\t")
    code, _, said = called(capsys, "compare", path, *COMPARE)
    assert (code, r"has '\t' between its values: set --delimiter '\t'." in said) == (2, True)
    assert called(capsys, "compare", path, *COMPARE, "--delimiter", delimiter)[0] == 0


def test_a_place_that_can_not_be_written_is_told_of_before_any_work(monkeypatch, capsys, workplace):
    monkeypatch.setattr("fal_jax.cli._table.load", lambda *_, **__: 1 / 0)
    table, file = write(workplace / "made.csv"), workplace / "file"
    file.write_text("kept")
    compare = ("compare", table, "--label", "Class")
    train = ("train", table, "--label", "Class")
    folder = workplace / "closed"
    folder.mkdir()
    monkeypatch.setattr("os.access", lambda place, _: place != folder)
    for arguments, message in (
        ((*compare, "--out", file), f"--out must be a folder, and {file} is a file"),
        ((*compare, "--out", file / "more"), f"can't be written, for {file}"),
        ((*compare, "--out", folder), f"can't be written, for {folder}"),
        ((*train, "--out", workplace), f"--out must be a file, and {workplace} is a folder"),
        ((*train, "--out", table), f"--out must not be {table}, which is read"),
        ((*train, "--out", folder / "new" / "model"), f"can't be written, for {folder}"),
        (("predict", file, table, "--out", table), f"--out must not be {table}, which is read"),
        (("report", "found", "--out", workplace), f"--out must be a file, and {workplace} is a"),
    ):
        code, _, said = called(capsys, *arguments)
        assert (code, message in said) == (2, True), said
    assert file.read_text() == "kept"
    assert sorted(path.name for path in workplace.iterdir()) == ["closed", "file", "made.csv"]


def test_the_rare_class_is_positive_unless_another_is_named(capsys, workplace):
    path = write(workplace / "made.csv")
    for arguments, positive in (((), "fraud"), (("--positive", "fair"), "fair")):
        out = f"found-{positive}"
        assert called(capsys, "compare", path, *COMPARE, *arguments, "--out", out)[0] == 0
        assert f'"positive": "{positive}"' in (workplace / out / "comparison.json").read_text()


def test_an_error_of_the_program_is_no_traceback_either(monkeypatch, capsys, workplace):
    monkeypatch.setattr(_compare, "folds", lambda *_: 1 / 0)
    path = write(workplace / "made.csv")
    code, _, said = called(capsys, "compare", path, *COMPARE)
    assert code == 1
    assert said.startswith("Error, of this program and not of the table: ZeroDivisionError")
    assert "Traceback" not in said


def test_what_is_not_installed_is_named(monkeypatch, capsys, workplace):
    def absent(*_):
        raise ModuleNotFoundError("No module named 'tyro'", name="tyro")

    monkeypatch.setattr(_compare, "folds", absent)
    code, _, said = called(capsys, "compare", write(workplace / "made.csv"), *COMPARE)
    assert (code, said) == (2, "Error: tyro is not installed: pip install fal-jax[cli].")
