"""Reading a stream of mapped files: slices as they lie in the files, without a copy."""

import collections
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from fal_jax.data._block_rows import MappedRows
from fal_jax.data._pieces import Part, aligned, positives_of
from fal_jax.data._row_stream import Stream

_IN_USE = 4  # parts made after another until that has certainly been used


def sliced_parts(
    stream: Stream,
    mapped: Callable[[int], MappedRows],
    *,
    epoch: int,
    first: int,
    lanes: Sequence[int],
) -> Iterator[tuple[Part, ...]]:
    """The parts of an epoch, with a piece for each lane's rows and one for its added positives."""
    made = [_Lane(stream, mapped, lane, epoch) for lane in lanes]
    size, steps = stream.part_steps, stream.num_steps
    used: collections.deque[list[tuple[int, int, int]]] = collections.deque()
    try:
        while first < steps:
            last = min((first // size + 1) * size, steps)
            used.append([])
            yield tuple(piece for lane in made for piece in lane.pieces(first, last, used[-1]))
            first = last
            if len(used) > _IN_USE:
                _give_back(mapped, used.popleft())
    finally:
        for places in used:
            _give_back(mapped, places)


class _Lane:
    """One lane's rows, in the order of an epoch."""

    def __init__(
        self, stream: Stream, mapped: Callable[[int], MappedRows], number: int, epoch: int
    ):
        self.stream, self.mapped, self.number, self.epoch = stream, mapped, number, epoch
        self.firsts, sizes = stream.runs(number, epoch)
        self.ends = np.cumsum(sizes)
        self.starts = self.ends - sizes
        self.file_ends = np.cumsum(stream.rows.counts.sum(axis=1))
        self.steps, self.fresh = stream.part_steps, stream.fresh
        self.added = positives_of(stream, number) if stream.positives else None
        self.each = stream.positives // stream.lanes

    def pieces(self, first: int, last: int, used: list[tuple[int, int, int]]) -> list[Part]:
        """The rows of some steps, and the positives added; tells which places of files it used."""
        steps, fresh = self.steps, self.fresh
        start, stop = first * fresh, min(last * fresh, int(self.ends[-1]))
        run = int(np.searchsorted(self.ends, start, side="right"))
        if stop - start == steps * fresh and stop <= self.ends[run]:
            number = int(self.firsts[run] + start - self.starts[run])
            found = self._slice(number, number + steps * fresh, used)
        else:
            found = self._copy(np.arange(start, max(start, stop)), steps * fresh, used)
        features, labels = found
        pieces = [Part(features.reshape(steps, fresh, -1), labels.reshape(steps, fresh))]
        return pieces if self.added is None else [*pieces, self._added(self.added, first, last)]

    def _slice(
        self, first: int, last: int, used: list[tuple[int, int, int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows as they lie in a file, which are read from disk now, not when they are used."""
        files, places = self._places(np.array([first, last - 1]))
        file, first, last = int(files[0]), int(places[0]), int(places[1]) + 1
        mapped = self.mapped(file)
        features, labels = mapped.features[first:last], mapped.labels[first:last]
        for array in (features, labels):
            array.reshape(-1)[::1024].max()  # a number of each page
        used.append((file, first, last))
        return features, labels

    def _copy(
        self, rows: np.ndarray, room: int, used: list[tuple[int, int, int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the epoch by their places in it, filled up with none."""
        features, labels = aligned(room, self.stream.rows.dim), np.full(room, -1, np.int32)
        features[len(rows) :] = 0
        run = np.searchsorted(self.ends, rows, side="right")
        files, places = self._places(self.firsts[run] + rows - self.starts[run])
        for file in np.unique(files).tolist():
            here, mapped = np.flatnonzero(files == file), self.mapped(file)
            features[here], labels[here] = (
                mapped.features[places[here]],
                mapped.labels[places[here]],
            )
            used.append((file, int(places[here].min()), int(places[here].max()) + 1))
        return features, labels

    def _places(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The files of rows with some numbers among all, and their numbers in these."""
        files = np.searchsorted(self.file_ends, numbers, side="right")
        return files, numbers - self.file_ends[files] + self.stream.rows.counts.sum(axis=1)[files]

    def _added(self, positives: np.ndarray, first: int, last: int) -> Part:
        """The rows of class 1 that are added in some steps."""
        steps, there = self.steps, last - first
        chosen = self.stream.positive_places(self.number, self.epoch, first, last, len(positives))
        inputs = aligned(steps, self.each, self.stream.rows.dim)
        labels = np.full((steps, self.each), -1, np.int32)
        inputs[:there] = positives[chosen].reshape(there, self.each, -1)
        inputs[there:], labels[:there] = 0, 1
        return Part(inputs, labels)


def _give_back(mapped: Callable[[int], MappedRows], places: list[tuple[int, int, int]]) -> None:
    """Gives back the pages of some places of files."""
    for file, first, last in places:
        mapped(file).give_back(first, last)
