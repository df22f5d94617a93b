"""Sums over many classes, a tile of classes at a time: `[batch, classes]` is never held.

Scores that are a product, `heads [classes, width] . points [width, batch]`, are made tile by tile
with an online log-sum-exp, and made again for the gradient; so few that they fit in a cache are
made once and kept. Squared distances become such a product by expansion; features and anchors must
be centred before it, or far from the origin it loses all its digits. Tiles are classes first, kept
scores examples first: the quickest layouts to multiply and to reduce.
"""

import functools
import math
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp

from fal_jax.losses._shards import class_offset, is_explicit, vary_alike

_TILE = 2**20  # scores held at once: 4 MiB of float32, which stays in the cache
_FEWEST, _MOST = 64, 4096  # classes in a tile
_KEPT = 2**20  # scores up to which they are kept, as many as a tile has
_KEPT_WIDE, _WIDE = 2**22, 256  # and up to which where a product of such a width costs more
_DENSE_CLASSES, _DENSE_SCORES = 2, 2**12  # up to either, direct differences are quick

Heads = Callable[[Any, jax.Array], jax.Array]
"""Of a tile of what the classes have, and the centre: `[tile, width]`."""

product = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


def expands(features: jax.Array, num_classes: int, class_axis_name: Hashable | None = None) -> bool:
    """Whether distances of features `[..., dim]` to so many classes are to be expanded."""
    if class_axis_name is not None:
        return True
    scores = num_classes * math.prod(features.shape[:-1])
    many = num_classes > _DENSE_CLASSES and scores > _DENSE_SCORES
    return many and not is_explicit(features)


def centred(
    features: jax.Array, anchors: jax.Array, class_axis_name: Hashable | None
) -> tuple[jax.Array, jax.Array]:
    """Features less the anchors' mean, and that mean, through which no gradient flows."""
    centre = jnp.mean(jax.lax.stop_gradient(anchors), axis=0)
    if class_axis_name is not None:
        centre = jax.lax.pmean(centre, class_axis_name)
    return features - jax.lax.broadcast_to_rank(centre, features.ndim), centre


def log_sum_of_others(
    heads: Heads,
    columns: list[jax.Array],
    classes: Any,
    centre: jax.Array,
    labels: jax.Array,
    class_axis_name: Hashable | None,
) -> tuple[jax.Array, jax.Array | None]:
    """`log of the sum over k != y of exp(heads_k . point)`, `[...]`, with derivatives.

    And, where all scores are kept, that of the true class, `heads_y . point`, `[...]`; else None.

    Args:
      heads: makes the factors of a tile of classes.
      columns: `[..., width]` each; beside one another and a 1 they are the points.
      classes: a tree of `[classes, ...]`, what `heads` takes tiles of.
      centre: `[dim]`, passed to `heads`; taken as a constant.
      labels: `[...]`, of the classes on all devices.
      class_axis_name: the mapped axis that classes are split over, or None.
    """
    num_classes = len(jax.tree.leaves(classes)[0])
    local = labels.reshape(-1) - class_offset(num_classes, class_axis_name)
    kept = _KEPT_WIDE if columns[0].shape[-1] >= _WIDE else _KEPT
    if class_axis_name is None and num_classes * labels.size <= kept:
        others, own = _log_sum_kept(heads, columns, classes, centre, local)
        return others.reshape(labels.shape), own.reshape(labels.shape)
    ones = jnp.ones_like(columns[0][..., :1])
    points = jnp.concatenate([*columns, ones], axis=-1)
    points = points.reshape(-1, points.shape[-1]).T
    arguments = vary_alike((points, classes, centre, local))
    return _log_sum(heads, class_axis_name, *arguments).reshape(labels.shape), None


def distance_of_score(shared: jax.Array, true_score: jax.Array) -> jax.Array:
    """The own distance, `shared - true_score`; what rounds below 0 is 0, its slopes as they are."""
    expanded = shared - true_score
    return expanded + jax.lax.stop_gradient(jnp.maximum(-expanded, 0))


