"""The training of BAGAN's autoencoder, a pair of pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax

from fal_jax.models import Autoencoder, Model, Params


class CodingState(NamedTuple):
    """What an autoencoder in training carries.

    Attributes:
      params: "trunk", "code" and "decoder", of the three models.
      opt_state: of the optimiser.
    """

    params: Params
    opt_state: optax.OptState


class Coding(NamedTuple):
    """Training an autoencoder.

    Attributes:
      init: `init(key) -> CodingState`.
      update: `update(state, inputs) -> (state, loss)`, one step.
    """

    init: Callable[[jax.Array], CodingState]
    update: Callable[[CodingState, jax.Array], tuple[CodingState, jax.Array]]


def coding(autoencoder: Autoencoder, optimizer: optax.GradientTransformation) -> Coding:
    """Trains an autoencoder on the mean squared error of what it gives back.

    Args:
      autoencoder: networks without statistics.
      optimizer: an optax transformation.

    Returns:
      A `Coding`.

    Raises:
      ValueError: by `init`, where a network has statistics.

    Example:
      >>> from fal_jax import models
      >>> code = coding(models.table_autoencoder(3), optax.adam(1e-3))
      >>> state, loss = code.update(code.init(jax.random.key(0)), jnp.ones((4, 3)))
      >>> loss.shape
      ()
    """
    parts = {name: getattr(autoencoder, name) for name in ("trunk", "code", "decoder")}

    def init(key: jax.Array) -> CodingState:
        params = {}
        for (name, model), part in zip(parts.items(), jax.random.split(key, 3), strict=True):
            params[name], stats = model.init(part)
            if jax.tree.leaves(stats):
                raise ValueError(f"autoencoder must have no statistics, its {name} has some.")
        return CodingState(params, optimizer.init(params))

    def update(state: CodingState, inputs: jax.Array) -> tuple[CodingState, jax.Array]:
        def objective(params: Params) -> jax.Array:
            codes = encode(autoencoder, params, inputs)
            decoded = outputs(autoencoder.decoder, params["decoder"], codes)
            return jnp.mean((decoded - inputs) ** 2)

        loss, gradient = jax.value_and_grad(objective)(state.params)
        return CodingState(*moved(optimizer, state.params, gradient, state.opt_state)), loss

    return Coding(init, update)


def encode(autoencoder: Autoencoder, params: Params, inputs: jax.Array) -> jax.Array:
    """The codes of inputs.

    Args:
      autoencoder: the networks.
      params: "trunk" and "code", of these.
      inputs: `[batch, ...]`, as the networks take them.

    Returns:
      `[batch, latent]`.

    Example:
      >>> from fal_jax import models
      >>> networks = models.table_autoencoder(3)
      >>> params = coding(networks, optax.adam(1e-3)).init(jax.random.key(0)).params
      >>> encode(networks, params, jnp.ones((4, 3))).shape
      (4, 16)
    """
    features = outputs(autoencoder.trunk, params["trunk"], inputs)
    return outputs(autoencoder.code, params["code"], features)


def outputs(model: Model, params: Params, inputs: jax.Array) -> Any:
    """What a model without statistics gives; its place for them may still be a nest of dicts."""
    _, stats = jax.eval_shape(model.init, jax.random.key(0))
    return model.apply(params, stats, inputs)[0]


def moved(
    optimizer: optax.GradientTransformation,
    params: Params,
    gradient: Params,
    opt_state: optax.OptState,
) -> tuple[Params, optax.OptState]:
    """Parameters after one step of the optimiser, and its state."""
    updates, opt_state = optimizer.update(gradient, opt_state, params)
    return cast(Params, optax.apply_updates(params, updates)), opt_state
