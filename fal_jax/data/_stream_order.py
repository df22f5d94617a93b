"""The order of a stream, written out."""

import numpy as np

from fal_jax.data._row_stream import Stream


def stream_order(stream: Stream, epoch: int) -> np.ndarray:
    """The rows of an epoch's batches, by their numbers in the files: some 16 bytes a row.

    Args:
      stream: of `open_stream`.
      epoch: its number, from 0.

    Returns:
      `[steps, batch_size]`, int64, -1 for padding: `fal_jax.training.fit` on all rows of the files
      in memory, in their order, trains the same network with these batches.
    """
    rows, parts = stream.rows, []
    order_of_lane = _of_pools if rows.mapped is None else _of_runs
    per_file = rows.counts.sum(axis=1)
    starts = np.cumsum(per_file) - per_file
    for lane in range(stream.lanes):
        numbers = np.full(stream.num_steps * stream.fresh, -1)
        fresh = order_of_lane(stream, lane, epoch)
        numbers[: len(fresh)] = fresh
        parts.append(numbers.reshape(stream.num_steps, stream.fresh))
        if stream.positives:
            own = np.flatnonzero(stream.lane_of_file == lane).tolist()
            known = np.concatenate([starts[file] + rows.positives(file)[0] for file in own])
            chosen = stream.positive_places(lane, epoch, 0, stream.num_steps, len(known))
            parts.append(known[chosen].reshape(stream.num_steps, -1))
    in_files = [start + rows.order(file) for file, start in enumerate(starts)]
    return np.append(np.concatenate(in_files), -1)[np.concatenate(parts, axis=1)]


def _of_pools(stream: Stream, lane: int, epoch: int) -> np.ndarray:
    """A lane's rows as its pools hand them out."""
    rows, found = stream.rows, []
    for number, blocks in enumerate(stream.pools(lane, epoch)):
        pool = np.concatenate([rows.starts[b] + np.arange(rows.sizes[b]) for b in blocks])
        found.append(pool[stream.order_of_pool(lane, epoch, number, len(pool))])
    return np.concatenate(found)


def _of_runs(stream: Stream, lane: int, epoch: int) -> np.ndarray:
    """A lane's rows as its runs hand them out."""
    firsts, sizes = stream.runs(lane, epoch)
    return np.concatenate([np.arange(f, f + s) for f, s in zip(firsts, sizes, strict=True)])
