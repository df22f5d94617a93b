import numpy as np
import pytest

from fal_jax import data


@pytest.mark.parametrize(("num_rows", "batch_size", "steps"), [(10, 5, 2), (11, 5, 3), (3, 8, 1)])
def test_every_epoch_visits_every_row_once(num_rows, batch_size, steps):
    batches = data.epoch_batches(num_rows, batch_size=batch_size, num_epochs=4, seed=0)
    assert batches.shape == (4, steps, batch_size)
    assert batches.dtype == np.int32
    for epoch in batches.reshape(4, -1):
        np.testing.assert_array_equal(np.sort(epoch[:num_rows]), np.arange(num_rows))
        assert (epoch[num_rows:] == -1).all()


def test_epochs_and_seeds_differ():
    first, again, other = (
        data.epoch_batches(1000, batch_size=10, num_epochs=2, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first == other).mean() < 0.01
    assert (first[0] == first[1]).mean() < 0.01
    assert (first[0].ravel() == np.arange(1000)).mean() < 0.01


def test_a_longer_run_starts_with_the_shorter_one():
    short, long = (
        data.epoch_batches(100, batch_size=8, num_epochs=epochs, seed=5) for epochs in (2, 6)
    )
    np.testing.assert_array_equal(long[:2], short)


def test_epochs_can_be_drawn_one_at_a_time():
    one, other = (
        data.epoch_batches(50, batch_size=50, num_epochs=1, seed=(3, epoch)) for epoch in (0, 1)
    )
    assert (one != other).any()


def test_places_in_the_epoch_are_uniform():
    epochs = data.epoch_batches(10, batch_size=10, num_epochs=20_000, seed=0)[:, 0]
    frequency = np.stack([(epochs == row).mean(axis=0) for row in range(10)])
    np.testing.assert_allclose(frequency, 0.1, atol=5 * np.sqrt(0.09 / 20_000))


@pytest.mark.parametrize("name", ["num_rows", "batch_size", "num_epochs"])
def test_bad_numbers(name):
    arguments = {"num_rows": 4, "batch_size": 2, "num_epochs": 1}
    for value in (0, -1, 2**31):
        with pytest.raises(ValueError, match=f"{name} must be from 1 to .*, got {value}"):
            data.epoch_batches(**arguments | {name: value}, seed=0)
    for value in (2.0, "2", True):
        with pytest.raises(TypeError, match=f"{name} must be an integer, got {value!r}"):
            data.epoch_batches(**arguments | {name: value}, seed=0)


def test_a_stream_has_full_batches_and_passes_over_all_rows_before_it_repeats_one():
    stream = data.stream_batches(10, batch_size=4, num_steps=7, seed=3)
    assert stream.shape == (7, 4)
    assert stream.dtype == np.int32
    rows = stream.ravel()
    for epoch in (rows[:10], rows[10:20]):
        assert sorted(epoch.tolist()) == list(range(10))
    assert not np.array_equal(rows[:10], rows[10:20])
    assert len(set(rows[20:].tolist())) == 8
    longer = data.stream_batches(10, batch_size=4, num_steps=30, seed=3)
    np.testing.assert_array_equal(longer[:7], stream)
    with pytest.raises(ValueError, match="num_steps must be from 1"):
        data.stream_batches(10, batch_size=4, num_steps=0, seed=3)
