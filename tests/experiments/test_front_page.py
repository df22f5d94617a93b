"""The tables of documents: whole data sets, and who is ahead of CE or behind; images."""

import json

import pytest

from experiments import front_page
from tests.experiments.made import make_record, write

LEVELS = {"CE": 0.8, "FAL": 0.9, "FL": 0.7, "LR": 0.8}


def test_marks_tell_who_is_ahead_and_samples_are_left_out(tmp_path):
    write(
        tmp_path,
        make_record("GMSC", LEVELS),
        make_record("PaySim", LEVELS, sample=51_392),
        make_record("SatImage", {"CE": 0.8}),
        make_record("CreditCard", LEVELS, protocol="nested-cv"),
    )
    text = front_page.filled("before <!-- study -->old<!-- end --> after", tmp_path)
    assert text.startswith("before <!-- study -->\n\n| method | SatImage AP | SatImage F1 |")
    assert text.endswith("|\n\n<!-- end --> after")
    assert "PaySim" not in text
    assert "CreditCard" not in text
    rows = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if "|" in line}
    assert [rows[name].count("▲") for name in LEVELS] == [0, 3, 0, 0]
    assert [rows[name].count("▼") for name in LEVELS] == [0, 0, 3, 0]
    assert [rows[name].count("not run") for name in LEVELS] == [0, 3, 3, 3]


def test_in_brief_the_table_has_some_methods(tmp_path):
    write(tmp_path, make_record("GMSC", LEVELS))
    text = front_page.filled("<!-- study: in brief --><!-- end -->", tmp_path)
    assert text.startswith("<!-- study: in brief -->\n\n| method | GMSC AP |")
    names = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if "|" in line]
    assert names[2:] == ["CE", "FAL", "FL"]


def write_images(folder, name, factor, errors, **changed):
    record = {
        "experiment": "long_tailed_images",
        "dataset": "cifar10",
        "imbalance_factor": factor,
        "kind": "exponential",
        "network": "resnet32",
        "dtype": "float32",
        "recipe": {"epochs": 200},
        "results": {
            method: [{"last": {"error": error}} for error in of_method]
            for method, of_method in errors.items()
        },
    }
    (folder / f"cifar10_lt_{name}.json").write_text(json.dumps(record | changed))


def test_images_have_a_column_a_record_and_one_a_published_figure(tmp_path):
    write_images(tmp_path, "b", 100.0, {"FAL": [30.0], "CE": [29.0, 31.0]})
    write_images(tmp_path, "a", 10.0, {"CE": [12.0]})
    text = front_page.filled("<!-- images -->old<!-- end -->", tmp_path)
    header, _, *rows = (line for line in text.splitlines() if "|" in line)
    assert header.split(" | ")[1:3] == ["resnet32, 200 epochs, 1:10", "resnet32, 200 epochs, 1:100"]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        ["CE", "12.00", "30.00 ± 1.41", "", "", "13.61", "29.64"],
        ["FAL", "", "30.00", "13.53", "27.02", "", ""],
    ]
    write_images(tmp_path, "c", 10.0, {"CE": [12.0]})
    with pytest.raises(ValueError, match="have one title"):
        front_page.images(tmp_path)
    write_images(tmp_path, "c", 10.0, {"CE": [12.0]}, dtype="bfloat16")
    assert "1:10, bfloat16" in front_page.images(tmp_path)
    write_images(tmp_path, "d", 10.0, {"CE": [12.0]}, kind="step")
    assert "1:10, step" in front_page.images(tmp_path)
    assert "13.61" in front_page.images(tmp_path)


def test_a_text_without_marks_stays(tmp_path):
    assert front_page.filled("nothing here", tmp_path) == "nothing here"
