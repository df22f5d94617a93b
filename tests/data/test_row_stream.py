"""Streams of rows: what order they have, and that what is read is that order."""

import threading

import numpy as np
import pytest

from fal_jax import data
from tests.data.block_rows import read, rows_in_memory

FILES = (900, 350, 800, 1250, 100)


POOLED, MAPPED, LABELS = rows_in_memory(FILES)


def stream(rows=POOLED, **changes):
    options = {"batch_size": 64, "seed": 1, "positives": 4, "lanes": 2, "pool_rows": 600}
    return data.open_stream(rows, **(options | {"part_rows": 7 * 64} | changes))


def is_added(made):
    """Which places of a batch hold added positives, `[batch]`."""
    each = np.arange(made.batch_size // made.lanes) >= made.fresh
    return np.tile(each, made.lanes)


@pytest.mark.parametrize("rows", [POOLED, MAPPED], ids=["pooled", "mapped"])
@pytest.mark.parametrize("changes", [{}, {"lanes": 1}, {"lanes": 4, "positives": 0}])
def test_every_row_comes_once_an_epoch_and_each_batch_has_positives(rows, changes):
    made = stream(rows, **changes)
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


@pytest.mark.parametrize(
    ("rows", "changes"),
    [
        (POOLED, {}),
        (POOLED, {"pool_rows": 10**6}),
        (POOLED, {"lanes": 4}),
        (MAPPED, {}),
        (MAPPED, {"part_rows": 1}),
        (MAPPED, {"part_rows": 10**6}),
        (MAPPED, {"lanes": 4}),
    ],
)
def test_what_is_read_is_the_order_from_any_step_and_for_any_lanes(rows, changes):
    made = stream(rows, **changes)
    order, size = data.stream_order(made, 3), made.part_steps
    for first in (0, 11):
        inputs, labels = zip(*read(made, epoch=3, first=first), strict=True)
        assert {len(part) for part in inputs} == {size}
        ends = [*range((first // size + 1) * size, made.num_steps, size), made.num_steps]
        starts = [first, *ends[:-1]]
        for part, told, start, stop in zip(inputs, labels, starts, ends, strict=True):
            numbers, steps = order[start:stop], stop - start
            expected = np.where(numbers >= 0, LABELS[numbers], -1)
            np.testing.assert_array_equal(told[:steps], expected)
            assert (told[steps:] == -1).all()
            expected = np.where(numbers >= 0, numbers, 0)[..., None]
            np.testing.assert_array_equal(part[:steps], np.repeat(expected, 3, axis=-1))
            assert not part[steps:].any()
    halves = [
        list(read(made, epoch=3, lanes=lanes)) for lanes in np.split(np.arange(made.lanes), 2)
    ]
    both = [np.concatenate([a[0] for a in pair], axis=1) for pair in zip(*halves, strict=True)]
    whole = [inputs for inputs, _ in read(made, epoch=3)]
    np.testing.assert_array_equal(both, whole)


def test_slices_lie_as_they_do_in_the_files_and_begin_anew_in_each_epoch():
    made = stream(MAPPED, lanes=1, positives=0, batch_size=80, part_rows=160)
    files = [MAPPED.mapped(file).features for file in range(len(FILES))]
    shared = [
        any(np.shares_memory(pieces[0].inputs, file) for file in files)
        for pieces in data.stream_parts(made, epoch=0)
    ]
    slices = sum(size // 160 for size in FILES)
    assert slices - len(FILES) <= sum(shared) <= slices
    assert all(shared[: sum(shared)])
    batches = [{tuple(batch) for batch in data.stream_order(made, epoch)} for epoch in range(2)]
    assert len(batches[0] & batches[1]) < made.num_steps / 2


def test_pages_are_given_back_when_four_more_parts_are_made_and_at_the_end():
    given = []

    def mapped(file):
        return MAPPED.mapped(file)._replace(
            give_back=lambda first, last: given.append(last - first)
        )

    rows = MAPPED._replace(mapped=mapped)
    made = stream(rows, lanes=1, positives=0, batch_size=80, part_rows=160)
    parts = data.stream_parts(made, epoch=0)
    for number in range(12):
        next(parts)
        assert given == [160] * max(0, number - 4)
    parts.close()
    assert given == [160] * 12


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
    rows, _, _ = rows_in_memory((5000, 5000), 50)
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
    rows, _, _ = rows_in_memory((100, 100), share=0.0)
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
