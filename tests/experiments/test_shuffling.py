"""The ways to shuffle a stream, held against shuffling all rows, in smoke size."""

import json

import numpy as np
import pytest

from experiments import shuffling

pytestmark = pytest.mark.usefixtures("isolated")


def test_every_order_is_scored_on_the_same_rows_and_held_against_full_shuffling(tmp_path):
    path = shuffling.main([
        "--rows", "5000", "--ratio", "9", "--methods", "CE", "--seeds", "2", "--epochs", "2",
        "--batch-size", "128", "--folder", str(tmp_path), "--out", str(tmp_path / "out"),
    ])  # fmt: skip
    record = json.loads(path.read_text())
    assert record["simulated"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert list(record["results"]["CE"]) == list(shuffling.ORDERS)
    for runs in record["results"]["CE"].values():
        assert len(runs) == 2
        assert all(0.5 < run["roc_auc"] < 1 for run in runs)
    assert list(record["differences"]["CE"]) == list(shuffling.ORDERS[1:])
    for told in record["differences"]["CE"].values():
        for found in told.values():
            assert found["low"] <= found["mean"] <= found["high"]
            assert 0 <= found["p_value"] <= 1


def test_differences_are_paired_by_seed():
    full = [{"roc_auc": 0.8, "average_precision": a} for a in (0.1, 0.4, 0.2)]
    runs = dict.fromkeys(shuffling.ORDERS, full)
    runs["file"] = [run | {"average_precision": run["average_precision"] - 0.05} for run in full]
    runs["file"][0]["average_precision"] -= 0.03
    told = shuffling.differences(runs)
    assert told["slices"]["roc_auc"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "p_value": 1.0}
    found = told["file"]["average_precision"]
    assert found["mean"] == pytest.approx(-0.06)
    half = 4.302653 * np.std([-0.08, -0.05, -0.05], ddof=1) / np.sqrt(3)
    assert found["low"] == pytest.approx(-0.06 - half, abs=2e-6)
