"""Long tails: the counts that are published, and rows drawn without replacement."""

import numpy as np
import pytest

from fal_jax import data

CIFAR10 = {  # Cui et al., as the reading of the paper lists them
    10: ([5000, 3871, 2997, 2320, 1796, 1391, 1077, 834, 645, 500], 20_431),
    20: ([5000, 3584, 2569, 1842, 1320, 946, 678, 486, 348, 250], 17_023),
    50: ([5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100], 13_996),
    100: ([5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50], 12_406),
    200: ([5000, 2775, 1540, 854, 474, 263, 146, 81, 45, 25], 11_203),
}
CIFAR100_TOTALS = {10: 19_573, 20: 15_907, 50: 12_608, 100: 10_847, 200: 9_502}


@pytest.mark.parametrize("factor", CIFAR10)
def test_counts_are_the_published_ones(factor):
    counts, total = CIFAR10[factor]
    assert data.long_tail_counts(5000, 10, imbalance_factor=factor).tolist() == counts
    assert sum(counts) == total
    hundred = data.long_tail_counts(500, 100, imbalance_factor=factor)
    assert hundred.sum() == CIFAR100_TOTALS[factor]
    assert hundred[-1] == 500 // factor


def test_a_step_has_two_sizes_and_no_imbalance_is_balanced():
    step = data.long_tail_counts(5421, 5, imbalance_factor=10, kind="step")
    assert step.tolist() == [5421, 5421, 5421, 542, 542]
    for kind in ("exponential", "step"):
        assert set(data.long_tail_counts(7, 4, imbalance_factor=1, kind=kind)) == {7}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"imbalance_factor": 0.5}, r"imbalance_factor must be from 1 .* got 0.5"),
        ({"imbalance_factor": 101}, r"imbalance_factor .* max_per_class = 100 .* got 101"),
        ({"imbalance_factor": float("nan")}, "imbalance_factor"),
        ({"imbalance_factor": 10, "kind": "linear"}, "kind must be"),
    ],
)
def test_wrong_tails_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        data.long_tail_counts(100, 10, **options)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="max_per_class must be at least 1, got 0"):
        data.long_tail_counts(0, 10, imbalance_factor=1)
    with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
        data.long_tail_counts(9, 1, imbalance_factor=1)


def test_rows_are_drawn_without_replacement_class_by_class(rng):
    labels = rng.permutation(np.repeat(np.arange(4), 50))
    counts = [50, 20, 5, 0]
    rows = data.long_tail_indices(labels, counts, seed=3)
    assert rows.dtype == np.int32
    assert (np.diff(rows) > 0).all()
    assert np.bincount(labels[rows], minlength=4).tolist() == counts
    np.testing.assert_array_equal(rows, data.long_tail_indices(labels, counts, seed=3))
    assert not np.array_equal(rows, data.long_tail_indices(labels, counts, seed=4))
    assert set(data.long_tail_indices(labels, [50, 10, 4, 0], seed=3)) < set(rows)


def test_every_row_of_a_class_is_as_likely():
    labels = np.zeros(6, int)
    drawn = [data.long_tail_indices(labels, [2], seed=seed) for seed in range(600)]
    found = np.bincount(np.concatenate(drawn), minlength=6)
    assert abs(found - 200).max() < 5 * np.sqrt(600 * 2 / 6 * 4 / 6)


def test_more_than_a_class_has_is_refused():
    with pytest.raises(ValueError, match="class 1 has 2 examples, got 3"):
        data.long_tail_indices([0, 0, 1, 1], [1, 3], seed=0)
    with pytest.raises(ValueError, match="at least 0"):
        data.long_tail_indices([0, 0], [-1], seed=0)
    with pytest.raises(TypeError, match="class_counts must be integers"):
        data.long_tail_indices([0, 0], [1.0], seed=0)
