"""Synthetic rows of whole tables, block by block: one shape for any number of rows."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fal_jax.resampling import _inputs, _search, _segments
from fal_jax.resampling._drawing import Segments, draw, interpolate

BLOCK = 16_384  # synthetic rows made at once


class Joined(NamedTuple):
    """What a class gains: so many rows on segments, from given bases or, for None, drawn ones."""

    segments: Segments
    number: int
    bases: np.ndarray | None = None


def blocks(
    key: jax.Array, table: _inputs.Table, start: int, parts: Mapping[int, Joined]
) -> Iterator[tuple[slice, jax.Array]]:
    """Synthetic rows in blocks of one shape, for any number of rows, and where they belong."""
    for place, part in enumerate(parts.values()):
        used, segments = _compact(table, part.segments)
        of_class, stop = jax.random.fold_in(key, place), start + part.number
        for number, done in enumerate(range(0, part.number, BLOCK)):
            bases = None if part.bases is None else np.resize(part.bases[done:][:BLOCK], BLOCK)
            first = start + done
            rows = slice(first, min(first + BLOCK, stop))
            yield rows, _block(of_class, number, used, segments, bases)
        start = stop


def _compact(table: _inputs.Table, segments: Segments) -> tuple[jax.Array, Segments]:
    """The rows that the segments touch, and the segments in their numbers; of few shapes."""
    ends = np.column_stack([segments.rows, segments.neighbours])
    rows, places = np.unique(ends, return_inverse=True)
    used = jnp.asarray(table[np.resize(rows, _search.rounded(rows.size))])
    places = jnp.asarray(places, jnp.int32)
    segments = segments._replace(rows=places[:, 0], neighbours=places[:, 1:])
    return used, _segments.padded(segments, _search.rounded(len(ends)))


@jax.jit
def _block(
    key: jax.Array, number: int, table: jax.Array, segments: Segments, bases: jax.Array | None
) -> jax.Array:
    draws = draw(jax.random.fold_in(key, number), segments, num_samples=BLOCK)
    return interpolate(table, segments, draws if bases is None else draws._replace(bases=bases))
