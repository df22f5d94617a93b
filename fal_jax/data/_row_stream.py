"""Batches of rows that do not fit into memory, in a random order that any process can tell."""

import functools
import math
from typing import NamedTuple

import numpy as np

from fal_jax.data._block_rows import BlockRows

_MOST_POSITIVES = 2**20
_POOL_ROWS, _MOST_POOL_ROWS = 2**17, 2**19  # unless more are asked for
_ALIGNED = 16  # rows of float32, however many columns they have, are a multiple of 64 bytes


class Stream(NamedTuple):
    """The batches of every epoch, as a function of these fields alone.

    A batch is made of `lanes` equal parts. Each lane has files of its own. Where these are mapped,
    in a random order, it cuts them into slices, from another row on in each epoch, and hands out
    the slices in a random order, which needs no copy. Else it reads blocks in a random order, some
    at a time into a pool, whose rows it hands out in a random order. Then come `positives` of the
    batch, also by lane: rows of class 1 in turns, in addition to their own place in the epoch. So
    each row comes once an epoch, and those of class 1 again and again.

    Attributes:
      rows: where they come from.
      batch_size: rows a batch, positives included.
      seed: of the order.
      positives: how many rows of class 1 are added to each batch.
      lanes: how many parts a batch has; any number of processes that divides it can share it.
      pool_rows: how many rows one pool of each lane holds, all lanes together, at most.
      part_rows: how many rows are handed out at once, at most, but at least a batch.
    """

    rows: BlockRows
    batch_size: int
    seed: int
    positives: int
    lanes: int
    pool_rows: int
    part_rows: int

    @property
    def lane_of_file(self) -> np.ndarray:
        """The lane of each file, `[files]`: largest first, each to the lane with fewest rows."""
        return _lanes_of(tuple(self.rows.counts.sum(axis=1).tolist()), self.lanes)

    @property
    def fresh(self) -> int:
        """How many rows of a lane's part of a batch are the epoch's, and not added positives."""
        return (self.batch_size - self.positives) // self.lanes

    @property
    def num_steps(self) -> int:
        """Steps an epoch: until the longest lane has handed out its rows."""
        filled = np.bincount(self.lane_of_file, self.rows.counts.sum(axis=1), self.lanes)
        return int(-(-filled.max() // self.fresh))

    @property
    def part_steps(self) -> int:
        """Steps a part, and so a slice, as many as leave the next slice at a multiple of 64 bytes.

        Parts begin at multiples of it.
        """
        steps = max(1, min(self.part_rows // self.batch_size, self.num_steps))
        even = _ALIGNED // math.gcd(self.fresh, _ALIGNED)
        return steps // even * even or steps

    @property
    def batch_counts(self) -> np.ndarray:
        """Examples of each class in an epoch, `[2]`, float64, for `losses.shift_prior`."""
        added = np.array([0, self.positives * self.num_steps])
        return (self.rows.counts.sum(axis=0) + added).astype(np.float64)

    def runs(self, lane: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a lane that lie in a row, in order: the first of each run, and how many.

        First come the slices, a part each. What is left at both ends of the files comes last.
        """
        rng = np.random.default_rng((self.seed, 0, epoch, lane))
        size, rows = self.part_steps * self.fresh, self.rows.counts.sum(axis=1)
        slices, rest = [np.empty(0, np.int64)], []
        for file in np.flatnonzero(self.lane_of_file == lane).tolist():
            start, stop = int(rows[:file].sum()), int(rows[: file + 1].sum())
            phase = _ALIGNED * int(rng.integers(-(-self.fresh // _ALIGNED)))
            first = min(start + phase, stop)
            slices.append(np.arange(first, stop - size + 1, size))
            last = first + size * len(slices[-1])
            rest += [run for run in ((start, first - start), (last, stop - last)) if run[1]]
        whole = rng.permutation(np.concatenate(slices))
        firsts, sizes = rng.permutation(np.array(rest, np.int64).reshape(-1, 2)).T
        sizes = np.concatenate([np.full(len(whole), size), sizes])
        return np.concatenate([whole, firsts]), sizes

    def pools(self, lane: int, epoch: int) -> list[np.ndarray]:
        """The blocks of each of a lane's pools, in order, of much the same number of rows."""
        own = np.flatnonzero(self.lane_of_file[self.rows.files] == lane)
        blocks = np.random.default_rng((self.seed, 0, epoch, lane)).permutation(own)
        at_once = self.pool_rows // (self.lanes * int(self.rows.sizes.max()))
        return np.array_split(blocks, -(-len(blocks) // at_once))

    def order_of_pool(self, lane: int, epoch: int, pool: int, rows: int) -> np.ndarray:
        """The order in which the rows of a pool are handed out, `[rows]`."""
        return np.random.default_rng((self.seed, 1, epoch, lane, pool)).permutation(rows)

    def positive_places(self, lane: int, epoch: int, first: int, last: int, num: int) -> np.ndarray:
        """Which of a lane's `num` positives are added in some steps, `[(last - first) * each]`."""
        each = self.positives // self.lanes
        turns = epoch * self.num_steps * each + np.arange(first * each, last * each)
        places = turns % num
        for turn in np.unique(turns // num):
            order = np.random.default_rng((self.seed, 2, lane, int(turn))).permutation(num)
            is_turn = turns // num == turn
            places[is_turn] = order[places[is_turn]]
        return places


def open_stream(
    rows: BlockRows,
    *,
    batch_size: int,
    seed: int,
    positives: int = 0,
    lanes: int = 1,
    pool_rows: int | None = None,
    part_rows: int = 2**17,
) -> Stream:
    """Batches in a random order, for `fal_jax.training.fit_stream`.

    With added positives, the network learns the classes' shares in `Stream.batch_counts`; correct
    its scores after training by `losses.shift_prior`, which is exact for cross-entropy, a proper
    loss, not for focal or anchored ones. Rankings stay as they are.

    Decoded rows, which lie in the files in a random order, are handed out as they lie: a batch is
    one contiguous slice for each lane, cut from another row on and put together with other slices
    in each epoch. What that gives up against shuffling all rows in each epoch: rows that are
    neighbours in a file stay so, and a lane's share of a batch is of one file. As many lanes as
    files mix all files in each batch. A file should have many times `part_rows / lanes` rows: what
    is left of it beyond slices of that size is copied, and comes last.

    An epoch takes as many steps as its longest lane. Lanes that are done before have padding and
    added positives alone: 10 equal files in 4 lanes, some with 3 and some with 2, take 20% more
    steps a row than 8 or 12. So let the number of equal files be a multiple of lanes.

    Memory: of rows of `4 (dim + 1)` bytes, a stream holds the pages of `5 part_rows` decoded ones,
    and what the system maps around them, up to twice 2 MiB a slice; or from Parquet, with 8 bytes
    more a row, `4 pool_rows + part_rows` in pools at most, five parts, and row groups that are
    decoded, each as the file has it and as 131,072 rows and their copies, up to 8 at once for each
    device; and if positives are added, all rows of class 1 twice. None of it grows with the files,
    but for these.

    Args:
      rows: of `decoded_rows` or `parquet_rows`.
      batch_size: rows a batch, of all lanes and processes together.
      seed: not negative, of the order.
      positives: how many rows of class 1 are added to each batch, so that each has some.
      lanes: parts of a batch, each from files of its own; several processes take equal numbers of
        them. Batches, and so the trained network, depend on it, but not on the processes.
      pool_rows: rows from Parquet that are shuffled at once, at least a row group for each lane;
        more mix better and take more memory. None takes 131,072, or a row group for each lane if
        these are more, up to 524,288.
      part_rows: rows that are handed out at once, and trained on as one program.

    Returns:
      The `Stream`.

    Raises:
      ValueError: a number is out of range, batch_size or positives are not multiples of lanes,
        there are fewer files than lanes, a row group for each lane is more than pool_rows, or
        positives are to be added and a lane has none or there are more than 2^20 of them.
    """
    if pool_rows is None:
        least = lanes * int(rows.sizes.max()) if rows.mapped is None else 0
        pool_rows = max(_POOL_ROWS, min(least, _MOST_POOL_ROWS))
    stream = Stream(rows, batch_size, seed, positives, lanes, pool_rows, part_rows)
    limits = {"seed": 0, "positives": 0, "lanes": 1, "pool_rows": 1, "part_rows": 1}
    for name, least in limits.items():
        if getattr(stream, name) < least:
            raise ValueError(f"{name} must be at least {least}, got {getattr(stream, name)}.")
    if batch_size % lanes or positives % lanes or positives >= batch_size:
        raise ValueError(
            f"batch_size and positives must be multiples of lanes = {lanes}, and batch_size the "
            f"greater, got {batch_size} and {positives}."
        )
    if len(rows.counts) < lanes:
        raise ValueError(f"lanes must be at most the {len(rows.counts)} files, got {lanes}.")
    _check_blocks(stream)
    in_lanes = np.bincount(stream.lane_of_file, rows.counts[:, 1], lanes).astype(int)
    if positives and not (in_lanes.all() and in_lanes.sum() <= _MOST_POSITIVES):
        raise ValueError(
            f"to add positives, each lane must have rows of class 1 and all of them at most "
            f"{_MOST_POSITIVES:,}, got {in_lanes.tolist()} by lane: take "
            f"{'fewer lanes' if in_lanes.sum() <= _MOST_POSITIVES else 'positives=0'}."
        )
    return stream


def _check_blocks(stream: Stream) -> None:
    """Refuses blocks of which a pool can't hold one: they are never read in part."""
    rows, lanes = stream.rows, stream.lanes
    largest = int(rows.sizes.max())
    if rows.mapped is None and lanes * largest > stream.pool_rows:
        mib = -(-20 * lanes * largest * (rows.dim + 3) // 2**20)
        raise ValueError(
            f"pool_rows must be at least {lanes * largest:,}, a row group for each of {lanes} "
            f"lanes, the largest of {largest:,} rows, got {stream.pool_rows:,}: decode the files "
            "once, by decode_shards, write them anew with smaller row groups, by row_group_size of "
            "pyarrow.parquet.write_table, take fewer lanes, or so many pool_rows, of some "
            f"{mib:,} MiB."
        )


@functools.lru_cache(maxsize=8)
def _lanes_of(sizes: tuple[int, ...], lanes: int) -> np.ndarray:
    """The lane of each file by the files' sizes."""
    found, filled = np.empty(len(sizes), np.int64), np.zeros(lanes, np.int64)
    for file in np.argsort(-np.array(sizes), kind="stable"):
        found[file] = filled.argmin()
        filled[found[file]] += sizes[file]
    found.flags.writeable = False
    return found
