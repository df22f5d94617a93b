"""A cache and a folder of its own for every test, a model, a comparison without training."""

import pathlib

import numpy as np
import pytest

from fal_jax.cli import _compare, main
from fal_jax.cli._compare import Result
from fal_jax.estimators.problems import Problems, encoded
from tests.cli.made import COMPARE, METHODS_COMPARED, TINY, write

_WIDE = 1000


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.setenv("FAL_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("FAL_JAX_TRACEBACK", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A model that several tests predict with."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAL_JAX_CACHE", str(folder / "cache"))
        table, path = write(folder / "made.csv"), folder / "model.safetensors"
        arguments = ["train", table, "--label", "Class", "--method", "CE+SMOTE", *TINY[2:]]
        assert main([*arguments, "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def comparison(tmp_path_factory):
    """One comparison that several tests look at: its folder."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAL_JAX_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        write(pathlib.Path("made.csv"))
        assert main([*COMPARE, *METHODS_COMPARED]) == 0
    return folder / "found"


@pytest.fixture
def no_training(monkeypatch):
    """Rows are loaded, split and encoded for every fold; scores and report are made up."""

    def run(_, table, tasks, *__, **___):
        problems = Problems(table, tasks, fit=encoded)
        for number in range(len(tasks) if len(table.columns) < _WIDE else 1):
            inputs, _, validation, _, test = problems[number]
            assert all(np.isfinite(part).all() for part in (inputs, validation, test))
        classes = len(table.classes)
        chances = np.full((len(table.labels), classes), 1 / classes)
        metrics = {"average_precision": {"mean": 0.5, "std": 0.1, "folds": [0.5] * 3}}
        record = {"metrics": metrics, "threshold": 0.5, "settings": [], "seconds": 0.0}
        return Result(record, chances, None)

    monkeypatch.setattr(_compare, "run", run)
    monkeypatch.setattr("fal_jax.cli.report.html", lambda *_: "the report")
