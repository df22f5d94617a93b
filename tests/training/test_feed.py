"""How training rows reach the devices: gathered by the host or by them, whole epochs or parts."""

import functools

import chex
import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from fal_jax import data
from fal_jax.training import _feed, _problems
from tests.training import sweeps

PROBLEMS = sweeps.make_problem(0), sweeps.make_problem(1, 13, 11, 3)
FEED = _feed.make_feed(PROBLEMS, (3, 5), _problems.most_rows(PROBLEMS), batch_size=8, seed=2)
STEP_BYTES = 2 * 8 * PROBLEMS[0].inputs[:1].nbytes
close = functools.partial(chex.assert_trees_all_close, rtol=2e-4, atol=2e-4)


def parts_of(feed, num_epochs):
    """All parts, copied, since every second one lies in the same memory."""
    return [jax.tree.map(np.copy, part) for part in feed.parts(num_epochs)]


def drawn_rows(number):
    """Row numbers of the second epoch of a problem, as its batches are documented."""
    return data.epoch_batches(
        len(PROBLEMS[number].labels), batch_size=8, num_epochs=1, seed=(2, (3, 5)[number], 2)
    )[0]


@pytest.mark.parametrize("number", [0, 1])
def test_the_host_draws_the_rows_of_the_epochs_batches(number):
    (_, is_end, batches), rows = parts_of(FEED, 2)[1], drawn_rows(number)
    assert is_end
    where = batches.where[number]
    np.testing.assert_array_equal(where[: len(rows)], rows >= 0)
    assert not where[len(rows) :].any()
    problem, rows = PROBLEMS[number], rows[rows >= 0]
    np.testing.assert_array_equal(batches.inputs[number][where], problem.inputs[rows])
    np.testing.assert_array_equal(batches.labels[number][where], problem.labels[rows])


@pytest.mark.parametrize(
    ("room", "steps"), {1: [1] * 5, STEP_BYTES * 5 // 2: [2] * 3, 10**9: [5]}.items()
)
def test_parts_are_of_equal_steps_that_fit_the_room(monkeypatch, room, steps):
    """40 rows are 5 steps of 8; a step that alone is too large is a part."""
    ((_, _, whole),) = parts_of(FEED, 1)
    monkeypatch.setattr(_feed, "_PART_BYTES", room)
    parts = parts_of(FEED, 2)
    assert [epoch for epoch, _, _ in parts] == [1] * len(steps) + [2] * len(steps)
    assert [is_end for _, is_end, _ in parts] == ([False] * (len(steps) - 1) + [True]) * 2
    batches = [batches for _, _, batches in parts[: len(steps)]]
    assert [part.labels.shape for part in batches] == [(2, size, 8) for size in steps]
    for name in whole._fields:
        joined = np.concatenate([getattr(part, name) for part in batches], axis=1)
        np.testing.assert_array_equal(joined[:, :5][whole.where], getattr(whole, name)[whole.where])
    assert not np.concatenate([part.where for part in batches], axis=1)[:, 5:].any()


def test_rows_may_be_of_any_order_and_type(monkeypatch):
    """Single and double precision in one sweep, one of them column by column."""
    first, second = PROBLEMS
    others = (
        first._replace(inputs=np.asfortranarray(first.inputs)),
        second._replace(inputs=second.inputs.astype(np.float64)),
    )
    feed = _feed.make_feed(others, *FEED[1:])
    assert all(problem.inputs.flags.c_contiguous for problem in feed.problems)
    ((_, _, batches),), ((_, _, expected),) = parts_of(feed, 1), parts_of(FEED, 1)
    chex.assert_trees_all_equal(batches, expected)
    assert batches.inputs.dtype == np.float32
    monkeypatch.setattr(_feed, "_HOST_GATHERS", set())
    assert _feed.make_feed(others, *FEED[1:]).problems is others


def test_the_host_does_not_copy_a_mapped_table(tmp_path):
    np.save(tmp_path / "inputs.npy", PROBLEMS[0].inputs)
    mapped = np.load(tmp_path / "inputs.npy", mmap_mode="r")
    feed = _feed.make_feed((PROBLEMS[0]._replace(inputs=mapped),), (3,), *FEED[2:])
    assert np.shares_memory(feed.problems[0].inputs, mapped)
    assert feed.rows().inputs is feed.rows().labels is None


def test_no_device_copies_what_the_host_gathered():
    feed = _feed.make_feed(PROBLEMS[:1], (3,), *FEED[2:])
    ((_, _, batches),) = feed.parts(1)
    mesh = jax.make_mesh((jax.device_count(),), ("models",))
    placed = jax.device_put(batches.inputs, NamedSharding(mesh, PartitionSpec()))
    addresses = {part.data.unsafe_buffer_pointer() for part in placed.addressable_shards}
    assert addresses == {batches.inputs.ctypes.data}


def test_a_part_stays_while_the_next_is_gathered(monkeypatch):
    monkeypatch.setattr(_feed, "_PART_BYTES", STEP_BYTES)
    parts, copies = FEED.parts(2), parts_of(FEED, 2)
    before = next(parts)
    for part, expected in zip(parts, copies, strict=False):
        chex.assert_trees_all_equal(before, expected)
        before = part


def test_memory_is_written_again_only_when_its_part_is_trained_on(monkeypatch):
    """Before the third part is asked for, one is waited for; before the fourth, two."""
    done, parts, wait = [], _feed.Feed.parts, jax.block_until_ready

    def told(feed, num_epochs):
        for number, part in enumerate(parts(feed, num_epochs)):
            done.append(number)
            yield part

    monkeypatch.setattr(_feed, "_PART_BYTES", 1)
    monkeypatch.setattr(_feed.Feed, "parts", told)
    monkeypatch.setattr(jax, "block_until_ready", lambda tree: done.append("waited") or wait(tree))
    sweeps.run(sweeps.builder("CE"), sweeps.make_settings("CE", 1, 1), PROBLEMS[:1], num_epochs=1)
    assert done == [0, 1, "waited", 2, "waited", 3, "waited", 4, "waited"]


@pytest.mark.parametrize(("method", "trials"), [("CE", 3), ("FAML", 1)])
@pytest.mark.parametrize("change", [("_HOST_GATHERS", set()), ("_PART_BYTES", 2 * STEP_BYTES)])
def test_neither_who_gathers_nor_parts_change_the_models(monkeypatch, method, trials, change):
    """Split over the devices by trials, or by problems."""
    build, settings = sweeps.builder(method), sweeps.make_settings(method, 2, trials)
    run = functools.partial(sweeps.run, build, settings, PROBLEMS, metric=sweeps.likelihood)
    told, told_again = [], []
    expected = run(on_epoch=lambda *done: told.append(done))
    monkeypatch.setattr(_feed, *change)
    close(run(on_epoch=lambda *done: told_again.append(done)), expected)
    assert told_again == told


def test_an_accelerator_holds_the_rows_and_takes_their_numbers(monkeypatch):
    monkeypatch.setattr(_feed, "_HOST_GATHERS", set())
    rows = FEED.rows()
    assert rows.inputs.shape == (2, 40, sweeps.WIDTH)
    np.testing.assert_array_equal(rows.labels[1, :13], PROBLEMS[1].labels)
    ((epoch, is_end, numbers),) = FEED.parts(1)
    assert (epoch, is_end, numbers.shape, numbers.dtype) == (1, True, (2, 5, 8), np.int32)
