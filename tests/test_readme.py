"""The examples of README.md and docs/ run and print what is written; what they name exists."""

import importlib
import re
import runpy
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.introspection import ROOT, subpackages

REPOSITORY = ROOT.parent
PAGES = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/*.md"))]
OPTIONAL = {"equinox"}  # not a dependency: its example runs where it happens to be installed


class Block(NamedTuple):
    """A fenced block: its page, language, heading, first line's number in the file, and text."""

    page: Path
    language: str
    heading: str
    line: int
    text: str


def blocks(page):
    """All fenced blocks of a page, in order, without their indentation."""
    heading, fence, found = "", None, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        mark = re.match(r"( *)```(\w*)$", line)
        if fence is None and mark:
            fence = Block(page, mark[2], heading, number + 1, "")
            indent = mark[1]
        elif fence is None:
            heading = line.lstrip("# ") if line.startswith("#") else heading
        elif mark and not mark[2]:
            found.append(fence)
            fence = None
        else:
            fence = fence._replace(text=fence.text + line.removeprefix(indent) + "\n")
    assert fence is None, f"the block at line {fence.line} of {page} is not closed"
    return found


BLOCKS = [block for page in PAGES for block in blocks(page)]
EXAMPLES = [
    (block, BLOCKS[i + 1 : i + 2]) for i, block in enumerate(BLOCKS) if block.language == "python"
]


def expected_output(block, following):
    """The text block below an example in its section, or the comments on its `print` lines."""
    comments = re.findall(r"^print\(.*\)  # (.*)$", block.text, re.M)
    place = block.page, "text", block.heading
    below = [b.text for b in following if (b.page, b.language, b.heading) == place]
    return below[0] if below and not comments else "".join(f"{c}\n" for c in comments)


@pytest.mark.parametrize(
    ("block", "following"),
    EXAMPLES,
    ids=[f"{block.page.stem}: {block.heading}" for block, _ in EXAMPLES],
)
def test_example_runs_and_prints_what_is_written(block, following, tmp_path, monkeypatch, capsys):
    for name in OPTIONAL & set(re.findall(r"^(?:import|from) (\w+)", block.text, re.M)):
        pytest.importorskip(name, reason=f"{name} is not installed; it is no dependency")
    expected = expected_output(block, following)
    assert expected, "an example must print something, with the output written beside or below it"
    monkeypatch.chdir(tmp_path)
    script = tmp_path / f"{block.page.stem}.py"  # padded: a traceback shows the page's line numbers
    script.write_text("\n" * (block.line - 1) + block.text, encoding="utf-8")
    runpy.run_path(str(script))
    assert capsys.readouterr().out == expected


def test_each_way_of_bringing_a_network_has_an_example():
    headings = " ".join(block.heading for block, _ in EXAMPLES)
    assert all(name in headings for name in ("Linen", "NNX", "Plain JAX", "Equinox", "FAML"))


def structure_map():
    """The paths in the map of the tree: an indented name lies in the directory above it."""
    (tree,) = (b.text for b in BLOCKS if b.heading == "How it fits together")
    parents, paths = [], []
    for line in tree.splitlines():
        indent, name = re.match(r"((?:  )*)(\S+)", line).groups()
        parents = [*parents[: len(indent) // 2], name]
        paths.append("".join(parents))
    return paths


@pytest.mark.parametrize("path", structure_map())
def test_what_the_map_of_the_tree_names_exists(path):
    found = REPOSITORY / path
    assert found.is_dir() if path.endswith("/") else found.is_file()


def test_the_map_of_the_tree_has_every_subpackage():
    assert {f"fal_jax/{name}/" for name in subpackages()} <= set(structure_map())


def test_continuous_integration_finds_the_test_command():
    """By the very line of `.ci/run` that reads it."""
    reader = re.search(r"^command=\$\((.*)\)$", (REPOSITORY / ".ci/run").read_text(), re.M)
    run = subprocess.run(
        ["bash", "-c", reader[1]], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert run.stdout == 'pip install ".[dev]" && pytest -n 2\n'


def test_the_commands_name_extras_and_modules_that_exist():
    commands = "".join(block.text for block in BLOCKS if block.language == "sh")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert set(re.findall(r'"\.\[(\w+)\]"', commands)) == set(project["optional-dependencies"])
    for module in re.findall(r"python -m (\S+)", commands):
        assert Path(REPOSITORY, *module.split(".")).with_suffix(".py").is_file()


def test_the_names_of_the_prose_are_public():
    """`losses.x`, `anchors.x` and the like, in code style and outside the fenced blocks."""
    prose = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    prose = re.sub(r"^( *)```.*?^\1```", "", prose, flags=re.M | re.S)
    used = set(re.findall(rf"`({'|'.join(subpackages())})\.(\w+)", prose))
    modules = {package: importlib.import_module(f"fal_jax.{package}") for package, _ in used}
    assert used
    assert [(package, name) for package, name in used if not hasattr(modules[package], name)] == []
