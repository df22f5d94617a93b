"""One network in minibatches, split over the devices of a mesh: the compiled programs.

Parameters, statistics and anchors are the same on every device; a batch is split by examples. What
is a statistic of the batch (Eq. 8, anchors, batch norm) is that of the whole batch: the programs
are written for one and the compiler splits them, but for the network, which `split_batch` maps.
"""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fal_jax.training._devices import AXIS, on_all_devices, placed
from fal_jax.training._programs import Build, Settings
from fal_jax.training._step import Batch, TrainState, model_params


class Transform(Protocol):
    """What makes a network's inputs of the rows of a batch."""

    def __call__(self, key: jax.Array | None, inputs: jax.Array) -> jax.Array:
        """Returns inputs to train on, changed at random by the key, or without one to score."""
        ...


class Rows(NamedTuple):
    """All rows, on every device: those to train on and those to score.

    Attributes:
      inputs: `[rows, ...]`.
      labels: `[rows]`, integer.
    """

    inputs: jax.Array
    labels: jax.Array


class Minibatches(NamedTuple):
    """Programs that train and score one network.

    Attributes:
      start: `start(seed, settings) -> state`.
      steps: `steps(state, settings, rows, batches [steps, batch], rates [steps], seed, first, *,
        on_step) -> (state, losses [steps])`; `first` is the number of the first step from 0,
        `rates` multiply the setting "learning_rate"; the state given is used up.
      confusion: `confusion(state, settings, rows, places [rows]) -> [classes, classes]`, on the
        host: how many rows of a class (first axis) are taken for another.
      mesh: the devices.
    """

    start: Callable[[int, Mapping[str, np.ndarray]], TrainState]
    steps: Callable[..., tuple[TrainState, np.ndarray]]
    confusion: Callable[..., np.ndarray]
    mesh: Mesh


def minibatches(
    build: Build, transform: Transform, mesh: Mesh, *, scan: bool | None = None
) -> Minibatches:
    """The programs that train one network, for any settings and seed without compiling again.

    Args:
      build: makes model and trainer from settings, which are traced scalars; see
        `fal_jax.estimators.Method.join`.
      transform: `transform(key, inputs)`, on the device, inside the step; the key is None to score.
      mesh: the devices, from `device_mesh`.
      scan: whether all steps of a call are one program. None: on all platforms but the CPU, where
        the gradient of a convolution inside a scan is 10 to 60 times slower.

    Returns:
      The `Minibatches`.

    Raises:
      ValueError: at `steps`, if a batch can't be split evenly over the devices.
    """
    scan = mesh.devices.flat[0].platform != "cpu" if scan is None else scan
    everywhere = NamedSharding(mesh, PartitionSpec())
    split = NamedSharding(mesh, PartitionSpec(AXIS))

    def start(seed: int, settings: Mapping[str, np.ndarray]) -> TrainState:
        # Operation by operation, which compiles each but once: as one program it takes far longer.
        arrays = {name: jnp.asarray(value) for name, value in settings.items()}
        state = build(arrays)[1].init(jax.random.key(seed))
        return on_all_devices(jax.tree.map(np.array, state), mesh)

    def compiled(function: Callable, **options) -> Callable:
        function = functools.partial(function, build, transform, split)
        return jax.jit(function, out_shardings=everywhere, **options)

    if scan:
        steps = _all_at_once(compiled(_steps, donate_argnums=0), mesh)
    else:
        steps = _one_by_one(compiled(_step, donate_argnums=0), mesh)
    return Minibatches(start, steps, _in_blocks(compiled(_confusion), mesh), mesh)


def _step(
    build: Build,
    transform: Transform,
    split: NamedSharding,
    state: TrainState,
    settings: Settings,
    rows: Rows,
    places: jax.Array,
    rate: jax.Array,
    seed: jax.Array,
    number: jax.Array,
) -> tuple[TrainState, jax.Array]:
    """One step on the rows at some places."""
    key = jax.random.fold_in(jax.random.key(seed), number)
    places = jax.lax.with_sharding_constraint(places, split)
    inputs = jax.lax.with_sharding_constraint(rows.inputs[places], split)
    batch = Batch(transform(key, inputs), rows.labels[places], places >= 0)
    _, trainer = build({**settings, "learning_rate": settings["learning_rate"] * rate})
    return trainer.update(state, batch)


