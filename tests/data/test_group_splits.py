"""Splits that keep copies of a row together."""

import numpy as np
import pytest

from fal_jax import data

FRACTION, NUM_FOLDS = 0.2, 5


@pytest.fixture
def labels(rng):
    return rng.permutation(np.repeat([0, 1, 2], [5000, 300, 60]))


def grouped(labels, rng, largest=12):
    """Groups of up to `largest` rows, most of them single; one in ten mixes the labels."""
    order = np.argsort(labels + rng.random(labels.size) * np.where(labels % 2, 1.1, 0.9))
    groups = np.empty(labels.size, int)
    start, number = 0, 0
    while start < labels.size:
        size = rng.integers(2, largest + 1) if rng.random() < 0.1 else 1
        groups[order[start : start + size]] = number
        start, number = start + size, number + 1
    return rng.permutation(number)[groups] * 7 - 3  # neither ordered nor from zero


def counted_as(labels, groups):
    """For each row, the rarest label of its group."""
    frequency = np.bincount(labels)
    return np.array([min(labels[groups == g], key=lambda k: frequency[k]) for g in groups])


def test_no_group_is_on_both_sides(labels, rng):
    for seed in range(5):
        groups = grouped(labels, rng)
        split = data.stratified_holdout(labels, seed=seed, groups=groups)
        np.testing.assert_array_equal(np.sort(np.concatenate(split)), np.arange(labels.size))
        assert not set(groups[split.train]) & set(groups[split.test])
        assert data.shared_copy_fraction(groups, split) == 0
        without = data.stratified_holdout(labels, seed=seed)
        assert data.shared_copy_fraction(groups, without) > 0.1


def test_every_group_is_in_one_fold(labels, rng):
    groups = grouped(labels, rng)
    folds = data.stratified_folds(labels, num_folds=NUM_FOLDS, seed=0, groups=groups)
    assert folds.shape == labels.shape
    assert folds.dtype == np.int32
    assert np.unique(folds).tolist() == list(range(NUM_FOLDS))
    pairs = np.unique(np.stack([groups, folds]), axis=1)
    assert pairs.shape[1] == np.unique(groups).size


@pytest.mark.parametrize("seed", range(5))
def test_each_class_is_held_out_to_within_half_of_its_largest_group(labels, rng, seed):
    groups = grouped(labels, rng)
    classes = counted_as(labels, groups)
    split = data.stratified_holdout(labels, test_fraction=FRACTION, seed=seed, groups=groups)
    for label in range(3):
        rows = classes == label
        largest = np.unique(groups[rows], return_counts=True)[1].max()
        assert abs(rows[split.test].sum() - FRACTION * rows.sum()) <= largest / 2


@pytest.mark.parametrize("seed", range(5))
def test_folds_differ_in_each_class_by_at_most_its_largest_group(labels, rng, seed):
    groups = grouped(labels, rng)
    classes = counted_as(labels, groups)
    folds = data.stratified_folds(labels, num_folds=NUM_FOLDS, seed=seed, groups=groups)
    for label in range(3):
        rows = classes == label
        largest = np.unique(groups[rows], return_counts=True)[1].max()
        assert np.ptp(np.bincount(folds[rows], minlength=NUM_FOLDS)) <= largest
    # Single rows fill up what groups leave uneven: of the common class there are enough.
    assert np.ptp(np.bincount(folds[classes == 0])) <= 1


def test_groups_of_one_row_split_as_rows_do(labels):
    groups = np.arange(labels.size) * 5 + 2
    for fraction in (0.01, 0.2, 0.37, 0.99):
        with_groups, without = (
            data.stratified_holdout(labels, test_fraction=fraction, seed=1, groups=g)
            for g in (groups, None)
        )
        np.testing.assert_array_equal(with_groups.test, without.test)
    for num_folds in (2, 7, 60):
        with_groups, without = (
            data.stratified_folds(labels, num_folds=num_folds, seed=1, groups=g)
            for g in (groups, None)
        )
        np.testing.assert_array_equal(with_groups, without)


