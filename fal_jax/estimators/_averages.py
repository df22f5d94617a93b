"""Means over the examples of a batch, plain or with a weight for each row."""

import jax
import jax.numpy as jnp

from fal_jax import models, training
from fal_jax.models import Model, Outputs, Params
from fal_jax.training import Batch


def mean(values: jax.Array, where: jax.Array) -> jax.Array:
    """The mean over the valid examples; 0 where none is."""
    return jnp.sum(values, where=where) / jnp.maximum(jnp.sum(where), 1)


def weighted_by_row(model: Model, loss: training.Loss) -> tuple[Model, training.Loss]:
    """Model and loss for inputs whose last column is the weight of the row.

    The loss of a batch is the mean of weight times loss, with the loss of each example that of a
    batch of it alone: Eq. 8 of FAL so is a plain mean, without its balance of classes. Noise that
    a loss draws for a batch is then the same for all examples.
    """

    def apply(params: Params, stats: models.Stats, inputs: jax.Array, **options):
        return model.apply(params, stats, inputs[..., :-1], **options)

    def weighted(outputs: Outputs, head: Params, batch: Batch) -> jax.Array:
        def alone(outputs: Outputs, label: jax.Array) -> jax.Array:
            outputs = jax.tree.map(lambda values: values[None], outputs)
            one = batch._replace(labels=label[None], where=jnp.ones(1, bool))
            return loss(outputs, head, one)

        each = jax.vmap(alone)(outputs, batch.labels)
        return mean(each * batch.inputs[..., -1], batch.where)

    return Model(model.init, apply), weighted
