"""What is released: the wheel and the sdist, their metadata and types, floors and citation."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import fal_jax
from tests.introspection import ROOT

REPOSITORY = ROOT.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LOWEST = REPOSITORY / ".ci" / "lowest.txt"


def call(*arguments, cwd=REPOSITORY):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel, with the sdist beside it."""
    folder = tmp_path_factory.mktemp("dist")
    built = call("hatchling", "build", "-d", folder)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_distributions_are_whole_well_described_and_typed(wheel, tmp_path):
    (sdist,) = wheel.parent.glob("*.tar.gz")
    checked = call("twine", "check", "--strict", wheel, sdist)
    assert checked.returncode == 0, checked.stdout

    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if not name.endswith("/")}
        text = file.read(next(name for name in names if name.endswith("METADATA"))).decode()
        file.extractall(tmp_path)
    metadata = Parser().parsestr(text)
    assert metadata["Version"] == fal_jax.__version__
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert {*metadata.get_all("Provides-Extra")} == {*PROJECT["optional-dependencies"]}
    sources = {path.relative_to(REPOSITORY).as_posix() for path in ROOT.rglob("*.py")}
    data = {f"fal_jax/{n}" for n in ("py.typed", "data/satimage.txt.xz", "data/satimage.LICENSE")}
    data |= {p.relative_to(REPOSITORY).as_posix() for p in (ROOT / "cli/report/page").iterdir()}
    assert {name for name in names if ".dist-info/" not in name} == sources | data

    with tarfile.open(sdist) as file:
        packed = {name.split("/", 1)[1] for name in file.getnames()}
    assert sources | data | {"README.md", "docs/hooks.py", "mkdocs.yml", "CITATION.cff"} <= packed
    assert {".ci/lowest.txt", "tests/reference.py", "experiments/fraud.py"} <= packed
    user = tmp_path / "user.py"
    user.write_text(USER)
    places = ["--search-path", tmp_path, "--python-interpreter-path", sys.executable]
    checked = call("pyrefly", "check", user, *places, "--output-format", "min-text", cwd=tmp_path)
    wrong = [line for line in checked.stdout.splitlines() if "ERROR" in line]
    assert len(wrong) == 1
    assert "`margine`" in wrong[0]


USER = """
from typing import assert_type
import jax
from fal_jax import anchors, losses

assert_type(losses.softmax_cross_entropy([[0.0, 1.0]], [1]), jax.Array)
assert_type(anchors.faml(2, 8).init([[0.0], [1.0]]), anchors.AnchorState)
losses.fal_loss([[0.0, 1.0]], [1], margine=0.5)
"""


def test_the_lowest_versions_are_the_floors_of_the_project():
    pins = [Requirement(line) for line in LOWEST.read_text().splitlines() if line[0] != "#"]
    pinned = {pin.name: Version(str(pin.specifier).removeprefix("==")) for pin in pins}
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *extras["estimators"], *extras["experiments"]]
    floors = {}
    for asked_for in map(Requirement, asked):
        if not asked_for.extras and (asked_for.marker is None or asked_for.marker.evaluate()):
            floors[asked_for.name] = Version(str(asked_for.specifier).removeprefix(">="))
    assert {name: pinned.get(name) for name in floors} == floors


def test_the_workflow_runs_the_script_on_the_lowest_and_the_newest_versions():
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/tests.yml").read_text())
    job = workflow["jobs"]["tests"]
    assert job["steps"][-1]["run"] == "bash .ci/run"
    runs = job["strategy"]["matrix"]["include"]
    assert [run["python"] for run in runs] == ["3.11", "3.11", "3.14"]
    constraints = [run["constraint"] for run in runs if "constraint" in run]
    assert [REPOSITORY / path for path in constraints] == [LOWEST]
    versions = {c.split(" :: ")[-1] for c in PROJECT["classifiers"] if "Python :: 3." in c}
    assert {run["python"] for run in runs} <= versions


def test_the_citation_is_of_this_version_and_of_the_paper():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == fal_jax.__version__
    assert citation["license"] == PROJECT["license"]
    paper, readme = citation["preferred-citation"], (REPOSITORY / "README.md").read_text()
    authors = " and ".join(f"{a['family-names']}, {a['given-names']}" for a in paper["authors"])
    assert f"author    = {{{authors}}}" in readme
    assert f"volume = {{{paper['volume']}}}, pages = {{{paper['start']}--{paper['end']}}}" in readme
