"""Tables with several things wrong at once: a message or a result, never a traceback."""

import gzip

import numpy as np
import pandas as pd
import pytest

from tests.cli.made import TINY, called, frame

SEEDS = range(80)
# Tables of few rows, copies, five classes, long texts, and one that is refused: for real.
REAL_SEEDS = (9, 31, 46, 55, 60)
BUDGET = ("--trials", "1", "--members", "1", "--epochs", "1", "--hidden", "3")


def cells(values):
    """A change that puts values into some cells of a column, at random."""

    def change(table, rng):
        name = rng.choice(table.columns)
        column = table[name].astype(object)
        column[rng.random(len(table)) < rng.choice([0.02, 0.5])] = values[rng.integers(len(values))]
        return table.assign(**{name: column})

    return change


def column(make):
    """A change that adds a column."""
    return lambda table, rng: table.assign(more=make(len(table), rng))


def label(make):
    """A change of the label."""
    return lambda table, rng: table.assign(Class=make(len(table), rng))


TABLES = [
    lambda table, rng: table.head(rng.integers(0, 12)),
    lambda table, rng: pd.concat([table.head(rng.integers(1, 9))] * 9),
    lambda table, rng: table[rng.permutation(table.columns)],
    lambda table, rng: table.drop(columns=rng.choice(table.columns)),
    lambda table, _: table.set_axis([*table.columns[:-2], "Class", "Class"], axis=1),
    lambda table, rng: table.rename(columns={rng.choice(table.columns): ""}),
    lambda table, rng: table.rename(columns={rng.choice(table.columns): 'a, "b"\né'}),
    cells([np.inf, -np.inf, "inf", "-Infinity", 1e39, 1e308]),
    cells([np.nan, "", " ", "NA", "null", "None", "?"]),
    cells(["many", "0x1F", "1,5", "1_000", "٣", "true", "é\"'\n;", "=1+1", "x" * 5000]),
    cells([True, False, 10**30, -0.0, "1e5", "00012", "2024-01-01"]),
    column(lambda rows, _: [1] * rows),
    column(lambda rows, _: [np.nan] * rows),
    column(lambda rows, _: np.where(np.arange(rows) < 2, 1.0, np.nan)),
    column(lambda rows, _: [f"key {number}" for number in range(rows)]),
    column(lambda rows, rng: np.where(rng.random(rows) < 0.9, "no", None)),
    column(lambda rows, rng: rng.permutation([*range(rows - 1), "odd"]) if rows else []),
    label(lambda rows, _: ["fair"] * rows),
    label(lambda rows, _: ["rare", *["fair"] * (rows - 1)][:rows]),
    label(lambda rows, rng: rng.normal(size=rows)),
    label(lambda rows, rng: rng.choice(["0", "0.0", "1", " 1", "True"], rows)),
    label(lambda rows, rng: np.where(rng.random(rows) < 0.1, None, "fair")),
    label(lambda rows, rng: rng.integers(0, 40, rows)),
]


def junk(content, rng):
    """Bytes in place of others."""
    at = rng.integers(0, len(content) + 1)
    return content[:at] + rng.bytes(rng.integers(1, 9)) + content[at + 4 :]


