"""NearMiss selects imbalanced-learn's rows, in its order."""

import warnings

import numpy as np
import pytest
from imblearn.under_sampling import NearMiss

from fal_jax import resampling
from tests.resampling.conftest import table

VERSIONS = (1, 2, 3)


def theirs(features, labels, sampling="auto", **options):
    sampler = NearMiss(sampling_strategy=sampling, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # version 3 may preselect too few
        sampler.fit_resample(features, labels)
    return sampler.sample_indices_


def assert_same(rows, expected):
    """The same rows, in the same order but where float32 cannot tell two sums apart."""
    np.testing.assert_array_equal(np.sort(rows), np.sort(expected))
    assert np.mean(rows != expected) < 0.02


@pytest.fixture
def quiet():
    """Without version 3's warning that it preselects too few."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "version 3 keeps")
        yield


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sizes", [(400, 45), (300, 40, 105), (60, 60, 90)])
def test_rows_are_imbalanced_learns(version, sizes):
    for seed in range(3):
        features, labels = table(sizes, seed=seed)
        rows = resampling.near_miss(features, labels, version=version)
        assert_same(rows, theirs(features, labels, version=version))


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sampling", [0.5, {0: 30}, {0: 200, 1: 40}])
def test_sampling_is_imbalanced_learns(version, sampling, binary):
    rows = resampling.near_miss(*binary, version=version, sampling=sampling, num_neighbours=4)
    assert_same(rows, theirs(*binary, sampling, version=version, n_neighbors=4))


@pytest.mark.parametrize("preselected", [1, 5])
@pytest.mark.usefixtures("quiet")
def test_preselection_is_imbalanced_learns(preselected, binary):
    rows = resampling.near_miss(*binary, version=3, num_preselected=preselected)
    expected = theirs(*binary, version=3, n_neighbors_ver3=preselected)
    np.testing.assert_array_equal(rows, expected)


def test_too_few_preselected_rows_are_told(binary):
    with pytest.warns(UserWarning, match=r"version 3 keeps the \d+ rows of label 0 .* than the 45"):
        resampling.near_miss(*binary, version=3, num_preselected=1)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.usefixtures("quiet")
def test_a_mask_is_as_good_as_the_rows_alone(version, binary, rng):
    features, labels = binary
    where = rng.random(labels.size) < 0.7
    where[0] = False  # what fills up tiles must not be read either
    poisoned = np.where(where[:, None], features, np.nan)
    rows = resampling.near_miss(poisoned, labels, version=version, where=where)
    alone = resampling.near_miss(features[where], labels[where], version=version)
    np.testing.assert_array_equal(rows, np.flatnonzero(where)[alone])


@pytest.mark.parametrize("version", [1, 2])
def test_bounds_leave_most_rows_unsearched(version, monkeypatch):
    """The whole point of the bounds; and were they too high, rows would be missed."""
    from fal_jax.resampling import _near_miss

    features, labels = table((6000, 40), dim=10)
    searched = []
    scores = _near_miss._scores

    def spy(table, queries, *rest, **options):
        searched.append(queries.size)
        return scores(table, queries, *rest, **options)

    monkeypatch.setattr(_near_miss, "_scores", spy)
    rows = resampling.near_miss(features, labels, version=version)
    np.testing.assert_array_equal(rows, theirs(features, labels, version=version))
    assert sum(searched) < 3000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": 4}, "version must be 1, 2 or 3, got 4"),
        (
            {"num_neighbours": 46},
            "num_neighbours must be .* at most the 45 rows of label 1, got 46",
        ),
        ({"num_neighbours": 0}, "num_neighbours must be at least 1"),
        ({"version": 3, "num_preselected": 401}, "num_preselected .* the 400 rows of label 0"),
        ({"sampling": {0: 401}}, "sampling must not ask for more rows.* class 0 has 400, got 401"),
        ({"sampling": 0.1}, "class 0 has 400, got 450"),
    ],
)
def test_wrong_arguments_are_named(options, message, binary):
    with pytest.raises(ValueError, match=message):
        resampling.near_miss(*binary, **options)
