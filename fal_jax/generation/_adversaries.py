"""The two trainings of BAGAN, each a pair of pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax

from fal_jax import losses
from fal_jax.generation._gaussians import Gaussians, draw_codes
from fal_jax.models import Autoencoder, Model, Params, classifier, linear_head


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


class GanState(NamedTuple):
    """What generator and discriminator carry in training.

    Attributes:
      generator: the parameters of the decoder.
      discriminator: "body", of the trunk, and "head".
      generator_opt: of the optimiser.
      discriminator_opt: of the optimiser.
    """

    generator: Params
    discriminator: Params
    generator_opt: optax.OptState
    discriminator_opt: optax.OptState


class GanLosses(NamedTuple):
    """Mean cross-entropies of one step: of the discriminator, then of the generator."""

    discriminator: jax.Array
    generator: jax.Array


class Adversaries(NamedTuple):
    """Training a generator against a discriminator.

    Attributes:
      init: `init(key, params) -> GanState`, from an autoencoder's parameters.
      update: `update(key, state, gaussians, inputs, labels) -> (state, GanLosses)`, one step.
    """

    init: Callable[[jax.Array, Params], GanState]
    update: Callable[..., tuple[GanState, GanLosses]]


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
        return CodingState(*_moved(optimizer, state.params, gradient, state.opt_state)), loss

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


def discriminator(autoencoder: Autoencoder, num_classes: int) -> Model:
    """The trunk of an encoder under a head of the classes and one more, of what is generated.

    Args:
      autoencoder: the networks.
      num_classes: K.

    Returns:
      A `Model` with `[batch, K + 1]` logits; class K is "generated".

    Example:
      >>> from fal_jax import models
      >>> model = discriminator(models.table_autoencoder(3), 2)
      >>> params, stats = model.init(jax.random.key(0))
      >>> model.apply(params, stats, jnp.ones((4, 3)))[0].logits.shape
      (4, 3)
    """
    return classifier(autoencoder.trunk, linear_head(num_classes + 1, autoencoder.dim))


def adversaries(
    autoencoder: Autoencoder, optimizer: optax.GradientTransformation, *, num_classes: int
) -> Adversaries:
    """Trains BAGAN: a decoder that generates, against a discriminator of K + 1 classes.

    The generator starts as the decoder, the discriminator as the trunk of the encoder under a fresh
    head. A step takes B real rows and draws labels alike and codes of these from the Gaussians:

        D: mean over the B rows and ceil(B / K) generated ones of -log p(label), K if generated
        G: mean over B + ceil(B / K) generated ones of -log p(the label it was asked for)

    The discriminator moves first, and the generator meets it moved. No gradient of one reaches the
    parameters of the other.

    Args:
      autoencoder: networks without statistics.
      optimizer: an optax transformation, for each of the two.
      num_classes: K, at least 2.

    Returns:
      `Adversaries`.

    References:
      Mariani et al., BAGAN: Data Augmentation with Balancing GAN, 2018, Sec. 3.

    Example:
      >>> from fal_jax import models
      >>> networks = models.table_autoencoder(3)
      >>> start = coding(networks, optax.adam(1e-3)).init(jax.random.key(0)).params
      >>> state = adversaries(networks, optax.adam(1e-3), num_classes=2).init(
      ...     jax.random.key(1), start
      ... )
    """
    judge = discriminator(autoencoder, num_classes)

    def init(key: jax.Array, params: Params) -> GanState:
        start = {"body": params["trunk"], "head": judge.init(key)[0]["head"]}
        generator = params["decoder"]
        return GanState(generator, start, optimizer.init(generator), optimizer.init(start))

    def update(
        key: jax.Array, state: GanState, gaussians: Gaussians, inputs: jax.Array, labels: jax.Array
    ) -> tuple[GanState, GanLosses]:
        key, other = jax.random.split(key)
        num_fakes = -(-len(labels) // num_classes)
        codes, _ = _asked(key, gaussians, num_fakes)
        fakes = outputs(autoencoder.decoder, state.generator, codes)
        shown = jnp.concatenate([inputs, fakes])
        told = jnp.concatenate([labels, jnp.full(num_fakes, num_classes, labels.dtype)])
        judged, gradient = jax.value_and_grad(_cross_entropy)(
            state.discriminator, judge, shown, told
        )
        moved = _moved(optimizer, state.discriminator, gradient, state.discriminator_opt)
        codes, asked = _asked(other, gaussians, len(shown))

        def objective(params: Params) -> jax.Array:
            return _cross_entropy(
                moved[0], judge, outputs(autoencoder.decoder, params, codes), asked
            )

        fooled, gradient = jax.value_and_grad(objective)(state.generator)
        generator = _moved(optimizer, state.generator, gradient, state.generator_opt)
        state = GanState(generator[0], moved[0], generator[1], moved[1])
        return state, GanLosses(judged, fooled)

    return Adversaries(init, update)


def _asked(key: jax.Array, gaussians: Gaussians, number: int) -> tuple[jax.Array, jax.Array]:
    """Codes to generate from, of labels that are drawn alike, and the labels."""
    key, other = jax.random.split(key)
    labels = jax.random.randint(key, (number,), 0, len(gaussians.means))
    return draw_codes(other, gaussians, labels), labels


def _cross_entropy(params: Params, judge: Model, inputs: jax.Array, labels: jax.Array) -> jax.Array:
    logits = outputs(judge, params, inputs).logits
    return jnp.mean(losses.softmax_cross_entropy(logits, labels))


def _moved(
    optimizer: optax.GradientTransformation,
    params: Params,
    gradient: Params,
    opt_state: optax.OptState,
) -> tuple[Params, optax.OptState]:
    """Parameters after one step of the optimiser, and its state."""
    updates, opt_state = optimizer.update(gradient, opt_state, params)
    return cast(Params, optax.apply_updates(params, updates)), opt_state
