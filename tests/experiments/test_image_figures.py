"""Figures and tables of long-tailed images, from records alone."""

import copy
import json

import numpy as np
from PIL import Image

from experiments import embeddings, image_figures, tables
from tests.data.prepared import prepare


def run_of(seed, error):
    score = {"error": error, "many": 0.5, "medium": 0.25, "few": None}
    return {"seed": seed, "last": score, "best": score | {"error": 1.0}}


def record_of(factor):
    return {
        "experiment": "long_tailed_images",
        "dataset": "cifar10",
        "kind": "exponential",
        "imbalance_factor": factor,
        "network": "small",
        "recipe": {"name": "short"},
        "class_counts": [5000, 500, 50],
        "results": {
            "CE": [run_of(0, 40.0 + factor / 10), run_of(1, 42.0 + factor / 10)],
            "CB-FAML": [run_of(0, 39.0)],
        },
    }


def test_the_table_has_the_last_epoch_beside_the_published_figures():
    head, _, plain, balanced = tables.long_tailed(record_of(100.0)).splitlines()
    assert head == "| method | seeds | error % | paper | Cui et al. | many | medium | few |"
    assert plain == "| CE | 2 | 51.00 ± 1.41 |  | 29.64 | 0.500 | 0.250 |  |"
    assert balanced == "| CB-FAML | 1 | 39.00 |  |  | 0.500 | 0.250 |  |"
    step = record_of(100.0) | {"kind": "step"}
    assert "29.64" not in tables.long_tailed(step)


def test_figures_are_drawn_from_records(tmp_path):
    paths = []
    for factor in (100.0, 10.0):
        paths.append(tmp_path / f"{factor:g}.json")
        paths[-1].write_text(json.dumps(record_of(factor)))
    drawn = image_figures.main([*map(str, paths), "--out", str(tmp_path)])
    assert [path.name for path in drawn] == ["cifar10_lt_counts.png", "cifar10_lt_error.png"]
    before = [path.read_bytes() for path in drawn]
    other = copy.deepcopy(record_of(10.0))
    other["results"]["CE"][0]["last"]["error"] = 80.0
    paths[1].write_text(json.dumps(other))
    image_figures.main([*map(str, paths), "--out", str(tmp_path)])
    assert drawn[0].read_bytes() == before[0]
    assert drawn[1].read_bytes() != before[1]


def test_digits_in_a_plane_from_training_to_figure(tmp_path):
    prepare(tmp_path / "tfds", "mnist", np.repeat(np.arange(10), 20), np.repeat(np.arange(10), 3))
    options = "--images", "16", "--rare", "4", "--epochs", "1", "--shown", "20"
    folders = "--data-dir", str(tmp_path / "tfds"), "--out", str(tmp_path)
    path = embeddings.main([*options, *folders, "--methods", "FAL"])
    record = json.loads(path.read_text())
    assert record["class_counts"] == [16] * 8 + [4, 16]
    found = record["results"]["FAL"]
    assert np.shape(found["features"]) == (20, 2)
    assert np.shape(found["anchors"]) == (10, 2)
    assert len(record["labels"]) == 20
    (figure,) = image_figures.main([str(path), "--out", str(tmp_path)])
    with Image.open(figure) as image:
        assert image.width > 300
