"""Training and prediction: a model's file, and what it says of other tables."""

import numpy as np
import pandas as pd
import pytest

from fal_jax.cli import _model, _predict
from fal_jax.estimators import ImbalancedMLPClassifier
from tests.cli.made import NAMES, TINY, called, frame, write


def test_a_model_is_an_estimators_file_with_a_threshold(model):
    loaded, classifier = _model.load(model), ImbalancedMLPClassifier.load(model)
    assert (loaded.method, classifier.loss) == ("CE+SMOTE", "CE")  # the loss of the network alone
    assert loaded.classes == ["fair", "fraud"]
    assert 0 < loaded.threshold < 1
    assert classifier.classes_.tolist() == ["fair", "fraud"]
    assert len(classifier.ensemble_.epoch) == 2
    rows = frame(30, seed=1)
    expected = classifier.predict_proba(rows[["amount", "age", "kind"]])
    raw = np.column_stack(
        [rows["amount"], rows["age"], pd.Index(["card", "cash", "wire"]).get_indexer(rows["kind"])]
    )
    np.testing.assert_allclose(loaded.probabilities(raw.astype(np.float64)), expected, rtol=1e-6)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_pieces_are_predicted_as_the_whole(model, capsys, workplace, monkeypatch, ending):
    rows = frame(50, seed=1).drop(columns="Class").assign(id=[f"n{i}" for i in range(50)])
    rows = rows[["id", "kind", "age", "amount"]]  # another order, and one more
    sep = {"sep": "\t"} if ending == ".tsv" else {}
    path = write(workplace / f"new{ending}", rows, **sep)
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 7)
    out = f"out{ending}"
    code, printed, _ = called(capsys, "predict", model, path, "--out", out, "--keep", "id")
    assert code == 0
    assert f"50 rows: {out}" in printed
    found = pd.read_parquet(out) if ending == ".parquet" else pd.read_csv(out, **sep)
    names = ["row", "id", "prediction", "probability:fair", "probability:fraud"]
    assert found.columns.tolist() == names
    assert found["row"].tolist() == list(range(50))
    assert found["id"].tolist() == rows["id"].tolist()
    classifier = ImbalancedMLPClassifier.load(model)
    expected = classifier.predict_proba(rows[["amount", "age", "kind"]])
    np.testing.assert_allclose(found["probability:fraud"], expected[:, 1], atol=1e-6)
    alarms = expected[:, 1] >= _model.load(model).threshold
    assert (found["prediction"] == "fraud").tolist() == alarms.tolist()
    assert [path.name for path in workplace.glob(".out*")] == []


def test_a_threshold_of_ones_own(model, capsys, workplace):
    path = write(workplace / "new.csv", frame(20, seed=1))
    assert called(capsys, "predict", model, path, "--threshold", "0")[0] == 0
    assert set(pd.read_csv("new-predictions.csv")["prediction"]) == {"fraud"}
    code, _, said = called(capsys, "predict", model, path, "--threshold", "2")
    assert (code, "--threshold must be in [0, 1]" in said) == (2, True)


def test_values_never_seen_count_as_missing_and_are_told_of(model, capsys, workplace):
    rows = frame(20, seed=1)
    rows.loc[3:5, "kind"] = "barter"
    path = write(workplace / "new.csv", rows)
    code, printed, _ = called(capsys, "predict", model, path)
    assert code == 0
    assert "lack count as missing, in the columns 'kind (3 rows)'" in printed
    chances = pd.read_csv("new-predictions.csv")["probability:fraud"]
    rows.loc[3:5, "kind"] = None
    called(capsys, "predict", model, write(workplace / "new.csv", rows))
    np.testing.assert_array_equal(pd.read_csv("new-predictions.csv")["probability:fraud"], chances)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.drop(columns="age"),
            "no columns 'age'; it has 'amount', 'kind', 'Class': the model is of",
        ),
        (lambda rows: rows.head(0), "has no rows"),
        (lambda rows: rows.assign(age="old"), "column 'age' must hold numbers, got 'old' at row 0"),
        (lambda rows: rows.assign(age="old"), "at row 0. Correct it; the first row is row 0."),
        (lambda rows: rows.assign(age=[*range(19), np.inf]), "finite numbers, got inf at row 19"),
    ],
)
def test_tables_that_can_not_be_predicted(model, capsys, workplace, monkeypatch, change, message):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 8)
    path = write(workplace / "new.csv", change(frame(20, seed=1)))
    code, _, said = called(capsys, "predict", model, path, "--out", "out.csv")
    assert code == 2
    assert message in said
    assert list(workplace.glob("*out.csv*")) == []


