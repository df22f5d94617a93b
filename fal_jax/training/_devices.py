"""Where arrays lie: a row of devices, with batches split over it and all else on each."""

import functools
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from fal_jax.models import Model, Params, Stats

AXIS = "batch"


def device_mesh(number: int | None = None) -> Mesh:
    """All devices of all processes in one row, or the first of them.

    Args:
      number: how many; None takes all.

    Returns:
      A `Mesh` with the axis "batch", whose programs the compiler splits (`AxisType.Auto`): the
      step is written for a whole batch, and nothing in it names a device.

    Raises:
      ValueError: there are fewer devices, or number is below 1.

    Example:
      >>> device_mesh(1).axis_names
      ('batch',)
    """
    devices = jax.devices()
    if number is not None and not 1 <= number <= len(devices):
        raise ValueError(f"number must be from 1 to {len(devices)}, the devices, got {number}.")
    devices = devices[:number]
    return jax.make_mesh((len(devices),), (AXIS,), (AxisType.Auto,), devices=devices)


def split_batch(model: Model, mesh: Mesh) -> Model:
    """A model that each device runs on its own examples, with batch norm over those of all.

    The compiler can split any model by itself. It does so badly where the gradient of a convolution
    goes through the batch in chunks, as it does on a CPU.

    Args:
      model: its `apply` takes `axis_name`, as those of `fal_jax.models` do.
      mesh: the devices, from `device_mesh`.

    Returns:
      The `Model`, for batches that split evenly over the devices.
    """
    everywhere, split = PartitionSpec(), PartitionSpec(AXIS)

    def apply(params: Params, stats: Stats, inputs: jax.Array, *, train: bool = False):
        mapped = jax.shard_map(
            functools.partial(model.apply, train=train, axis_name=AXIS),
            mesh=mesh,
            in_specs=(everywhere, everywhere, split),
            out_specs=(split, everywhere),
        )
        return mapped(params, stats, inputs)

    return Model(model.init, apply)


def on_all_devices(tree: Any, mesh: Mesh) -> Any:
    """Arrays of the host, the same in all processes, as arrays that every device has whole.

    Args:
      tree: a pytree of NumPy arrays.
      mesh: the devices.

    Returns:
      The pytree with `jax.Array` leaves.
    """
    return jax.tree.map(lambda leaf: placed(leaf, mesh, PartitionSpec()), tree)


def placed(array: np.ndarray, mesh: Mesh, spec: PartitionSpec) -> jax.Array:
    """An array that all processes hold whole, laid out over the devices of all of them."""
    array = np.asarray(array)
    sharding = NamedSharding(mesh, spec)
    return jax.make_array_from_callback(array.shape, sharding, lambda place: array[place])
