"""The experiments in smoke size, by the path of the full run."""

import contextlib
import functools
import io
import json

import pytest

from experiments import ablation, fraud
from fal_jax.estimators import METHODS

TINY = ("--seeds", "2", "--epochs", "1")
SMOKE = ("CE", "CE+SMOTE", "FAML")


def run(main, *arguments):
    """The path of the record, the record and what was printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        path = main([*TINY, *map(str, arguments)])
    return path, json.loads(path.read_text()), printed.getvalue()


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Two seeds, one epoch, two trials: too short for FAML, which it says."""
    out = tmp_path_factory.mktemp("fraud")
    with pytest.warns(UserWarning, match="only 0 anchor updates in a run"):
        return run(fraud.main, "--trials", 2, "--methods", *SMOKE, "--out", out)


def assert_metrics(runs):
    assert [run["seed"] for run in runs] == [0, 1]
    for run in runs:
        assert {"auc", "average_precision", "f1", "balanced_accuracy"} <= set(run["test"])
        assert all(0 <= value <= 1 for value in run["test"].values())


def test_the_record_holds_what_repeats_the_run(smoke):
    path, record, _ = smoke
    assert path.name == "fraud_satimage_random.json"
    assert (record["dataset"], record["rows"], record["positives"]) == ("SatImage", 6435, 626)
    protocol = record["protocol"]
    assert (protocol["epochs"], protocol["trials"], protocol["hidden"]) == (1, 2, [16, 8])
    assert set(record["search"]) == set(record["results"]) == set(SMOKE)
    assert {"commit", "packages", "machine", "command", "date"} <= set(record["environment"])
    assert record["environment"]["machine"]["devices"]
    for name, runs in record["results"].items():
        assert_metrics(runs)
        for one in runs:
            assert set(one["settings"]) >= set(METHODS[name].search)
            assert ("anchor_updates" in one) == (name == "FAML")
    assert record["results"]["FAML"][0]["anchor_updates"] == 0


def test_training_learns_something(smoke):
    for runs in smoke[1]["results"].values():
        assert all(run["test"]["auc"] > 0.7 for run in runs)


def test_one_figure_beside_the_record(smoke):
    path, _, _ = smoke
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["fraud_satimage_random.json", "fraud_satimage_random.png"]
    figure = path.with_suffix(".png").read_bytes()
    assert figure.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(figure) > 5000


def test_the_printed_table_names_methods_and_what_to_mind(smoke):
    path, record, printed = smoke
    for name in (*SMOKE, "AUC-ROC", "F1", "Balanced accuracy"):
        assert name in printed
    flat = " ".join(printed.split())
    assert "of the test rows share pixels with training rows" in flat
    assert path.name in flat
    mean = sum(run["test"]["auc"] for run in record["results"]["CE"]) / 2
    assert f"{mean:.3f}" in flat


def test_a_random_split_shares_pixels(smoke):
    assert 0.97 < smoke[1]["test_windows_sharing_pixels"] <= 1


def test_the_same_again_gives_the_same(smoke, tmp_path):
    """Also without the other methods beside it."""
    _, record, _ = run(fraud.main, "--trials", 2, "--methods", "CE", "--out", tmp_path)
    assert record["results"]["CE"] == smoke[1]["results"]["CE"]


def test_a_split_by_blocks_shares_none(tmp_path):
    arguments = ("--trials", 1, "--methods", "CE", "--split", "blocks", "--out", tmp_path)
    path, record, printed = run(fraud.main, *arguments)
    assert path.name == "fraud_satimage_blocks.json"
    assert record["test_windows_sharing_pixels"] == 0
    assert_metrics(record["results"]["CE"])
    assert "do not compare with the paper" in " ".join(printed.split())


def test_the_ablation_in_smoke_size(tmp_path, monkeypatch):
    """Of its variants the first of two questions, to spare compilations."""
    asked = ablation.variants()

    def fewer():
        pull = "FAL, beta 0"
        return asked | {
            "methods": {"CE": asked["methods"]["CE"]},
            "pull": {pull: asked["pull"][pull]},
        }

    monkeypatch.setattr(ablation, "variants", fewer)
    path, record, printed = run(ablation.main, "--trials", 1, "--only", "pull", "--out", tmp_path)
    assert path.name == "ablation_satimage.json"
    assert list(record["results"]) == ["methods", "pull"]
    for answers in record["results"].values():
        for name, runs in answers.items():
            seeds = [one["seed"] for one in runs]
            assert seeds == [ablation.FIRST_SEED, ablation.FIRST_SEED + 1]
            assert all(0 <= value <= 1 for one in runs for value in one["test"].values())
            assert name.split(",")[0] in printed
    assert all(one["anchor_separation"] > 0 for one in record["results"]["pull"]["FAL, beta 0"])
    assert set(asked) == set(ablation.QUESTIONS)


@pytest.mark.parametrize("module", [fraud, ablation], ids=lambda module: module.__name__)
def test_help_shows_examples(module, capsys):
    with pytest.raises(SystemExit) as stop:
        module.main(["--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert printed.count(f"    python -m {module.__name__}") >= 3
    assert "--seeds" in printed


def bad(main, *arguments):
    return pytest.param(functools.partial(main, arguments), arguments, id=" ".join(arguments))


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        bad(fraud.main, "--methods", "XGB"),
        bad(fraud.main, "--seeds", "0"),
        bad(fraud.main, "--epochs", "-3"),
        bad(fraud.main, "--trials", "many"),
        bad(fraud.main, "--folds", "1"),
        bad(fraud.main, "--split", "rows"),
        bad(ablation.main, "--only", "colour"),
        bad(ablation.main, "--seeds", "0"),
    ],
)
def test_bad_options_end_with_code_2_and_name_the_option(call, arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        call()
    assert stop.value.code == 2
    assert f"argument {arguments[0]}: " in capsys.readouterr().err
