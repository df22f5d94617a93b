"""A batch split over devices: the loss and the gradients of the whole batch, however it is split.

The classes are sorted, so that the devices hold different ones in different numbers, and one device
holds no valid example: means of means would all be wrong.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tests.losses.case import assert_close, floats
from tests.losses.cases import over

DEVICES, ROWS = 8, 3
over_devices = over(lambda case: "axis_name" in case.parameters)


def problem(case):
    """Parameters that all devices share, and the rows that are split over them.

    A loss that takes no anchors gets a parameter that scales its first argument.
    """
    drawn = floats(case.draw(batch=(DEVICES * ROWS,)), np.float32)
    drawn["labels"] = jnp.asarray(np.sort(drawn["labels"]))
    where = np.random.default_rng(3).random(DEVICES * ROWS) < 0.7
    where[2 * ROWS : 3 * ROWS] = False
    rows = {name: a for name, a in drawn.items() if "..." in case.axes(name)}
    shared = {name: a for name, a in drawn.items() if name not in rows}
    shape = 1, *drawn[case.first].shape[1:]
    shared["scale"] = jnp.linspace(0.5, 1.5, np.prod(shape)).reshape(shape)
    return shared, rows | {"where": jnp.asarray(where)}


def loss(case, shared, rows, axis_name="batch"):
    shared = dict(shared)
    first = rows[case.first] * shared.pop("scale")
    return case(shared | rows | {case.first: first}, axis_name=axis_name)


@functools.cache
def whole_batch(case):
    """The problem, the program that solves it on one device, and its result."""
    shared, rows = problem(case)
    run = jax.jit(jax.value_and_grad(functools.partial(loss, case, axis_name=None)))
    return shared, rows, run, run(shared, rows)


def averaged(case, shared, rows):
    """For maps that do not track what is the same on all devices: gradients need the mean."""
    value, slopes = jax.value_and_grad(functools.partial(loss, case))(shared, rows)
    return value, jax.lax.pmean(slopes, "batch")


def device_mesh(axis_type):
    return jax.make_mesh((DEVICES,), ("batch",), axis_types=(axis_type,))


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
@over_devices
def test_split_by_jit(case, axis_type):
    shared, rows, run, expected = whole_batch(case)
    rows = jax.device_put(rows, NamedSharding(device_mesh(axis_type), PartitionSpec("batch")))
    jax.tree.map(assert_close, run(shared, rows), expected)


@pytest.mark.parametrize("check_vma", [True, False])
@over_devices
def test_split_by_shard_map(case, check_vma):
    shared, rows, _, expected = whole_batch(case)
    plain = jax.value_and_grad(functools.partial(loss, case))
    run = jax.shard_map(
        plain if check_vma else functools.partial(averaged, case),
        mesh=device_mesh(AxisType.Auto),
        in_specs=(PartitionSpec(), PartitionSpec("batch")),
        out_specs=PartitionSpec(),
        check_vma=check_vma,
    )
    jax.tree.map(assert_close, jax.jit(run)(shared, rows), expected)


@pytest.mark.skipif(not hasattr(jax, "pmap"), reason="this JAX no longer has pmap")
@over_devices
def test_split_by_pmap(case):
    shared, rows, _, expected = whole_batch(case)
    stacked = jax.tree.map(lambda a: a.reshape(DEVICES, ROWS, *a.shape[1:]), rows)
    run = jax.pmap(functools.partial(averaged, case), axis_name="batch", in_axes=(None, 0))
    on_all = jax.tree.map(lambda a: np.stack([a] * DEVICES), expected)
    jax.tree.map(assert_close, run(shared, stacked), on_all)


@over_devices
def test_a_wrong_label_on_one_device_gives_nan_on_all(case):
    shared, rows, *_ = whole_batch(case)
    stacked = jax.tree.map(lambda a: np.reshape(a, (DEVICES, ROWS, *a.shape[1:])), rows)
    device, row = np.argwhere(stacked["where"])[-1]
    stacked["labels"] = np.array(stacked["labels"])
    stacked["labels"][device, row] = case.classes
    run = jax.vmap(functools.partial(loss, case), in_axes=(None, 0), axis_name="batch")
    assert np.isnan(jax.jit(run)(shared, stacked)).all()