def _log_sum_kept(heads, columns, classes, centre, labels):
    factors = heads(classes, centre)
    scores, start = factors[None, :, -1], 0  # what meets the 1 of each point
    for column in columns:
        rows = column.reshape(-1, column.shape[-1])
        own = factors[:, start : start + rows.shape[1]]
        scores, start = scores + product("ne,ce->nc", rows, own), start + rows.shape[1]
    is_true = jnp.arange(len(factors), dtype=labels.dtype)[None] == labels[:, None]
    others = jax.nn.logsumexp(scores, axis=1, where=~is_true)
    return others, jnp.sum(scores, axis=1, where=is_true)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _log_sum(heads, class_axis_name, points, classes, centre, labels):
    return _log_sum_forward(heads, class_axis_name, points, classes, centre, labels)[0]


def _log_sum_forward(heads, class_axis_name, points, classes, centre, labels):
    def step(carry, tile):
        highest, total = carry
        factors, hidden = heads(tile.of(classes), centre), tile.hides(labels)
        scores = jnp.where(hidden, -jnp.inf, product("ce,en->cn", factors, points))
        higher = jax.lax.stop_gradient(jnp.maximum(highest, jnp.max(scores, axis=0)))
        total = total * jnp.exp(highest - higher) + jnp.sum(jnp.exp(scores - higher[None]), axis=0)
        return (higher, total), None

    lowest = jnp.full(labels.shape, jnp.finfo(points.dtype).min, points.dtype)
    start, _ = vary_alike(((lowest, jnp.zeros_like(lowest)), points))
    (highest, total), _ = scan_tiles(step, start, classes, labels)
    if class_axis_name is not None:
        over_all = jax.lax.stop_gradient(jax.lax.pmax(highest, class_axis_name))
        total = jax.lax.psum(total * jnp.exp(highest - over_all), class_axis_name)
        highest = over_all
    log_sum = highest + jnp.log(total)
    return log_sum, (points, classes, centre, labels, log_sum)


def _log_sum_backward(heads, _, kept, cotangent):
    points, classes, centre, labels, log_sum = kept

    def step(carry, tile):
        to_points, to_classes = carry
        factors, pull = jax.vjp(lambda own: heads(own, centre), tile.of(classes))
        scores = jnp.where(tile.hides(labels), -jnp.inf, product("ce,en->cn", factors, points))
        weights = jnp.exp(scores - log_sum[None]) * cotangent[None]
        to_points = to_points + product("cn,ce->en", weights, factors)
        (to_tile,) = pull(product("cn,en->ce", weights, points))
        return (to_points, jax.tree.map(tile.add, to_classes, to_tile)), None

    start = jax.tree.map(jnp.zeros_like, (points, classes))
    start, _ = vary_alike((start, points))
    (to_points, to_classes), _ = scan_tiles(step, start, classes, labels)
    return to_points, to_classes, jnp.zeros_like(centre), None


_log_sum.defvjp(_log_sum_forward, _log_sum_backward)


class Tile:
    """Some classes in a row; the last tile overlaps the one before, to be as long."""

    def __init__(self, first: jax.Array, size: int, num_classes: int):
        self.first, self.size = first, size
        self.start = jnp.minimum(first, num_classes - size)
        self.numbers = self.start + jnp.arange(size, dtype=first.dtype)

    def of(self, classes: Any) -> Any:
        """Its part of each `[classes, ...]`."""
        cut = functools.partial(
            jax.lax.dynamic_slice_in_dim, start_index=self.start, slice_size=self.size
        )
        return jax.tree.map(cut, classes)

    def add(self, total: jax.Array, part: jax.Array) -> jax.Array:
        """`total [classes, ...]` with its part added."""
        return jax.lax.dynamic_update_slice_in_dim(total, self.of(total) + part, self.start, 0)

    def hides(self, labels: jax.Array) -> jax.Array:
        """`[tile, batch]`: the true class of each example, and what an earlier tile has had."""
        seen = self.numbers < self.first
        return (self.numbers[:, None] == labels[None]) | seen[:, None]


def tile_size(batch: int, num_classes: int) -> int:
    """The number of classes in a tile."""
    return min(max(_TILE // max(batch, 1), _FEWEST), _MOST, num_classes)


def scan_tiles(step: Callable, start: Any, classes: Any, labels: jax.Array) -> tuple[Any, Any]:
    """`jax.lax.scan` over the tiles of classes."""
    num_classes = len(jax.tree.leaves(classes)[0])
    size = tile_size(labels.size, num_classes)
    firsts = jnp.arange(0, num_classes, size, dtype=labels.dtype)
    return jax.lax.scan(lambda c, first: step(c, Tile(first, size, num_classes)), start, firsts)
