"""Reading a stream of blocks: the pools of each lane, and the parts that they make."""

import concurrent.futures
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.data._pieces import Part, aligned, positives_of
from fal_jax.data._row_stream import Stream

_READERS = 2  # threads that read blocks


class _Arena(NamedTuple):
    """Rows in memory, by place: `[places, dim]` float32 and `[places]` int32; the last is zero."""

    features: np.ndarray
    labels: np.ndarray


class _Lane:
    """Where in the arena the rows of one lane are, in the order of an epoch.

    The lane has some slots there, each with room for a pool. Pools are read one ahead.
    """

    def __init__(self, stream: Stream, number: int, epoch: int, part_rows: int):
        self.stream, self.number, self.epoch = stream, number, epoch
        self.pools = stream.pools(number, epoch)
        sizes = np.array([stream.rows.sizes[blocks].sum() for blocks in self.pools])
        self.ends = np.cumsum(sizes)
        self.room = int(sizes.max())
        self.slots = 2 + -(-part_rows // int(sizes.min()))  # a part's pools, and the next one
        self.added = positives_of(stream, number) if stream.positives else None
        self.orders: dict[int, concurrent.futures.Future[np.ndarray]] = {}

    @property
    def size(self) -> int:
        """How many places the lane takes."""
        return self.slots * self.room + (0 if self.added is None else len(self.added))

    def settle(self, arena: _Arena, first: int, readers: concurrent.futures.Executor) -> None:
        """Takes its places in the arena, from `first`, with the rows that are added there."""
        self.arena, self.first, self.readers = arena, first, readers
        self.first_added = first + self.slots * self.room
        if self.added is not None:
            place = slice(self.first_added, self.first_added + len(self.added))
            arena.features[place], arena.labels[place] = self.added, 1

    def places(self, first: int, last: int) -> np.ndarray:
        """The places of the rows from one number to another, fewer at the end of the epoch."""
        found, row, last = [np.empty(0, np.int64)], first, min(last, int(self.ends[-1]))
        while row < last:
            number = int(np.searchsorted(self.ends, row, side="right"))
            order = self._order(number)
            start = int(self.ends[number]) - len(order)
            found.append(order[row - start : last - start])
            row += len(found[-1])
        return np.concatenate(found)

    def _order(self, number: int) -> np.ndarray:
        """The places of a pool's rows, once it is read; the next one is read meanwhile."""
        for gone in [held for held in self.orders if held < number]:
            del self.orders[gone]
        for wanted in range(number, min(number + 2, len(self.pools))):
            if wanted not in self.orders:
                self.orders[wanted] = self.readers.submit(self._read, wanted)
        return self.orders[number].result()

    def _read(self, number: int) -> np.ndarray:
        """Reads a pool into its slot."""
        rows = self.stream.rows
        first = start = self.first + number % self.slots * self.room
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
    size = stream.part_steps
    made = [_Lane(stream, lane, epoch, size * stream.fresh) for lane in lanes]
    firsts = np.cumsum([0, *(lane.size for lane in made)]).tolist()
    arena = _Arena(aligned(firsts[-1] + 1, stream.rows.dim), np.empty(firsts[-1] + 1, np.int32))
    arena.features[-1], arena.labels[-1] = 0, -1
    with concurrent.futures.ThreadPoolExecutor(_READERS) as readers:
        for lane, place in zip(made, firsts[:-1], strict=True):
            lane.settle(arena, place, readers)
        while first < stream.num_steps:
            last = min((first // size + 1) * size, stream.num_steps)
            yield (_part(stream, epoch, range(first, last), made, arena),)
            first = last


def _part(stream: Stream, epoch: int, steps: range, lanes: list[_Lane], arena: _Arena) -> Part:
    """The batches of some steps, filled up with empty ones."""
    nowhere, fresh, size = len(arena.labels) - 1, stream.fresh, stream.part_steps
    places = np.full((size, len(lanes), stream.batch_size // stream.lanes), nowhere)
    for number, lane in enumerate(lanes):
        own = np.full(size * fresh, nowhere)
        found = lane.places(steps.start * fresh, steps.stop * fresh)
        own[: len(found)] = found
        places[:, number, :fresh] = own.reshape(size, fresh)
        if lane.added is not None:
            chosen = stream.positive_places(
                lane.number, epoch, steps.start, steps.stop, len(lane.added)
            )
            added = lane.first_added + chosen.reshape(len(steps), -1)
            places[: len(steps), number, fresh:] = added
    places = places.reshape(size, -1)
    inputs = aligned(places.size, stream.rows.dim)
    # Without "clip" NumPy would copy through a buffer; all places are in the arena.
    np.take(arena.features, places.ravel(), axis=0, out=inputs, mode="clip")
    return Part(inputs.reshape(*places.shape, -1), arena.labels[places])
