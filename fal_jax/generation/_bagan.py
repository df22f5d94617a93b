"""BAGAN from rows to a generator: autoencoder, Gaussians of the classes, adversarial training."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax.typing import ArrayLike

from fal_jax import _checks, _keys, data
from fal_jax.data import ClassRows
from fal_jax.generation._adversaries import GanLosses, GanState, adversaries
from fal_jax.generation._coding import CodingState, coding, encode, outputs
from fal_jax.generation._gaussians import Gaussians, class_gaussians, draw_codes
from fal_jax.models import Autoencoder, Params

_BLOCK = 4096  # rows coded or generated at a time


class Bagan(NamedTuple):
    """A trained BAGAN.

    Attributes:
      autoencoder: its parameters, where the two adversaries started.
      gaussians: of the codes of each class.
      state: the adversaries; `state.generator` generates.
      coding_losses: `[steps]`, of the autoencoder.
      losses: `[steps]` each, of the adversaries.
    """

    autoencoder: Params
    gaussians: Gaussians
    state: GanState
    coding_losses: jax.Array
    losses: GanLosses


def fit_bagan(
    key: jax.Array,
    autoencoder: Autoencoder,
    inputs: ArrayLike,
    labels: npt.ArrayLike,
    *,
    num_classes: int,
    learning_rate: ArrayLike = 2e-4,
    exponent: ArrayLike = 1.0,
    batch_size: int = 128,
    coding_steps: int = 2000,
    steps: int = 2000,
) -> Bagan:
    """Trains BAGAN: an autoencoder on all rows, then its decoder as a generator for each class.

    Adam with a first decay of 0.5, as the authors take it. The paper's networks have dropout and
    hundreds of epochs at a rate of 5e-5; here are neither.

    Args:
      key: a PRNG key.
      autoencoder: networks without statistics, as `models.table_autoencoder` makes them.
      inputs: `[rows, ...]`, floating, standardised, or images in [-1, 1].
      labels: `[rows]`, integer in `[0, num_classes)`, at least two of each.
      num_classes: number of classes, at least 2.
      learning_rate: of all three networks; may be traced.
      exponent: a real row of the adversarial batches is of a class with probability
          `~ n_k^exponent`: 1 takes rows as they come, as the paper does, 0 classes alike.
      batch_size: real rows a step.
      coding_steps: of the autoencoder.
      steps: of the adversaries.

    Returns:
      A `Bagan`.

    Raises:
      TypeError: key is no PRNG key, inputs not floating or labels neither integer nor bool.
      ValueError: sizes below 1, shapes that do not fit, or a class of less than two rows.

    References:
      Mariani et al., BAGAN: Data Augmentation with Balancing GAN, 2018.
    """
    _keys.checked(key)
    table = _checks.floating("inputs", inputs)
    sizes = {"batch_size": batch_size, "coding_steps": coding_steps, "steps": steps}
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    rows = data.class_rows(np.asarray(labels), num_classes)
    if len(rows.rows) != len(table):
        raise ValueError(
            f"labels must be one a row of inputs, got {len(rows.rows)} for {len(table)} rows."
        )
    networks = {"autoencoder": autoencoder, "batch_size": batch_size}
    key, other = jax.random.split(key)
    rate = jnp.float32(learning_rate)
    coder, coding_losses = _code(key, table, rate, **networks, steps=coding_steps)
    codes = _in_blocks(lambda block: _encode(coder.params, block, autoencoder=autoencoder), table)
    gaussians = class_gaussians(codes, labels, num_classes=num_classes)
    state, losses = _oppose(
        other, coder.params, gaussians, table, rows, (rate, jnp.float32(exponent)), **networks,
        steps=steps,
    )  # fmt: skip
    return Bagan(coder.params, gaussians, state, coding_losses, losses)


def generate(
    key: jax.Array,
    autoencoder: Autoencoder,
    params: Params,
    gaussians: Gaussians,
    labels: npt.ArrayLike,
) -> np.ndarray:
    """Generates a row for each label.

    Args:
      key: a PRNG key.
      autoencoder: the networks.
      params: of the decoder: `state.generator` of a `Bagan`, or where that started.
      gaussians: of the same `Bagan`.
      labels: `[rows]`, integer, the classes asked for.

    Returns:
      `[rows, ...]`, float32, as the networks give them.

    Raises:
      TypeError: key is no PRNG key.
      ValueError: labels are not of the classes of the Gaussians.
    """
    _keys.checked(key)
    labels, num_classes = np.asarray(labels, np.int32), len(gaussians.means)
    if labels.ndim != 1 or not labels.size or not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"labels must be [rows], at least one, in [0, {num_classes}), got shape "
            f"{labels.shape} with {np.unique(labels)[:5].tolist()}."
        )
    keys = iter(jax.random.split(key, -(-len(labels) // _BLOCK)))
    return _in_blocks(
        lambda block: _decode(next(keys), params, gaussians, block, autoencoder=autoencoder),
        jnp.asarray(labels),
    )


def _adam(rate: jax.Array) -> optax.GradientTransformation:
    return optax.adam(rate, b1=0.5)


@functools.partial(jax.jit, static_argnames=("autoencoder", "batch_size", "steps"))
def _code(
    key: jax.Array,
    inputs: jax.Array,
    rate: jax.Array,
    *,
    autoencoder: Autoencoder,
    batch_size: int,
    steps: int,
) -> tuple[CodingState, jax.Array]:
    """Trains the autoencoder on rows as they come."""
    train = coding(autoencoder, _adam(rate))
    key, of_rows = jax.random.split(key)

    def step(state: CodingState, key: jax.Array) -> tuple[CodingState, jax.Array]:
        rows = jax.random.randint(key, (batch_size,), 0, len(inputs))
        return train.update(state, inputs[rows])

    return jax.lax.scan(step, train.init(key), jax.random.split(of_rows, steps))


@functools.partial(jax.jit, static_argnames=("autoencoder", "batch_size", "steps"))
def _oppose(
    key: jax.Array,
    coder: Params,
    gaussians: Gaussians,
    inputs: jax.Array,
    rows: ClassRows,
    rates: tuple[jax.Array, jax.Array],
    *,
    autoencoder: Autoencoder,
    batch_size: int,
    steps: int,
) -> tuple[GanState, GanLosses]:
    """Trains the adversaries; the rates are that of learning and the exponent."""
    num_classes = len(rows.counts)
    train = adversaries(autoencoder, _adam(rates[0]), num_classes=num_classes)
    labels = (
        jnp.zeros(len(inputs), jnp.int32)
        .at[rows.rows]
        .set(jnp.repeat(jnp.arange(num_classes), rows.counts, total_repeat_length=len(inputs)))
    )

    def step(state: GanState, key: jax.Array) -> tuple[GanState, GanLosses]:
        key, of_rows = jax.random.split(key)
        drawn = data.sample_rows(of_rows, rows, batch_size, exponent=rates[1])
        return train.update(key, state, gaussians, inputs[drawn], labels[drawn])

    key, of_steps = jax.random.split(key)
    return jax.lax.scan(step, train.init(key, coder), jax.random.split(of_steps, steps))


@functools.partial(jax.jit, static_argnames="autoencoder")
def _encode(params: Params, block: jax.Array, *, autoencoder: Autoencoder) -> jax.Array:
    return encode(autoencoder, params, block)


@functools.partial(jax.jit, static_argnames="autoencoder")
def _decode(
    key: jax.Array,
    params: Params,
    gaussians: Gaussians,
    labels: jax.Array,
    *,
    autoencoder: Autoencoder,
) -> jax.Array:
    return outputs(autoencoder.decoder, params, draw_codes(key, gaussians, labels))


def _in_blocks(function: Callable[[jax.Array], jax.Array], rows: jax.Array) -> np.ndarray:
    """A function of rows, block by block, on the host; one program, the last block filled up."""
    blocks = []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        filled = jnp.pad(block, ((0, _BLOCK - len(block)), *((0, 0),) * (block.ndim - 1)))
        blocks.append(np.asarray(function(filled))[: len(block)])
    return np.concatenate(blocks)
