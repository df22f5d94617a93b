"""Makes the notebooks of their sources and runs them.

    python -m colab.build           # all of them
    python -m colab.build tour      # one

A source is a Python file in the percent format of jupytext: edit that one. The notebook has its
cells, a badge that opens it in Colab, a cell that installs this release, and the outputs. A cell
whose output depends on the size of the run, the device or the time has the tag "varies".
"""

import argparse
import os
import pathlib
import re
import tempfile
from collections.abc import Sequence
from typing import cast

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

import fal_jax

REPOSITORY = "OWNER/fal_jax"  # where the project lives on GitHub: a placeholder until it has a home
FOLDER = pathlib.Path(__file__).parent
PACKAGES = {
    "tour": ("fal-jax", "matplotlib"),
    "fraud": ("fal-jax[experiments]",),
    "embeddings": ("fal-jax[experiments]",),
    "cifar10_lt_tpu": ("fal-jax[experiments]",),
    "your_own_loss": ("fal-jax", "matplotlib"),
}
"""What each notebook installs, by the notebook's name."""

VARIES = "varies"
_BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{repository}/blob/main/colab/{name}.ipynb)"
)
_INSTALL = """\
# Installs fal-jax {version}, with the JAX of this runtime; does nothing where it is installed.
import importlib.util
import shutil
import subprocess
import sys

if importlib.util.find_spec("fal_jax") is None:
    on_tpu, on_gpu = importlib.util.find_spec("libtpu"), shutil.which("nvidia-smi")
    jax = "jax[tpu]" if on_tpu else "jax[cuda12]" if on_gpu else "jax"
    packages = [jax, {packages}]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *packages], check=True)"""
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_UNCLEAN = re.compile(
    r"Traceback|[Ww]arning|(?<![\w.])/(?:home|root|tmp|usr|opt|work|content|var)\b"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m colab.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PACKAGES)}")
    names = parser.parse_args(arguments).names or list(PACKAGES)
    if unknown := sorted(set(names) - set(PACKAGES)):
        parser.error(f"no notebook {', '.join(unknown)}; there are {', '.join(PACKAGES)}")
    for name in names:
        made = run(notebook(name))
        if found := unclean(made):
            raise SystemExit(f"{name} is not written, for its outputs hold {found}")
        nbformat.write(made, FOLDER / f"{name}.ipynb")


def notebook(name: str) -> NotebookNode:
    """The notebook of a source, without outputs: its cells with the badge and the installation."""
    source = cast(NotebookNode, jupytext.read(FOLDER / f"{name}.py", fmt="py:percent"))
    title, *cells = source.cells
    title.source += "\n\n" + _BADGE.format(repository=REPOSITORY, name=name)
    version = fal_jax.__version__
    packages = ", ".join(
        f'"{package}=={version}"' if package.startswith("fal-jax") else f'"{package}"'
        for package in PACKAGES[name]
    )
    install = nbformat.v4.new_code_cell(_INSTALL.format(version=version, packages=packages))
    made = nbformat.v4.new_notebook(cells=[title, install, *cells])
    for number, cell in enumerate(made.cells):
        cell.id = f"{name}-{number}"
    made.metadata = nbformat.from_dict(_METADATA)
    return made


def run(made: NotebookNode) -> NotebookNode:
    """The same with its outputs, run top to bottom in a new process and an empty folder."""
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            made,
            timeout=None,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute(env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))})
    made.metadata = nbformat.from_dict(_METADATA)  # without the version that ran it
    return made


def unclean(made: NotebookNode) -> list[str]:
    """What no reader should see in the outputs: errors, warnings and paths of a machine."""
    found = []
    for output in (output for cell in made.cells for output in cell.get("outputs", ())):
        texts = [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
        found += [match[0] for text in texts for match in _UNCLEAN.finditer(text)]
        if output.output_type == "error" or output.get("name") == "stderr":
            found.append(output.get("text") or output.get("ename"))
    return found


if __name__ == "__main__":
    main()
