"""The documentation builds without a warning, has every public name, and works in a browser."""

import ast
import base64
import functools
import http.server
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib

import filelock
import mkdocstrings
import pytest
from playwright.sync_api import sync_playwright

from tests import reference
from tests.introspection import ROOT, public_names, subpackages

REPOSITORY = ROOT.parent
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built documentation, made once for all workers of a run."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with filelock.FileLock(shared / "site.lock"):
        if not (shared / "site").exists():
            build(shared / "site")
    return shared / "site"


def build(folder):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(command, cwd=REPOSITORY, env=quiet, capture_output=True, text=True)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


@functools.cache
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", REPOSITORY / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_is_documented(site):
    with (site / "objects.inv").open("rb") as file:
        documented = mkdocstrings.Inventory.parse_sphinx(file)
    for package in subpackages():
        page = (site / "api" / package / "index.html").read_text()
        names = public_names(package)
        assert [n for n in names if f"fal_jax.{package}.{n}" not in documented] == []
        assert [n for n in names if f'id="fal_jax.{package}.{n}"' not in page] == []


def test_pages_load_nothing_from_elsewhere_and_show_examples_as_code(site):
    pages = {path: path.read_text() for path in site.rglob("*.html")}
    loads = re.compile(r"<(?:script|img|iframe)[^>]* src=.?https?:|<link[^>]* href=.?https?:")
    assert [path for path, text in pages.items() if loads.search(text)] == []
    assert [path for path, text in pages.items() if "<blockquote>\n<p>&gt;" in text] == []
    assert "&gt;&gt;&gt; " in pages[site / "tutorials" / "losses" / "index.html"]


def test_the_page_of_equations_names_functions_twins_and_tests_that_exist(site):
    page = (site / "equations" / "index.html").read_text()
    entries = tomllib.loads((REPOSITORY / "docs" / "equations.toml").read_text())["equation"]
    assert page.count("<math") == len(entries)
    assert {int(n) for e in entries for n in re.findall(r"\d+", e["title"])} >= set(range(1, 13))
    for entry in entries:
        for name in entry["functions"]:
            package, function = name.split(".")
            assert function in public_names(package)
        assert [name for name in entry["twins"] if not hasattr(reference, name)] == []
        for test in entry["tests"]:
            file, function = test.split("::")
            tree = ast.parse((REPOSITORY / "tests" / file).read_text())
            assert function in {node.name for node in tree.body if hasattr(node, "name")}, test


def test_a_notebook_is_shown_by_its_title_first_words_and_first_picture():
    cells = [
        {"cell_type": "markdown", "source": ["[badge](x)"]},
        {
            "cell_type": "markdown",
            "source": ["# A tour\n", "\n", "[![Run](https://x/y.svg)](https://x)\n"],
        },
        {"cell_type": "code", "source": [], "outputs": [{"text": ["x"]}]},
    ]
    assert hooks().opening({"cells": cells}) == ("A tour", "[Run](https://x)", None)
    cells[-1]["outputs"].append({"data": {"image/png": base64.b64encode(b"picture").decode()}})
    assert hooks().opening({"cells": cells}) == ("A tour", "[Run](https://x)", b"picture")


def test_names_in_docstrings_become_links_and_examples_code():
    text = "Like `mlp`.\n\nReturns:\n  One: a\n  line.\n\nExample:\n  >>> 1\n  1\n\n>>> x\n2\n\nEnd"
    spec = importlib.util.spec_from_file_location("docstrings", REPOSITORY / "docs/docstrings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.shown(text, {"mlp": "fal_jax.models.mlp"}) == (
        "Like [`mlp`][fal_jax.models.mlp].\n\n**Returns:**\n\nOne: a\nline.\n\n"
        "Examples:\n  >>> 1\n  1\n\n"
        "```pycon\n>>> x\n2\n```\n\nEnd"
    )


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture
def served(site):
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed to look at the pages with")
def test_search_colours_and_widths_in_a_browser(served):
    wrong = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.set_default_timeout(120_000)  # the machine may be busy
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: None if r.url.startswith(served) else wrong.append(r.url))

        page.goto(served)
        page.locator(".md-search__input").fill("fal_loss_from_features")
        page.locator(".md-search-result__link").first.click()
        page.wait_for_url(re.compile(r"/api/losses/"))
        assert page.locator("[id='fal_jax.losses.fal_loss_from_features']").is_visible()

        scheme = functools.partial(page.locator("body").get_attribute, "data-md-color-scheme")
        assert scheme() == "default"
        page.locator("label[title=Dark]").click()
        assert scheme() == "slate"

        page.set_viewport_size({"width": 400, "height": 800})
        for place in ("", "equations/", "api/losses/", "which-loss/", "study/", "results/fraud/"):
            page.goto(served + place)
            assert scheme() == "slate"
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, place
        page.locator(".md-header label[for=__drawer]").click()
        assert page.locator(".md-nav--primary").is_visible()
        browser.close()
    assert wrong == []
