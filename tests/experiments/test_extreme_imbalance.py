"""The study of extreme imbalance in smoke size, and its scores and report."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from experiments import (
    command,
    extreme_imbalance,
    extreme_report,
    extreme_runs,
    records,
    scoring,
)
from fal_jax.estimators import METHODS, RIVALS

pytestmark = pytest.mark.usefixtures("isolated")

SMOKE = ("--rows", "4000", "--ratio", "20", "--trials", "2", "--epochs", "1")


def call(folder, *arguments):
    path = extreme_imbalance.main([*SMOKE, "--out", str(folder), *arguments])
    return path, json.loads(path.read_text())


@pytest.fixture
def in_this_process(monkeypatch):
    """Runs where they are asked for, which is quick, and what was asked for."""
    asked = []

    def run(function, *arguments):
        asked.append(arguments)
        return function(*arguments)

    monkeypatch.setattr(command, "in_a_new_process", run)
    return asked


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A record of one seed and a method of each kind, each in a process of its own."""
    folder, table = tmp_path_factory.mktemp("study"), (4000, 20, 0)
    made = folder / "simulated" / "_".join(map(str, table))
    found = extreme_runs.prepare(extreme_runs.Job(made, *table, 2, 1))
    apart = command.in_a_new_process
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            command,
            "in_a_new_process",
            lambda function, *given: apart(function, *given) if len(given) > 1 else found,
        )
        return call(folder, "--methods", "Tree", "FAL", "--seeds", "1")


def test_a_record_has_all_that_was_asked_for_beside_the_ceiling(whole):
    path, record = whole
    assert record["simulated"] is True
    (found,) = record["tables"]["20"]
    assert sum(found["rows"].values()) == 4000
    assert list(record["results"]["20"]) == ["Tree", "FAL"]
    for name, (run,) in record["results"]["20"].items():
        assert run["test"].keys() == found["test"].keys() == extreme_runs.SCORES.keys()
        assert len(run["trials"]) == 2
        assert run["validation"]["average_precision"] == pytest.approx(max(run["trials"]), abs=1e-4)
        assert run["seconds"] > 0 < run["cpu_seconds"]
        assert run["peak_gib"] >= run["loaded_gib"] > 0.05
        ranges = record["search"]["20"][name]["ranges"]
        assert set(run["settings"]) - {"epoch"} == set(ranges)
        for setting, (low, high, _) in ranges.items():
            assert low <= run["settings"][setting] <= high
    assert path.with_suffix(".png").stat().st_size < 100_000


def test_it_goes_on_where_it_was_only_when_told_to(whole, in_this_process, tmp_path):
    path, before = whole
    record = tmp_path / path.name
    record.write_text(path.read_text())
    (tmp_path / "simulated").symlink_to(path.parent / "simulated")
    with pytest.raises(SystemExit, match=r"is there: go on with it by --resume"):
        call(tmp_path, "--methods", "Tree")
    with pytest.raises(SystemExit, match="differs in options"):
        call(tmp_path, "--methods", "Tree", "--resume", "--trials", "3")
    _, after = call(tmp_path, "--methods", "Tree", "LR", "--seeds", "1", "--resume")
    assert [name for name, _ in in_this_process] == ["LR"]
    (added,) = after["results"]["20"].pop("LR")
    assert (added["seed"], added["commit"]) == (0, records.commit())
    assert after["results"] == before["results"]
    assert after["tables"] == before["tables"]


def test_the_report_stands_on_the_record(whole):
    path, record = whole
    page = extreme_report.main(["--folder", str(path.parent)]).read_text()
    assert "**The data are\nsimulated**" in page
    assert f"at {records.commit()}, 20" in page
    fal = record["results"]["20"]["FAL"][0]["test"]["auc"]
    tree = record["results"]["20"]["Tree"][0]["test"]["auc"]
    assert f"| FAL | {fal:.3f} |" in page
    assert f"| Bayes ceiling | {record['tables']['20'][0]['test']['auc']:.3f} |" in page
    assert f"| Tree | {fal - tree:+.3f} |" in page


def made(auc, seconds=10.0):
    """Runs of some seeds with the AUC given for each; the other scores are the half of it."""
    return [
        {
            "seed": seed,
            "test": dict.fromkeys(extreme_runs.SCORES, value / 2) | {"auc": value},
            "commit": "a1b2",
            "seconds": seconds,
            "cpu_seconds": 8.0,
            "peak_gib": 1.5,
            "loaded_gib": 0.5,
        }
        for seed, value in enumerate(auc)
    ]


