"""Records: whole or not at all, and with all that is needed to repeat a run."""

import json
import math
import pathlib
import re

import jax
import numpy as np
import pytest

from experiments import records


def test_a_record_is_json_in_a_new_folder(tmp_path):
    path = tmp_path / "new" / "folder" / "record.json"
    records.write_json(path, {"f1": 0.5, "split": None})
    assert json.loads(path.read_text()) == {"f1": 0.5, "split": None}
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize(
    ("value", "error"),
    [(math.nan, ValueError), (math.inf, ValueError), (np.ones(2), TypeError)],
    ids=["nan", "inf", "array"],
)
def test_what_is_not_json_leaves_the_old_record(tmp_path, value, error):
    path = tmp_path / "record.json"
    records.write_json(path, {"f1": 0.5})
    with pytest.raises(error):
        records.write_json(path, {"f1": value})
    assert json.loads(path.read_text()) == {"f1": 0.5}
    assert [*tmp_path.iterdir()] == [path]


def test_a_failing_disk_leaves_the_old_record(tmp_path, monkeypatch):
    path, seen = tmp_path / "record.json", []
    records.write_json(path, {"f1": 0.5})

    def fail(temporary, target):
        seen.extend((temporary.parent == target.parent, temporary.exists()))
        raise OSError("no space left on device")

    monkeypatch.setattr(pathlib.Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        records.write_json(path, {"f1": 0.9})
    assert seen == [True, True]  # the new one was written beside it, whole, before the renaming
    assert json.loads(path.read_text()) == {"f1": 0.5}
    assert [*tmp_path.iterdir()] == [path]


def test_the_environment_names_versions_devices_and_commit():
    found = records.environment()
    assert found["packages"]["jax"] == jax.__version__
    assert found["packages"]["numpy"] == np.__version__
    assert len(found["machine"]["devices"]) == len(jax.devices())
    assert found["machine"]["device_kind"] == jax.devices()[0].device_kind
    assert found["commit"] is None or re.fullmatch(r"[0-9a-f]{40}(\+[0-9a-f]{8})?", found["commit"])
    json.dumps(found, allow_nan=False)
