"""What an anchor rule is: a pair of pure functions over an explicit state."""

from collections.abc import Hashable
from typing import NamedTuple, Protocol

import jax
from jax.typing import ArrayLike


class AnchorState(NamedTuple):
    """Anchors that a rule moves, and the window of features that it has seen since it last did.

    A plain pytree of arrays: jit, vmap, shard, save and restore it as any other.

    Attributes:
      anchors: `[classes, dim]`, floating, the anchors in force.
      window_means: `[classes, dim]`, weighted mean of each class' features in the window.
      window_weights: `[classes]`, total weight of each class in units of the current step's.
      window_seen: `[classes]`, bool, the classes seen in the window.
      num_steps: `[]`, integer, steps made, one minibatch each.
      num_updates: `[]`, integer, anchor updates made.
    """

    anchors: jax.Array
    window_means: jax.Array
    window_weights: jax.Array
    window_seen: jax.Array
    num_steps: jax.Array
    num_updates: jax.Array


class AnchorInit(Protocol):
    """Makes the state of a run that starts at given anchors."""

    def __call__(self, anchors: ArrayLike) -> AnchorState:
        """Returns the state with `anchors [classes, dim]` and an empty window."""
        ...


class AnchorUpdate(Protocol):
    """Advances the state by one step, one minibatch."""

    def __call__(
        self,
        features: ArrayLike,
        labels: ArrayLike,
        state: AnchorState,
        *,
        where: ArrayLike | None = None,
        axis_name: Hashable | None = None,
    ) -> AnchorState:
        """Returns the state after `features [..., dim]` with `labels [...]`."""
        ...


class AnchorRule(NamedTuple):
    """How anchors that are state, not parameters, move: `init` and `update`, both pure."""

    init: AnchorInit
    update: AnchorUpdate
