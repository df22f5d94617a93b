"""What a record holds: described, put together, added to, and written so that it is readable."""

import argparse
import json

import numpy as np
import pytest

from experiments import recording, records, runs, scoring, tasks
from fal_jax.estimators import BASELINES, METHODS, paper_grid
from tests.experiments.made_table import make_table

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROTOCOL = runs.Protocol(epochs=3, trials=2, hidden=(4, 3))
PAPER = runs.Protocol(budget="paper")


def described(table=None, protocol="holdout"):
    table = make_table(copies=60) if table is None else table
    options = argparse.Namespace(protocol=protocol, budget="equal", seeds=3, folds=4)
    work = tasks.PROTOCOLS[protocol](table, 3, 0.2)
    return recording.describe(table, work, options, PROTOCOL)


def test_a_description_tells_data_protocol_and_options():
    table = make_table(copies=60)._replace(rows_expected=1000, is_sample=True)
    found = described(table)
    shared = {"budget": "equal", "epochs": 3, "trials": 2, "hidden": (4, 3)}
    assert found == {
        "experiment": "fraud",
        "dataset": "made",
        "rows": 300,
        "rows_expected": 1000,
        "is_sample": True,
        "positives": table.labels.sum(),
        "num_features": 6,  # the age's indicator, and two kinds
        "protocol": "holdout",
        "budget": "equal",
        "options": shared
        | {"validation_fraction": 0.2, "optimizer": "adagrad", "batch_size": 64, "seeds": 3},
    }
    assert json.loads(json.dumps(found))["positives"] == table.labels.sum()


def test_a_description_has_folds_where_there_are_some():
    assert described(protocol="nested-cv")["options"]["folds"] == 4
    assert "folds" not in described()["options"]


@pytest.mark.parametrize(("rows", "batch_size"), [(15_600, 64), (15_700, 256)])
def test_the_batch_size_is_by_the_training_rows(rows, batch_size):
    """Which are .64 of all."""
    assert described(make_table(rows))["options"]["batch_size"] == batch_size


EMPTY = {"environment": {}, "made": {}, "search": {}, "results": {}, "curves": {}}


def test_without_a_record_nothing_was_made_before(tmp_path):
    assert recording.earlier(tmp_path / "record.json", described()) == EMPTY


def test_a_record_of_the_same_run_is_gone_on_with(tmp_path):
    path = tmp_path / "record.json"
    entries = {key: {"CE": key} for key in EMPTY}
    records.write_json(path, described() | entries | {"seconds": 1.0})
    assert recording.earlier(path, described()) == entries


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rows": 301}, "rows"),
        ({"budget": "paper", "positives": 7}, "positives, budget"),
        ({"options": {"trials": 2}}, "options"),
        ({"budget": None, "protocol": {"trials": 2}}, "protocol, budget"),  # has no budget
    ],
)
def test_a_record_of_another_run_is_refused_by_its_name(tmp_path, change, named):
    path = tmp_path / "record.json"
    record = described() | EMPTY | change
    records.write_json(path, {key: value for key, value in record.items() if value is not None})
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=f"record.json is .*, which differs in {named}: move it"):
        recording.earlier(path, described())
    assert path.read_bytes() == before


