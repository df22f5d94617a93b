"""The fraud study's command in smoke size: its protocols, budgets, data sets and options."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments import fraud, paper, runs, study
from fal_jax import data
from tests.data import generated
from tests.experiments.smoke import call, files, run

SAMPLE = "PaySim (sample: 400 of 6,362,620 rows)"
NO_NEW_SCENE = "no estimate for a new scene"

pytestmark = pytest.mark.usefixtures("isolated")


def fail(*_, **__):
    raise AssertionError("it runs")


@pytest.fixture
def paysim(tmp_path):
    """A folder with a file as PaySim's, of 400 rows."""
    return generated.write(tmp_path / "data", "PaySim", generated.frame_of("PaySim", 400)).parent


@pytest.mark.parametrize("budget", study.BUDGETS)
@pytest.mark.parametrize(
    ("protocol", "splits"),
    [("holdout", [(0, None), (1, None)]), ("nested-cv", [(0, 0), (1, 1), (2, 2)])],
)
def test_both_protocols_with_both_budgets(tmp_path, protocol, splits, budget):
    arguments = ("--protocol", protocol, "--budget", budget, "--folds", 3, "--methods", "LR")
    path, record, printed = run(*arguments, "--out", tmp_path)
    assert path.name == f"fraud_satimage_{protocol}_{budget}.json"
    assert study.read(tmp_path) == {("SatImage", protocol, budget): record}
    assert [(one["seed"], one["fold"]) for one in record["results"]["LR"]] == splits
    assert record["options"].get("folds") == (3 if protocol == "nested-cv" else None)
    assert f"mean ± std over {protocol} (paper)" in printed
    assert NO_NEW_SCENE in printed


def test_the_papers_budget_has_its_grid_the_last_weights_and_arg_max(tmp_path):
    arguments = ("--budget", "paper", "--protocol", "nested-cv", "--folds", 2)
    _, record, printed = run(*arguments, "--methods", "CE", "LR", "--out", tmp_path)
    assert record["search"]["CE"]["ranges"] == {"learning_rate": [0.03, 0.1, 0.3, 1.0]}
    assert list(record["results"]) == ["CE", "LR"]  # no mean of trials
    for one in record["results"]["CE"]:
        assert len(one["trials"]) == 4
        assert one["settings"]["epoch"] == 1
    assert [len(one["trials"]) for one in record["results"]["LR"]] == [2, 2]
    for metric, figure in (("f1", 0.5295), ("balanced_accuracy", 0.8532)):
        values = [one["test"][f"{metric}_argmax"] for one in record["results"]["CE"]]
        assert f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" in printed
        assert f"({figure:.3f})" in printed


def test_a_split_by_blocks_stands_beside_no_figure_of_the_papers(tmp_path):
    arguments = ("--protocol", "block-holdout", "--methods", "LR", "--out", tmp_path)
    path, record, printed = run(*arguments)
    assert path.name == "fraud_satimage_block-holdout_equal.json"
    assert record["protocol"] == "block-holdout"
    assert [(one["seed"], one["fold"]) for one in record["results"]["LR"]] == [(0, None), (1, None)]
    assert paper.published(record) == {}
    assert NO_NEW_SCENE not in printed


def test_only_satimage_has_blocks(tmp_path, paysim):
    where = ("--dataset", "PaySim", "--data-dir", paysim, "--out", tmp_path / "out")
    with pytest.raises(SystemExit, match=r"block-holdout is for SatImage, .* not PaySim"):
        call(*where, "--allow-partial", "--protocol", "block-holdout", "--methods", "LR")
    assert not (tmp_path / "out").exists()


def test_all_data_sets_are_satimage_where_no_other_is_found(tmp_path):
    paths, _ = call("--dataset", "all", "--methods", "LR", "--out", tmp_path)
    assert [path.name for path in paths] == ["fraud_satimage_holdout_equal.json"]


def test_all_data_sets_that_are_found_each_have_a_record(tmp_path, paysim):
    where = ("--data-dir", paysim, "--out", tmp_path / "out")
    paths, printed = call("--dataset", "all", *where, "--allow-partial", "--methods", "LR")
    stems = [f"fraud_{name}_holdout_equal" for name in ("satimage", "paysim")]
    assert [path.stem for path in paths] == stems
    assert set(files(tmp_path / "out")) == {f"{s}.{e}" for s in stems for e in ("json", "png")}
    assert "SatImage: mean ± std" in printed
    assert f"{SAMPLE}: mean ± std" in printed


def test_several_data_sets_by_their_environment_variable(tmp_path, paysim, monkeypatch):
    monkeypatch.setenv("FAL_JAX_DATA", str(paysim))
    arguments = ("--dataset", "PaySim", "SatImage", "--allow-partial", "--methods", "LR")
    paths, _ = call(*arguments, "--out", tmp_path / "out")
    found = [json.loads(path.read_text())["dataset"] for path in paths]
    assert found == ["PaySim", "SatImage"]


