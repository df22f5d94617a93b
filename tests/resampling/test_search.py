"""The search finds the same neighbours as sorting all float64 distances, in bounded memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import resampling
from fal_jax.resampling import _near_miss, _search


def sorted_distances(features, queries, points, k, farthest=False):
    """All distances, in float64, sorted; ties by row; the query itself left out."""
    table = features.astype(np.float64)
    distances = np.sqrt(((table[queries, None] - table[None, points]) ** 2).sum(axis=-1))
    distances[queries[:, None] == points[None]] = -np.inf if farthest else np.inf
    order = np.argsort(-distances if farthest else distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), points[order]


@pytest.fixture(params=["standard", "far out", "copies", "unscaled"])
def features(request, rng):
    made = rng.normal(size=(900, 5))
    if request.param == "far out":
        made += 3000.0
    elif request.param == "copies":  # more of one row than candidates are kept
        made[100:140] = made[7]
    elif request.param == "unscaled":  # what rounds in the products exceeds what tells rows apart
        made[:, 0] += np.where(made[:, 1] > 0, 1e5, -1e5)
    return made.astype(np.float32)


@pytest.mark.parametrize("farthest", [False, True])
def test_neighbours_are_those_of_all_distances_sorted(features, farthest, rng):
    queries, points = rng.permutation(900)[:300], np.sort(rng.permutation(900)[:700])
    found = resampling.nearest_neighbours(
        features, queries, points, num_neighbours=5, farthest=farthest
    )
    distances, rows = sorted_distances(features, queries, points, 5, farthest)
    np.testing.assert_allclose(found.distances, distances, rtol=2e-6)
    differ = np.asarray(found.rows) != rows  # only where float32 can't tell the distances apart
    again = np.linalg.norm(
        (features[np.asarray(found.rows)] - features[queries][:, None]).astype(np.float64), axis=-1
    )
    np.testing.assert_allclose(again[differ], distances[differ], rtol=1e-6)
    assert differ.mean() < (0.5 if np.ptp(features) > 1e4 and farthest else 0.01)


def test_points_of_many_tiles_and_of_fewer_than_are_sought(rng, monkeypatch):
    features = rng.normal(size=(600, 3)).astype(np.float32)
    queries, points = np.arange(50), np.arange(600)
    monkeypatch.setattr(_search, "POINTS", 128)
    found = resampling.nearest_neighbours(features, queries, points, num_neighbours=2)
    _, rows = sorted_distances(features, queries, points, 2)
    np.testing.assert_array_equal(found.rows, rows)
    few = resampling.nearest_neighbours(features, queries, points[:3], num_neighbours=2)
    np.testing.assert_array_equal(few.rows, sorted_distances(features, queries, points[:3], 2)[1])


def test_the_least_of_groups_are_the_least_of_all(rng):
    values = jnp.asarray(rng.integers(0, 50, size=(20, 1024)), jnp.float32)
    least, columns = _search._least(values, 9)
    order = np.argsort(values, axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(least, np.take_along_axis(np.asarray(values), order, axis=1))
    np.testing.assert_array_equal(np.take_along_axis(np.asarray(values), columns, 1), least)


def temporary(function, num_queries, num_points, **options):
    """The bytes that a compiled search needs beyond its arguments and results."""
    table = jax.ShapeDtypeStruct((num_queries + num_points, 30), jnp.float32)
    tiles = [
        jax.ShapeDtypeStruct((-(-number // size), size), jnp.int32)
        for number, size in ((num_queries, _search.QUERIES), (num_points, _search.POINTS))
    ]
    compiled = function.lower(table, *tiles, **options).compile()
    return compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("farthest", [False, True])
def test_memory_grows_with_neither_side(farthest):
    """A matrix of all distances would be 16 GB in the larger case."""
    bound = [temporary(_near_miss._bounds, 20_000 * n, 20_000 * n, k=3, farthest=farthest)
             for n in (1, 10)]  # fmt: skip
    options = {"k": 3, "farthest": farthest, "others": True}
    found = [temporary(_search._search, 20_000 * n, 20_000 * n, **options) for n in (1, 10)]
    for small, large in (bound, found):
        assert small < 100e6
        assert large - small < 10e6  # the results themselves


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"features": np.ones((4, 2), int)}, TypeError, "features must have a floating dtype"),
        ({"features": np.ones(4)}, ValueError, r"features must be \[rows, dim\].*got shape \(4,\)"),
        ({"queries": [0.5]}, TypeError, "queries must have an integer dtype, got float64"),
        ({"queries": [4]}, ValueError, r"queries must be row numbers \[queries\] from 0 to 3"),
        ({"points": [1, 0]}, ValueError, "points must be ascending"),
        ({"num_neighbours": 4}, ValueError, "less than the 4 points, got 4"),
        ({"num_neighbours": 0}, ValueError, "num_neighbours must be at least 1"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    right = {"features": np.eye(4), "queries": [0], "points": [0, 1, 2, 3], "num_neighbours": 1}
    given = right | change
    with pytest.raises(error, match=message):
        resampling.nearest_neighbours(
            given["features"], given["queries"], given["points"],
            num_neighbours=given["num_neighbours"],
        )  # fmt: skip
