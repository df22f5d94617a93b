"""The fraud study's command in smoke size, by the path of the full run: what it makes and keeps."""

import shutil

import numpy as np
import pytest

from experiments import fraud, report, runs, scoring, study, tables
from fal_jax.estimators import METHODS
from tests.experiments.smoke import call, files, run

SMOKE = ("CE", "FAML", "LR")
STEM = "fraud_satimage_holdout_equal"

pytestmark = pytest.mark.usefixtures("isolated")


def fail(*_, **__):
    raise AssertionError("it runs again")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Two seeds, one epoch, two trials: too short for FAML, which it says."""
    out = tmp_path_factory.mktemp("fraud")
    with pytest.warns(UserWarning, match="only 0 anchor updates in a run"):
        return run("--methods", *SMOKE, "--out", out)


@pytest.fixture
def copied(smoke, tmp_path):
    """A folder with that run's record and figure, that a test may change."""
    return shutil.copytree(smoke[0].parent, tmp_path / "runs")


def test_the_record_holds_what_repeats_the_run(smoke):
    path, record, _ = smoke
    assert path.name == f"{STEM}.json"
    assert (record["dataset"], record["rows"], record["positives"]) == ("SatImage", 6435, 626)
    assert (record["rows_expected"], record["is_sample"]) == (6435, False)
    assert (record["protocol"], record["budget"]) == ("holdout", "equal")
    options = {"budget": "equal", "epochs": 1, "trials": 2, "seeds": 2, "hidden": [16, 8]}
    options |= {"validation_fraction": 0.2, "optimizer": "adagrad", "batch_size": 64}
    assert record["options"] == options
    environment = record["environment"]
    assert {"commit", "packages", "machine", "command", "date"} <= set(environment)
    assert set(record["made"]) == set(record["search"]) == set(SMOKE)
    assert record["search"]["CE"]["ranges"] == {"learning_rate": [0.03, 3.0, True]}
    assert {made["commit"] for made in record["made"].values()} == {environment["commit"]}
    seconds = [made["seconds"] for made in record["made"].values()]
    assert record["seconds"] == pytest.approx(sum(seconds), abs=0.1)
    assert min(seconds[:2]) > 0


def test_every_method_has_its_runs_and_some_the_mean_of_trials(smoke):
    results = smoke[1]["results"]
    assert list(results) == ["CE", "CE x8", "FAML", "FAML x8", "LR"]
    for name, found in results.items():
        assert [(one["seed"], one["fold"]) for one in found] == [(0, None), (1, None)]
        for one in found:
            for part in (one["validation"], one["test"]):
                assert set(scoring.METRICS) == set(part)
                assert all(0 <= value <= 1 for value in part.values())
            if name.endswith("x8"):
                assert not {"settings", "choices"} & one.keys()
                continue
            searched = fraud.ALL[name].search
            assert set(one["settings"]) == {*searched, *(["epoch"] if name in METHODS else [])}
            assert len(one["trials"]) == 2
            best = one["validation"]["average_precision"]
            assert max(one["trials"]) == pytest.approx(best, abs=1e-4)
            assert set(one["choices"]) == set(scoring.METRICS)
            assert one["choices"]["average_precision"] == {
                "trial": int(np.argmax(one["trials"])),
                "validation": best,
                "test": one["test"]["average_precision"],
            }


def test_training_learns_something(smoke):
    for found in smoke[1]["results"].values():
        assert all(one["test"]["auc"] > 0.7 for one in found)


def test_curves_stand_on_the_grid_and_are_of_the_scores(smoke):
    _, record, _ = smoke
    assert set(record["curves"]) == set(record["results"])
    for name, curves in record["curves"].items():
        assert curves["fpr"] == curves["recall"] == scoring.GRID.round(2).tolist()
        assert (np.diff(curves["tpr"]) >= 0).all()
        assert (np.diff(curves["precision"]) <= 0).all()
        auc = np.mean([one["test"]["auc"] for one in record["results"][name]])
        assert np.trapezoid(curves["tpr"], curves["fpr"]) == pytest.approx(auc, abs=0.01)


def test_a_curve_is_one_line_of_the_file(smoke):
    text = smoke[0].read_text()
    lines = [line for line in text.splitlines() if '"tpr"' in line]
    assert len(lines) == 5
    assert all(line.rstrip(",").count(",") == 100 and "]" in line for line in lines)
    assert len(text.splitlines()) < 800


def test_the_study_reads_it_and_reports_it(smoke):
    path, record, _ = smoke
    found = study.read(path.parent)
    assert found == {("SatImage", "holdout", "equal"): record}
    mean = tables.mean_and_std(record["results"]["CE"], "auc", digits=4)
    assert f"| CE | {mean} (0.9346" in report.page(found)


def test_one_figure_beside_the_record_and_no_parts(smoke):
    found = files(smoke[0].parent)
    assert set(found) == {f"{STEM}.json", f"{STEM}.png"}
    assert not smoke[0].with_suffix(".parts").exists()
    assert found[f"{STEM}.png"].startswith(b"\x89PNG\r\n\x1a\n")
    assert len(found[f"{STEM}.png"]) > 5000


def test_the_printed_table_names_methods_and_what_to_mind(smoke):
    path, record, printed = smoke
    for name in (*record["results"], *study.METRICS.values(), "SatImage: mean ± std over holdout"):
        assert name in printed
    for metric in study.METRICS:
        assert tables.mean_and_std(record["results"]["CE"], metric) in printed
    assert all(figure in printed for figure in ("(0.935)", "(0.617)", "(0.852)"))  # the paper's
    assert "a random split puts pixels of test rows into training rows" in printed
    assert "SatImage, LR" in printed  # the progress bar
    assert path.name in printed.replace(" ", "")
    assert path.with_suffix(".png").name in printed.replace(" ", "")


def test_a_second_call_runs_nothing_again(smoke, copied, monkeypatch):
    monkeypatch.setattr(runs, "train_method", fail)
    monkeypatch.setattr(runs, "train_baseline", fail)
    path, record, printed = run("--methods", *SMOKE[::-1], "--out", copied)
    assert path.parent == copied
    assert record | {"environment": None} == smoke[1] | {"environment": None}
    assert set(files(copied)) == set(files(smoke[0].parent))
    assert "FAML x8" in printed


def test_one_more_method_joins_the_record(smoke, tmp_path, monkeypatch):
    """And has the results that it has beside others."""
    run("--methods", "LR", "--out", tmp_path)
    monkeypatch.setattr(runs, "train_baseline", fail)
    _, record, _ = run("--methods", "CE", "LR", "--out", tmp_path)
    assert list(record["results"]) == ["LR", "CE", "CE x8"]
    for entry in ("search", "results", "curves"):
        joined = record["results"] if entry == "curves" else record[entry]
        assert record[entry] == {name: smoke[1][entry][name] for name in joined}
    assert set(record["made"]) == {"LR", "CE"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--seeds", "3"), "options"),
        (("--trials", "3"), "options"),
        (("--budget", "paper"), "budget, options"),
        (("--protocol", "nested-cv", "--folds", "2"), "protocol, options"),
    ],
    ids=lambda value: "".join(value) if isinstance(value, tuple) else "",
)
def test_a_record_of_other_options_stays_as_it_is(copied, monkeypatch, arguments, named):
    monkeypatch.setattr(runs, "train_baseline", fail)
    before = files(copied)
    with pytest.raises(SystemExit, match=rf"{STEM}\.json is .*, which differs in {named}: move"):
        call("--methods", "LR", *arguments, "--out", copied, "--name", STEM)
    assert files(copied) == before
