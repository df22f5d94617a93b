"""Pools of rows from Parquet: how many places they take, and how many are read at once."""

import concurrent.futures
import os
import threading

import numpy as np
import pytest

from fal_jax import data
from fal_jax.data import _pools
from tests.data.block_rows import read, rows_in_memory


def stream(rows, **changes):
    return data.open_stream(rows, **({"batch_size": 64, "seed": 1, "lanes": 2} | changes))


@pytest.fixture
def places(monkeypatch):
    """How many rows, and columns, each room that is taken for rows has."""
    found, aligned = [], _pools.aligned

    def told(*shape):
        found.append(shape)
        return aligned(*shape)

    monkeypatch.setattr(_pools, "aligned", told)
    return found


class AtOnce:
    """Does what it is asked at once, so that pools are read as early as they ever are."""

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future

    def shutdown(self, **_):
        pass


@pytest.mark.parametrize("block", [1, 7, 100, 125, 250, 500])
@pytest.mark.parametrize("part_rows", [64, 448, 2000])
def test_pools_take_no_more_places_than_a_part_and_four_pools(
    block, part_rows, places, monkeypatch
):
    """With files as even as blocks and with files whose last block is short."""
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", lambda _: AtOnce())
    for files in ((2000, 2000, 1000), (1999, 1503, 1001)):
        rows, _, _ = rows_in_memory(files, block)
        made = stream(rows, pool_rows=1000, part_rows=part_rows, lanes=2)
        order, found = data.stream_order(made, 2), list(read(made, epoch=2))
        numbers, labels = (np.concatenate(a)[: made.num_steps] for a in zip(*found, strict=True))
        np.testing.assert_array_equal(np.where(labels < 0, -1, numbers[..., 0]), order)
        taken, dim = places[0]
        assert dim == 3
        assert taken - 1 <= part_rows + 4 * 1000
        places.clear()


def test_pools_of_as_many_rows_as_a_part_take_two_and_longer_ones_three(places):
    rows, _, _ = rows_in_memory((4096, 4096), 512)
    for part_rows, pools in ((1024, 2), (640, 3)):
        made = stream(rows, pool_rows=1024, part_rows=part_rows)
        next(read(made, epoch=0))
        assert places[0][0] == pools * 1024 + 1
        places.clear()


def test_pools_have_a_row_group_for_each_lane_or_are_refused():
    def opened(block, lanes=4, **options):
        rows, _, _ = rows_in_memory((2**18,) * 4, block)
        return data.open_stream(rows, batch_size=64, seed=0, lanes=lanes, **options)

    assert opened(1000).pool_rows == 2**17
    assert opened(2**16).pool_rows == 2**18
    assert opened(2**17).pool_rows == 2**19
    message = (
        r"pool_rows must be at least 1,048,576, a row group for each of 4 lanes, the largest of "
        r"262,144 rows, got 524,288: decode the files once, by decode_shards, .* by row_group_size "
        r"of pyarrow.* pool_rows, of some 120 MiB\."
    )
    with pytest.raises(ValueError, match=message):
        opened(2**18)
    assert opened(2**18, pool_rows=2**20).pool_rows == 2**20
    with pytest.raises(ValueError, match=r"at least 131,072, .* got 131,071"):
        opened(2**16, lanes=2, pool_rows=2**17 - 1)


def test_as_many_lanes_are_read_at_once_as_there_are_cores(monkeypatch):
    """Each read waits for three others: with fewer at a time, it would wait in vain."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    together = threading.Barrier(4)

    even, _, _ = rows_in_memory((400,) * 4, 100)
    rows = even._replace(read=lambda *arguments: (together.wait(20), even.read(*arguments)))
    options = {"lanes": 4, "pool_rows": 400, "part_rows": 400, "batch_size": 16}
    found = [list(read(stream(r, **options), epoch=0)) for r in (rows, even)]
    jointly, alone = ([inputs for inputs, _ in parts] for parts in found)
    np.testing.assert_array_equal(jointly, alone)


@pytest.mark.parametrize(
    ("cores", "lanes", "readers"), [(1, 4, 2), (4, 1, 2), (4, 4, 4), (6, 16, 6), (64, 16, 8)]
)
def test_readers_follow_cores_and_lanes(monkeypatch, cores, lanes, readers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    assert _pools._num_readers(lanes) == readers
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert _pools._num_readers(lanes) == readers
