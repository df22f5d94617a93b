"""Multi-layer perceptrons for tables."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from fal_jax.models._heads import Head, linear_head
from fal_jax.models._model import Model, Outputs, Params, Stats, from_nnx
from fal_jax.models._products import times_columns, times_rows

Activation = Callable[[jax.Array], jax.Array]


def mlp(
    num_inputs: int,
    num_classes: int,
    *,
    hidden: Sequence[int] = (16, 8),
    head: Callable[[int, int], Head] = linear_head,
    activation: Activation = jax.nn.relu,
    embedding_activation: Activation | None = jax.nn.relu,
) -> Model:
    """A multi-layer perceptron whose last hidden layer is the embedding.

    Args:
      num_inputs: width of the inputs.
      num_classes: number of classes, at least 2.
      hidden: widths of the hidden layers, at least one; the last is the embedding's.
      head: `linear_head`, `anchored_head` or any `(num_classes, dim) -> Head`.
      activation: applied after every hidden layer but the last.
      embedding_activation: applied after the last hidden layer; None leaves it linear.

    Returns:
      A `Model` whose `apply` returns `Outputs` for inputs `[batch, num_inputs]`. Its parameters
      are `{"body": ..., "head": ...}`, its statistics are empty.

    Raises:
      ValueError: if hidden is empty.

    References:
      The two layers of 16 and 8 are those of Baloch et al., ACML 2019, Sec. 4.1.1.

    Example:
      >>> model = mlp(36, 2)
      >>> params, stats = model.init(jax.random.key(0))
      >>> outputs, _ = model.apply(params, stats, jax.numpy.ones((5, 36)))
      >>> outputs.features.shape, outputs.logits.shape
      ((5, 8), (5, 2))
    """
    if not hidden:
        raise ValueError("hidden must name at least one layer, the embedding, got none.")
    widths = (num_inputs, *hidden)
    activations = (activation,) * (len(hidden) - 1) + (embedding_activation,)
    return classifier(perceptron(widths, activations), head(num_classes, hidden[-1]))


def classifier(body: Model, head: Head) -> Model:
    """Joins a network that gives features and a head that gives logits.

    Args:
      body: a `Model` whose `apply` returns features `[batch, dim]`; see `from_nnx`.
      head: a `Head` for features of that width.

    Returns:
      A `Model` whose `apply` returns `Outputs`, with parameters `{"body": ..., "head": ...}`.

    Example:
      >>> from fal_jax.models import anchored_head
      >>> body = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
      >>> model = classifier(body, anchored_head(4, 2))
      >>> sorted(model.init(jax.random.key(0))[0])
      ['body', 'head']
    """

    def init(key: jax.Array) -> tuple[Params, Stats]:
        body_key, head_key = jax.random.split(key)
        params, stats = body.init(body_key)
        return {"body": params, "head": head.init(head_key)}, stats

    def apply(
        params: Params, stats: Stats, inputs: ArrayLike, **options: Any
    ) -> tuple[Outputs, Stats]:
        features, stats = body.apply(params["body"], stats, inputs, **options)
        return Outputs(features, head.apply(params["head"], features)), stats

    return Model(init, apply)


def perceptron(widths: Sequence[int], activations: Sequence[Activation | None]) -> Model:
    """Linear layers, at least one, from each width to the next; after each its activation."""
    return from_nnx(lambda rngs: _Body(widths, activations, rngs))


class _Body(nnx.Module):
    """Linear layers, each followed by its activation."""

    def __init__(
        self, widths: Sequence[int], activations: Sequence[Activation | None], rngs: nnx.Rngs
    ):
        self.layers = nnx.List(
            nnx.Linear(i, o, kernel_init=nnx.initializers.he_normal(), rngs=rngs)
            for i, o in itertools.pairwise(widths)
        )
        self.activations = tuple(activations)

    def __call__(self, inputs: jax.Array) -> jax.Array:
        # Examples along the last axis: layers of 16 or 8 units still fill vector registers, and
        # many models under `vmap` share one product for their first layer.
        product, values = times_rows, inputs
        for layer, activation in zip(self.layers, self.activations, strict=True):
            assert layer.bias is not None  # it is, by default
            columns = product(layer.kernel[...], values)
            columns = columns + layer.bias[...].reshape(-1, *[1] * (columns.ndim - 1))
            values = columns if activation is None else activation(columns)
            product = times_columns
        return jnp.moveaxis(values, 0, -1)