@pytest.mark.parametrize("left", [0, 7, 100, 5000])
def test_a_model_cut_short(model, capsys, workplace, left):
    (workplace / "cut.safetensors").write_bytes(model.read_bytes()[:left])
    code, _, said = called(capsys, "predict", "cut.safetensors", write(workplace / "new.csv"))
    assert code == 2
    assert "cut.safetensors is no saved classifier, is damaged or was cut short" in said
    assert not (workplace / "new-predictions.csv").exists()


def test_other_wrong_names(model, capsys, workplace):
    table = write(workplace / "new.csv")
    for arguments, message in (
        (("no.safetensors", table), "no.safetensors is missing"),
        ((model, "no.csv"), "no.csv is missing"),
        ((model, table, "--out", "out.xls"), "--out must end on one of .csv"),
        ((model, table, "--encoding", "utf-99"), "--encoding must be one that Python knows"),
        ((model, table, "--keep", "id"), "no columns 'id'; it has"),
    ):
        code, _, said = called(capsys, "predict", *arguments)
        assert (code, message in said) == (2, True), said


@pytest.mark.parametrize("name", ["row", "prediction", "probability:fraud"])
def test_a_column_named_as_the_predictions_own_is_not_kept(name, model, capsys, workplace):
    table = write(workplace / "new.csv", frame(9, seed=1).assign(**{name: range(5, 14)}))
    code, _, said = called(capsys, "predict", model, table, "--out", "out.csv", "--keep", name)
    message = f"--keep names '{name}', which the predictions have a column of: rename it"
    assert (code, message in said) == (2, True), said
    assert not (workplace / "out.csv").exists()


def test_the_header_is_written_once_whatever_the_rows_are_numbered_from(workplace):
    with _predict._writer(workplace / "out.csv") as write_rows:
        for first in (5, 0):
            write_rows(pd.DataFrame({"row": [first, first + 1]}))
    assert (workplace / "out.csv").read_text().split() == ["row", "5", "6", "0", "1"]


def test_a_classifier_saved_by_hand_decides_for_the_most_probable(model, capsys, workplace):
    classifier = ImbalancedMLPClassifier.load(model)
    classifier.save("own.safetensors")
    rows = frame(seed=1)
    assert called(capsys, "predict", "own.safetensors", write(workplace / "new.csv", rows))[0] == 0
    found = pd.read_csv("new-predictions.csv")["prediction"].tolist()
    assert found == classifier.predict(rows[["amount", "age", "kind"]]).tolist()


def test_training_needs_a_method_of_this_library(capsys, workplace):
    table = write(workplace / "new.csv")
    code, _, said = called(capsys, "train", table, "--label", "Class", "--method", "LR")
    message = "--method must be one of this library's methods, CE, CE+SMOTE, "
    assert (code, message in said, said.endswith("; got 'LR'.")) == (2, True, True)
    assert "XGBoost" not in said
    assert called(capsys, "train", table, "--label", "Class", "--method", "Magic")[2] == (
        said.replace("LR", "Magic")
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_rows_beyond_memory_are_prepared_on_disk_for_as_long_as_it_takes(
    classes, capsys, workplace
):
    table = write(workplace / "made.csv", frame(400, classes))
    train = ("train", table, "--label", "Class", "--method", "CE", *TINY[2:], "--memory", "0")
    code, printed, _ = called(capsys, *train)
    assert (code, "average precision" in printed) == (0, True)
    assert f"more than --memory: they are kept in {workplace} while training lasts" in printed
    assert {path.name for path in workplace.iterdir()} == {"made.csv", "made.safetensors", "cache"}
    path = workplace / "made.safetensors"
    loaded, classifier = _model.load(path), ImbalancedMLPClassifier.load(path)
    assert classifier.classes_.tolist() == list(NAMES[:classes])
    assert (loaded.threshold is None) == (classes == 3)
    assert called(capsys, "predict", path, table)[0] == 0
    resampled = [*train[:5], "CE+SMOTE", *train[6:]]
    code, _, said = called(capsys, *resampled)
    assert (code, "CE+SMOTE re-samples all rows in memory" in said) == (2, True)
    code, _, said = called(capsys, *train[:-1], "-1")
    assert (code, "--memory must be at least 0, got -1" in said) == (2, True)
