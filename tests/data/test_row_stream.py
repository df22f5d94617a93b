"""Streams of rows: what order they have, and that what is read is that order."""

import threading

import numpy as np
import pytest

from fal_jax import data
from tests.data.block_rows import in_blocks

FILES = (900, 350, 800, 1250, 100)


def rows_in_memory(files=FILES, block=100, share=0.02):
    """Rows whose features tell their number."""
    labels = (np.random.default_rng(0).random(sum(files)) < share).astype(np.int32)
    features = np.arange(sum(files), dtype=np.float32)[:, None] + np.zeros(3, np.float32)
    return in_blocks(features, labels, files, block), labels


ROWS, LABELS = rows_in_memory()


def stream(**changes):
    options = {"batch_size": 64, "seed": 1, "positives": 4, "lanes": 2, "pool_rows": 600}
    return data.open_stream(ROWS, **(options | changes))


def is_added(made):
    """Which places of a batch hold added positives, `[batch]`."""
    each = np.arange(made.batch_size // made.lanes) >= made.fresh
    return np.tile(each, made.lanes)


@pytest.mark.parametrize("changes", [{}, {"lanes": 1}, {"lanes": 4, "positives": 0}])
def test_every_row_comes_once_an_epoch_and_each_batch_has_positives(changes):
    made = stream(**changes)
    order = data.stream_order(made, 0)
    assert order.shape == (made.num_steps, 64)
    fresh, added = order[:, ~is_added(made)], order[:, is_added(made)]
    assert sorted(fresh[fresh >= 0]) == list(range(sum(FILES)))
    assert (np.any(fresh >= 0, axis=1)).all()
    assert added.shape == (made.num_steps, made.positives)
    assert (LABELS[added] == 1).all()
    used = np.bincount(LABELS[order[order >= 0]], minlength=2)
    np.testing.assert_array_equal(used, made.batch_counts)


def test_added_positives_come_in_turns_over_the_epochs():
    made = stream(lanes=1)
    orders = [data.stream_order(made, epoch)[:, is_added(made)] for epoch in range(2)]
    drawn = np.concatenate([order.ravel() for order in orders])
    positives = np.flatnonzero(LABELS)
    passes = [drawn[i : i + positives.size] for i in range(0, drawn.size, positives.size)]
    assert len(passes) > 3
    for one in passes[:-1]:
        np.testing.assert_array_equal(np.sort(one), positives)
    assert not np.array_equal(passes[0], passes[1])


@pytest.mark.parametrize("changes", [{}, {"pool_rows": 10**6}, {"lanes": 4}])
def test_what_is_read_is_the_order_from_any_step_and_for_any_lanes(changes):
    made = stream(**changes)
    order = data.stream_order(made, 3)
    where = order >= 0
    for first, size in ((0, 7), (11, 5)):
        parts = list(data.stream_parts(made, epoch=3, first=first, size=size))
        inputs, labels, found = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        steps = made.num_steps - first
        assert len(inputs) == -(-steps // size) * size
        assert not found[steps:].any()
        np.testing.assert_array_equal(found[:steps], where[first:])
        expected = np.where(where, order, 0)[first:]
        np.testing.assert_array_equal(inputs[:steps], np.repeat(expected[..., None], 3, axis=-1))
        np.testing.assert_array_equal(labels[:steps], np.where(where, LABELS[order], 0)[first:])
    halves = [
        list(data.stream_parts(made, epoch=3, size=9, lanes=lanes))
        for lanes in np.split(np.arange(made.lanes), 2)
    ]
    both = [np.concatenate([a.inputs for a in pair], axis=1) for pair in zip(*halves, strict=True)]
    whole = [part.inputs for part in data.stream_parts(made, epoch=3, size=9)]
    np.testing.assert_array_equal(both, whole)


def test_epochs_seeds_and_lanes_have_orders_of_their_own():
    orders = [
        data.stream_order(stream(seed=seed), epoch).tobytes() for seed in (1, 2) for epoch in (0, 1)
    ]
    assert len(set(orders)) == 4
    assert data.stream_order(stream(), 0).tobytes() == orders[0]


def test_lanes_get_files_of_much_the_same_number_of_rows():
    lanes = stream().lane_of_file
    rows = np.bincount(lanes, FILES)
    assert abs(rows[0] - rows[1]) <= min(FILES)


def test_a_pool_mixes_its_blocks_and_batches_are_as_random_as_by_full_shuffling():
    """Mean row numbers of batches vary as those of random rows would, once a pool is a share."""
    rows, _ = rows_in_memory((5000, 5000), 50)
    made = data.open_stream(rows, batch_size=100, seed=0, lanes=2, pool_rows=2000)
    order = data.stream_order(made, 0)
    spread = order.mean(axis=1).std() / (10_000 / np.sqrt(12 * 100))
    in_order = np.arange(10_000).reshape(-1, 100).mean(axis=1).std() / (10_000 / np.sqrt(1200))
    assert in_order > 9
    assert 0.6 < spread < 1.6  # 20 blocks a pool and lane


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"lanes": 3}, "multiples of lanes = 3, and batch_size the greater, got 64 and 4"),
        ({"positives": 64}, "multiples of lanes = 2"),
        ({"positives": 3}, "multiples of lanes = 2"),
        ({"lanes": 8, "positives": 8}, "lanes must be at most the 5 files, got 8"),
    ],
)
def test_streams_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        stream(**changes)


def test_a_lane_without_a_positive_is_refused():
    rows, _ = rows_in_memory((100, 100), share=0.0)
    with pytest.raises(ValueError, match=r"must have rows of class 1 .*got \[0, 0\] by lane"):
        data.open_stream(rows, batch_size=8, seed=0, positives=2, lanes=2)


def test_items_are_made_ahead_on_one_thread_and_errors_come_in_their_turn():
    made, threads = [], set()

    def items():
        for number in range(4):
            made.append(number)
            threads.add(threading.current_thread())
            yield number
        raise OSError("gone")

    ahead = data.prefetched(items(), ahead=2)
    assert next(ahead) == 0
    assert [next(ahead) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(OSError, match="gone"):
        next(ahead)
    assert made == [0, 1, 2, 3]
    (thread,) = threads
    assert thread is not threading.current_thread()
    assert not thread.is_alive()
    with pytest.raises(ValueError, match="ahead must be at least 1, got 0"):
        data.prefetched(items(), ahead=0)


def test_the_thread_ends_when_nobody_wants_more():
    ahead = data.prefetched(iter(range(100)))
    next(ahead)
    before = threading.active_count()
    ahead.close()
    assert threading.active_count() == before - 1
