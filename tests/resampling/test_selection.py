"""Random sampling takes imbalanced-learn's rows of the same draws; its samplers plug in."""

import jax
import numpy as np
import pytest
from imblearn import over_sampling, under_sampling

from fal_jax import resampling
from tests.resampling.replay import Replay


def places(members, rows):
    """Where rows lie among the members of a class, which all of them must be."""
    assert np.isin(rows, members).all()
    return np.searchsorted(members, rows)


def replay_over(labels, rows):
    """The draws behind the rows that were added, by class."""
    added = rows[labels.size :]
    assert (np.diff(labels[added]) >= 0).all()
    parts = [(np.flatnonzero(labels == c), added[labels[added] == c]) for c in np.unique(labels)]
    return Replay(choice=[places(*part) for part in parts if part[1].size])


def replay_under(labels, rows):
    """The draws behind the rows that were kept, of the classes that lost some."""
    parts = [(np.flatnonzero(labels == c), rows[labels[rows] == c]) for c in np.unique(labels)]
    return Replay(choice=[places(*part) for part in parts if part[0].size > part[1].size])


CASES = {
    "over": (resampling.random_oversample, over_sampling.RandomOverSampler, replay_over),
    "under": (resampling.random_undersample, under_sampling.RandomUnderSampler, replay_under),
}
each_case = pytest.mark.parametrize(("function", "sampler", "replay"), CASES.values(), ids=CASES)


@each_case
@pytest.mark.parametrize(
    ("name", "sampling"), [("binary", "auto"), ("binary", 0.4), ("three_classes", "auto")]
)
def test_rows_are_imbalanced_learns(function, sampler, replay, name, sampling, key, request):
    features, labels = request.getfixturevalue(name)
    rows = function(key, labels, sampling=sampling)
    theirs = sampler(sampling_strategy=sampling, random_state=replay(labels, rows))
    theirs.fit_resample(features, labels)
    np.testing.assert_array_equal(rows, theirs.sample_indices_)


@each_case
def test_a_mask_is_as_good_as_the_rows_alone(function, sampler, replay, key, binary, rng):
    del sampler, replay
    labels = binary[1]
    where = rng.random(labels.size) < 0.7
    alone = np.flatnonzero(where)[function(key, labels[where])]
    np.testing.assert_array_equal(function(key, labels, where=where), alone)


def test_every_row_is_as_likely_as_another(key):
    """Within five standard deviations; and no row is kept twice."""
    labels = np.repeat([0, 1], [400, 40])
    drawn = resampling.random_oversample(key, labels, sampling={1: 20_040})[440:]
    counts = np.bincount(drawn, minlength=440)
    assert counts[:400].sum() == 0
    assert np.abs(counts[400:] - 500).max() < 5 * np.sqrt(500)
    keys = jax.random.split(key, 40)
    kept = np.array([resampling.random_undersample(one, labels, sampling={0: 200}) for one in keys])
    assert all(len(np.unique(rows)) == 240 for rows in kept)
    counts = np.bincount(kept.ravel(), minlength=440)
    assert np.abs(counts[:400] - 20).max() < 5 * np.sqrt(10)
    assert (counts[400:] == 40).all()


def test_a_sampler_is_copied_and_seeded_by_the_key(key, binary):
    sampler = over_sampling.SMOTE(k_neighbors=3)
    resample = resampling.from_imblearn(sampler)
    first, again = (resample(key, *binary) for _ in range(2))
    other = resample(jax.random.key(1), *binary)
    np.testing.assert_array_equal(first.features, again.features)
    assert not np.array_equal(first.features, other.features)
    assert np.bincount(first.labels).tolist() == [400, 400]
    np.testing.assert_array_equal(first.features[:445], binary[0])
    assert sampler.random_state is None
    assert not hasattr(sampler, "sampling_strategy_")


def test_a_sampler_without_chance_gives_its_own_rows(key, binary):
    sampler = under_sampling.NearMiss(version=2)
    found = resampling.from_imblearn(sampler)(key, *binary)
    features, labels = sampler.fit_resample(*binary)
    np.testing.assert_array_equal(found.features, features)
    np.testing.assert_array_equal(found.labels, labels)


def test_what_is_no_sampler_and_labels_that_are_no_integers_are_refused(key, binary):
    with pytest.raises(TypeError, match="must have a method fit_resample, got function"):
        resampling.from_imblearn(resampling.smote)
    with pytest.raises(TypeError, match="labels must have an integer dtype or bool, got float64"):
        resampling.from_imblearn(over_sampling.SMOTE())(key, binary[0], binary[1] * 1.0)


@pytest.mark.parametrize("function", [case[0] for case in CASES.values()], ids=CASES)
def test_wrong_arguments_are_named(function, key, binary):
    with pytest.raises(ValueError, match=r"sampling must map labels among \[0, 1\]"):
        function(key, binary[1], sampling={2: 5})
    with pytest.raises(ValueError, match=r"labels must hold at least 2 classes, got \[1\]"):
        function(key, np.ones(4, int))


def test_bool_labels_are_0_and_1(key, binary):
    features, labels = binary
    flags = labels == 1
    for given, expected in (
        (resampling.near_miss(features, y, version=2) for y in (flags, labels)),
        (resampling.random_undersample(key, y) for y in (flags, labels)),
        (resampling.smote(key, features, y) for y in (flags, labels)),
    ):
        np.testing.assert_array_equal(jax.tree.leaves(given)[-1], jax.tree.leaves(expected)[-1])
