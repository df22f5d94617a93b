"""Some steps' batches at a time, from either kind of stream."""

from collections.abc import Iterator, Sequence

from fal_jax.data._pieces import Part
from fal_jax.data._pools import pooled_parts
from fal_jax.data._row_stream import Stream
from fal_jax.data._slices import sliced_parts


def stream_parts(
    stream: Stream, *, epoch: int, first: int = 0, lanes: Sequence[int] | None = None
) -> Iterator[tuple[Part, ...]]:
    """Reads an epoch's batches, `Stream.part_steps` at a time.

    Args:
      stream: of `open_stream`.
      epoch: its number, from 0.
      first: the step to start with, from 0; the first part ends where it does from the start.
      lanes: those to read, of one process, say; None for all.

    Returns:
      An iterator of tuples of `Part`: the pieces of the batches, which are these side by side, the
      lanes in order. All parts have as many steps; those beyond its end have no example. Of
      mapped files, lanes' rows are the memory-mapped ones themselves: they can't be written to,
      and are read from the file again once four more parts are made.

    Raises:
      FileNotFoundError: a file has gone.
      ValueError: a file is damaged, or a value is not what its column holds.
    """
    lanes = range(stream.lanes) if lanes is None else lanes
    if stream.rows.mapped is None:
        yield from pooled_parts(stream, epoch=epoch, first=first, lanes=lanes)
    else:
        yield from sliced_parts(stream, stream.rows.mapped, epoch=epoch, first=first, lanes=lanes)
