"""What several processes exchange; runs of two are in tests/experiments/test_streaming.py."""

import jax
import numpy as np
import pytest

from fal_jax import data, training
from fal_jax.training import _processes

JaxError = jax.errors.JaxRuntimeError


@pytest.fixture
def _one_of_two(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)


@pytest.mark.parametrize(
    "error",
    [
        JaxError("UNKNOWN: Gloo AllGather failed: Read error: Connection reset by peer"),
        JaxError("DEADLINE_EXCEEDED: Barrier timed out. Id: sync_global_devices:decoded"),
        JaxError("UNAVAILABLE: The following tasks are unhealthy (stopped sending heartbeats)"),
        JaxError("INTERNAL: NCCL operation failed: remote process exited or network error"),
        ValueError("UNKNOWN: Gloo AllReduce failed: Connection closed by peer"),
    ],
)
@pytest.mark.usefixtures("_one_of_two")
def test_a_lost_process_is_told_in_a_line(error):
    said = "process 0 has lost another of the 2 processes of the run: start all"
    with pytest.raises(RuntimeError, match=said), training.watch_processes():
        raise error
    with pytest.raises(RuntimeError, match=said), training.watch_processes():
        raise OSError("checkpoint 3 can't be written") from error


@pytest.mark.parametrize(
    "error",
    [
        JaxError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes."),
        JaxError("INVALID_ARGUMENT: Executable expected parameter 0 of size 8"),
        JaxError("INTERNAL: NCCL operation failed: unhandled cuda error 'out of memory'"),
        ValueError("file 3 is damaged"),
        OSError(110, "Connection timed out"),  # of a file on another machine
    ],
)
@pytest.mark.usefixtures("_one_of_two")
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error)) as caught, training.watch_processes():
        raise error
    assert caught.value is error


def test_one_process_alone_loses_none():
    error = JaxError("UNAVAILABLE: no connection")
    with pytest.raises(JaxError) as caught, training.watch_processes():
        raise error
    assert caught.value is error


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    data.simulate_transactions(folder, rows=5000, ratio=9, seed=0, chunk_rows=1000)
    return data.open_shards(folder)


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_statistics_are_the_same_to_the_bit_for_any_number_of_processes(
    shards, processes, monkeypatch
):
    """Each process in turn, with what the others would send: it measures no other than its own."""
    expected = training.measure_shards(shards)
    each = [data.measure_shard(shards, number) for number in range(5)]
    for process in range(processes):
        measured, sent = [], iter(range(5))

        def measure(_, number, measured=measured):
            measured.append(number)
            return each[number]

        def send(own, sender, process=process, sent=sent):
            number = next(sent)
            assert sender == number % processes
            assert sender != process or own is each[number]
            return each[number]

        monkeypatch.setattr(_processes, "measure_shard", measure)
        monkeypatch.setattr(_processes, "_sent", send)
        found = data.merge_measured(_processes._in_order(shards, process, processes))
        assert measured == list(range(process, 5, processes))
        jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_fewer_files_than_processes_are_refused(shards, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 6)
    with pytest.raises(ValueError, match="a file for each process, got 5 for 6"):
        training.measure_shards(shards)
