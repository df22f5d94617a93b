"""Figures are drawn from any record, small, whole, and of what they say."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from experiments import drawing, figures, loss_figures, rankings, study_figures, tables
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
    drawing.save(study_figures.holdout_metrics(record), tmp_path / "figure.png")
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
    drawing.save(study_figures.holdout_metrics(record), tmp_path / "figure.png")
    assert_small_picture(tmp_path / "figure.png")
    assert not any(line.get_marker() == "D" for line in drawn["panels"][0].get_lines())


def test_curves_have_a_line_a_method_and_name_a_sample(tmp_path, drawn):
    record = make_record("PaySim", 0.8, methods=(*MANY, "CE x8"), sample=51_392)
    drawing.save(study_figures.curves(record), tmp_path / "figure.png")
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
    figure = study_figures.critical_difference(rankings.ranked(group), "made")
    drawing.save(figure, tmp_path / "figure.png")
    assert_small_picture(tmp_path / "figure.png")
    assert len(drawn["panels"]) == 4
    labels = {text.strip() for text in drawn["texts"]}
    assert {f"{name} {len(MANY) - i:.2f}" for i, name in enumerate(MANY)} <= labels
    expected = metrics.critical_difference(len(MANY), 3)
    assert f"F1: average rank, 1 is best; critical difference {expected:.2f}" in labels


def test_bars_join_the_longest_runs_within_the_difference():
    average = np.array([1.0, 2.0, 2.5, 4.0, 7.0])
    assert study_figures.cliques(average, 1.5) == [(0, 2), (2, 3)]
    assert study_figures.cliques(average, 10) == [(0, 4)]
    assert study_figures.cliques(average, 0.1) == []


def test_one_command_draws_what_there_are_records_of_and_tells_what_makes_the_rest(
    tmp_path, capsys
):
    records = tmp_path / "records"
    records.mkdir()
    for name in ("fraud_satimage_holdout_equal", "ablation_creditcard", "benchmark_sweep"):
        (records / f"{name}.json").write_bytes((tables.RESULTS / f"{name}.json").read_bytes())
    paths = figures.main(["--records", str(records), "--out", str(tmp_path)])
    assert {path.stem for path in paths} == {
        *("figure_2", "figure_3", "figure_5"),
        *("fraud_satimage_holdout_equal", "fraud_satimage_holdout_equal_curves"),
        *("ablation_creditcard", "speed_benchmark_sweep"),
    }
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 60_000
        assert path.with_suffix(".svg").read_bytes().startswith(b"<?xml")
    told = capsys.readouterr().out
    for makes in ("embeddings", "cifar10_lt", "family"):
        assert f"no record; python -m experiments.{makes} makes it" in told
    assert plt.get_fignums() == []


def test_a_figure_is_the_same_file_each_time(tmp_path):
    for folder in ("a", "b"):
        options = ["--only", "figure_5", "--out", str(tmp_path / folder)]
        assert [path.stem for path in figures.main([*options, "--format", "svg"])] == ["figure_5"]
    for name in ("figure_5.svg", "figure_5.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_figures_2_and_3_have_the_values_of_the_equations():
    p = 0.9
    for gamma in (0.0, 1.0, 2.0):
        found = loss_figures.focal(np.float32(np.log(p / (1 - p))), gamma)
        np.testing.assert_allclose(found, -((1 - p) ** gamma) * np.log(p), rtol=1e-5)
    figure = loss_figures.focal_by_gamma()
    values, slopes = figure.axes
    for of_loss, of_gradient in zip(values.get_lines(), slopes.get_lines(), strict=True):
        _, loss = of_loss.get_data()
        log_odds, gradient = of_gradient.get_data()
        middle = np.abs(log_odds) < 5  # where float32 differences tell
        slope = np.gradient(np.asarray(loss, np.float64), np.asarray(log_odds, np.float64))
        np.testing.assert_allclose(slope[middle], np.asarray(gradient)[middle], atol=2e-3)
    plt.close(figure)