def _steps(
    build: Build,
    transform: Transform,
    split: NamedSharding,
    state: TrainState,
    settings: Settings,
    rows: Rows,
    batches: jax.Array,
    rates: jax.Array,
    seed: jax.Array,
    first: jax.Array,
    num_steps: jax.Array,
) -> tuple[TrainState, jax.Array]:
    """The first `num_steps` batches as one program, with their losses; 0 for the others."""

    def body(done: jax.Array, carry: tuple) -> tuple[TrainState, jax.Array]:
        state, losses = carry
        now = batches[done], rates[done], seed, first + done
        state, loss = _step(build, transform, split, state, settings, rows, *now)
        return state, losses.at[done].set(loss)

    return jax.lax.fori_loop(0, num_steps, body, (state, jnp.zeros(len(rates))))


def _confusion(
    build: Build,
    transform: Transform,
    split: NamedSharding,
    state: TrainState,
    settings: Settings,
    rows: Rows,
    places: jax.Array,
) -> jax.Array:
    """How many of the rows at some places, of each class, are taken for which."""
    model, _ = build(settings)
    inputs = transform(None, rows.inputs[jax.lax.with_sharding_constraint(places, split)])
    logits = model.apply(model_params(state), state.stats, inputs)[0].logits
    classes = jnp.arange(logits.shape[-1])[None]
    is_class = (rows.labels[places][:, None] == classes) & (places >= 0)[:, None]
    is_taken_for = jnp.argmax(logits, axis=-1)[:, None] == classes
    return jnp.sum(is_class[:, :, None] & is_taken_for[:, None, :], axis=0)


def _all_at_once(program: Callable, mesh: Mesh, block: int = 64) -> Callable:
    """Pads to whole blocks of steps, so that epochs that differ by one mostly share a program."""

    def steps(state, settings, rows, batches, rates, seed, first, *, on_step=lambda _: None):
        _check_even(batches, mesh)
        num_steps = len(rates)
        added = max(-(-num_steps // block), 1) * block - num_steps
        batches = np.pad(batches, [(0, added), (0, 0)])
        rates = np.pad(np.asarray(rates, np.float32), (0, added))
        batches = placed(batches, mesh, PartitionSpec(None, AXIS))
        numbers = np.uint32(seed), np.int32(first), np.int32(num_steps)
        state, losses = program(state, dict(settings), rows, batches, rates, *numbers)
        losses = np.asarray(losses)[:num_steps]
        on_step(num_steps)
        return state, losses

    return steps


def _one_by_one(program: Callable, mesh: Mesh) -> Callable:
    def steps(state, settings, rows, batches, rates, seed, first, *, on_step=lambda _: None):
        _check_even(batches, mesh)
        losses = []
        for number, (batch, rate) in enumerate(zip(batches, rates, strict=True)):
            places = placed(batch, mesh, PartitionSpec(AXIS))
            numbers = np.float32(rate), np.uint32(seed), np.int32(first + number)
            state, loss = program(state, dict(settings), rows, places, *numbers)
            losses.append(loss)
            if number:
                jax.block_until_ready(losses[number - 1])  # one step waits while one runs, no more
                on_step(number)
        losses = np.array([np.asarray(loss) for loss in losses])
        on_step(len(losses))
        return state, losses

    return steps


def _in_blocks(program: Callable, mesh: Mesh, size: int = 1000) -> Callable:
    size = -(-size // mesh.size) * mesh.size

    def confusion(state, settings, rows, places: np.ndarray) -> np.ndarray:
        padded = np.full(-(-len(places) // size) * size, -1, np.int32)
        padded[: len(places)] = places
        blocks = [
            program(state, dict(settings), rows, placed(block, mesh, PartitionSpec(AXIS)))
            for block in padded.reshape(-1, size)
        ]
        return np.sum([np.asarray(block) for block in blocks], axis=0)

    return confusion


def _check_even(batches: np.ndarray, mesh: Mesh) -> None:
    if batches.shape[1] % mesh.size:
        raise ValueError(
            f"a batch must split evenly over the {mesh.size} devices, got {batches.shape[1]} rows."
        )
