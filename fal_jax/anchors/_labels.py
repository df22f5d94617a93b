"""Telling anchors from other parameters, for an optimiser that treats them apart."""

from typing import Any

import jax


def anchor_labels(params: Any) -> Any:
    """Labels parameters "anchors" or "network", for `optax.partition`.

    Anchors learned by gradient (FAL, LGM) want a learning rate of their own and no weight decay:
    decay pulls all anchors to the origin, and so together.

    Args:
      params: any pytree. A leaf is an anchor if a dict key or attribute on its path is "anchors".

    Returns:
      The same pytree with a label for each leaf.

    Raises:
      ValueError: no leaf is an anchor, so that an optimiser would silently treat none apart.

    Example:
      >>> import optax
      >>> params = {"body": {"kernel": 1.0}, "head": {"anchors": 2.0}}
      >>> anchor_labels(params)
      {'body': {'kernel': 'network'}, 'head': {'anchors': 'anchors'}}
      >>> by_label = {"anchors": optax.adam(0.1), "network": optax.adamw(0.01)}
      >>> state = optax.partition(by_label, anchor_labels).init(params)
    """

    def label(path: tuple, _: Any) -> str:
        names = (getattr(entry, "key", getattr(entry, "name", None)) for entry in path)
        return "anchors" if "anchors" in names else "network"

    labels = jax.tree_util.tree_map_with_path(label, params)
    if "anchors" not in jax.tree.leaves(labels):
        raise ValueError(
            'params must have a leaf under a key "anchors", got the structure '
            f"{jax.tree.structure(params)}."
        )
    return labels
