"""Heads: what turns features into logits. Linear and anchored ones are interchangeable."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.anchors import initial_anchors
from fal_jax.losses import cosines, distance_logits, squared_distances
from fal_jax.models._products import times_columns

HeadParams = dict[str, Any]


class Head(NamedTuple):
    """The last layer of a classifier: `init` and `apply`, both pure.

    Attributes:
      init: `init(key) -> params`, a plain dict of arrays.
      apply: `apply(params, features [..., dim]) -> logits [..., classes]`.
    """

    init: Callable[[jax.Array], HeadParams]
    apply: Callable[[HeadParams, jax.Array], jax.Array]


def linear_head(num_classes: int, dim: int) -> Head:
    """Logits `features @ kernel + bias`.

    Args:
      num_classes: number of classes, at least 2.
      dim: width of the features.

    Returns:
      A `Head` with parameters `kernel [dim, classes]` (LeCun normal) and `bias [classes]` (0).

    Example:
      >>> head = linear_head(2, 8)
      >>> head.apply(head.init(jax.random.key(0)), jnp.ones((5, 8))).shape
      (5, 2)
    """
    _checks.sizes(num_classes, dim)

    def init(key: jax.Array) -> HeadParams:
        kernel = jax.nn.initializers.lecun_normal()(key, (dim, num_classes))
        return {"kernel": kernel, "bias": jnp.zeros(num_classes)}

    def apply(params: HeadParams, features: jax.Array) -> jax.Array:
        kernel, bias = params["kernel"], params["bias"]
        columns = jnp.moveaxis(features, -1, 0)
        columns = columns.astype(jnp.promote_types(columns.dtype, jnp.float32))
        logits = times_columns(kernel, columns)
        return jnp.moveaxis(logits + bias.reshape(-1, *[1] * (logits.ndim - 1)), 0, -1)

    return Head(init, apply)


def cosine_head(num_classes: int, dim: int, *, scale: ArrayLike = 30.0) -> Head:
    """Logits `scale * cos(features, kernel)`, the angle to one direction a class.

    A margin on the cosine of the true class, as LDAM and CosFace have it, is a margin of `scale`
    times as much on its logit.

    Args:
      num_classes: number of classes, at least 2.
      dim: width of the features.
      scale: scalar above 0, the logit of a feature in its class' direction; may be traced.

    Returns:
      A `Head` with the parameter `kernel [dim, classes]` (normal). A feature of 0 has logits of 0;
      see `fal_jax.losses.cosines`.

    Raises:
      ValueError: num_classes is below 2, dim below 1 or a concrete scale not above 0.

    References:
      Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss", NeurIPS
      2019 (scale 30); Wang et al., "CosFace", CVPR 2018, Eq. 4.

    Example:
      >>> head = cosine_head(2, 8)
      >>> head.apply(head.init(jax.random.key(0)), jnp.ones((5, 8))).shape
      (5, 2)
    """
    _checks.sizes(num_classes, dim)
    scale = _checks.number("scale", scale, jnp.float32, open_minimum=True)

    def init(key: jax.Array) -> HeadParams:
        return {"kernel": jax.random.normal(key, (dim, num_classes))}

    def apply(params: HeadParams, features: jax.Array) -> jax.Array:
        return scale * cosines(features, params["kernel"].T)

    return Head(init, apply)


def anchored_head(num_classes: int, dim: int, *, spread: ArrayLike = 4.0) -> Head:
    """Logits of the distance softmax: minus the squared distances to one anchor a class.

    For FAL and LGM the anchors are parameters. For FAML they are state: pass
    `{"anchors": state.anchors}` as the parameters.

    Args:
      num_classes: number of classes, at least 2.
      dim: width of the features.
      spread: the mean squared distance between two anchors at the start; may be traced.

    Returns:
      A `Head` with parameters `anchors [classes, dim]`, from `fal_jax.anchors.initial_anchors`.

    Example:
      >>> head = anchored_head(2, 8)
      >>> head.apply(head.init(jax.random.key(0)), jnp.ones((5, 8))).shape
      (5, 2)
    """
    _checks.sizes(num_classes, dim)

    def init(key: jax.Array) -> HeadParams:
        return {"anchors": initial_anchors(key, num_classes, dim, spread=spread)}

    def apply(params: HeadParams, features: jax.Array) -> jax.Array:
        return distance_logits(squared_distances(features, params["anchors"]))

    return Head(init, apply)
