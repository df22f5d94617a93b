"""Notebooks are what their sources give: in step, clean, and run in smoke size, offline."""

import re
import subprocess
import sys
from typing import NamedTuple

import IPython.display
import jax
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

import fal_jax
from colab import build
from fal_jax import training

each_notebook = pytest.mark.parametrize("name", build.PACKAGES)


def committed(name):
    return nbformat.read(build.FOLDER / f"{name}.ipynb", as_version=4)


def printed(cell):
    """What a code cell printed, in the notebook."""
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


def pictures(cell):
    return sum(out.output_type == "display_data" for out in cell.outputs)


def test_every_source_has_a_notebook():
    sources = {path.stem for path in build.FOLDER.glob("*.py")} - {"__init__", "build"}
    assert sources == set(build.PACKAGES) == {path.stem for path in build.FOLDER.glob("*.ipynb")}


@each_notebook
def test_a_pair_is_in_step(name):
    found, expected = committed(name), build.notebook(name)
    told = [[(c.cell_type, c.source, c.metadata, c.id) for c in n.cells] for n in (found, expected)]
    assert told[0] == told[1], f"run python -m colab.build {name}"
    nbformat.validate(found)
    assert found.metadata == expected.metadata


@each_notebook
def test_outputs_are_small_and_clean(name):
    found = committed(name)
    assert (build.FOLDER / f"{name}.ipynb").stat().st_size < 600_000
    assert build.unclean(found) == []
    runs = [cell.execution_count for cell in found.cells if cell.cell_type == "code"]
    assert runs == list(range(1, len(runs) + 1)), "run top to bottom, once"
    assert any(pictures(cell) for cell in found.cells if cell.cell_type == "code")


@pytest.mark.parametrize(
    "output",
    [
        nbformat.v4.new_output("stream", name="stdout", text="saved to /home/me/runs"),
        nbformat.v4.new_output("stream", name="stdout", text="UserWarning: only 3 updates"),
        nbformat.v4.new_output("stream", name="stderr", text="anything"),
        nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[]),
    ],
)
def test_an_unclean_output_is_found(output):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    assert build.unclean(made)


@each_notebook
def test_the_badge_opens_this_notebook_and_the_title_stands_first(name):
    title = build.notebook(name).cells[0].source
    assert title.startswith("# ")
    assert f"github/{build.REPOSITORY}/blob/main/colab/{name}.ipynb)" in title


@pytest.mark.parametrize(
    ("present", "expected"),
    [(set(), "jax"), ({"nvidia-smi"}, "jax[cuda12]"), ({"libtpu"}, "jax[tpu]")],
)
def test_the_first_cell_installs_this_release_for_the_runtime(monkeypatch, present, expected):
    calls = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name in present else None)
    monkeypatch.setattr("shutil.which", lambda name: name if name in present else None)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: calls.append(command))
    exec(build.notebook("fraud").cells[1].source, {})
    (command,) = calls
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-2:] == [expected, f"fal-jax[experiments]=={fal_jax.__version__}"]


class Ran(NamedTuple):
    """What a cell did: printed text and pictures shown."""

    text: str
    pictures: int


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs the cells of a notebook, one after the other, in smoke size and without a network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAL_JAX_SMOKE", "1")
    monkeypatch.setenv("FAL_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FAL_JAX_DATA", raising=False)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("opens a connection"))
    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda *_: shown.append(1))

    def show():
        shown.extend(plt.get_fignums())
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)

    def cells(name):
        names, done = {"__name__": "__main__"}, []
        for cell in build.notebook(name).cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, cell.id, "exec"), names)
                done.append(Ran(capsys.readouterr().out, len(shown)))
                shown.clear()
        return done, names

    with plt.rc_context():
        yield cells


def checked(name, run):
    """Runs a notebook and compares it with the committed one; returns its names."""
    done, names = run(name)
    cells = [cell for cell in committed(name).cells if cell.cell_type == "code"]
    for cell, ran in zip(cells, done, strict=True):
        assert ran.pictures == pictures(cell), cell.id
        if build.VARIES not in cell.metadata.get("tags", []):
            assert ran.text == printed(cell), cell.id
        assert bool(ran.text) == bool(printed(cell)), cell.id
    return names


def test_tour(run):
    names = checked("tour", run)
    state = names["state"]
    assert int(state.anchors.num_updates) == names["MOVES"]
    assert training.model_params(state)["head"]["anchors"].shape == (2, 2)
    assert re.match(rb"GIF8", names["film"].getvalue())


def test_fraud(run):
    names = checked("fraud", run)
    assert names["scores"].keys() == {"CE", "FAL", "XGBoost"}
    rows = np.concatenate([names[part] for part in ("train", "validation", "test")])
    assert len(np.unique(rows)) == len(rows)


def test_embeddings(run):
    names = checked("embeddings", run)
    assert names["counts"].tolist() == [16] * 8 + [4, 16]
    # Two points a class, side by side, but for one of class 0 that lies beside those of class 1.
    places = np.repeat(10.0 * np.arange(10), 2) + np.tile([0.0, 1.0], 10)
    places[1] = 11.4
    points, labels = np.stack([places, 0 * places], axis=1), np.repeat(np.arange(10), 2)
    strange = names["imposters"](points, labels, neighbours=1)
    np.testing.assert_allclose(strange, [1, 0.5] + [0] * 8)


def test_cifar10_lt_tpu(run):
    names = checked("cifar10_lt_tpu", run)
    assert names["mesh"].size == jax.device_count() > 1
    assert names["epochs"] == [1, 2, 3, 4]
    assert jax.tree.all(names["same"])


def test_your_own_loss(run):
    names = checked("your_own_loss", run)
    assert names["scores"].keys() == {"CE", "FAL", "ours"}
