"""Figures are drawn from any record, small, whole, and of what they say."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from experiments import figures, rankings
from experiments.preset import PRESET
from fal_jax import metrics
from tests.experiments.made import METHODS, make_record

MANY = (*METHODS, "CB-CE", "CB-FAL", "XGBoost", "FAL-light", PRESET, "a new method")


@pytest.fixture
def drawn(monkeypatch):
    """The texts and lines of the last figure that was saved."""
    seen = {}
    save = mpl.figure.Figure.savefig

    def keep(figure, *arguments, **options):
        found = figure.findobj(mpl.text.Text)
        seen["texts"] = [text.get_text() for text in found]
        seen["panels"] = figure.axes
        return save(figure, *arguments, **options)

    monkeypatch.setattr(mpl.figure.Figure, "savefig", keep)
    return seen


def assert_small_picture(path):
    content = path.read_bytes()
    assert [*path.parent.iterdir()] == [path]  # no temporary file stays
    assert 5_000 < len(content) < 60_000
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "PNG"
        assert 800 <= picture.width <= 1200
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("dataset", "protocol", "budget", "diamonds"),
    [
        ("SatImage", "holdout", "equal", 8),
        ("SatImage", "nested-cv", "paper", 4),
        ("GMSC", "nested-cv", "equal", 2),  # of FAML's cells in doubt none is drawn
        ("CCFraud", "nested-cv", "equal", 0),
    ],
)
def test_metrics_beside_the_papers_cells(tmp_path, drawn, dataset, protocol, budget, diamonds):
    record = make_record(dataset, 0.8, methods=MANY, protocol=protocol, budget=budget)
    figures.holdout_metrics(record, tmp_path / "figure.png")
    assert_small_picture(tmp_path / "figure.png")
    lines = drawn["panels"][1].get_lines()
    assert sum(line.get_marker() == "D" for line in lines) == diamonds
    column = "f1_argmax" if budget == "paper" else "f1"
    means = [np.mean([r["test"][column] for r in runs]) for runs in record["results"].values()]
    bars = [line.get_xdata()[0] for line in lines if line.get_marker() == "|"]
    np.testing.assert_allclose(bars, means)


def test_metrics_of_a_record_of_the_first_form(tmp_path, drawn):
    record = make_record() | {"split": "blocks"}
    del record["protocol"], record["budget"]
    figures.holdout_metrics(record, tmp_path / "figure.png")
    assert_small_picture(tmp_path / "figure.png")
    assert not any(line.get_marker() == "D" for line in drawn["panels"][0].get_lines())


def test_curves_have_a_line_a_method_and_name_a_sample(tmp_path, drawn):
    record = make_record("PaySim", 0.8, methods=(*MANY, "CE x8"), sample=51_392)
    figures.curves(record, tmp_path / "figure.png")
    assert "CE x8" not in drawn["texts"]
    assert_small_picture(tmp_path / "figure.png")
    assert any("PaySim (sample: 51,392 of 6,362,620 rows)" in text for text in drawn["texts"])
    assert set(MANY) <= set(drawn["texts"])
    roc, precision_recall = (panel.get_lines() for panel in drawn["panels"])
    for name, line, other in zip(MANY, roc, precision_recall, strict=False):
        assert line.get_label() == name
        np.testing.assert_allclose(line.get_ydata(), record["curves"][name]["tpr"])
        np.testing.assert_allclose(other.get_xdata(), record["curves"][name]["recall"])
    looks = {(line.get_color(), line.get_linestyle()) for line in roc[: len(MANY)]}
    assert len(looks) == len(MANY)


def test_the_diagram_of_ranks(tmp_path, drawn):
    levels = {name: 0.5 + number / 40 for number, name in enumerate(MANY)}
    group = {d: make_record(d, levels, noise=0) for d in ("GMSC", "SatImage", "CreditCard")}
    figures.critical_difference(rankings.ranked(group), "made", tmp_path / "figure.png")
    assert_small_picture(tmp_path / "figure.png")
    assert len(drawn["panels"]) == 4
    labels = {text.strip() for text in drawn["texts"]}
    assert {f"{name} {len(MANY) - i:.2f}" for i, name in enumerate(MANY)} <= labels
    expected = metrics.critical_difference(len(MANY), 3)
    assert f"F1: average rank, 1 is best; critical difference {expected:.2f}" in labels


def test_bars_join_the_longest_runs_within_the_difference():
    average = np.array([1.0, 2.0, 2.5, 4.0, 7.0])
    assert figures.cliques(average, 1.5) == [(0, 2), (2, 3)]
    assert figures.cliques(average, 10) == [(0, 4)]
    assert figures.cliques(average, 0.1) == []
