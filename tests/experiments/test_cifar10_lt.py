"""The study of long-tailed images in smoke size: killed, resumed, split, and refused."""

import json
import pathlib
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from experiments import cifar10_lt, embeddings, image_study, processes, records
from fal_jax import training
from tests.data.prepared import prepare
from tests.disk import full_disk

ROOT = pathlib.Path(__file__).parents[2]
SMOKE = ("--network", "tiny", "--recipe", "smoke", "--seeds", "1", "--factor", "4")
COUNTS = [24, 20, 17, 15, 12, 11, 9, 8, 6, 6]
KILLED = """
import os, signal, sys
from experiments import cifar10_lt
from fal_jax import training
save = training.Checkpoints.save
def save_and_die(self, checkpoint):
    save(self, checkpoint)
    if checkpoint.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
training.Checkpoints.save = save_and_die
cifar10_lt.main(sys.argv[1:])
"""
SLOW_AND_KILLED = """
import sys, time
from fal_jax import data
load = data.load_images
def load_late(*arguments, **options):
    time.sleep(5)
    return load(*arguments, **options)
if sys.argv[-1] == "1":
    data.load_images = load_late
""" + KILLED.replace("epoch == 2", "epoch == 2 and sys.argv[-1] == '1'")


@pytest.fixture(scope="module")
def tfds(tmp_path_factory):
    """A small CIFAR-10, prepared."""
    folder = tmp_path_factory.mktemp("tfds")
    prepare(folder, "cifar10", np.repeat(np.arange(10), 24), np.repeat(np.arange(10), 4))
    return folder