def test_a_damaged_record_is_told_by_its_name(tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"rows": 30')
    with pytest.raises(SystemExit, match=r"record.json is damaged \(.*\): move it away"):
        recording.earlier(path, described())


def test_parts_are_gathered_by_method_and_curves_are_means():
    def run(seed, level):
        curve = np.full(scoring.GRID.size, level).tolist()
        return {"seed": seed, "curves": {"tpr": curve, "precision": curve[::-1]}}

    found = {
        "CE": {"rows": {"CE": [run(0, 0.2), run(1, 0.4)], "CE x8": [run(0, 1)]}, "seconds": 1.26},
        "LR": {"rows": {"LR": [run(0, 0.5)]}, "seconds": 0.04},
    }
    environment = {"commit": COMMIT, "machine": {"processor": "Abacus", "cores": 2}}
    record = recording.gathered(found, PROTOCOL, environment)
    shared = {"commit": COMMIT, "processor": "Abacus"}
    assert record["made"] == {"CE": shared | {"seconds": 1.3}, "LR": shared | {"seconds": 0.0}}
    assert record["search"].keys() == {"CE", "LR"}
    first, second = {"seed": 0}, {"seed": 1}
    assert record["results"] == {"CE": [first, second], "CE x8": [first], "LR": [first]}
    grid = scoring.GRID.round(2).tolist()
    for name, level in {"CE": 0.3, "CE x8": 1, "LR": 0.5}.items():
        curves = record["curves"][name]
        assert curves["fpr"] == curves["recall"] == grid
        assert curves["tpr"] == curves["precision"] == [level] * len(grid)


def test_what_was_tuned_and_what_was_not():
    faml = METHODS["FAML"]
    fixed = {"beta": 0.1, "ratio": 1.3, "every": 200}
    expected = {"ranges": dict(faml.search), "fixed": fixed, "resample": None}
    assert recording.searched(faml, PROTOCOL) == expected
    assert recording.searched(METHODS["CE+SMOTE"], PROTOCOL)["resample"] == "smote"
    logistic = {"ranges": dict(BASELINES["LR"].search)}
    assert recording.searched(BASELINES["LR"], PROTOCOL) == logistic
    assert recording.searched(BASELINES["LR"], PAPER) == logistic


def test_the_papers_budget_has_its_grid_in_place_of_ranges():
    ranges = recording.searched(METHODS["FAL"], PAPER)["ranges"]
    grid = paper_grid(METHODS["FAL"])
    assert ranges == {name: np.unique(values).tolist() for name, values in grid.items()}
    assert ranges["learning_rate"] == [0.03, 0.1, 0.3, 1.0]
    assert ranges["anchor_spread"] == [4.0]


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(PROTOCOL, name) for name in recording.ALL] + [(PAPER, name) for name in recording.STUDY],
)
def test_what_was_tuned_is_json_for_every_method(protocol, name):
    method = recording.ALL[name]
    found = recording.searched(method, protocol)
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again["ranges"].keys() == method.search.keys()


NUMBERS = [-1, 0, -2.5, 1e-300, 6.02e23, 0.1 + 0.2, -1e-7, 12345678901234567890]
STRINGS = {"[1,  2]": "[ 1,\t2 ]", "list": ["[1,  -2e+5]", "[\n1,\n2]", "a [0.5,   1] b"]}


def written(tmp_path, value):
    path = tmp_path / "record.json"
    records.write_json(path, value)
    return path.read_text()


@pytest.mark.parametrize(
    "value",
    [
        {"numbers": NUMBERS},
        {"nested": {"deep": {"curve": NUMBERS, "runs": [{"trials": NUMBERS}, {"trials": []}]}}},
        {"matrix": [NUMBERS, NUMBERS], "empty": [[], {}], "range": [0.03, 3.0, True, None]},
        {"strings": STRINGS, "numbers": [1]},
    ],
    ids=["flat", "nested", "lists of lists", "strings like lists"],
)
def test_what_is_written_is_read_as_it_was(tmp_path, value):
    text = written(tmp_path, value)
    assert json.loads(text) == value
    assert text.endswith("}\n")


def test_numbers_stand_on_one_line_and_all_else_on_its_own(tmp_path):
    value = {"curve": NUMBERS, "matrix": [[1, 2], [-3, 4e-09]], "names": ["CE", "LR"], "none": []}
    assert written(tmp_path, value).splitlines() == [
        "{",
        f' "curve": [{", ".join(map(json.dumps, NUMBERS))}],',
        *(' "matrix": [', "  [1, 2],", "  [-3, 4e-09]", " ],"),
        *(' "names": [', '  "CE",', '  "LR"', " ],"),
        *(' "none": []', "}"),
    ]
