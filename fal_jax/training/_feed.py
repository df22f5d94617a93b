"""How the rows of a chunk's problems reach the devices.

An accelerator holds the training rows and gathers batches itself, by row numbers. On a CPU NumPy
gathers them, a part of an epoch ahead: it is faster at it than XLA, one gather serves all devices,
and a large table whose rows have the devices' type need not lie in memory a second time.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from fal_jax import data
from fal_jax.training._problems import Capacity, Problem
from fal_jax.training._rows import Gathered, Rows

_HOST_GATHERS = {"cpu"}  # backends whose batches the host gathers
_PART_BYTES = 1 << 27  # of rows that it gathers at a time
_BLOCK = {"cpu": 1024, "gpu": 8192}  # rows scored at a time, what fits the device's caches


class Feed(NamedTuple):
    """The problems of a chunk, and how their rows are drawn; see `make_feed`.

    Attributes:
      problems: their data.
      orders: the problems' numbers in the sweep, which seed their batches.
      capacity: rows that the programs have room for.
      batch_size: rows a step.
      seed: of the batches.
    """

    problems: Sequence[Problem]
    orders: Sequence[int]
    capacity: Capacity
    batch_size: int
    seed: int

    def rows(self) -> Rows:
        """What stays on the devices, stacked over the problems."""
        problems = [_rows(problem, self.capacity) for problem in self.problems]
        return jax.tree.map(lambda *arrays: np.stack(arrays), *problems)

    def parts(self, num_epochs: int) -> Iterator[tuple[int, bool, np.ndarray | Gathered]]:
        """Epochs' numbers from 1, whether a part ends its epoch, and its batches.

        All epochs have as many parts of as many steps; leaves lead with `[problems, steps]`. The
        inputs of every second part lie in the same memory: ask for the next part only when the one
        before this has been trained on.
        """
        is_gathered, first = _host_gathers(), self.problems[0].inputs
        size = num_steps = -(-self.capacity.rows // self.batch_size)
        if is_gathered:
            step_bytes = len(self.problems) * self.batch_size * first[:1].nbytes
            most = max(1, _PART_BYTES // max(1, step_bytes))
            size = -(-num_steps // -(-num_steps // most))
        num_parts = -(-num_steps // size)
        shape = len(self.problems), size, self.batch_size, *first.shape[1:]
        memory = itertools.cycle(
            [_aligned(shape, first.dtype) for _ in range(2 if is_gathered else 0)]
        )
        for epoch in range(1, num_epochs + 1):
            numbers = np.split(self._numbers(epoch, num_parts * size), num_parts, axis=1)
            for part, drawn in enumerate(numbers, start=1):
                batches = self._gathered(drawn, next(memory)) if is_gathered else drawn
                yield epoch, part == num_parts, batches

    def _numbers(self, epoch: int, num_steps: int) -> np.ndarray:
        """Row numbers, `[problems, steps, batch]`; -1 is padding."""
        numbers = np.full((len(self.problems), num_steps, self.batch_size), -1, np.int32)
        for place, problem, order in zip(numbers, self.problems, self.orders, strict=True):
            seed = self.seed, order, epoch
            (drawn,) = data.epoch_batches(
                len(problem.labels), batch_size=self.batch_size, num_epochs=1, seed=seed
            )
            place[: len(drawn)] = drawn
        return numbers

    def _gathered(self, numbers: np.ndarray, inputs: np.ndarray) -> Gathered:
        """The rows of these numbers, in the memory given; the last row stands for padding."""
        labels = np.empty(numbers.shape, np.int32)
        for place, (problem, rows) in enumerate(zip(self.problems, numbers, strict=True)):
            np.take(problem.inputs, rows, axis=0, out=inputs[place], mode="wrap")
            labels[place] = problem.labels[rows]
        return Gathered(inputs, labels, numbers >= 0)


def make_feed(
    problems: Sequence[Problem],
    orders: Sequence[int],
    capacity: Capacity,
    batch_size: int,
    seed: int,
) -> Feed:
    """A feed; where the host gathers, each row's values side by side, of the devices' type."""
    if _host_gathers():
        dtype = jax.dtypes.canonicalize_dtype(np.result_type(*(p.inputs for p in problems)))
        problems = [p._replace(inputs=np.ascontiguousarray(p.inputs, dtype)) for p in problems]
    return Feed(problems, orders, capacity, batch_size, seed)


def _host_gathers() -> bool:
    return jax.default_backend() in _HOST_GATHERS


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty array at a multiple of 64 bytes: so a CPU device takes it as it is, uncopied."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def _rows(problem: Problem, capacity: Capacity) -> Rows:
    """A problem's arrays padded to the capacity; the rows to score in blocks."""
    inputs, labels, validation_inputs, validation_labels, test_inputs = problem
    is_held = not _host_gathers()
    return Rows(
        _padded(inputs, capacity.rows) if is_held else None,
        _padded(labels.astype(np.int32), capacity.rows) if is_held else None,
        _blocks(validation_inputs, capacity.validation_rows),
        _blocks(validation_labels.astype(np.int32), capacity.validation_rows, fill=-1),
        _blocks(test_inputs, capacity.test_rows),
    )


def _padded(array: np.ndarray, size: int, fill: int = 0) -> np.ndarray:
    """The array, filled up to the size given."""
    if len(array) == size:
        return array
    padded = np.full((size, *array.shape[1:]), fill, array.dtype)
    padded[: len(array)] = array
    return padded


def _blocks(array: np.ndarray, size: int, fill: int = 0) -> np.ndarray:
    """The array as `[blocks, rows, ...]`, with blocks of one size, filled up."""
    num_blocks = -(-size // _BLOCK.get(jax.default_backend(), _BLOCK["gpu"]))
    height = -(-size // max(num_blocks, 1))
    return _padded(array, num_blocks * height, fill).reshape(num_blocks, height, *array.shape[1:])
