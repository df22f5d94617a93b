"""The report's numbers and words, and that its file is of its own."""

import base64
import hashlib
import html.parser
import json
import re
import sys

import numpy as np
import pytest

from fal_jax import metrics
from fal_jax.cli import report
from fal_jax.cli.report import _answer, _comparison, _curves
from tests.cli.compared import fraud, made

ODD = '<script>alert("1")</script>', 'it\'s "so" & ünï 中 \u2028', "</style><b onclick=x>"


class Parsed(html.parser.HTMLParser):
    """Elements of a page in order, and the text of its scripts and style."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, text):
        raw = self.elements and self.elements[-1][0] in ("script", "style")
        (self.texts if raw and text.strip() else self.words).append(text)

    @property
    def data(self):
        return json.loads(self.texts[1])


@pytest.fixture(scope="module")
def compared():
    return fraud()


@pytest.fixture(scope="module")
def page(compared):
    return Parsed(report.html(*compared))


@pytest.fixture(scope="module")
def soils():
    classes = [f"class {k}" for k in range(30)]
    return made(["FAL", "CE"], classes, [5 + 4 * k for k in range(30)])


def test_the_page_loads_nothing_and_its_policy_allows_its_own_script_alone(page):
    assert not any({"src", "href", "style"} & attributes.keys() for _, attributes in page.elements)
    assert not any(name.startswith("on") for _, found in page.elements for name in found)
    style, _, script = page.texts
    assert "url(" not in style.replace("url(#", "")
    assert "@import" not in style
    (policy,) = [found["content"] for _, found in page.elements if "http-equiv" in found]
    hashes = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in (("style", style), ("script", script))
    }
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{hashes['style']}'" in policy
    assert f"script-src 'sha256-{hashes['script']}'" in policy


def test_the_page_has_every_method_metric_and_setting(page, compared):
    words, (record, _) = " ".join(page.words), compared
    for name in record["methods"]:
        assert words.count(name) >= 2
    for text in ("average precision", "log loss", "a metric of theirs", "learning_rate 0.1",
                 "packages jax", "0.800", "± 0.014", "-0.200"):  # fmt: skip
        assert text in words, text


@pytest.mark.parametrize("positive", [ODD[1], None])
def test_names_of_the_user_are_text(positive):
    classes = list(ODD[:2] if positive else ODD)
    record, scores = made(list(ODD), classes, [60, 40, 30][: len(classes)], positive=positive)
    record["table"] |= {"name": ODD[0], "label": ODD[2]}
    record["protocol"]["choose_by"] = ODD[0]
    record["environment"] = {ODD[1]: ODD[2]}
    for name, method in record["methods"].items():
        method["metrics"] |= {ODD[0]: method["metrics"]["log_loss"]}
        method["settings"] = [{name: ODD[1]}]
    text = report.html(record, scores)
    found = Parsed(text)
    plain = Parsed(report.html(*fraud()))
    assert {tag for tag, _ in found.elements} <= {tag for tag, _ in plain.elements}
    assert [tag for tag, _ in found.elements].count("script") == 2
    assert found.data["methods"] == list(ODD)
    assert found.data["classes"] == classes
    assert "<b onclick" not in text
    assert "<script>alert" not in text


def test_curves_and_calibration_are_those_of_the_metrics(page, compared):
    record, scores = compared
    labels = scores["label"].astype(np.int32)
    for place, name in enumerate(page.data["methods"]):
        view, found = page.data["views"][place][0], scores[name]
        assert view["roc_auc"] == pytest.approx(float(metrics.roc_auc(found, labels)))
        assert view["average_precision"] == pytest.approx(
            float(metrics.average_precision(found, labels))
        )
        assert view["calibration_error"] == pytest.approx(
            float(metrics.binary_calibration_error(found, labels))
        )
        rows, hits, chance, low, high = np.array(view["even"]).T
        error = np.sum(np.abs(hits - rows * chance)) / labels.size
        assert error == pytest.approx(view["calibration_error"], abs=1e-4)
        assert np.all((low <= hits / rows) & (hits / rows <= high))
        for k in (1, 7, 20, 100, 500, 2000):
            wanted = k * float(metrics.precision_at_k(found, labels, k=k))
            assert np.interp(k, view["alarms"], view["hits"]) == pytest.approx(wanted, abs=1e-3)
        threshold = np.float32(record["methods"][name]["threshold"])
        cells = [[0, 0], [0, 0]]
        for true, said in zip(labels, found >= threshold, strict=True):
            cells[true][int(said)] += 1
        assert page.data["confusions"][place] == cells


def test_each_fold_may_have_its_threshold():
    record, scores = fraud()
    record["methods"]["CE"]["thresholds"] = [0.1, 0.2, 0.3, 0.4, 0.9]
    decided = _comparison.read(record, scores).decided["CE"]
    own = np.float32([0.1, 0.2, 0.3, 0.4, 0.9])[scores["fold"]]
    np.testing.assert_array_equal(decided, scores["CE"] >= own)


def test_tiers_part_the_rows_by_rank_and_keep_ties_together(rng):
    scores = rng.random(5000).round(2).astype(np.float32)
    labels = (rng.random(5000) < scores).astype(np.int32)
    tiers = np.array(_curves.tiers(scores, labels))
    assert tiers[:, :2].sum(axis=0).tolist() == [5000, labels.sum()]
    assert np.all(np.diff(tiers[:, 2]) > 0)
    assert np.all(np.diff(tiers[:, 0]) < 0)
    lows = [scores[np.argsort(-scores)[: int(n)]].min() for n in np.cumsum(tiers[::-1, 0])]
    assert len(np.unique(lows)) == len(tiers)


@pytest.mark.parametrize(("hits", "bounds"), [(0, (0, 0.2775)), (5, (0.2366, 0.7634))])
def test_intervals_of_shares_are_wilsons(hits, bounds):
    assert _curves.interval(hits, 10) == pytest.approx(bounds, abs=1e-4)


def test_a_long_curve_is_thinned_and_stays_exact_at_usual_numbers_of_alarms(rng):
    labels = rng.random(50_000) < 0.2
    scores = (rng.normal(size=50_000) + labels).astype(np.float32)
    scores = (1 / (1 + np.exp(-scores))).astype(np.float32)
    view = _curves.view(scores, labels, points=300)
    assert len(view["alarms"]) < 330
    order = np.argsort(-scores)
    exact = np.append(0, np.cumsum(labels[order]))
    read_off = np.interp(np.arange(50_001), view["alarms"], view["hits"])
    assert np.abs(read_off - exact).max() < 0.005 * labels.sum()
    for share in _curves.SHARES:
        assert read_off[round(50_000 * share)] == exact[round(50_000 * share)]


def test_of_many_classes_the_rarest_are_told_apart(soils):
    record, scores = soils
    comparison = _comparison.read(record, scores)
    assert len(comparison.classes) == len(comparison.shown) == _comparison.MAX_CLASSES
    assert comparison.classes[:2] == ["class 0", "class 1"]
    assert comparison.classes[-1] == "7 other classes"
    np.testing.assert_array_equal(comparison.labels, np.minimum(scores["label"], 23))
    np.testing.assert_allclose(np.sum(comparison.chances["FAL"], axis=0), 1, atol=0.02)
    table = np.stack([scores[f"FAL:class {k}"] for k in range(30)])
    np.testing.assert_array_equal(comparison.decided["FAL"], np.minimum(table.argmax(axis=0), 23))
    found = _answer.answer(comparison)
    hits = np.sum((table.argmax(axis=0) == 0) & (scores["label"] == 0))
    assert f"{100 * hits / 5:.3g}% of the rarest class, class 0 (5 rows)" in found.sentences[1]
    assert len(found.tiles) == 4


def test_the_list_has_the_highest_rows_of_every_method_and_all_positives():
    record, scores = fraud(counts=(20_000, 500))
    found = Parsed(report.html(record, scores)).data["rows"]
    assert 4000 <= len(found["row"]) <= 5000
    assert found["positives"] == 500
    assert len(set(found["row"])) == len(found["row"])
    rows = np.array(found["row"])
    np.testing.assert_array_equal(found["label"], scores["label"][rows])
    for place, name in enumerate(("FAL", "CE", "XGBoost")):
        np.testing.assert_allclose(found["scores"][place], scores[name][rows], rtol=1e-3)
        highest = np.argsort(-scores[name], kind="stable")[: found["complete"]]
        assert set(highest) <= set(rows)
    assert found["complete"] > 1000


def test_the_file_stays_small():
    methods, classes = [f"method {k}" for k in range(10)], [f"class {k}" for k in range(24)]
    few = report.html(*fraud(methods, (60_000, 3000)))
    many = report.html(*made(methods, classes, [99] * 24))
    assert len(few.encode()) < 1_000_000
    assert len(many.encode()) < 1_500_000
    size = int(re.search(r"take ([\d,]+) kB", many)[1].replace(",", ""))
    assert size == pytest.approx(len(many.encode()) / 1000, rel=0.1)


def test_what_does_not_fit_is_refused(compared):
    record, scores = compared
    with pytest.raises(ValueError, match="record must have format 1, got 2"):
        report.html(record | {"format": 2}, scores)
    with pytest.raises(ValueError, match="scores must have a column 'CE', got"):
        report.html(record, {name: found for name, found in scores.items() if name != "CE"})
    with pytest.raises(
        ValueError, match=r"scores\['CE'\] must be \(2000,\) and finite, got .* 2000"
    ):
        report.html(record, scores | {"CE": np.full(2000, np.nan, np.float32)})
    with pytest.raises(ValueError, match=r"must be \(2000,\) and finite, got \(3,\)"):
        report.html(record, scores | {"CE": scores["CE"][:3]})


def test_a_missing_jinja_is_said(compared, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install fal-jax\[cli\]"):
        report.html(*compared)
