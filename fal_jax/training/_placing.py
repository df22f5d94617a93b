"""Where the parts of a stream lie: each device has the rows of its own lanes."""

import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fal_jax.data import Stream, stream_parts
from fal_jax.training._devices import AXIS
from fal_jax.training._step import Batch

Placed = tuple[tuple[jax.Array, ...], jax.Array]
"""Inputs `[steps, rows, dim]`, which are batches side by side, and labels `[steps, batch]`."""


def own_lanes(stream: Stream, mesh: Mesh) -> range:
    """The lanes that this process reads."""
    processes = sorted({device.process_index for device in mesh.devices.flat})
    if stream.lanes % len(processes) or stream.batch_size % mesh.size:
        raise ValueError(
            f"lanes must split evenly over the {len(processes)} processes and batch_size over the "
            f"{mesh.size} devices, got {stream.lanes} and {stream.batch_size}."
        )
    each = stream.lanes // len(processes)
    own = processes.index(jax.process_index())
    return range(own * each, (own + 1) * each)


def placed_parts(
    stream: Stream, lanes: range, mesh: Mesh, steps: range
) -> Iterator[tuple[int, Placed]]:
    """The parts of some steps, counted over all epochs, on the devices, after their steps."""
    size, step = stream.part_steps, steps.start
    while step < steps.stop:
        epoch, first = divmod(step, stream.num_steps)
        for pieces in _placed_epoch(stream, lanes, mesh, epoch, first):
            there = min(size - first % size, stream.num_steps - first)
            yield there, pieces
            first += there
        step = (epoch + 1) * stream.num_steps


def _placed_epoch(
    stream: Stream, lanes: range, mesh: Mesh, epoch: int, first: int
) -> Iterator[Placed]:
    """The parts of an epoch: each device's lanes where they are used, if lanes split evenly."""
    sharding = NamedSharding(mesh, PartitionSpec(None, AXIS))
    each, odd = divmod(stream.lanes, mesh.size)
    if odd:
        place = functools.partial(jax.make_array_from_process_local_data, sharding)
        for pieces in stream_parts(stream, epoch=epoch, first=first, lanes=lanes):
            inputs, labels = (
                np.concatenate(arrays, axis=1) for arrays in zip(*pieces, strict=True)
            )
            yield (place(inputs),), place(labels)
        return
    own = [range(lane, lane + each) for lane in lanes[::each]]
    place = functools.partial(_by_device, sharding, lanes.start // each)
    read = (stream_parts(stream, epoch=epoch, first=first, lanes=part) for part in own)
    for parts in zip(*read, strict=True):
        inputs = ([part.inputs for part in pieces] for pieces in zip(*parts, strict=True))
        # Labels are few bytes: one copy takes less time than as many arrays as there are pieces.
        labels = [np.concatenate([part.labels for part in own], axis=1) for own in parts]
        yield tuple(map(place, inputs)), place(labels)


def _by_device(sharding: NamedSharding, first: int, arrays: Sequence[np.ndarray]) -> jax.Array:
    """Arrays `[steps, rows, ...]` of this process's devices, from the first on, as one."""
    steps, rows, *rest = arrays[0].shape
    shape = steps, sharding.num_devices * rows, *rest

    def of_device(place: tuple[slice, ...] | None) -> np.ndarray:
        start = place[1].start if place else None
        return arrays[(start or 0) // rows - first]

    return jax.make_array_from_callback(shape, sharding, of_device)


def side_by_side(placed: Placed, devices: int) -> Batch:
    """Batches `[..., batch]` of pieces `[..., rows, dim]`, which stay on their devices."""
    pieces, labels = placed
    axis = labels.ndim - 1
    leading, dim = labels.shape[:axis], pieces[0].shape[-1]
    split = [piece.reshape(*leading, devices, -1, dim) for piece in pieces]
    inputs = jnp.concatenate(split, axis + 1) if len(split) > 1 else split[0]
    return Batch(inputs.reshape(*labels.shape, dim), jnp.maximum(labels, 0), labels >= 0)
