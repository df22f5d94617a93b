"""Prediction by the nearest anchors, among any number of them."""

from typing import cast

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.losses._scores import squared_distances
from fal_jax.losses._streaming import Tile, centred, expands, product, scan_tiles

_FEW = 32  # anchors up to which all distances are taken directly
_SPARE = 8  # candidates beyond k, so that rounding loses none


def nearest_anchors(
    features: ArrayLike, anchors: ArrayLike, *, k: int = 1
) -> tuple[jax.Array, jax.Array]:
    """The k nearest anchors of each example and their squared distances, nearest first.

    `classes[0] = argmin_k ||f - phi_k||^2`. With many classes they are looked through a tile at a
    time for somewhat more than k candidates, whose distances are then taken by direct differences.

    Args:
      features: `[..., dim]`, floating.
      anchors: `[classes, dim]`, floating; at least 2 classes.
      k: how many, 1 to the number of classes; not traced.

    Returns:
      Distances, `[..., k]` in `promote_types(dtype, float32)`, and class numbers, `[..., k]` in
      int32. Of equal distances the lower class comes first. Gradients of the distances flow to
      features and anchors.

    Raises:
      ValueError: if the shapes do not fit or k is out of range.
      TypeError: if features or anchors are not floating.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019: the class of the highest p in Eq. 7.

    Example:
      >>> nearest_anchors([[3.0, 4.0]], [[0.0, 0.0], [3.0, 3.0]])
      (Array([[1.]], dtype=float32), Array([[1]], dtype=int32))
    """
    features, anchors = _checks.features_and_anchors(features, anchors)
    if not 1 <= k <= len(anchors):
        raise ValueError(f"k must be 1 to the number of classes, {len(anchors)}, got {k}.")
    if len(anchors) <= _FEW or not expands(features, len(anchors)):
        negated, classes = jax.lax.top_k(-squared_distances(features, anchors), k)
        return -negated, classes
    classes = _candidates(features, anchors, min(k + _SPARE, len(anchors)))
    differences = features[..., None, :] - anchors[classes]
    negated, order = jax.lax.top_k(-jnp.sum(differences**2, axis=-1), k)
    return -negated, jnp.take_along_axis(classes, order, axis=-1)


def _candidates(features: jax.Array, anchors: jax.Array, number: int) -> jax.Array:
    """The classes of about the nearest anchors, `[..., number]`, in rising order."""
    features, anchors = jax.lax.stop_gradient((features, anchors))
    points, centre = centred(features, anchors, None)
    points = points.reshape(-1, points.shape[-1])
    none = jnp.full(len(points), -1)  # hides no class

    def step(carry: tuple, tile: Tile) -> tuple:
        own = tile.of(anchors) - centre[None]
        nearness = 2 * product("nd,cd->nc", points, own) - jnp.sum(own**2, axis=-1)[None]
        nearness = jnp.where(tile.hides(none).T, -jnp.inf, nearness)
        found, place = jax.lax.top_k(nearness, min(number, tile.size))
        best = jnp.concatenate([carry[0], found], axis=-1)
        classes = jnp.concatenate([carry[1], tile.numbers[place]], axis=-1)
        best, place = jax.lax.top_k(best, number)
        return (best, jnp.take_along_axis(classes, place, axis=-1)), None

    shape = len(points), number
    start = jnp.full(shape, -jnp.inf, points.dtype), jnp.zeros(shape, none.dtype)
    (_, classes), _ = scan_tiles(step, start, anchors, none)
    return jnp.sort(cast(jax.Array, classes), axis=-1).reshape(*features.shape[:-1], number)
