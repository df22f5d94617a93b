import numpy as np
import pytest

from fal_jax import data


@pytest.fixture
def labels():
    return np.random.default_rng(7).permutation(np.repeat([0, 1, 2], [5809, 626, 13]))


@pytest.mark.parametrize("test_fraction", [0.1, 0.2, 0.5, 0.95])
@pytest.mark.parametrize("seed", [0, 1])
def test_holdout_takes_the_same_fraction_of_every_class(labels, test_fraction, seed):
    train, test = data.stratified_holdout(labels, test_fraction=test_fraction, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(labels.size))
    assert train.dtype == test.dtype == np.int32
    counts = np.bincount(labels)
    held_out = np.bincount(labels[test])
    assert (np.abs(held_out - counts * test_fraction) <= 0.5).all()


def test_holdout_of_satimage_as_in_the_paper():
    labels = data.load_satimage().labels
    split = data.stratified_holdout(labels, seed=0)
    assert np.bincount(labels[split.train]).tolist() == [4647, 501]
    assert np.bincount(labels[split.test]).tolist() == [1162, 125]


@pytest.mark.parametrize(("test_fraction", "held_out"), [(0.01, 1), (0.5, 2), (0.99, 2)])
def test_holdout_leaves_every_class_on_both_sides(test_fraction, held_out):
    labels = np.array([5, 5, 5])
    split = data.stratified_holdout(labels, test_fraction=test_fraction, seed=0)
    assert split.test.size == held_out


def test_holdout_of_labels_that_are_not_numbered_from_zero():
    labels = np.repeat([-3, 40], 10)
    split = data.stratified_holdout(labels, test_fraction=0.3, seed=0)
    assert labels[split.test].tolist() == [-3] * 3 + [40] * 3


def test_splits_depend_on_the_seed_alone(labels):
    first, again, other = (data.stratified_holdout(labels, seed=seed).test for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.intersect1d(first, other).size < 0.3 * first.size
    folds = [data.stratified_folds(labels, num_folds=5, seed=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(folds[0], folds[1])
    assert 0.15 < (folds[0] == folds[2]).mean() < 0.25


def test_a_seed_gives_the_same_split_on_every_machine():
    labels = data.load_satimage().labels
    assert data.stratified_holdout(labels, seed=0).test[:5].tolist() == [4, 7, 12, 14, 15]
    assert data.stratified_folds(labels, num_folds=5, seed=0)[:8].tolist() == [
        1,
        0,
        1,
        3,
        4,
        4,
        0,
        4,
    ]


def test_every_row_can_be_held_out(labels):
    held_out = [data.stratified_holdout(labels, seed=seed).test for seed in range(60)]
    assert np.unique(np.concatenate(held_out)).size == labels.size


@pytest.mark.parametrize("num_folds", [2, 5, 10, 13])
def test_folds_are_even_overall_and_in_every_class(labels, num_folds):
    folds = data.stratified_folds(labels, num_folds=num_folds, seed=0)
    assert folds.shape == labels.shape
    assert folds.dtype == np.int32
    assert np.ptp(np.bincount(folds, minlength=num_folds)) <= 1
    for label in range(3):
        assert np.ptp(np.bincount(folds[labels == label], minlength=num_folds)) <= 1


@pytest.mark.parametrize("test_fraction", [0, 1, -0.1, 20, float("nan")])
def test_fraction_outside_0_and_1(labels, test_fraction):
    with pytest.raises(ValueError, match=r"test_fraction must be in \(0, 1\), got"):
        data.stratified_holdout(labels, test_fraction=test_fraction, seed=0)
    with pytest.raises(ValueError, match=r"test_fraction must be in \(0, 1\), got"):
        data.block_holdout(labels, labels, test_fraction=test_fraction, seed=0)


def test_class_that_is_too_small():
    labels = np.array([0, 0, 0, 0, 7, 7])
    with pytest.raises(ValueError, match=r"at least 3 rows of each class .*class 7 has 2"):
        data.stratified_folds(labels, num_folds=3, seed=0)
    with pytest.raises(ValueError, match=r"at least 2 rows of each class .*class 7 has 1"):
        data.stratified_holdout(labels[:5], seed=0)


def test_one_fold():
    with pytest.raises(ValueError, match="num_folds must be at least 2, got 1"):
        data.stratified_folds([0, 1], num_folds=1, seed=0)


@pytest.mark.parametrize(
    "split",
    [
        lambda labels: data.stratified_holdout(labels, seed=0),
        lambda labels: data.stratified_folds(labels, num_folds=2, seed=0),
        lambda labels: data.block_holdout([0, 1], labels, seed=0),
    ],
)
def test_labels_of_wrong_type_or_shape(split):
    with pytest.raises(TypeError, match="labels must be integers, got float64"):
        split([0.0, 1.0])
    with pytest.raises(ValueError, match=r"labels must be \[rows\].* got shape \(2, 1\)"):
        split([[0], [1]])
    with pytest.raises(ValueError, match=r"labels must be \[rows\].* got shape \(0,\)"):
        split(np.array([], int))
