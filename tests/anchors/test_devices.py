"""A batch split over devices moves the anchors as the whole batch does."""

import functools

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from fal_jax import anchors

DEVICES, ROWS, CLASSES, DIM, STEPS = 8, 3, 4, 5, 3
RULE = anchors.faml(CLASSES, DIM, every=STEPS, rate=0.8)
SPLIT = PartitionSpec("batch")


@pytest.fixture
def steps(rng):
    """Sorted labels, so that devices hold different classes; device 2 holds no valid example."""
    features = rng.normal(size=(STEPS, DEVICES * ROWS, DIM)).astype(np.float32)
    labels = np.sort(rng.integers(0, CLASSES, (STEPS, DEVICES * ROWS)).astype(np.int32))
    where = rng.random((STEPS, DEVICES * ROWS)) < 0.7
    where[:, 2 * ROWS : 3 * ROWS] = False
    return list(zip(features, labels, where, strict=True))


def move(update, steps):
    state = RULE.init(np.eye(CLASSES, DIM, dtype=np.float32))
    for features, labels, where in steps:
        state = update(features, labels, state, where)
    return state


@functools.cache
def whole():
    def update(features, labels, state, where):
        return RULE.update(features, labels, state, where=where)

    return jax.jit(update)


def mapped(features, labels, state, where):
    return RULE.update(features, labels, state, where=where, axis_name="batch")


def assert_same(state, steps):
    expected = move(whole(), steps)
    assert int(expected.num_updates) == 1
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6), state, expected
    )


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
def test_split_by_jit(steps, axis_type):
    mesh = jax.make_mesh((DEVICES,), ("batch",), axis_types=(axis_type,))
    split = jax.device_put(steps, NamedSharding(mesh, SPLIT))
    assert_same(move(whole(), split), steps)


@pytest.mark.parametrize("check_vma", [True, False])
def test_split_by_shard_map(steps, check_vma):
    mesh = jax.make_mesh((DEVICES,), ("batch",), axis_types=(AxisType.Auto,))
    specs = (SPLIT, SPLIT, PartitionSpec(), SPLIT)
    update = jax.shard_map(
        mapped, mesh=mesh, in_specs=specs, out_specs=PartitionSpec(), check_vma=check_vma
    )
    assert_same(move(jax.jit(update), steps), steps)


@pytest.mark.skipif(not hasattr(jax, "pmap"), reason="this JAX no longer has pmap")
def test_split_by_pmap(steps):
    update = jax.pmap(mapped, axis_name="batch", in_axes=(0, 0, None, 0), out_axes=None)
    stacked = [tuple(a.reshape(DEVICES, ROWS, *a.shape[1:]) for a in step) for step in steps]
    assert_same(move(update, stacked), steps)
