import numpy as np
import pytest

from fal_jax import data

SEEDS = range(10)


@pytest.fixture(scope="module")
def satimage():
    return data.satimage_blocks(), data.load_satimage().labels, data.satimage_positions()


def share_pixels(positions, rows, others):
    """Whether each window shares a pixel with any other, by listing the pixels one by one."""

    def pixels(row):
        top, left = positions[row]
        return {(top + down, left + right) for down in range(3) for right in range(3)}

    covered = set().union(*(pixels(row) for row in others))
    return np.array([bool(pixels(row) & covered) for row in rows])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_pixel_is_in_both_parts(satimage, seed):
    blocks, labels, positions = satimage
    split = data.block_holdout(blocks, labels, positions=positions, seed=seed)
    assert not share_pixels(positions, split.test, split.train).any()
    assert data.shared_pixel_fraction(positions, split) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_only_rows_that_share_pixels_are_dropped(satimage, seed):
    blocks, labels, positions = satimage
    split = data.block_holdout(blocks, labels, positions=positions, seed=seed)
    dropped = np.setdiff1d(np.arange(6435), np.concatenate(split))
    assert share_pixels(positions, dropped, split.test).all()
    assert 400 < dropped.size < 650
    whole = data.block_holdout(blocks, labels, seed=seed)
    np.testing.assert_array_equal(whole.test, split.test)
    np.testing.assert_array_equal(whole.train, np.union1d(split.train, dropped))


@pytest.mark.parametrize("seed", SEEDS)
def test_blocks_stay_whole_and_classes_in_proportion(satimage, seed):
    blocks, labels, positions = satimage
    train, test = data.block_holdout(blocks, labels, positions=positions, seed=seed)
    assert train.dtype == test.dtype == np.int32
    assert np.isin(blocks, blocks[test]).sum() == test.size
    assert np.intersect1d(blocks[train], blocks[test]).size == 0
    for label in (0, 1):
        assert (labels[test] == label).sum() / (labels == label).sum() == pytest.approx(
            0.2, abs=0.01
        )


def test_seeds_hold_out_different_parts_of_the_image(satimage):
    blocks, labels, _ = satimage
    tests = [data.block_holdout(blocks, labels, seed=seed).test for seed in SEEDS]
    np.testing.assert_array_equal(tests[0], data.block_holdout(blocks, labels, seed=0).test)
    assert len({test.tobytes() for test in tests}) == len(SEEDS)
    assert np.unique(np.concatenate(tests)).size > 0.8 * 6435


def test_validation_part_of_the_training_rows_is_as_free_of_overlap(satimage):
    blocks, labels, positions = satimage
    rows = data.block_holdout(blocks, labels, positions=positions, seed=0).train
    inner = data.block_holdout(blocks[rows], labels[rows], positions=positions[rows], seed=0)
    assert not share_pixels(positions, rows[inner.test], rows[inner.train]).any()
    assert np.bincount(labels[rows[inner.test]]).min() > 80


def test_a_longer_reach_leaves_a_wider_gap(satimage):
    blocks, labels, positions = satimage
    split = data.block_holdout(blocks, labels, positions=positions, reach=6, seed=0)
    assert data.shared_pixel_fraction(positions, split, reach=6) == 0
    assert data.shared_pixel_fraction(positions, split, reach=7) > 0


def test_what_other_splits_share(satimage):
    _, labels, positions = satimage
    official = data.satimage_official_split()
    assert data.shared_pixel_fraction(positions, official) == 1
    assert data.shared_pixel_fraction(positions, official, reach=1) == 0.9975
    random = data.stratified_holdout(labels, seed=0)
    assert share_pixels(positions, random.test, random.train).all()
    assert data.shared_pixel_fraction(positions, random) == 1


def test_shared_pixel_fraction_equals_a_count_pixel_by_pixel():
    rng = np.random.default_rng(0)
    positions = rng.integers(-20, 20, (120, 2))
    rows = rng.permutation(120).astype(np.int32)
    split = data.Split(train=rows[:60], test=rows[60:])
    expected = share_pixels(positions, split.test, split.train).mean()
    assert 0.2 < expected < 0.9
    assert data.shared_pixel_fraction(positions, split) == expected


def test_one_block_is_always_left_to_train_on():
    split = data.block_holdout([0, 0, 1, 1], [0, 1, 0, 1], test_fraction=0.99, seed=0)
    assert split.train.size == split.test.size == 2


def test_a_choice_that_balances_every_class_is_found():
    sizes = {0: (30, 0), 1: (30, 40), 2: (30, 20), 3: (30, 0), 4: (0, 20)}
    blocks = np.concatenate([np.full(sum(size), block) for block, size in sizes.items()])
    labels = np.concatenate([np.repeat([0, 1], size) for size in sizes.values()])
    for seed in SEEDS:
        test = data.block_holdout(blocks, labels, test_fraction=0.5, seed=seed).test
        assert np.bincount(labels[test]).tolist() == [60, 40]


def test_class_that_lives_in_one_block():
    blocks, labels = np.repeat([0, 1, 2], 10), np.repeat([0, 0, 1], 10)
    with pytest.raises(ValueError, match="blocks leave no test rows of class 1"):
        data.block_holdout(blocks, labels, seed=0)


def test_overlap_that_takes_all_training_rows():
    positions = np.zeros((20, 2), int)
    with pytest.raises(ValueError, match="blocks leave no training rows of class 0"):
        data.block_holdout(np.repeat([0, 1], 10), [0, 1] * 10, positions=positions, seed=0)


def test_one_block():
    with pytest.raises(ValueError, match="at least two different blocks, got only 4"):
        data.block_holdout([4, 4], [0, 1], seed=0)


def test_wrong_shapes_and_types():
    with pytest.raises(ValueError, match=r"labels must be \[rows\] = \(3,\) as blocks, got \(2,\)"):
        data.block_holdout([0, 1, 2], [0, 1], seed=0)
    with pytest.raises(ValueError, match=r"positions must be \[rows, 2\] = \(2, 2\), got \(2,\)"):
        data.block_holdout([0, 1], [0, 1], positions=[0, 1], seed=0)
    with pytest.raises(TypeError, match="positions must be integers, got float64"):
        data.block_holdout([0, 1], [0, 1], positions=np.zeros((2, 2)), seed=0)
    with pytest.raises(TypeError, match="blocks must be integers, got float64"):
        data.block_holdout([0.0, 1.0], [0, 1], seed=0)
    split = data.Split(np.array([0]), np.array([1]))
    with pytest.raises(ValueError, match="reach must be at least 0, got -1"):
        data.shared_pixel_fraction([[0, 0], [1, 1]], split, reach=-1)
    with pytest.raises(ValueError, match=r"positions must be \[rows, 2\]"):
        data.shared_pixel_fraction(3, split)
    with pytest.raises(ValueError, match="split must have test rows"):
        data.shared_pixel_fraction([[0, 0]], data.Split(np.array([0]), np.array([], int)))
