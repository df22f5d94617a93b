"""What the documentation takes from the repository: front page, API, equations, records, notebooks.

MkDocs calls the functions `on_...` while it builds; `mkdocs.yml` names this file. A page that lies
elsewhere in the repository is shown, not copied, and links between such pages are followed.
"""

import base64
import functools
import json
import os
import pathlib
import re
import tomllib

import griffe
from latex2mathml import converter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "experiments" / "results"
_FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()#:\s]+)((?:#[^()\s]*)?)\)")
_REMOTE_PICTURE = re.compile(r"!\[([^\]]*)\]\(https?:[^)]*\)")
_REFERENCES = re.compile(r"^References:\n((?:  .*\n?)+)", re.MULTILINE)


def on_config(config: MkDocsConfig) -> None:
    """Fills the entries of the navigation that the packages make."""
    assert config.nav is not None
    for entry in config.nav:
        if "API" in entry:
            entry["API"] = ["api/index.md", *(f"api/{name}.md" for name in packages())]
        if "Tutorials" in entry:
            entry["Tutorials"] = [f"tutorials/{name}.md" for name in packages() if _runs(name)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are generated, and those that lie outside docs/."""
    made = {"api/index.md": api_index(), "equations.md": equations(), **gallery()}
    for name in packages():
        made[f"api/{name}.md"] = api(name)
        if _runs(name):
            made[f"tutorials/{name}.md"] = tutorial(name)
    for place, content in made.items():
        files.append(File.generated(config, place, content=content))
    for place, path in elsewhere().items():
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Turns links between files into links between pages, and public names into links."""
    if page.file.abs_src_path is None:
        return markdown
    folder, here = pathlib.Path(page.file.abs_src_path).parent, pathlib.Path(page.file.src_uri)
    places = {path: place for place, path in elsewhere().items()}
    places[ROOT / "docs" / "equations.toml"] = "equations.md"

    def link(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        if not target.is_file():
            return match[0]
        place = places.get(target) or target.relative_to(ROOT / "docs").as_posix()
        return f"]({os.path.relpath(place, here.parent)}{match[2]})"

    texts = _FENCED.split(_LINK.sub(link, markdown))
    texts[::2] = map(named, texts[::2])
    return "".join(texts)


def named(text: str) -> str:
    """A text with links at `package.name`, and at the names of losses and anchors."""

    def link(match: re.Match[str]) -> str:
        holders = [match[1]] if match[1] else ["losses", "anchors"]
        for holder in holders:
            if holder in packages() and match[2] in public(holder):
                return f"[{match[0]}][fal_jax.{holder}.{match[2]}]"
        return match[0]

    return re.sub(r"(?<!\[)`(?:fal_jax\.)?(?:(\w+)\.)?(\w+)`", link, text)


@functools.cache
def elsewhere() -> dict[str, pathlib.Path]:
    """Files outside docs/ by their place in the documentation."""
    found = {
        "index.md": ROOT / "README.md",
        "contributing.md": ROOT / "CONTRIBUTING.md",
        "changelog.md": ROOT / "CHANGELOG.md",
        "LICENSE": ROOT / "LICENSE",
        "CITATION.cff": ROOT / "CITATION.cff",
        "results/records.md": RESULTS / "README.md",
    }
    shown = [path for path in RESULTS.iterdir() if path.suffix in {".md", ".png", ".svg"}]
    found |= {f"results/{path.name}": path for path in shown if path.name != "README.md"}
    return found | {f"notebooks/{path.name}": path for path in ROOT.glob("colab/*.ipynb")}


@functools.cache
def packages() -> dict[str, griffe.Module]:
    """The public packages inside `fal_jax`, by name."""
    package = griffe.load("fal_jax", search_paths=[str(ROOT)])
    assert isinstance(package, griffe.Module)
    return {
        name: module
        for name, module in sorted(package.modules.items())
        if module.is_subpackage and not name.startswith("_")
    }


@functools.cache
def public(package: str) -> dict[str, griffe.Object]:
    """What a package hands out, by name: what its `__init__` imports from its own modules."""
    return {
        name: value.final_target
        for name, value in sorted(packages()[package].members.items())
        if isinstance(value, griffe.Alias)
        and not name.startswith("_")
        and value.target_path.startswith("fal_jax.")
    }


def _text(value: griffe.Object) -> str:
    return value.docstring.value if value.docstring else ""


def _summary(value: griffe.Object) -> str:
    return " ".join(_text(value).split("\n\n")[0].split())


def _runs(package: str) -> bool:
    """Whether the docstring of a package is a text with examples, which the tests run."""
    return ">>>" in _text(packages()[package])


def _table(head: str, rows: list[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|" + " --- |" * columns, *rows])


def tutorial(package: str) -> str:
    """The docstring of a package under its first line."""
    title = _summary(packages()[package]).rstrip(".")
    options = ["members: false", "show_root_heading: false", "show_root_toc_entry: false"]
    lines = [f"# {title}", "", f"::: fal_jax.{package}", "    options:"]
    return "\n".join([*lines, *(f"      {option}" for option in options)])


def api_index() -> str:
    """All packages, each with its first line."""
    rows = [
        f"| [`fal_jax.{name}`]({name}.md) | {_summary(module)} |"
        for name, module in packages().items()
    ]
    return f"# API\n\n{_table('| package | |', rows)}\n"


def api(package: str) -> str:
    """A package's public names in a table, then each in full."""
    names = public(package)
    rows = [
        f"| [`{name}`][fal_jax.{package}.{name}] | {_summary(value)} |"
        for name, value in names.items()
    ]
    first = _text(packages()[package])
    if _runs(package):
        first = f"{_summary(packages()[package])}\n\n[Read on](../tutorials/{package}.md)."
    entries = "\n\n".join(f"::: fal_jax.{package}.{name}" for name in names)
    return f"# fal_jax.{package}\n\n{first}\n\n{_table('| name | |', rows)}\n\n{entries}\n"


def equations() -> str:
    """The paper's equations with what belongs to each; then the sources of the other losses."""
    data = tomllib.loads((ROOT / "docs" / "equations.toml").read_text(encoding="utf-8"))
    parts = ["# From the paper's equations to the code", data["text"]]
    for entry in data["equation"]:
        functions = ", ".join(f"[`{name}`][fal_jax.{name}]" for name in entry["functions"])
        twins = ", ".join(f"`{name}`" for name in entry["twins"])
        tests = "\n".join(f"- `{name}`" for name in entry["tests"])
        parts += [
            f"## {entry['title']}",
            f'<div class="equation">{converter.convert(entry["latex"], display="block")}</div>',
            entry.get("text", ""),
            f"{functions}; twin {twins}; tests",
            tests,
        ]
    named = {name for entry in data["equation"] for name in entry["functions"]}
    rows = [
        f"| [`{name}`][fal_jax.losses.{name}] | {' '.join(match[1].split())} |"
        for name, value in public("losses").items()
        if f"losses.{name}" not in named and (match := _REFERENCES.search(_text(value)))
    ]
    parts += ["## The losses beside the paper's", data["others"], _table("| | source |", rows)]
    return "\n\n".join(parts) + "\n"


def gallery() -> dict[str, str | bytes]:
    """The page of the notebooks: of each its title, first words and first picture; the pictures."""
    parts = ["# Notebooks", "Each runs as it is in Colab, and at small size in the tests."]
    pictures = {}
    paths = ROOT.glob("colab/*.ipynb")
    for path in sorted(paths, key=lambda path: (path.stem != "tour", path.name)):  # the tour first
        title, text, picture = opening(json.loads(path.read_text(encoding="utf-8")))
        parts += [f"## [{title}](notebooks/{path.name})", text]
        if picture is not None:
            pictures[f"notebooks/{path.stem}.png"] = picture
            parts.append(f"![The first picture of {title}](notebooks/{path.stem}.png)")
    return {"notebooks.md": "\n\n".join(parts) + "\n", **pictures}


def opening(notebook: dict) -> tuple[str, str, bytes | None]:
    """The title of a notebook, the text below it, and the first picture among the outputs.

    Pictures that the text loads from elsewhere, as badges, become their words.
    """
    texts = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"]
    first = next(text for text in texts if text.startswith("# "))
    title, _, text = _REMOTE_PICTURE.sub(r"\1", first).removeprefix("# ").partition("\n")
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    found = (output.get("data", {}).get("image/png") for output in outputs)
    encoded = next(filter(None, found), None)
    return title, text.strip(), None if encoded is None else base64.b64decode("".join(encoded))
