"""Samplers by class: what they draw, how often, and that nothing is compiled anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import data

LABELS = np.repeat([2, 0, 1], [700, 50, 5])
ROWS = data.class_rows(LABELS, 3)


def test_rows_are_sorted_by_class():
    for k in range(3):
        start, count = int(ROWS.starts[k]), int(ROWS.counts[k])
        assert sorted(np.asarray(ROWS.rows)[start : start + count]) == list(
            np.flatnonzero(k == LABELS)
        )


def test_bool_labels_are_classes_0_and_1():
    labels = np.array([True, False, True])
    ours, theirs = data.class_rows(labels, 2), data.class_rows(labels.astype(int), 2)
    assert all(jax.tree.map(np.array_equal, ours, theirs))
    assert ours.rows.tolist() == [1, 0, 2]
    with pytest.raises(TypeError, match="labels must have an integer dtype or bool, got float64"):
        data.class_rows(labels.astype(float), 2)


@pytest.mark.parametrize("exponent", [1.0, 0.5, 0.0])
def test_a_class_is_drawn_by_a_power_of_its_count(exponent):
    drawn = np.asarray(data.sample_rows(jax.random.key(0), ROWS, 40_000, exponent=exponent))
    expected = np.array([50.0, 5.0, 700.0]) ** exponent
    expected /= expected.sum()
    shares = np.bincount(LABELS[drawn], minlength=3) / drawn.size
    # Four standard errors of a share.
    assert np.all(np.abs(shares - expected) < 4 * np.sqrt(expected / drawn.size))
    # Within a class all rows are drawn alike.
    own = drawn[LABELS[drawn] == 0]
    each = np.bincount(own - own.min(), minlength=50)
    assert np.all(np.abs(each - own.size / 50) < 5 * np.sqrt(own.size / 50))


def test_the_exponent_switches_without_compiling_anew():
    draw = jax.jit(data.sample_rows, static_argnums=2)
    for exponent in (1.0, 0.0):
        draw(jax.random.key(0), ROWS, 4, exponent=exponent)
    assert draw._cache_size() == 1


def class_aware(steps, batch_size, seed=0):
    key = jax.random.key(seed)
    draw = jax.jit(jax.vmap(lambda n: data.class_aware_rows(key, ROWS, batch_size, step=n)))
    return np.asarray(draw(jnp.arange(steps)))


def test_every_turn_has_each_class_once():
    turns = LABELS[class_aware(20, 6).reshape(-1, 3)]
    assert np.array_equal(np.sort(turns, axis=1), np.tile([0, 1, 2], (40, 1)))
    assert len({tuple(turn) for turn in turns}) == 6  # in every order


def test_a_class_hands_out_all_its_rows_before_any_twice_and_then_in_another_order():
    drawn = class_aware(150, 7).ravel()
    for k in (0, 1):
        rows, count = drawn[LABELS[drawn] == k], np.sum(k == LABELS)
        passes = [rows[i : i + count] for i in range(0, rows.size - count, count)]
        assert len(passes) >= 6
        for one in passes:
            assert np.array_equal(np.sort(one), np.flatnonzero(k == LABELS))
        assert len({tuple(one) for one in passes}) > 1


def test_all_orders_of_a_small_class_come_equally_often():
    labels = np.array([0, 0, 0, 1])
    rows = data.class_rows(labels, 2)
    draw = jax.jit(jax.vmap(lambda key: data.class_aware_rows(key, rows, 6, step=0)))
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 6000)))
    orders = [tuple(row[labels[row] == 0]) for row in drawn]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert counts.size == 6
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(1000))


def test_keys_differ_and_a_batch_is_a_function_of_key_and_step():
    assert not np.array_equal(class_aware(5, 6, seed=0), class_aware(5, 6, seed=1))
    one = data.class_aware_rows(jax.random.key(0), ROWS, 6, step=3)
    assert np.array_equal(one, class_aware(5, 6)[3])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.array([0.0, 1.0]), TypeError, "integer dtype or bool, got float64"),
        (np.array([[0], [1]]), ValueError, r"shape \[rows\], got shape \(2, 1\)"),
        (np.array([0, 3]), ValueError, r"in \[0, 3\), got 0 to 3"),
        (np.array([0, 2]), ValueError, r"no row of classes \[1\]"),
    ],
)
def test_labels_that_cannot_be_sampled_by_class_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        data.class_rows(labels, 3)
