"""What is read from a stream: pieces of some steps' batches."""

from typing import NamedTuple

import numpy as np

from fal_jax.data._row_stream import Stream


class Part(NamedTuple):
    """Some steps' batches, or a piece of each.

    Attributes:
      inputs: `[steps, rows, dim]`, float32.
      labels: `[steps, rows]`, int32; -1 for what fills up the last batches, and has inputs 0.
    """

    inputs: np.ndarray
    labels: np.ndarray


def positives_of(stream: Stream, lane: int) -> np.ndarray:
    """A lane's rows of class 1, `[num, dim]`."""
    files = np.flatnonzero(stream.lane_of_file == lane).tolist()
    return np.concatenate([stream.rows.positives(file)[1] for file in files])


def aligned(*shape: int) -> np.ndarray:
    """Room for float32, at a multiple of 64 bytes: JAX needs no copy on a CPU."""
    size = int(np.prod(shape)) * 4
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(np.float32).reshape(shape)
