"""Figures and tables of long-tailed images, from records alone."""

import copy
import json

import numpy as np
from PIL import Image

from experiments import drawing, embeddings, figures, tables
from fal_jax.estimators import IMAGE_METHODS
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


def test_each_method_has_a_line_of_its_own():
    lines = [drawing.LINES[name] for name in IMAGE_METHODS]
    assert len(set(lines)) == len(lines)


def test_the_table_has_the_last_epoch_beside_the_published_figures():
    head, _, plain, balanced = tables.long_tailed(record_of(100.0)).splitlines()
    assert head == "| method | seeds | error % | paper | Cui et al. | many | medium | few |"
    assert plain == "| CE | 2 | 51.00 ± 1.41 |  | 29.64 | 0.500 | 0.250 |  |"
    assert balanced == "| CB-FAML | 1 | 39.00 |  |  | 0.500 | 0.250 |  |"
    step = record_of(100.0) | {"kind": "step"}
    assert "29.64" not in tables.long_tailed(step)


def test_the_errors_of_a_study_are_drawn_from_its_records(tmp_path):
    names = {factor: f"cifar10_lt_small_short_{factor}.json" for factor in (100, 10)}
    for factor, name in names.items():
        (tmp_path / name).write_text(json.dumps(record_of(float(factor))))
    options = ["--only", "error", "--records", str(tmp_path), "--out", str(tmp_path)]
    (path,) = figures.main(options)
    assert path.name == "error_cifar10_lt_small_short.png"
    before = path.read_bytes()
    other = copy.deepcopy(record_of(10.0))
    other["results"]["CE"][0]["last"]["error"] = 80.0
    (tmp_path / names[10]).write_text(json.dumps(other))
    figures.main(options)
    assert path.read_bytes() != before


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
    record["results"]["CE"] = found | {"anchors": None}
    path.write_text(json.dumps(record))
    drawn = figures.main(["--only", "figure_1", "--records", str(tmp_path), "--out", str(tmp_path)])
    assert [figure.stem for figure in drawn] == ["figure_1", "figure_4"]
    for figure in drawn:
        with Image.open(figure) as image:
            assert image.width > 300
