"""What documents say is what the committed records hold."""

import json
import re

import pytest

from experiments import tables

RECORDS = sorted(tables.RESULTS.glob("*.json"))


def test_there_are_records():
    assert {"fraud_satimage_random", "fraud_satimage_blocks", "ablation_satimage"} <= {
        path.stem for path in RECORDS
    }


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_tells_how_it_was_made(path):
    record = json.loads(path.read_text())
    environment = record["environment"]
    assert re.fullmatch(r"[0-9a-f]{40}", environment["commit"]), "made from a changed tree"
    assert {"jax", "flax", "optax"} <= environment["packages"].keys()
    assert environment["machine"]["cores"] >= 1
    assert record["seeds"] >= 10


def test_the_results_page_is_made_from_the_records():
    page = (tables.RESULTS / "README.md").read_text()
    assert page == tables.page(), "run python -m experiments.tables"


def test_the_readmes_tables_are_those_of_the_records():
    text = tables.README.read_text()
    assert text.count("<!-- record ") == 1
    assert text == tables.filled(text), "run python -m experiments.tables"
