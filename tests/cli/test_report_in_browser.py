"""The report in headless Chromium, from a file."""

import shutil

import numpy as np
import pytest

from fal_jax.cli import _measures, report
from tests.cli.compared import fold_values, fraud, made
from tests.cli.made import METHODS_COMPARED

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ODD = "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")


@pytest.fixture(scope="module")
def browser():
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a report; afterwards nothing was complained of, asked for or popped up."""
    seen, contexts = [], []

    def open_(record, scores, **options):
        path = tmp_path / "report.html"
        path.write_text(report.html(record, scores), encoding="utf-8")
        return open_file(path, **options)

    def open_file(path, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: seen.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#list tbody tr")
        assert seen == [path.as_uri()]
        return page

    open_.file = open_file
    yield open_
    assert len(seen) == 1
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def compared():
    return fraud(("FAL", "CE", "XGBoost"))


def texts(page, selector):
    return [text.strip() for text in page.locator(selector).all_text_contents()]


def test_the_methods_are_sorted_by_any_column_and_by_keyboard(opened, compared):
    page = opened(*compared)
    names = "#methods tbody th"
    assert texts(page, names) == ["FAL", "CE", "XGBoost"]
    page.click("#methods thead >> text=method")
    assert texts(page, names) == ["CE", "FAL", "XGBoost"]
    page.focus("#methods thead >> text=log loss")
    page.keyboard.press("Enter")
    assert texts(page, names) == ["FAL", "CE", "XGBoost"]
    page.keyboard.press("Space")
    assert texts(page, names) == ["XGBoost", "CE", "FAL"]
    head = page.locator("#methods thead th", has_text="log loss")
    assert head.get_attribute("aria-sort") == "descending"
    page.click("#methods thead >> text=less the best")
    assert texts(page, names) == ["CE", "XGBoost", "FAL"]  # FAL has no difference from itself


def test_another_method_changes_what_follows(opened, compared):
    page, (_, scores) = opened(*compared), compared
    first = texts(page, "#list tbody tr td:first-child")
    matrix, bins = texts(page, "#matrix"), texts(page, "#bins")
    page.select_option("#method", label="XGBoost")
    assert "XGBoost raises an alarm from a probability of 0.3 on" in page.inner_text("#decision")
    assert texts(page, "#matrix") != matrix
    assert texts(page, "#bins") != bins
    rows = [int(row) for row in texts(page, "#list tbody tr td:first-child")]
    assert rows != [int(row) for row in first]
    found = scores["XGBoost"]
    assert found[rows[0]] == found.max()
    assert sorted(found[rows], reverse=True) == list(found[rows])
    page.click("#roc .legend button >> nth=1")
    assert page.input_value("#method") == "1"
    pressed = page.locator("#roc .legend [aria-pressed=true]")
    assert pressed.inner_text().startswith("CE")
    assert pressed.evaluate("button => button === document.activeElement")


def test_rows_are_searched_filtered_sorted_and_paged(opened, compared):
    page, (_, scores) = opened(*compared), compared
    page.fill("#search", "1234")
    assert texts(page, "#list tbody tr td:first-child") == ["1234"]
    cells = texts(page, "#list tbody td")
    assert cells[2] == ["fair", "fraud"][scores["label"][1234]]
    assert float(cells[4]) == pytest.approx(scores["FAL"][1234], abs=1e-4)
    page.fill("#search", "99999")
    assert page.inner_text("#number") == "No such row among those kept here."
    page.fill("#search", "")
    page.select_option("#filter", label="missed positives")
    missed = int(((scores["label"] == 1) & (scores["FAL"] < 0.3)).sum())
    assert page.inner_text("#number").startswith(f"{missed} of the 2,000 rows")
    page.click("#list thead >> text=row")
    rows = [int(row) for row in texts(page, "#list tbody tr td:first-child")]
    assert rows == sorted(rows)
    page.select_option("#filter", label="all rows")
    page.click("#next")
    assert page.inner_text("#page") == "2 of 100"
    assert texts(page, "#list tbody tr td:first-child")[0] == "20"


def test_alarms_can_be_bought_and_axes_switched(opened, compared):
    page, (_, scores) = opened(*compared), compared
    page.fill("#budget", "100")
    order = scores["FAL"].argsort()[::-1]
    hits = int(page.locator("#caught tbody tr:first-child td").first.inner_text())
    assert abs(hits - scores["label"][order[:100]].sum()) <= 2  # rows tie
    lines = "paths => paths.map(path => path.getAttribute('d')).join()"
    before = page.eval_on_selector_all("#found path.line", lines)
    page.uncheck("#found .log input")
    assert page.eval_on_selector_all("#found path.line", lines) != before
    page.check("[name=bins][value=even]")
    assert sum(int(cell.replace(",", "")) for cell in texts(page, "#bins td:first-child")) == 2000
    page.hover("#roc svg.axes")
    assert "FAL" in page.inner_text("#roc .tip")


def overflows(page):
    """The tables that are wider than their boxes, all of which scroll."""
    assert page.locator("table:not(.scroll > table)").count() == 0
    return page.eval_on_selector_all(
        ".scroll",
        """boxes => boxes.filter(box => box.scrollWidth > box.clientWidth)
        .map(box => box.getAttribute("aria-label"))""",
    )


SCREEN = {"viewport": {"width": 1280, "height": 800}}


def test_the_report_that_compare_wrote_fits_1280_px(opened, comparison):
    page = opened.file(comparison / "report.html", **SCREEN)
    heads = [head.split(" ↕")[0] for head in texts(page, "#methods thead th")]
    assert (heads[:2], heads[-2:]) == (
        ["method", "average precision"],
        ["calibration error", "seconds"],
    )
    assert sorted(texts(page, "#methods tbody th")) == sorted(METHODS_COMPARED)
    assert overflows(page) == []


@pytest.mark.parametrize("is_binary", [True, False])
def test_the_metrics_of_compare_fit_1280_px_whatever_the_numbers(opened, is_binary):
    names = ["FAL", "Label-aware smoothing", "Balanced softmax", "BAGAN+XGBoost", "LightGBM"]
    three = names, ["red", "grey", "green"], [400, 200, 60]
    record, scores = fraud(names) if is_binary else made(*three)
    known = with_all_metrics(record)
    page = opened(record, scores, **SCREEN)
    assert page.locator("#methods thead th").count() == len(known) + 4
    assert overflows(page) == []


def with_all_metrics(record):
    """Gives the record, in place, the metrics that `compare` writes; returns their names."""
    known = record["table"]["classes"]
    is_binary = record["table"]["positive"] is not None
    labels = np.arange(20 * len(known)) % len(known)
    chances = 0.5 * np.eye(len(known))[labels] + 0.5 / len(known)
    measured = _measures.measured(chances, labels, 0.3 if is_binary else None, known)
    for method in record["methods"].values():
        method["metrics"] |= {name: fold_values(0.888, 5) for name in measured}
        del method["metrics"]["a metric of theirs"]
        method["seconds"] = 12_345.0
    return list(measured)


@pytest.mark.parametrize("width", [360, 1280])
def test_a_column_a_class_scrolls_in_its_own_box(opened, width):
    classes = [f"a class of some length, number {number}" for number in range(40)]
    record, scores = made(["FAL", "CE"], classes, [20] * 40)
    with_all_metrics(record)
    page = opened(record, scores, viewport={"width": width, "height": 800})
    assert page.locator("#methods thead th").count() > 40
    assert {"Table of methods", "Confusion matrix"} <= set(overflows(page))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    box = page.get_by_role("region", name="Table of methods")
    name = box.locator("tbody th").first
    before = name.bounding_box()
    box.evaluate("box => { box.scrollLeft = box.scrollWidth }")
    assert box.locator("thead th").last.bounding_box()["x"] < width
    assert name.bounding_box() == before  # stays where it is
    assert page.evaluate("scrollX") == 0


@pytest.mark.parametrize("width", [360, 1400])
def test_many_classes_fit_any_screen_in_the_dark(opened, width):
    classes = ["red", "grey", *ODD]
    record, scores = made(["FAL", *ODD], classes, [400, 200, 60, 40])
    page = opened(record, scores, color_scheme="dark", viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("#matrix tbody tr").count() == 4
    assert page.input_value("#class") == "3"  # the rarest
    page.select_option("#class", label="red")
    assert "of all 400" in page.inner_text("#caught")
    page.select_option("#method", label=ODD[0])
    assert ODD[0] in page.inner_text("#trust")
    assert page.locator("#plane .cross").count() == 4
    assert page.locator("main img").count() == 0