FILES = [
    lambda content, rng: content[: rng.integers(0, len(content) + 1)],
    junk,
    lambda content, _: content + content[: len(content) // 3],
    lambda content, _: content.replace(b",", b";"),
    lambda content, rng: content.replace(b"\n", b",9\n", int(rng.integers(1, 40))),
    lambda content, _: content.replace(b"\n", b"\n\n\r\n"),
    lambda content, _: content.replace(b"a", b"\xe9"),
    lambda content, _: content.replace(b"c", b'"', 1),
    lambda content, _: content.replace(b"1", b"\x00"),
    lambda content, _: content.decode("utf-8", "replace").encode("utf-16"),
    lambda content, _: b"\xef\xbb\xbf" + content,
    lambda *_: b"",
]


def some(changes, rng, most):
    return [changes[place] for place in rng.integers(len(changes), size=rng.integers(0, most + 1))]


def made(seed, folder):
    """A file with several things wrong with it."""
    rng = np.random.default_rng(seed)
    table = frame(90, classes=rng.integers(2, 4), seed=seed)
    for change in some(TABLES, rng, 3):
        try:
            table = change(table, rng)
        except (KeyError, ValueError, TypeError):  # what it would change is gone
            continue
    form = rng.choice(["made.csv", "made.csv", "made.tsv", "made.csv.gz", "made.parquet"])
    path = folder / form
    if form == "made.parquet":
        table = table.loc[:, ~table.columns.duplicated()]
        texts = [name for name, dtype in table.dtypes.items() if dtype.kind == "O"]
        content = table.astype(dict.fromkeys(texts, "str")).to_parquet()
    else:
        content = table.to_csv(index=False, sep="\t" if form == "made.tsv" else ",").encode()
    for change in some(FILES, rng, 1):
        content = change(content, rng)
    path.write_bytes(gzip.compress(content) if form.endswith(".gz") else content)
    return path


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_table_makes_a_traceback_or_leaves_half_a_result(seed, capsys, workplace):
    path = made(seed, workplace)
    arguments = ("--label", "Class", "--out", "found", *TINY, "--methods", "CE")
    code, printed, said = called(capsys, "compare", path, *arguments)
    assert code in (0, 2), said
    assert "Traceback" not in printed + said
    found = workplace / "found"
    if code == 0:
        names = ["comparison.json", "report.html", "scores.parquet"]
        assert sorted(file.name for file in found.iterdir()) == names
    else:
        assert said.startswith("Error: ")
        assert len(said) < 1500
        assert not found.exists()
    assert not list((workplace / "cache").glob("unfinished-*"))


def refused_or_made(said, code, names, folder):
    """Whether a table was gone on with: then there are these files, else a message and none."""
    assert "Traceback" not in said
    if code == 0:
        assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    else:
        assert code == 2
        assert said.startswith("Error: ")
        assert len(said) < 1500
        assert not folder.exists() or not list(folder.iterdir())
    return code == 0


@pytest.mark.parametrize("seed", REAL_SEEDS)
def test_what_is_compared_and_trained_for_real_is_whole_or_refused(seed, capsys, workplace):
    path = made(seed, workplace)
    label = ("--label", "Class")
    compare = ("compare", path, *label, "--out", "found", "--folds", "3", *BUDGET)
    code, printed, said = called(capsys, *compare, "--methods", "LR")
    names = ["comparison.json", "report.html", "scores.parquet"]
    if refused_or_made(printed + said if code == 0 else said, code, names, workplace / "found"):
        page = (workplace / "found" / "report.html").read_text(encoding="utf-8")
        assert page.lower().startswith("<!doctype html>")
        scores = pd.read_parquet(workplace / "found" / "scores.parquet")
        assert np.isfinite(scores.to_numpy(np.float64)).all()
    train = ("train", path, *label, "--method", "CE", "--out", "own/model.safetensors", *BUDGET)
    code, printed, said = called(capsys, *train)
    names = ["model.safetensors"]
    if refused_or_made(printed + said if code == 0 else said, code, names, workplace / "own"):
        out = ("--out", "again.csv")
        code, _, said = called(capsys, "predict", "own/model.safetensors", path, *out)
        assert code == 0, said
        chances = pd.read_csv("again.csv").filter(like="probability")
        assert chances.sum(axis=1).between(0.999, 1.001).all()
    assert not list((workplace / "cache").glob("unfinished-*"))


@pytest.mark.parametrize("seed", SEEDS[::2])
@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_no_table_to_predict_makes_a_traceback_or_leaves_half_a_result(
    seed, out, model, capsys, workplace
):
    path = made(seed, workplace)
    code, printed, said = called(capsys, "predict", model, path, "--out", out, "--keep", "Class")
    assert code in (0, 2), said
    assert "Traceback" not in printed + said
    left = [file.name for file in workplace.iterdir() if "out" in file.name]
    if code == 0:
        assert left == [out]
        found = pd.read_csv(out) if out == "out.csv" else pd.read_parquet(out)
        assert found.filter(like="probability").sum(axis=1).between(0.999, 1.001).all()
    else:
        assert said.startswith("Error: ")
        assert len(said) < 1500
        assert left == []