def test_folds_of_rows_are_dealt_in_turn(labels):
    """As before there were groups: records that name a seed stay true."""
    order = np.random.default_rng(3).permutation(labels.size)
    order = order[np.argsort(labels[order], kind="stable")]
    expected = np.empty(labels.size, int)
    expected[order] = np.arange(labels.size) % 7
    np.testing.assert_array_equal(data.stratified_folds(labels, num_folds=7, seed=3), expected)


def test_group_splits_depend_on_the_seed_and_not_on_the_groups_names(labels, rng):
    groups = grouped(labels, rng)
    first, again, other = (
        data.stratified_holdout(labels, seed=seed, groups=g).test
        for seed, g in ((3, groups), (3, groups.max() - groups), (4, groups))
    )
    np.testing.assert_array_equal(first, again)
    assert np.intersect1d(first, other).size < 0.3 * first.size
    folds = [
        data.stratified_folds(labels, num_folds=5, seed=seed, groups=g)
        for seed, g in ((3, groups), (3, groups.max() - groups), (4, groups))
    ]
    np.testing.assert_array_equal(folds[0], folds[1])
    assert (folds[0] == folds[2]).mean() < 0.3


def test_nested_splits_share_no_group(labels, rng):
    groups = grouped(labels, rng)
    outer = data.stratified_folds(labels, num_folds=5, seed=0, groups=groups)
    train = np.flatnonzero(outer != 2)
    inner = data.stratified_holdout(labels[train], seed=0, groups=groups[train])
    parts = [set(groups[train[inner.train]]), set(groups[train[inner.test]])]
    parts.append(set(groups[outer == 2]))
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_a_large_group_leaves_something_on_both_sides():
    labels = np.repeat([0, 1], [50, 30])
    groups = np.concatenate([np.arange(50), np.full(28, 90), [91, 92]])
    for seed in range(5):
        split = data.stratified_holdout(labels, seed=seed, groups=groups)
        assert all(set(labels[rows]) == {0, 1} for rows in split)


def test_larger_groups_are_dealt_first():
    groups = np.repeat(range(5), [2, 2, 4, 3, 3])
    for seed in range(5):
        folds = data.stratified_folds(np.zeros(14, int), num_folds=2, seed=seed, groups=groups)
        assert sorted(np.bincount(folds)) == [6, 8]  # 4 + 2 + 2 and 3 + 3


def test_a_class_of_too_few_groups():
    labels, groups = np.repeat([0, 1], 10), np.append(np.arange(10), [77] * 10)
    with pytest.raises(ValueError, match=r"groups must number at least 2 .* class 1 has 1"):
        data.stratified_holdout(labels, seed=0, groups=groups)
    with pytest.raises(ValueError, match=r"groups must number at least 3 .* class 0 has 0"):
        data.stratified_folds(
            np.tile([0, 0, 1], 6), num_folds=3, seed=0, groups=np.repeat(range(6), 3)
        )


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (np.zeros(4), TypeError, "groups must be integers, got float64"),
        (np.zeros((4, 1), int), ValueError, r"groups must be \[rows\], at least one"),
        (np.zeros(3, int), ValueError, r"groups must be \[rows\] = \(4,\) as labels, got \(3,\)"),
    ],
)
def test_groups_of_wrong_type_or_shape(groups, error, message):
    with pytest.raises(error, match=message):
        data.stratified_holdout([0, 0, 1, 1], seed=0, groups=groups)
    with pytest.raises(error, match=message):
        data.stratified_folds([0, 0, 1, 1], num_folds=2, seed=0, groups=groups)


def test_shared_copies():
    split = data.Split(train=np.array([0, 3]), test=np.array([1, 2, 4, 5]))
    assert data.shared_copy_fraction([5, 5, 6, 7, 7, 8], split) == 0.5
    with pytest.raises(ValueError, match="split must have test rows"):
        data.shared_copy_fraction([5, 5], data.Split(np.array([0]), np.array([], int)))
