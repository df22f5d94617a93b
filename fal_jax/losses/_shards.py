"""Arrays that are split over devices; of classes each device holds as many, in a row."""

from collections.abc import Hashable
from typing import Any

import jax


def class_offset(num_classes: int, class_axis_name: Hashable | None) -> jax.Array | int:
    """The number of the first class on this device, which holds so many of them."""
    if class_axis_name is None:
        return 0
    device = jax.lax.axis_index(class_axis_name)
    if not jax.typeof(device).manual_axis_type.varying:  # gradients would be too large
        raise ValueError(
            "class_axis_name must be an axis of jax.shard_map with check_vma=True, got "
            f"{class_axis_name!r} of a map that does not check what varies over it."
        )
    return device * num_classes


def total_classes(num_classes: int, class_axis_name: Hashable | None) -> int:
    """The number of classes on all devices, of which each holds so many."""
    return num_classes * (1 if class_axis_name is None else jax.lax.axis_size(class_axis_name))


def is_explicit(array: jax.Array) -> bool:
    """Whether it is split over an explicit mesh, where JAX does not gather or scatter by it."""
    return any(axis is not None for axis in jax.typeof(array).sharding.spec)


def vary_alike(tree: Any) -> Any:
    """The tree, all of whose leaves vary over the mapped axes that any of them varies over.

    For `jax.shard_map`: the sums over devices of what did not vary before are then made by JAX.
    """
    leaves = jax.tree.leaves(tree)
    axes = frozenset().union(*(jax.typeof(leaf).manual_axis_type.varying for leaf in leaves))

    def vary(leaf: jax.Array) -> jax.Array:
        missing = tuple(axes - jax.typeof(leaf).manual_axis_type.varying)
        return jax.lax.pcast(leaf, missing, to="varying") if missing else leaf

    return jax.tree.map(vary, tree)