def test_differences_are_paired_by_seed_and_the_papers_figures_stand_at_its_ratio():
    results = {"Tree": made([0.5, 0.6, 0.7]), "FAL": made([0.7, 0.7])}
    record = {"results": {"2222": results}, "tables": {"2222": made([0.9, 0.9, 0.9])}}
    table = extreme_report.table(record, "2222").splitlines()
    assert table[3].startswith("| Tree | 0.600 ± 0.100 | 0.300 ± 0.050 |")
    assert table[3].endswith("| 10 (8) | 1.50 (0.50) | 0.871 |")
    # 0.2 and 0.1 in the two seeds that both have: 0.15, and a deviation of 0.0707 over root 2.
    claimed = extreme_report.claim(record, "FAL")
    assert "| Tree | +0.150 ± 0.050 (2/2) | +0.075 ± 0.025 (2/2) |" in claimed
    record["results"]["100"] = {"FAL": made([0.8])}
    record["tables"]["100"] = made([0.9])
    assert extreme_report.brief(record).splitlines()[2:] == [
        "| Bayes ceiling | 0.900 | 0.450 | 0.900 ± 0.000 | 0.450 ± 0.000 |",
        "| Tree |  |  | 0.600 ± 0.100 | 0.300 ± 0.050 |",
        "| FAL | 0.800 | 0.400 | 0.700 ± 0.000 | 0.350 ± 0.000 |",
    ]
    record = {"results": {"100": results}, "tables": {"100": made([0.9])}}
    assert (
        extreme_report.table(record, "100").splitlines()[3].endswith("| 10 (8) | 1.50 (0.50) |  |")
    )


@pytest.mark.parametrize(("tree", "cell"), [
    ((0.51, 0.49), "| +0.200 ± 0.010 (2/2) * |"),  # t = 20, p = .032
    ((0.52, 0.48), "| +0.200 ± 0.020 (2/2) |"),  # t = 10, p = .063
])  # fmt: skip
def test_a_star_marks_what_a_paired_t_test_tells_apart(tree, cell):
    record = {"results": {"100": {"Tree": made(tree), "FAL": made([0.7, 0.7])}}}
    assert cell in extreme_report.claim(record, "FAL")


def test_periods_follow_one_another_and_part_no_day():
    days = np.sort(np.random.default_rng(0).integers(0, 30, 1000)).astype(np.int32)
    task = extreme_runs.by_period(days, 3)
    parts = task.train, task.validation, task.test
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(1000))
    for early, late in itertools.pairwise(parts):
        assert days[early].max() < days[late].min()
    np.testing.assert_allclose([part.size for part in parts], [600, 200, 200], atol=40)


def test_recall_of_alarms_counts_ties_by_their_chance():
    scores = np.array([5.0, 4.0, 3.0, 3.0, 3.0, 3.0, 1.0, 1.0, 0.0, 0.0])
    labels = np.array([1, 0, 1, 0, 0, 0, 0, 1, 0, 0])
    # Four alarms: the two on top, and two of the four that tie, of which one is a positive.
    assert scoring.recall_of_alarms(scores, labels, 0.4) == pytest.approx((1 + 0.5) / 3)
    assert scoring.recall_of_alarms(scores, labels, 0.1) == pytest.approx(1 / 3)
    assert scoring.recall_of_alarms(scores, labels, 1.0) == 1
    assert scoring.recall_of_alarms(scores, labels, 1e-9) == pytest.approx(1 / 3)


def test_weights_of_positives_are_searched_up_to_the_ratio():
    for name in extreme_runs.METHODS_OF_TABLE_5:
        search = extreme_runs.searched(name, 2222).search
        weights = [key for key in search if key in ("positive_weight", "scale_pos_weight")]
        weights += ["alpha_odds"] if name in ("FL", "FAL", "FAML") else []
        assert bool(weights) == (name in ("Tree", "XGBoost", "LightGBM", "LR", "FL", "FAL", "FAML"))
        assert all(search[key].high == 2222 for key in weights)
    assert METHODS["FL"].search["alpha_odds"].high == 10
    assert RIVALS["Tree"].search["positive_weight"].high == 100


def test_a_period_without_positives_is_refused(tmp_path):
    job = extreme_runs.Job(Path(tmp_path), 300, 2000, 0, 1, 1)
    with pytest.raises(ValueError, match=r"each period must have positives.*take more --rows"):
        extreme_runs.prepare(job)
