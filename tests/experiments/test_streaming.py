"""Streaming from the command line in smoke size: on one process, and on two that die."""

import json
import pathlib
import signal
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from experiments import streaming

ROOT = pathlib.Path(__file__).parents[2]
OPTIONS = (
    "--simulate", 6000, "--ratio", 19, "--files", 6, "--methods", "FAML", "--epochs", 3,
    "--batch-size", 256, "--positives", 8, "--lanes", 4, "--checkpoint-every", 5,
)  # fmt: skip
# Those of the first argument die at once when the second checkpoint is asked for.
DIES = """
import os, signal, sys
dying = sys.argv.pop(1)
import jax
from experiments import streaming
from fal_jax import training
save = training.Checkpoints.save
def save_or_die(self, checkpoint):
    if checkpoint.epoch > 17 and str(jax.process_index()) in dying:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, checkpoint)
training.Checkpoints.save = save_or_die
streaming.main(sys.argv[1:])
"""


def here(folder, *options):
    """The record of a run in this process, on the devices of the tests."""
    arguments = folder / "rows", *OPTIONS, "--out", folder, *options
    return json.loads(streaming.main([str(argument) for argument in arguments]).read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The record of a run that was not disturbed."""
    return here(tmp_path_factory.mktemp("whole"))


def test_a_record_is_labelled_and_has_the_ceiling_beside_the_scores(whole):
    found = whole["results"]["FAML"]
    assert whole["simulated"] is True
    assert (whole["rows"], whole["held_out_rows"], whole["processes"]) == (4000, 2000, 1)
    assert len(found["losses"]) == 3
    assert found["losses"][-1] < found["losses"][0]
    assert 0.5 < found["roc_auc"] < whole["bayes"]["roc_auc"]
    assert found["average_precision"] < whole["bayes"]["average_precision"] < 1
    assert 0.05 < found["peak_memory_gib"] < 64


def test_from_parquet_it_is_the_same_run_but_for_the_blocks(tmp_path, whole):
    found = here(tmp_path, "--from-parquet", "--methods", "CE", "--epochs", 1)
    assert not (tmp_path / "work" / "decoded").exists()
    assert found["bayes"] == whole["bayes"]


@pytest.mark.parametrize("dying", ["1", "0", "01"], ids=["one", "the coordinator", "both"])
def test_of_two_processes_some_die_and_one_alone_goes_on(tmp_path, whole, dying):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    joined = tmp_path / "rows", *OPTIONS, "--out", tmp_path, "--coordinator", address
    called = [sys.executable, "-c", DIES, dying, *map(str, joined), "--processes", "2"]
    processes = [
        subprocess.Popen(
            [*called, "--process", number],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number in "01"
    ]  # fmt: skip
    printed = [process.communicate(timeout=300)[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert all(codes), printed
    assert -signal.SIGKILL in [codes[int(number)] for number in dying], printed
    if dying == "1":
        assert codes[0] == 1
        assert "process 0 has lost another of the 2 processes of the run: start all" in printed[0]
    elif dying == "0":  # JAX ends a process too whose coordinator is gone, and may be the first
        lost = "process 1 has lost another of the 2 processes of the run: start all"
        assert lost in printed[1] or "another task died" in printed[1]
    assert not (tmp_path / "streaming.json").exists()
    kept = sorted(int(path.name) for path in (tmp_path / "work" / "FAML.checkpoints").iterdir())
    assert kept == [16]  # in mid-epoch
    record = here(tmp_path)
    found, expected = record["results"]["FAML"], whole["results"]["FAML"]
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-5)
    assert found["roc_auc"] == pytest.approx(expected["roc_auc"], abs=1e-5)
    assert found["average_precision"] == pytest.approx(expected["average_precision"], abs=1e-5)


def test_what_cannot_run_is_said_in_a_line(tmp_path):
    with pytest.raises(SystemExit, match=r"manifest.json is missing|no .parquet or .csv file"):
        streaming.main([str(tmp_path), "--out", str(tmp_path)])
    assert jax.process_count() == 1
