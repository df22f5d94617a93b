"""The training of BAGAN's generator against its discriminator, a pair of pure functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fal_jax import losses
from fal_jax.generation._coding import moved, outputs
from fal_jax.generation._gaussians import Gaussians, draw_codes
from fal_jax.models import Autoencoder, Model, Params, classifier, linear_head


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
      >>> from fal_jax import generation, models
      >>> networks = models.table_autoencoder(3)
      >>> start = generation.coding(networks, optax.adam(1e-3)).init(jax.random.key(0)).params
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
        against, opt_state = moved(
            optimizer, state.discriminator, gradient, state.discriminator_opt
        )
        codes, asked = _asked(other, gaussians, len(shown))

        def objective(params: Params) -> jax.Array:
            return _cross_entropy(
                against, judge, outputs(autoencoder.decoder, params, codes), asked
            )

        fooled, gradient = jax.value_and_grad(objective)(state.generator)
        generator = moved(optimizer, state.generator, gradient, state.generator_opt)
        state = GanState(generator[0], against, generator[1], opt_state)
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
