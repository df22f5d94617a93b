"""Streaming from the command line in smoke size: on one process, and on two, some of which die."""

import json
import signal

import jax
import numpy as np
import pytest

from experiments import streaming
from fal_jax import training
from tests.experiments import processes

# Those that are named die at once when the second checkpoint is asked for.
DIES = """
save = training.Checkpoints.save
def save_or_die(self, checkpoint):
    if checkpoint.epoch > 17 and str(jax.process_index()) in {!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, checkpoint)
training.Checkpoints.save = save_or_die
"""
DIES_DECODING = """
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[-1] == "1":
    data.decode_shards = die
"""


def here(folder, *options):
    """The record of a run in this process, on the devices of the tests."""
    return json.loads(streaming.main(processes.arguments(folder, *options)).read_text())


@pytest.fixture(autouse=True, scope="module")
def moving_anchors():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "middle_settings", processes.moving)
        yield


@pytest.fixture(scope="module")
def whole_and_states(tmp_path_factory):
    """The record of a run that was not disturbed, its first state and its last."""
    states, fit_stream = [], training.fit_stream

    def fitted(trainer, state, *arguments, **options):
        states.append(jax.tree.map(np.array, state))
        state, reports = fit_stream(trainer, state, *arguments, **options)
        states.append(state)
        return state, reports

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "fit_stream", fitted)
        return here(tmp_path_factory.mktemp("whole")), *states


@pytest.fixture(scope="module")
def whole(whole_and_states):
    return whole_and_states[0]


def assert_same_run(record, expected):
    found, expected = record["results"]["FAML"], expected["results"]["FAML"]
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-5)
    assert found["roc_auc"] == pytest.approx(expected["roc_auc"], abs=1e-5)
    assert found["average_precision"] == pytest.approx(expected["average_precision"], abs=1e-5)


def kept(folder):
    """The steps of the checkpoints in a folder."""
    return sorted(int(path.name) for path in (folder / "work" / "FAML.checkpoints").iterdir())


def test_a_record_is_labelled_and_has_the_ceiling_beside_the_scores(whole):
    found = whole["results"]["FAML"]
    assert whole["simulated"] is True
    assert (whole["rows"], whole["held_out_rows"], whole["processes"]) == (4000, 2000, 1)
    assert found["settings"]["every"] == processes.EVERY
    assert len(found["losses"]) == 2
    assert found["losses"][-1] < found["losses"][0]
    assert 0.5 < found["roc_auc"] < whole["bayes"]["roc_auc"]
    assert found["average_precision"] < whole["bayes"]["average_precision"] < 1
    assert 0.05 < found["peak_memory_gib"] <= whole["peak_memory_gib"] < 64


def test_from_parquet_it_is_the_same_run_but_for_the_blocks(tmp_path, whole):
    found = here(tmp_path, "--from-parquet", "--methods", "CE", "--epochs", 1)
    assert not (tmp_path / "work" / "decoded").exists()
    assert found["bayes"] == whole["bayes"]


class StoppedError(Exception):
    pass


def test_two_processes_train_to_the_end_what_one_has_begun(tmp_path, whole_and_states):
    whole, first, last = whole_and_states
    save = training.Checkpoints.save

    def save_or_stop(self, checkpoint):
        if checkpoint.epoch > 17:
            raise StoppedError
        save(self, checkpoint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.Checkpoints, "save", save_or_stop)
        with pytest.raises(StoppedError):
            here(tmp_path)
    assert kept(tmp_path) == [16]  # in mid-epoch
    printed, codes = processes.two(tmp_path)
    assert codes == [0, 0], printed
    record = json.loads((tmp_path / "streaming.json").read_text())
    assert record["processes"] == 2
    assert record["bayes"] == whole["bayes"]
    assert_same_run(record, whole)
    # None of the files was decoded again: statistics have the same bits.
    assert len(list((tmp_path / "work" / "decoded").iterdir())) == 6
    checkpoints = training.Checkpoints(tmp_path / "work" / "FAML.checkpoints")
    found = checkpoints.latest(last)
    checkpoints.close()
    assert found.epoch == int(last.step) == 34
    assert int(found.state.anchors.num_updates) == 34 // processes.EVERY
    assert not np.allclose(found.state.anchors.anchors, first.anchors.anchors, atol=0.01)
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5),
        found.state,
        last,
    )


@pytest.mark.parametrize("dying", ["1", "0", "01"], ids=["one", "the coordinator", "both"])
def test_of_two_processes_some_die_and_one_alone_goes_on(tmp_path, whole, dying):
    printed, codes = processes.two(tmp_path, DIES.format(dying))
    assert all(codes), printed
    assert -signal.SIGKILL in [codes[int(number)] for number in dying], printed
    if dying == "1":
        assert codes[0] == 1
        assert "process 0 has lost another of the 2 processes of the run: start all" in printed[0]
    elif dying == "0":  # JAX ends a process too whose coordinator is gone, and may be the first
        lost = "process 1 has lost another of the 2 processes of the run: start all"
        assert lost in printed[1] or "another task died" in printed[1]
    assert not (tmp_path / "streaming.json").exists()
    assert kept(tmp_path) == [16]  # in mid-epoch
    assert_same_run(here(tmp_path), whole)


def test_a_process_that_dies_while_it_decodes_is_told_by_the_other(tmp_path):
    printed, codes = processes.two(tmp_path, DIES_DECODING)
    assert codes == [1, -signal.SIGKILL], printed
    assert "process 0 has lost another of the 2 processes of the run: start all" in printed[0]


def test_seconds_of_training_add_up_over_starts_and_another_stream_needs_other_work(tmp_path):
    found = here(tmp_path)["results"]["FAML"]
    again = here(tmp_path)["results"]["FAML"]  # finds all done
    assert again["seconds"] == found["seconds"] > 0
    with pytest.raises(SystemExit, match=r"of the same stream, .*checkpoints\. Another --work"):
        here(tmp_path, "--positives", 4)


def test_what_cannot_run_is_said_in_a_line(tmp_path):
    with pytest.raises(SystemExit, match=r"manifest.json is missing|there is no .parquet, .csv or"):
        streaming.main([str(tmp_path), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"--held-out must be from 1 to 5, .* 6 files .*got 6"):
        here(tmp_path, "--held-out", 6)
    assert jax.process_count() == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--process 1", "go together"),
        ("--processes 2", "go together"),
        ("--coordinator localhost:1", "go together"),
        ("--coordinator localhost:1 --processes 2", "go together"),
        ("--coordinator localhost:1 --processes 2 --process 2", "must be from 0 to 1, got 2"),
        ("--coordinator localhost:1 --processes 2 --process 0 --distributed", "is for a cluster"),
    ],
)
def test_options_of_processes_that_do_not_go_together_are_refused(options, said, capsys):
    with pytest.raises(SystemExit):
        streaming.parse(["rows", *options.split()])
    assert said in capsys.readouterr().err