def test_a_file_with_other_rows_is_a_sample_wherever_its_results_are(tmp_path, paysim):
    file = (paysim / generated.file_name("PaySim")).rename(tmp_path / "some rows.csv")
    arguments = ("--dataset", "PaySim", "--file", file, "--allow-partial", "--methods", "LR")
    path, record, printed = run(*arguments, "--out", tmp_path / "out", "--name", "mine")
    assert path == tmp_path / "out" / "mine.json"
    assert (record["rows"], record["rows_expected"], record["is_sample"]) == (400, 6_362_620, True)
    assert record["positives"] == 100
    assert study.label(record) == SAMPLE
    assert printed.count(f"{SAMPLE}: mean ± std over holdout") == 1
    assert NO_NEW_SCENE not in printed
    with pytest.raises(
        SystemExit, match=r"has 400 rows, but PaySim has .*, or add --allow-partial"
    ):
        call("--dataset", "PaySim", "--file", file, "--methods", "LR", "--out", tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


@pytest.mark.parametrize(
    "where",
    [(), ("--data-dir", "."), ("--file", "missing.csv")],
    ids=["nowhere", "other folder", "other file"],
)
def test_a_missing_file_is_answered_by_where_to_get_it(tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="get it from Kaggle ealaxi/paysim1"):
        call("--dataset", "PaySim", *where, "--methods", "LR", "--out", "out")
    assert files(tmp_path) == {}


def test_all_data_sets_are_looked_at_before_any_runs(tmp_path, paysim, monkeypatch):
    monkeypatch.setattr(fraud, "run_table", fail)
    both = ("--dataset", "SatImage", "PaySim", "--data-dir", paysim)
    with pytest.raises(SystemExit, match="has 400 rows, but PaySim has"):
        call(*both, "--methods", "LR", "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "GMSC", "--data-dir", "missing"), "missing is missing: .* or --data-dir"),
        (("--file", "sat.trn"), "SatImage is in the package: leave --file out"),
        (("--protocol", "nested-cv", "--folds", "700"), "at least 700 rows of each class"),
        (("--out", os.devnull), os.devnull),
    ],
    ids=["folder", "file", "folds", "out"],
)
def test_what_is_wrong_is_told_without_a_traceback(tmp_path, monkeypatch, arguments, message):
    """By a `SystemExit` whose message is printed."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        call(*arguments, "--methods", "LR")


@pytest.mark.parametrize("positives", [0, 1, 2])
def test_too_few_positives_for_every_part_are_told(tmp_path, positives):
    frame = generated.frame_of("CCFraud", 60).assign(fraudRisk=np.arange(60) < positives)
    file = generated.write(tmp_path, "CCFraud", frame.astype({"fraudRisk": int}))
    for protocol in ("holdout", "nested-cv"):
        where = ("--dataset", "CCFraud", "--file", file, "--allow-partial", "--protocol", protocol)
        with pytest.raises(SystemExit, match=r"must .*class"):
            call(*where, "--methods", "LR", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--file", "--name"])
@pytest.mark.parametrize("several", [("SatImage", "PaySim"), ("all",)], ids=["two", "all"])
def test_a_file_or_a_name_is_for_one_data_set(monkeypatch, paysim, option, several):
    monkeypatch.setattr(fraud, "run_table", fail)
    with pytest.raises(SystemExit, match="--file and --name are for one data set"):
        call("--dataset", *several, "--data-dir", paysim, option, "one")


def test_help_shows_examples_and_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        fraud.main(["--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert printed.count("    python -m experiments.fraud") >= 3
    for option in vars(fraud.parse([])):
        assert f"--{option.replace('_', '-')} " in printed
    unwrapped = "".join(printed.split())  # lines may end at a hyphen
    for name in (*data.TABLES, *fraud.ALL):
        assert "".join(name.split()) in unwrapped
    assert "'ASL,onelabel'" in unwrapped  # one name, not two


def test_the_papers_budget_is_for_the_papers_methods():
    with pytest.raises(SystemExit, match="--budget paper has no settings for LA, VS"):
        call("--budget", "paper", "--methods", "CE", "VS", "LA")


def test_without_options_all_methods_run_on_satimage():
    options = fraud.parse([])
    assert options.dataset == ["SatImage"]
    assert options.methods == list(fraud.STUDY)
    assert (options.protocol, options.budget) == ("holdout", "equal")
    shared = runs.Protocol()
    assert (options.epochs, options.trials) == (shared.epochs, shared.trials)
    assert (options.seeds, options.folds) == (10, 10)


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--dataset", "MNIST"), ("--dataset", "SatImage", "CIFAR"), ("--protocol", "rows")),
        *(("--budget", "fair"), ("--methods", "XGB"), ("--methods",)),
        *(("--seeds", "0"), ("--epochs", "-3"), ("--trials", "many"), ("--folds", "1")),
    ],
    ids=" ".join,
)
def test_bad_options_end_with_code_2_and_name_the_option(monkeypatch, arguments, capsys):
    monkeypatch.setattr(fraud, "run_table", fail)
    with pytest.raises(SystemExit) as stop:
        fraud.main(arguments)
    assert stop.value.code == 2
    assert f"argument {arguments[0]}: " in capsys.readouterr().err


def test_the_command_in_a_process_of_its_own_takes_all_cores(tmp_path):
    arguments = ["--methods", "LR", "--seeds", "1", "--trials", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.fraud", *arguments],
        capture_output=True,
        text=True,
        cwd=Path(fraud.__file__).parents[1],
    )
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads((tmp_path / "fraud_satimage_holdout_equal.json").read_text())
    environment = record["environment"]
    assert environment["command"] == ["fraud", *arguments]
    assert environment["machine"]["cores"] == os.cpu_count()
    if environment["machine"]["device_kind"] == "cpu":
        assert len(environment["machine"]["devices"]) == os.cpu_count()
