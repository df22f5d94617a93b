"""What documents say is what the committed records hold."""

import json
import re

import pytest

from experiments import extreme_report, front_page, report, study, tables
from experiments.extreme_runs import METHODS_OF_TABLE_5

RECORDS = sorted(tables.RESULTS.glob("*.json"))

RECORDS_OF_THE_STUDY = [path for path in RECORDS if "budget" in json.loads(path.read_text())]

each_record = pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)


def test_there_are_records():
    assert any(path.stem.startswith("fraud_satimage") for path in RECORDS)


@each_record
def test_a_record_tells_how_it_was_made(path):
    record = json.loads(path.read_text())
    environment = record["environment"]
    made = [environment]
    for of_method in record.get("made", {}).values():  # of images: a list, one for each run
        made += of_method if isinstance(of_method, list) else [of_method]
    for commit in (entry["commit"] for entry in made):
        assert re.fullmatch(r"[0-9a-f]{40}", str(commit)), "made from a changed tree"
    assert {"jax", "flax", "optax"} <= environment["packages"].keys()
    assert environment["machine"]["cores"] >= 1
    assert record["seconds"] > 0


@each_record
def test_a_record_has_enough_repetitions(path):
    record = json.loads(path.read_text())
    if record["experiment"].startswith("benchmark"):
        assert len({one["round"] for one in record["rounds"]}) >= 3
        return
    if record["experiment"] == "extreme_imbalance":
        ratios = record["results"].values()
        assert {len(runs) for methods in ratios for runs in methods.values()} == {3}
        assert {frozenset(methods) for methods in ratios} == {frozenset(METHODS_OF_TABLE_5)}
        return
    if record["experiment"] == "long_tailed_images":
        numbers = {len(runs) for runs in record["results"].values()}
        # One seed of a ResNet is hours of a CPU: what is told of it says how many there are.
        assert min(numbers) >= (3 if record["network"] == "small" else 1)
        assert len(numbers) == 1
        return
    if record["experiment"] in ("embeddings", "streaming"):  # told as of one run
        return
    if record["experiment"] == "bagan_images":  # a look, told as of three seeds
        assert {len(runs) for runs in record["results"].values()} == {3}
        return
    repeated = "folds" if record.get("protocol") == "nested-cv" else "seeds"
    # Ablations only narrow down what the study then measures.
    least = 5 if record["experiment"] == "ablation" else 10
    assert (record | record.get("options", {}))[repeated] >= least


@pytest.mark.parametrize("path", RECORDS_OF_THE_STUDY, ids=lambda path: path.stem)
def test_every_method_of_the_study_ran_on_every_split(path):
    record = json.loads(path.read_text())
    number = record["options"]["folds" if record["protocol"] == "nested-cv" else "seeds"]
    assert record["made"].keys() == record["search"].keys()
    assert record["curves"].keys() == record["results"].keys()
    assert {name.removesuffix(" x8") for name in record["results"]} == record["made"].keys()
    for found in record["results"].values():
        assert len({(run["seed"], run["fold"]) for run in found}) == number


def test_the_results_page_is_made_from_the_records():
    page = (tables.RESULTS / "README.md").read_text()
    assert page == tables.page(), "run python -m experiments.tables"


@pytest.mark.parametrize(
    ("name", "draw"),
    [("fraud.md", report.page), ("fraud_differences.md", report.differences)],
)
def test_the_studys_pages_are_made_from_its_records(name, draw):
    found, path = study.read(tables.RESULTS), tables.RESULTS / name
    assert path.exists() == bool(found), "run python -m experiments.report"
    if found:
        assert path.read_text() == draw(found), "run python -m experiments.report"


def test_the_page_of_extreme_imbalance_is_made_from_its_record():
    record = json.loads((tables.RESULTS / "extreme_imbalance.json").read_text())
    page = (tables.RESULTS / "extreme_imbalance.md").read_text()
    assert page == extreme_report.page(record), "run python -m experiments.extreme_report"


@pytest.mark.parametrize("path", front_page.PAGES, ids=lambda path: path.name)
def test_the_tables_of_documents_are_those_of_the_records(path):
    text = path.read_text()
    assert text.count("<!-- study") == 1
    for mark in ("<!-- images -->", "<!-- extreme imbalance -->"):
        assert (mark in text) == (path.name == "study.md")
    assert text == front_page.filled(text), "run python -m experiments.report"
