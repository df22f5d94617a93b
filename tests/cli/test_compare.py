"""A whole comparison: its record, scores and model, and that it goes on where it was stopped."""

import functools
import json
import pathlib
import shutil

import numpy as np
import pytest
from sklearn import metrics

from fal_jax import data
from fal_jax.cli import _compare, _folder, _model
from fal_jax.estimators import BASELINES
from tests.cli.made import COMPARE, METHODS_COMPARED, TINY, called, frame, write


def plain(record):
    """A record without what differs from run to run."""
    record = json.loads(json.dumps(record))
    record.pop("environment")
    for part in (record["protocol"], *record["methods"].values()):
        part.pop("seconds")
    return record


def test_the_folder_holds_record_scores_report_and_model(comparison):
    names = ["comparison.json", "model.safetensors", "report.html", "scores.parquet"]
    assert sorted(path.name for path in comparison.iterdir()) == names
    page = (comparison / "report.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert all(name in page for name in METHODS_COMPARED)
    record, scores = _folder.read(comparison)
    table = record["table"]
    assert (table["name"], table["label"], table["rows"], table["columns"]) == (
        "made.csv",
        "Class",
        120,
        3,
    )
    assert (table["classes"], table["class_counts"]) == (["fair", "fraud"], [90, 30])
    assert table["positive"] == "fraud"
    protocol = record["protocol"]
    assert (protocol["folds"], protocol["trials"], protocol["seed"]) == (3, 2, 0)
    assert (protocol["choose_by"], protocol["epochs"]) == ("average_precision", 2)
    assert protocol["seconds"] > 0
    assert list(record["methods"]) == list(METHODS_COMPARED)
    for method in record["methods"].values():
        assert len(method["settings"]) == 3
        assert 0 <= method["threshold"] <= 1
    assert list(scores) == ["row", "fold", "label", *METHODS_COMPARED]
    assert (scores["row"].dtype, scores["CE"].dtype) == (np.int64, np.float32)


def test_the_records_metrics_are_those_of_the_scores_of_rows_held_out(comparison):
    record, scores = _folder.read(comparison)
    labels = (frame()["Class"] == "fraud").to_numpy()
    np.testing.assert_array_equal(scores["label"], labels)
    assert sorted(np.bincount(scores["fold"]).tolist()) == [40, 40, 40]
    for name in METHODS_COMPARED:
        method = record["methods"][name]
        expected = {"average_precision": [], "roc_auc": [], "f1": [], "brier_score": []}
        for fold, threshold in enumerate(method["thresholds"]):
            rows = scores["fold"] == fold
            true, chances = labels[rows], scores[name][rows].astype(np.float64)
            alarms = chances >= threshold
            expected["average_precision"].append(metrics.average_precision_score(true, chances))
            expected["roc_auc"].append(metrics.roc_auc_score(true, chances))
            expected["f1"].append(metrics.f1_score(true, alarms, zero_division=0))
            expected["brier_score"].append(metrics.brier_score_loss(true, chances))
        for metric, values in expected.items():
            found = method["metrics"][metric]
            np.testing.assert_allclose(found["folds"], values, atol=1e-5)
            assert found["mean"] == pytest.approx(np.mean(values), abs=1e-5)
            assert found["std"] == pytest.approx(np.std(values, ddof=1), abs=1e-5)
    quality = {n: m["metrics"]["average_precision"]["mean"] for n, m in record["methods"].items()}
    assert record["best"] == max(quality, key=quality.get)


def test_the_model_is_of_the_best_of_our_methods_and_the_embedding_of_the_anchored(
    comparison,
):
    record, _ = _folder.read(comparison)
    quality = {
        n: record["methods"][n]["metrics"]["average_precision"]["mean"] for n in ("CE", "FAL")
    }
    model = _model.load(comparison)
    assert record["model"] == model.method == max(quality, key=quality.get)
    assert model.classes == ["fair", "fraud"]
    embedding = record["embedding"]
    assert embedding["method"] == "FAL"
    assert np.shape(embedding["anchors"]) == (2, 2)
    assert len(embedding["points"]) == len(embedding["labels"]) == 24  # a fifth, held out


def test_a_finished_comparison_is_not_overwritten_and_another_is_refused(
    comparison, monkeypatch, capsys
):
    monkeypatch.chdir(comparison.parent)
    before = (comparison / "comparison.json").read_bytes()
    code, _, said = called(capsys, *COMPARE, "CE")
    assert code == 2
    assert "found holds a comparison: go on with it by --resume" in said
    code, _, said = called(capsys, *COMPARE, "CE", "--resume", "--seed", "1", "--scaling", "log")
    assert code == 2
    assert "differs in the protocol's scaling, protocol's seed" in said
    code, printed, _ = called(capsys, *COMPARE, "CE", "--resume")
    assert code == 0
    assert "0.00" not in printed.split("FAL")[0]
    assert (comparison / "comparison.json").read_bytes() == before
    code, printed, _ = called(capsys, "report", "found", "--out", "again.html")
    assert code == 0
    assert pathlib.Path("again.html").read_text() == (comparison / "report.html").read_text()


def test_what_was_finished_at_ctrl_c_is_usable_and_resume_goes_on(
    comparison, monkeypatch, capsys, workplace
):
    write(workplace / "made.csv")
    run, calls = _compare.run, []

    def stopped(name, *arguments, **options):
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(name, *arguments, **options)

    monkeypatch.setattr(_compare, "run", stopped)
    code, printed, said = called(capsys, *COMPARE, *METHODS_COMPARED)
    assert code == 130
    assert "--resume goes on" in printed
    assert said == "Stopped."
    record, scores = _folder.read(workplace / "found")
    assert list(record["methods"]) == ["CE"]
    assert record["best"] == record["model"] == _model.load(workplace / "found").method == "CE"
    assert "CE" in (workplace / "found" / "report.html").read_text()
    assert called(capsys, *COMPARE, *METHODS_COMPARED)[0] == 2
    assert called(capsys, *COMPARE, *METHODS_COMPARED, "--resume")[0] == 0
    assert calls == ["CE", "FAL", "FAL", "LR"]
    record, scores = _folder.read(workplace / "found")
    expected, expected_scores = _folder.read(comparison)
    assert plain(record) == plain(expected)
    for name, values in expected_scores.items():
        np.testing.assert_array_equal(scores[name], values)


INSIDE = [
    (),
    ("table",),
    ("protocol",),
    ("embedding",),
    ("methods", "CE"),
    ("methods", "CE", "metrics", "roc_auc"),
]


@pytest.mark.parametrize("inside", INSIDE, ids=" ".join)
def test_a_record_that_lacks_something_is_damaged_or_still_enough(
    inside, comparison, capsys, workplace
):
    whole = (comparison / "comparison.json").read_text()
    shutil.copytree(comparison, workplace / "found")
    codes = []
    for key in functools.reduce(dict.__getitem__, inside, json.loads(whole)):
        record = json.loads(whole)
        del functools.reduce(dict.__getitem__, inside, record)[key]
        (workplace / "found" / "comparison.json").write_text(json.dumps(record))
        code, _, said = called(capsys, "report", "found", "--out", "again.html")
        assert code == 0 or (code, "comparison in found is damaged" in said) == (2, True), key
        codes.append(code)
    assert 2 in codes


@pytest.mark.parametrize("content", ["{}", "[]", "3", '{"format": 1, "methods": []}', "null"])
def test_a_record_that_is_none(content, comparison, capsys, workplace):
    shutil.copytree(comparison, workplace / "found")
    (workplace / "found" / "comparison.json").write_text(content)
    code, _, said = called(capsys, "report", "found", "--out", "again.html")
    assert (code, "is damaged" in said, "compare again" in said) == (2, True, True)
    assert not (workplace / "again.html").exists()


def test_a_file_in_place_of_the_folder_of_a_comparison(model, capsys):
    code, _, said = called(capsys, "report", model)
    message = f"{model} is no folder: name the one that fal-jax compare has written."
    assert (code, said) == (2, f"Error: {message}")


def test_a_method_that_fails_is_told_of_and_left_out(monkeypatch, capsys, workplace):
    write(workplace / "made.csv")

    def failing(*_, **__):
        raise FloatingPointError("the scores of all 2 trials are not finite")

    monkeypatch.setattr(_compare, "run", failing)
    code, printed, said = called(capsys, *COMPARE, "CE", "LR")
    assert code == 2
    assert "CE is left out: the scores of all 2 trials are not finite" in printed
    assert "no method could be trained on this table" in said
    assert not (workplace / "found").exists()


def test_more_than_two_classes_from_a_compressed_tsv(capsys, workplace):
    table = frame(150, classes=3)
    write(workplace / "made.tsv.gz", table, sep="\t")
    code, printed, _ = called(
        capsys, "compare", "made.tsv.gz", "--label", "Class", *TINY, "--methods", "CE", "LR"
    )
    assert code == 0
    assert "balanced accuracy" in printed
    record, scores = _folder.read(workplace / "made-comparison")
    classes = ["fair", "fraud", "odd"]
    assert (record["table"]["classes"], record["table"]["positive"]) == (classes, None)
    assert record["embedding"] is None
    labels = table["Class"].to_numpy()
    for name, method in record["methods"].items():
        assert method["threshold"] is None
        chances = np.stack([scores[f"{name}:{class_}"] for class_ in classes], axis=1)
        np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
        fold = scores["fold"] == 0
        found = np.array(classes)[chances.argmax(axis=1)]
        expected = {
            "balanced_accuracy": metrics.balanced_accuracy_score(labels[fold], found[fold]),
            "f1": metrics.f1_score(labels[fold], found[fold], average="macro", zero_division=0),
            "average_precision": np.mean(
                [
                    metrics.average_precision_score(labels[fold] == class_, chances[fold, place])
                    for place, class_ in enumerate(classes)
                ]
            ),
        }
        for metric, value in expected.items():
            assert method["metrics"][metric]["folds"][0] == pytest.approx(value, abs=1e-5)


def test_the_usual_methods_are_those_that_are_installed(monkeypatch):
    assert set(_compare.named([])) == set(_compare.DEFAULT)
    assert {*BASELINES, "CE", "FAL", "FAML", "FL+LGM", "LA"} < set(_compare.DEFAULT)
    monkeypatch.setattr(_compare.importlib.util, "find_spec", lambda _: None)
    assert "XGBoost" not in _compare.named([])
    with pytest.raises(ValueError, match=r"XGBoost needs xgboost: pip install"):
        _compare.named(["XGBoost"])
    with pytest.raises(ValueError, match=r"--methods must be of CE, .*; got 'Magic'"):
        _compare.named(["Magic"])


def test_of_a_table_larger_than_memory_a_sample_is_compared(capsys, workplace):
    rows = frame(400)
    table = write(workplace / "made.csv", rows)
    compare = ("compare", table, "--label", "Class", *TINY, "--methods", "LR")
    code, printed, said = called(capsys, *compare, "--memory", "1e-5", "--out", "found")
    record, scores = _folder.read(workplace / "found")
    number = len(scores["row"])
    assert (code, 60 < number < 200) == (0, True)
    assert f"more than --memory 1e-05: {number} of 400 rows are compared" in printed + said
    assert f"made.csv, {number} of 400 rows: mean" in printed
    assert np.all(np.diff(scores["row"]) > 0)
    is_fraud = (rows["Class"] == "fraud").to_numpy()
    np.testing.assert_array_equal(scores["label"], is_fraud[scores["row"]])
    assert scores["label"].sum() == pytest.approx(number / 4, abs=1)
    assert (record["table"]["rows"], record["table"]["sampled_from"]) == (number, 400)
    page = (workplace / "found" / "report.html").read_text()
    assert f"{number} rows, a sample of 400, 3 columns" in " ".join(page.split())
    assert called(capsys, *compare, "--memory", "1e-5", "--out", "found", "--resume")[0] == 0
    code, _, said = called(capsys, *compare, "--memory", "inf", "--out", "found", "--resume")
    assert (code, "table's rows, table's sampled_from" in said) == (2, True)


def test_a_sample_keeps_the_rows_that_folds_need_of_a_rare_class():
    labels = np.repeat(np.int32([0, 1]), [5000, 20])
    columns = (data.Column("x", "number"),)
    table = data.Table("made", np.zeros((5020, 1), np.float32), labels, 5020, False, columns)
    protocol = _compare.Protocol(folds=5, memory=1e-5)
    found, rows = _compare.sampled(table, protocol, lambda _: None)
    np.testing.assert_array_equal(found.labels, labels[rows])
    counts = np.bincount(found.labels)
    assert (counts[0] < 1000, counts[1]) == (True, protocol.least)
    whole, rows = _compare.sampled(table, _compare.Protocol(folds=5), pytest.fail)
    assert (whole, rows.tolist()) == (table, list(range(5020)))


def test_a_column_that_a_sample_hardly_has_a_value_of_is_left_out_of_it():
    labels = np.repeat(np.int32([0, 1]), 1000)
    features = np.zeros((2000, 2), np.float32)
    features[12:, 1] = np.nan
    columns = (data.Column("x", "number"), data.Column("sparse", "number", missing=True))
    table, notes = data.Table("made", features, labels, 2000, False, columns), []
    protocol = _compare.Protocol(folds=2, memory=1e-5)
    found, rows = _compare.sampled(table, protocol, notes.append)
    assert (found.features.shape, found.columns) == ((len(rows), 1), columns[:1])
    assert "fewer than 10 of these rows: 'sparse'" in notes[1]
    features[12:] = np.nan
    with pytest.raises(ValueError, match="set more --memory"):
        _compare.sampled(table, protocol, notes.append)


def test_memory_must_be_above_0(capsys, workplace):
    compare = ("compare", write(workplace / "made.csv"), "--label", "Class")
    code, _, said = called(capsys, *compare, "--memory", "0")
    assert (code, "--memory must be above 0, got 0.0" in said) == (2, True)
