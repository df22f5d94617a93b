"""Reading a stream: the pools of each lane, and the parts that they make."""

import concurrent.futures
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.data._row_stream import Stream

_READERS = 2  # threads that read blocks


class Part(NamedTuple):
    """Some steps' batches, or a process's share of each.

    Attributes:
      inputs: `[steps, batch, dim]`, float32.
      labels: `[steps, batch]`, int32.
      where: `[steps, batch]`, bool, the examples; the others fill up the last batches.
    """

    inputs: np.ndarray
    labels: np.ndarray
    where: np.ndarray


class Block(NamedTuple):
    """Some rows in memory: `[rows, dim]` float32, `[rows]` int32."""

    features: np.ndarray
    labels: np.ndarray


class Lane:
    """One lane's rows of an epoch, in their order; holds two pools and one that is being read."""

    def __init__(
        self, stream: Stream, number: int, epoch: int, readers: concurrent.futures.Executor
    ):
        self._stream, self._key, self._readers = stream, (number, epoch), readers
        self._pools = stream.pools(number, epoch)
        sizes = [int(stream.rows.sizes[blocks].sum()) for blocks in self._pools]
        self._ends = np.cumsum(sizes)
        self._held: dict[int, tuple[Block, np.ndarray, list[concurrent.futures.Future]]] = {}

    def fill(self, first: int, out: Block) -> int:
        """Copies the rows from number `first` on; returns how many there were."""
        last = max(first, min(first + len(out.labels), int(self._ends[-1])))
        row = first
        while row < last:
            number = int(np.searchsorted(self._ends, row, side="right"))
            block, order = self._pool(number)
            start = self._ends[number] - len(order)
            chosen = order[row - start : last - start]
            place = slice(row - first, row - first + len(chosen))
            # Without "clip" NumPy would copy through a buffer; all places are in range.
            np.take(block.features, chosen, axis=0, out=out.features[place], mode="clip")
            np.take(block.labels, chosen, out=out.labels[place], mode="clip")
            row += len(chosen)
        return last - first

    def _pool(self, number: int) -> tuple[Block, np.ndarray]:
        """A pool in memory and its order; the next one is read meanwhile."""
        for gone in [held for held in self._held if held < number]:
            del self._held[gone]
        for wanted in (number, number + 1):
            if wanted < len(self._pools) and wanted not in self._held:
                self._held[wanted] = self._start(wanted)
        block, order, reading = self._held[number]
        for future in reading:
            future.result()
        reading.clear()
        return block, order

    def _start(self, number: int) -> tuple[Block, np.ndarray, list[concurrent.futures.Future]]:
        """Begins to read a pool."""
        blocks, rows = self._pools[number], self._stream.rows
        sizes = rows.sizes[blocks]
        ends = np.cumsum(sizes)
        pool = empty(int(ends[-1]), rows.dim)
        reading = [
            self._readers.submit(
                rows.read, int(block), pool.features[start:end], pool.labels[start:end]
            )
            for block, start, end in zip(blocks, ends - rows.sizes[blocks], ends, strict=True)
        ]
        return pool, self._stream.order_of_pool(*self._key, number, len(pool.labels)), reading


def empty(rows: int, dim: int) -> Block:
    """Room for rows."""
    return Block(np.empty((rows, dim), np.float32), np.empty(rows, np.int32))


def stream_parts(
    stream: Stream, *, epoch: int, first: int = 0, size: int, lanes: Sequence[int] | None = None
) -> Iterator[Part]:
    """Reads an epoch's batches, some steps at a time.

    Args:
      stream: of `open_stream`.
      epoch: its number, from 0.
      first: the step to start with, from 0.
      size: steps a part; the last one is filled up with steps that have no example.
      lanes: those to read, of one process; None for all.

    Returns:
      An iterator of `Part`: of each batch the lanes' parts in order.

    Raises:
      FileNotFoundError: a file has gone.
      ValueError: a file is damaged, or a value is not what its column holds.
    """
    own = range(stream.lanes) if lanes is None else lanes
    with concurrent.futures.ThreadPoolExecutor(_READERS) as readers:
        fresh = [Lane(stream, lane, epoch, readers) for lane in own]
        added = [_positives(stream, lane) if stream.positives else empty(0, 0) for lane in own]
        for step in range(first, stream.num_steps, size):
            yield _part(stream, epoch, step, size, list(zip(own, fresh, added, strict=True)))


def _positives(stream: Stream, lane: int) -> Block:
    """A lane's rows of class 1."""
    rows, files = stream.rows, np.flatnonzero(stream.lane_of_file == lane)
    features = np.concatenate([rows.take(file, rows.positives(file)) for file in files.tolist()])
    return Block(features, np.ones(len(features), np.int32))


def _part(
    stream: Stream, epoch: int, step: int, size: int, lanes: list[tuple[int, Lane, Block]]
) -> Part:
    """The batches of some steps."""
    fresh, dim, batch = stream.fresh, stream.rows.dim, stream.batch_size // stream.lanes
    last = min(step + size, stream.num_steps)
    inputs = np.zeros((size, len(lanes), batch, dim), np.float32)
    labels, where = np.zeros(inputs.shape[:3], np.int32), np.zeros(inputs.shape[:3], bool)
    for place, (number, lane, added) in enumerate(lanes):
        block = empty(size * fresh, dim)
        there = lane.fill(step * fresh, block)
        block.features[there:], block.labels[there:] = 0, 0
        inputs[:, place, :fresh] = block.features.reshape(size, fresh, dim)
        labels[:, place, :fresh] = block.labels.reshape(size, fresh)
        where[:, place, :fresh] = (np.arange(size * fresh) < there).reshape(size, fresh)
        if stream.positives:
            chosen = stream.positive_places(number, epoch, step, last, len(added.labels))
            chosen = chosen.reshape(last - step, -1)
            inputs[: last - step, place, fresh:] = added.features[chosen]
            labels[: last - step, place, fresh:] = 1
            where[: last - step, place, fresh:] = True
    merged = size, len(lanes) * batch
    return Part(inputs.reshape(*merged, dim), labels.reshape(merged), where.reshape(merged))
