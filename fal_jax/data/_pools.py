"""Reading a stream of blocks: the pools of each lane, and the parts that they make."""

import concurrent.futures
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.data._pieces import Part, aligned, positives_of
from fal_jax.data._row_stream import Stream

_MOST_READERS = 8


class _Arena(NamedTuple):
    """Rows in memory, by place: `[places, dim]` float32 and `[places]` int32; the last is zero."""

    features: np.ndarray
    labels: np.ndarray


class _Lane:
    """Where in the arena the rows of one lane are, in the order of an epoch.

    The lane has a ring of places there. It holds the pools of a part and the next one, each in a
    row of places: where a pool does not fit before the ring's end, it begins at its start.
    """

    def __init__(self, stream: Stream, number: int, epoch: int):
        self.stream, self.number, self.epoch = stream, number, epoch
        self.pools = stream.pools(number, epoch)
        sizes = np.array([stream.rows.sizes[blocks].sum() for blocks in self.pools])
        self.ends = np.cumsum(sizes)
        self.starts = self.ends - sizes
        self.room = self._room(stream.part_steps * stream.fresh)
        self.ring, place = [], 0
        for size in sizes.tolist():
            place = place if place + size <= self.room else 0
            self.ring.append(place)
            place += size
        positives = stream.rows.counts[stream.lane_of_file == number, 1]
        self.num_added = int(positives.sum()) if stream.positives else 0
        self.orders: dict[int, concurrent.futures.Future[np.ndarray]] = {}

    def _room(self, part_rows: int) -> int:
        """How many places the ring has, at most those of a part and of four pools.

        A part's pools stick out at both ends by less than a pool, one more is read ahead, and what
        stays empty before the ring's end is less than the pool that did not fit there.
        """
        sizes, firsts = self.ends - self.starts, np.arange(0, self.ends[-1], part_rows)
        begin, after = self._pools_of(firsts, firsts + part_rows)
        held = self.ends[np.minimum(after, len(sizes) - 1)] - self.starts[begin]
        unused = sizes.max() - np.gcd.reduce(sizes)  # none if all pools have as many rows
        return min(int(held.max() + unused), int(self.ends[-1]))

    def _pools_of(self, first: np.ndarray | int, last: np.ndarray | int) -> tuple:
        """The first pool with rows from one number to another, and the one after the last."""
        begin = np.searchsorted(self.ends, first, side="right")
        return begin, np.searchsorted(self.starts, last, side="left")

    @property
    def size(self) -> int:
        """How many places the lane takes."""
        return self.room + self.num_added

    def settle(self, arena: _Arena, first: int, readers: concurrent.futures.Executor) -> None:
        """Takes its places in the arena, from `first`, with the rows that are added there."""
        self.arena, self.first, self.readers = arena, first, readers
        self.first_added = first + self.room
        if self.num_added:
            place = slice(self.first_added, self.first_added + self.num_added)
            arena.features[place], arena.labels[place] = positives_of(self.stream, self.number), 1

    def ask(self, first: int, last: int) -> None:
        """Begins to read the pools of a part's rows, and the next one, over those before."""
        begin, after = self._pools_of(first, last)
        for gone in [held for held in self.orders if held < begin]:
            del self.orders[gone]
        for wanted in range(begin, min(after + 1, len(self.pools))):
            if wanted not in self.orders:
                self.orders[wanted] = self.readers.submit(self._read, wanted)

    def places(self, first: int, last: int) -> np.ndarray:
        """The places of rows that were asked for, once they are read; fewer at the epoch's end."""
        found = [np.empty(0, np.int64)]
        for number in range(*self._pools_of(first, last)):
            order, start = self.orders[number].result(), int(self.starts[number])
            found.append(order[max(first - start, 0) : last - start])
        return np.concatenate(found)

    def _read(self, number: int) -> np.ndarray:
        """Reads a pool into its places; returns these in the order of the epoch."""
        rows = self.stream.rows
        first = start = self.first + self.ring[number]
        for block in self.pools[number].tolist():
            place = slice(start, start + int(rows.sizes[block]))
            rows.read(block, self.arena.features[place], self.arena.labels[place])
            start = place.stop
        order = self.stream.order_of_pool(self.number, self.epoch, number, start - first)
        return order + first


def pooled_parts(
    stream: Stream, *, epoch: int, first: int, lanes: Sequence[int]
) -> Iterator[tuple[Part, ...]]:
    """The parts of an epoch, each in one piece."""
    size, fresh = stream.part_steps, stream.fresh
    made = [_Lane(stream, lane, epoch) for lane in lanes]
    firsts = np.cumsum([0, *(lane.size for lane in made)]).tolist()
    arena = _Arena(aligned(firsts[-1] + 1, stream.rows.dim), np.empty(firsts[-1] + 1, np.int32))
    arena.features[-1], arena.labels[-1] = 0, -1
    readers = concurrent.futures.ThreadPoolExecutor(_num_readers(len(made)))
    try:
        for lane, place in zip(made, firsts[:-1], strict=True):
            lane.settle(arena, place, readers)
        while first < stream.num_steps:
            last = min((first // size + 1) * size, stream.num_steps)
            for lane in made:
                lane.ask(first * fresh, last * fresh)
            yield (_part(stream, epoch, range(first, last), made, arena),)
            first = last
    finally:
        readers.shutdown(cancel_futures=True)


def _num_readers(lanes: int) -> int:
    """How many threads read pools: one a lane, which reads one ahead, or one a core if fewer."""
    is_told = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if is_told else os.cpu_count() or 1
    return max(2, min(cores, lanes, _MOST_READERS))


def _part(stream: Stream, epoch: int, steps: range, lanes: list[_Lane], arena: _Arena) -> Part:
    """The batches of some steps, filled up with empty ones."""
    nowhere, fresh, size = len(arena.labels) - 1, stream.fresh, stream.part_steps
    places = np.full((size, len(lanes), stream.batch_size // stream.lanes), nowhere)
    for number, lane in enumerate(lanes):
        own = np.full(size * fresh, nowhere)
        found = lane.places(steps.start * fresh, steps.stop * fresh)
        own[: len(found)] = found
        places[:, number, :fresh] = own.reshape(size, fresh)
        if lane.num_added:
            chosen = stream.positive_places(
                lane.number, epoch, steps.start, steps.stop, lane.num_added
            )
            added = lane.first_added + chosen.reshape(len(steps), -1)
            places[: len(steps), number, fresh:] = added
    places = places.reshape(size, -1)
    inputs = aligned(places.size, stream.rows.dim)
    # Without "clip" NumPy would copy through a buffer; all places are in the arena.
    np.take(arena.features, places.ravel(), axis=0, out=inputs, mode="clip")
    return Part(inputs.reshape(*places.shape, -1), arena.labels[places])
