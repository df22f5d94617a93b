"""Means over the examples of a batch, plain or with a weight for each row."""

import jax
import jax.numpy as jnp

from fal_jax import models, training
from fal_jax.models import Model, Outputs, Params
from fal_jax.training import Batch


def mean(values: jax.Array, batch: Batch) -> jax.Array:
    """The mean of weight times value over the valid examples; 0 where none is."""
    values = values if batch.weights is None else values * batch.weights
    return jnp.sum(values, where=batch.where) / jnp.maximum(jnp.sum(batch.where), 1)


def weighted_by_row(model: Model, loss: training.Loss) -> tuple[Model, training.Loss]:
    """Model and loss for inputs whose last column is the weight of the row."""

    def apply(params: Params, stats: models.Stats, inputs: jax.Array, **options):
        return model.apply(params, stats, inputs[..., :-1], **options)

    def weighted(outputs: Outputs, head: Params, batch: Batch) -> jax.Array:
        return loss(outputs, head, batch._replace(weights=batch.inputs[..., -1]))

    return Model(model.init, apply), weighted
