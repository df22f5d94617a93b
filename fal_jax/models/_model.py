"""What a network is here: a pair of pure functions over plain dicts."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
from flax import nnx
from jax.typing import ArrayLike

Params = dict[str, Any]
Stats = dict[str, Any]


class Outputs(NamedTuple):
    """What a classifier gives for a batch.

    Attributes:
      features: `[batch, dim]`, the embedding that anchors live in.
      logits: `[batch, classes]`; under an anchored head minus the squared distances.
    """

    features: jax.Array
    logits: jax.Array


class Model(NamedTuple):
    """A network: `init` and `apply`, both pure.

    Attributes:
      init: `init(key) -> (params, stats)`, nested plain dicts of arrays.
      apply: `apply(params, stats, inputs, *, train=False, axis_name=None) -> (outputs, stats)`;
        with `train` the statistics (of batch norm, say) are those of the batch, and the new ones
        are returned. `axis_name` is the mapped axis that the batch is split over, or None.
    """

    init: Callable[[jax.Array], tuple[Params, Stats]]
    apply: Callable[..., tuple[Any, Stats]]


def from_nnx(build: Callable[[nnx.Rngs], nnx.Module]) -> Model:
    """A Model of a Flax NNX module; its variables are carried as plain dicts.

    Args:
      build: makes the module from `nnx.Rngs`. Its variables must be `nnx.Param` or
        `nnx.BatchStat`.

    Returns:
      A `Model` whose `apply` returns what the module's call returns.

    Raises:
      ValueError: the module holds other kinds of variables, such as the random state of dropout.

    Example:
      >>> model = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
      >>> params, stats = model.init(jax.random.key(0))
      >>> params["kernel"].shape, stats
      ((3, 2), {})
    """
    abstract = nnx.eval_shape(lambda: build(nnx.Rngs(0)))
    graph, abstract_params, abstract_stats = nnx.split(abstract, nnx.Param, nnx.BatchStat)

    def init(key: jax.Array) -> tuple[Params, Stats]:
        _, params, stats = nnx.split(build(nnx.Rngs(key)), nnx.Param, nnx.BatchStat)
        return nnx.to_pure_dict(params), nnx.to_pure_dict(stats)

    def apply(
        params: Params,
        stats: Stats,
        inputs: ArrayLike,
        *,
        train: bool = False,
        axis_name: Hashable | None = None,
    ) -> tuple[Any, Stats]:
        states = []
        for template, values in ((abstract_params, params), (abstract_stats, stats)):
            state = jax.tree.map(lambda leaf: leaf, template)
            nnx.replace_by_pure_dict(state, values)
            states.append(state)
        module = nnx.merge(graph, *states)
        module.set_attributes(nnx.BatchNorm, axis_name=axis_name, raise_if_not_found=False)
        if train:
            module.train()
        else:
            module.eval()
        outputs = module(inputs)
        return outputs, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))

    return Model(init, apply)