def called(tfds, out, *arguments, code=("-m", "experiments.cifar10_lt")):
    """The study in a process of its own."""
    options = *SMOKE, "--data-dir", tfds, "--out", out, *arguments
    command = [sys.executable, *code, *map(str, options)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finished(process, code=0):
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == code, printed
    return printed


def record_in(folder):
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def whole(tfds, tmp_path_factory):
    """The record of an uninterrupted run on one device, with its folder."""
    folder = tmp_path_factory.mktemp("whole")
    log = "--methods", "FAML", "--devices", 1, "--logdir", folder / "log"
    finished(called(tfds, folder / "out", *log))
    return folder, record_in(folder / "out")


def test_a_record_holds_the_last_and_the_best_epoch_and_how_they_were_made(whole):
    folder, record = whole
    assert record["class_counts"] == COUNTS
    assert record["recipe"]["epochs"] == 3
    (run,) = record["results"]["FAML"]
    assert run["last"]["epoch"] == 3
    assert [epoch for epoch, _ in run["errors"]] == [1, 2, 3]
    assert run["last"]["error"] == run["errors"][-1][1]
    assert run["best"]["error"] == min(error for _, error in run["errors"])
    assert run["last"]["balanced_accuracy"] == pytest.approx(1 - run["last"]["error"] / 100)
    assert np.mean(run["last"]["accuracy"]) == pytest.approx(run["last"]["balanced_accuracy"])
    assert run["last"]["many"] is None
    assert run["losses"][-1] < run["losses"][0]
    assert [path.suffix for path in (folder / "out").iterdir()] == [".json"]
    (events,) = (folder / "log").rglob("events.out.tfevents*")
    content = events.read_bytes()
    for tag in (b"loss", b"learning_rate", b"test/error", b"accuracy/class_9", b"test/medium"):
        assert tag in content


def test_killed_and_resumed_it_equals_the_uninterrupted_run(whole, tfds, tmp_path):
    arguments = "--methods", "FAML", "--devices", 1
    finished(called(tfds, tmp_path, *arguments, code=("-c", KILLED)), code=-signal.SIGKILL)
    assert not list(tmp_path.glob("*.json"))
    with pytest.raises(SystemExit, match="--resume goes on with it"):
        here(tfds, tmp_path, "--methods", "FAML")
    finished(called(tfds, tmp_path, *arguments, "--resume"))
    record = record_in(tmp_path)
    assert record["results"] == whole[1]["results"]
    distances = record["results"]["FAML"][0]["anchor_distances"]
    assert 0 < distances["least"] < distances["median"] < distances["largest"]
    assert record.keys() == whole[1].keys()


def two(tfds, out, **options):
    """What two processes print, and their exit codes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    joined = "--methods", "FAML", "--devices", 1, "--coordinator", address, "--processes", 2
    running = [called(tfds, out, *joined, "--process", i, **options) for i in range(2)]
    printed = [process.communicate(timeout=600)[0] for process in running]
    return printed, [process.returncode for process in running]


def test_two_processes_train_one_network(whole, tfds, tmp_path):
    printed, codes = two(tfds, tmp_path)
    assert codes == [0, 0], printed
    assert "Record:" in printed[0]
    assert "Record:" not in printed[1]
    (run,), (expected,) = record_in(tmp_path)["results"]["FAML"], whole[1]["results"]["FAML"]
    # Sums in another order differ in the last digit, which grows from step to step.
    np.testing.assert_allclose(run["losses"][0], expected["losses"][0], rtol=1e-4)
    np.testing.assert_allclose(run["losses"], expected["losses"], rtol=1e-2)


def test_a_process_waits_for_a_slow_one_and_ends_when_that_is_lost(tfds, tmp_path):
    printed, codes = two(tfds, tmp_path, code=("-c", SLOW_AND_KILLED))
    assert codes == [1, -signal.SIGKILL], printed
    assert "process 0 has lost another of the 2 processes of the run: start all" in printed[0]
    assert not list(tmp_path.glob("*.json"))


def here(tfds, out, *arguments):
    """The study in this process, on the eight devices of the tests."""
    options = *SMOKE, "--data-dir", tfds, "--out", out, "--devices", 8, *arguments
    return cifar10_lt.main([str(option) for option in options])


@pytest.fixture
def bars(monkeypatch):
    """How many images the bars have run over and were to, one a call."""
    made, progress = [], image_study._progress

    def kept(console):
        made.append(progress(console))
        return made[-1]

    monkeypatch.setattr(image_study, "_progress", kept)
    return lambda: [(bar.tasks[0].completed, bar.tasks[0].total) for bar in made]


def test_a_full_disk_leaves_the_earlier_checkpoint_and_only_the_same_run_goes_on(
    tfds, tmp_path, bars, monkeypatch
):
    save, narrow = training.Checkpoints.save, ("--methods", "CE", "--dtype", "bfloat16")

    def filled(self, checkpoint):
        with full_disk(100 if checkpoint.epoch == 2 else 2**30):
            save(self, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoints, "save", filled)
        with pytest.raises(SystemExit, match=r"CE-0.2 can't be written .*earlier ones stay"):
            here(tfds, tmp_path, *narrow)
    assert not list(tmp_path.glob("*.json"))
    for other in (("--epochs", 4), ("--batch-size", 8), ("--tune", 2)):
        with pytest.raises(SystemExit, match=r"another run, which differs in (recipe|tune): go on"):
            here(tfds, tmp_path, *narrow, "--resume", *other)
    here(tfds, tmp_path, *narrow, "--resume")
    assert (tmp_path / "cifar10_lt_tiny_smoke_bfloat16_4.json").exists()
    assert len(record_in(tmp_path)["results"]["CE"][0]["losses"]) == 3
    assert bars() == [(2 * 128, 3 * 128), (2 * 128, 2 * 128)]  # the rest, not what was there


def test_tuning_chooses_by_training_images_and_a_record_grows(
    tfds, tmp_path, capsys, bars, monkeypatch
):
    options = "--epochs", 1, "--tune", 3
    here(tfds, tmp_path, *options, "--methods", "CE", "--keep-checkpoints")
    first = record_in(tmp_path)
    trials = first["tuning"]["CE"]["trials"]
    assert trials[0]["settings"] == {"learning_rate": 0.1}
    assert len({trial["settings"]["learning_rate"] for trial in trials}) == 3
    best = max(trials, key=lambda trial: trial["balanced_accuracy"])
    assert first["results"]["CE"][0]["settings"]["learning_rate"] == pytest.approx(
        best["settings"]["learning_rate"]
    )
    monkeypatch.setattr(records, "commit", lambda: "later")
    (path,) = here(tfds, tmp_path, *options, "--methods", "CE", "--resume", "--seeds", 2)
    record = json.loads(path.read_text())
    assert record["environment"] == first["environment"]
    commits = [run["commit"] for run in record["made"]["CE"]]
    assert commits == [first["environment"]["commit"], "later"]
    assert record["results"]["CE"][:1] == first["results"]["CE"]
    assert [run["seed"] for run in record["results"]["CE"]] == [0, 1]
    assert "±" in capsys.readouterr().out
    (kept,) = tmp_path.glob("*.checkpoints")
    assert sorted(path.name for path in kept.iterdir()) == ["CE-0", "run.json"]
    assert bars() == [(128 + 3 * 96, 128 + 3 * 96), (128, 128)]
    with pytest.raises(SystemExit, match="another run, which differs in recipe"):
        here(tfds, tmp_path, "--epochs", 2, "--tune", 3, "--methods", "CE", "--resume")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--factor", 0.5), "imbalance_factor must be from 1"),
        (("--factor", 25), "imbalance_factor must be from 1 .* to max_per_class = 24"),
        (("--batch-size", 256), "--batch-size must be at most 128, .* --factor 4, got 256"),
        (("--dataset", "mnist"), "mnist is not prepared in"),
        (("--logdir", "log"), "--logdir needs tensorboardX: pip install"),
        (("--out", "/dev/null/runs"), "/dev/null/runs can't be written .*choose another --out"),
    ],
)
def test_what_cannot_run_is_said_in_a_line(tfds, tmp_path, arguments, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(SystemExit, match=message):
        here(tfds, tmp_path, *arguments)
    assert not list(tmp_path.iterdir())


def test_what_failed_before_its_first_checkpoint_is_no_run_to_go_on_with(
    tfds, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise ValueError("there is no room on the device")

    monkeypatch.setattr(training, "run_epochs", fail)
    for size in (16, 8):
        with pytest.raises(SystemExit, match="there is no room on the device"):
            here(tfds, tmp_path, "--methods", "CE", "--batch-size", size)


def test_digits_that_are_not_prepared_are_said_in_a_line(tmp_path):
    with pytest.raises(SystemExit, match="mnist is not prepared in"):
        embeddings.main(["--data-dir", str(tmp_path)])


def test_processes_that_find_other_records_are_told(monkeypatch):
    processes.agree({"a.json": []}, "the records in runs")
    monkeypatch.setattr(training, "gather_processes", lambda digest: [digest, digest[::-1]])
    with pytest.raises(ValueError, match="the records in runs must be the same for all"):
        processes.agree({"a.json": []}, "the records in runs")


def test_options_of_processes_that_do_not_go_together_are_refused(capsys):
    with pytest.raises(SystemExit):
        cifar10_lt.main(["--coordinator", "localhost:1", "--processes", "2"])
    assert "go together" in capsys.readouterr().err


def test_help_has_examples_for_each_platform(capsys):
    with pytest.raises(SystemExit):
        cifar10_lt.main(["--help"])
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("on a CPU", "on a GPU", "TPU", "pod", "--resume"))
