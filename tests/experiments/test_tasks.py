"""Tasks: three parts that share no row, no copy and no pixel."""

import itertools

import chex
import numpy as np
import pytest

from experiments import tasks
from fal_jax import data
from tests.experiments.made_table import make_table

RANDOM = {"holdout": tasks.holdouts, "nested-cv": tasks.cross_validation}

each_protocol = pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM)


def parts(task):
    return task.train, task.validation, task.test


def arrays(made):
    return [parts(task) for task in made]


def test_protocols_are_named():
    named = {name: tasks.PROTOCOLS[name] for name in RANDOM}
    assert named == RANDOM
    assert tasks.PROTOCOLS.keys() - RANDOM.keys() == {"block-holdout"}


@each_protocol
@pytest.mark.parametrize("copies", [0, 120])
def test_the_parts_are_all_rows_each_once_in_the_shares_asked_for(make, copies):
    table = make_table(300, copies)
    for task in make(table, 5, 0.25):
        rows = np.concatenate(parts(task))
        np.testing.assert_array_equal(np.sort(rows), np.arange(300 + copies))
        for part, share in zip(parts(task), (0.6, 0.2, 0.2), strict=True):
            # Whole groups may miss the share by half of the largest, in each of the two splits.
            slack = 2 + (copies and np.bincount(table.groups).max())
            for label, total in enumerate(np.bincount(table.labels)):
                assert abs((table.labels[part] == label).sum() - share * total) <= slack


@each_protocol
def test_copies_of_a_row_are_in_one_part(make):
    table = make_table(300, 120)
    for task in make(table, 5, 0.25):
        groups = [set(table.groups[part]) for part in parts(task)]
        assert not any(one & other for one, other in itertools.combinations(groups, 2))
    apart = make(table._replace(groups=None), 5, 0.25)[0]
    assert set(table.groups[apart.train]) & set(table.groups[apart.test])  # it does matter


@each_protocol
def test_tasks_are_the_same_again_and_more_of_them_start_alike(make):
    table = make_table()
    first = make(table, 3, 0.2)
    chex.assert_trees_all_equal(arrays(make(table, 3, 0.2)), arrays(first))
    for one, other in itertools.combinations(first, 2):
        assert not all(np.array_equal(*pair) for pair in zip(parts(one), parts(other), strict=True))


def test_holdouts_are_numbered_by_seed_and_do_not_depend_on_their_number():
    table = make_table()
    few, many = tasks.holdouts(table, 2, 0.2), tasks.holdouts(table, 4, 0.2)
    assert [(task.seed, task.fold) for task in many] == [(n, None) for n in range(4)]
    chex.assert_trees_all_equal(arrays(few), arrays(many[:2]))
    split = data.stratified_holdout(table.labels, test_fraction=0.2, seed=1)
    np.testing.assert_array_equal(few[1].test, split.test)


def test_folds_test_every_row_exactly_once():
    table = make_table(300, 120)
    folds = tasks.cross_validation(table, 10, 0.2)
    assert [(task.seed, task.fold) for task in folds] == [(n, n) for n in range(10)]
    tested = np.sort(np.concatenate([task.test for task in folds]))
    np.testing.assert_array_equal(tested, np.arange(420))


def test_development_never_sees_the_test_rows_of_its_seed():
    table = make_table(300, 120)
    for number, task in enumerate(tasks.development(table, 3, 0.2)):
        split = data.stratified_holdout(
            table.labels, test_fraction=0.2, seed=1000 + number, groups=table.groups
        )
        assert task.seed == 1000 + number
        rows = np.sort(np.concatenate([task.train, task.validation, task.test]))
        np.testing.assert_array_equal(rows, split.train)
        sides = [set(table.groups[part]) for part in (task.train, task.validation, task.test)]
        assert not (sides[0] & sides[1])
        assert not (sides[0] & sides[2])
        assert not (sides[1] & sides[2])
        assert task.test.size == pytest.approx(0.2 * split.train.size, rel=0.15)


def test_block_holdouts_share_no_pixel_between_any_two_parts():
    table, positions = data.load_satimage(), data.satimage_positions()
    made = tasks.block_holdouts(table, 2, 0.2)
    assert [(task.seed, task.fold) for task in made] == [(0, None), (1, None)]
    for task in made:
        rows = np.concatenate(parts(task))
        assert np.unique(rows).size == rows.size
        for one, other in itertools.permutations(parts(task), 2):
            assert data.shared_pixel_fraction(positions, data.Split(one, other)) == 0
        for part in parts(task):
            assert part.size > 300
            assert 0.01 < table.labels[part].mean() < 0.3
    assert set(made[0].test) != set(made[1].test)
    chex.assert_trees_all_equal(arrays(tasks.block_holdouts(table, 2, 0.2)), arrays(made))
