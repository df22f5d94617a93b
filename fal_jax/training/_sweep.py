"""Many models in one program: problems by trials, spread over all devices."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from fal_jax.models import Model
from fal_jax.training._step import Trainer, TrainState, fit, model_params

Settings = Mapping[str, jax.Array]
"""Hyper-parameters by name; traced scalars inside a program."""


Build = Callable[[Settings], tuple[Model, Trainer]]
"""Makes a model and its trainer from one trial's settings."""


class Problem(NamedTuple):
    """What one model is trained and scored on.

    Attributes:
      inputs: `[rows, dim]`, floating, scaled.
      labels: `[rows]`, integer.
      batches: `[steps, batch]`, row numbers, -1 for padding.
      eval_inputs: `[eval_rows, dim]`, what to score with the trained model.
    """

    inputs: jax.Array | np.ndarray
    labels: jax.Array | np.ndarray
    batches: jax.Array | np.ndarray
    eval_inputs: jax.Array | np.ndarray


class Fits(NamedTuple):
    """The trained models; every leaf leads with `[problems, trials]`.

    Attributes:
      state: the last training state.
      losses: `[..., steps]`, the loss at each step.
      logits: `[..., eval_rows, classes]` of the problem's `eval_inputs`.
    """

    state: TrainState
    losses: jax.Array
    logits: jax.Array


def fit_many(
    build: Build,
    settings: Mapping[str, np.ndarray],
    problems: Sequence[Problem],
    *,
    seed: int,
) -> Fits:
    """Trains every trial on every problem, as one compiled program over all devices.

    Problems are split evenly over the devices; the trials of a problem share its batches. Two
    problems may differ a little in rows: the shorter is padded with rows that no batch names and
    with empty steps at the end, which do nothing.

    Args:
      build: makes model and trainer from one trial's settings, which are traced scalars. Pass
          the same function object again to compile the initialisation once.
      settings: by name `[problems, trials]`, what each trial of each problem uses.
      problems: at least one, all of the same width and batch size.
      seed: of the initial parameters; they differ by problem and trial.

    Returns:
      The `Fits`, in the order of settings. `eval_rows` is that of the largest problem; the
      rows that pad a smaller one are to be cut off.

    Raises:
      ValueError: if there is no problem or settings do not fit their number.

    Example:
      >>> import optax
      >>> from fal_jax import losses, models, training
      >>> def build(settings):
      ...     model = models.mlp(1, 2)
      ...     loss = lambda outputs, head, batch: losses.softmax_cross_entropy(
      ...         outputs.logits, batch.labels
      ...     ).mean()
      ...     return model, training.trainer(model, loss, optax.sgd(settings["rate"]))
      >>> inputs, labels = np.ones((4, 1), np.float32), np.array([0, 1, 0, 1])
      >>> problem = Problem(inputs, labels, np.arange(4).reshape(2, 2), inputs[:3])
      >>> fit_many(build, {"rate": np.array([[0.1, 0.2]])}, [problem], seed=0).logits.shape
      (1, 2, 3, 2)
    """
    num_problems = len(problems)
    shapes = {np.shape(values) for values in settings.values()}
    shape = next(iter(shapes), ())
    if len(shapes) != 1 or len(shape) != 2 or 0 in shape or shape[0] != num_problems:
        raise ValueError(
            f"settings must be [problems, trials] with {num_problems} problems, at least one, "
            f"and at least one trial, got shapes {sorted(shapes)}."
        )
    keys = jax.random.split(jax.random.key(seed), shape)
    values = {name: np.asarray(value, np.float32) for name, value in settings.items()}

    def train(state: TrainState, settings: Settings, problem: Problem) -> Fits:
        model, trainer = build(settings)
        state, losses = fit(trainer, state, problem.inputs, problem.labels, problem.batches)
        outputs, _ = model.apply(model_params(state), state.stats, problem.eval_inputs)
        return Fits(state, losses, outputs.logits)

    over_trials = jax.vmap(train, in_axes=(0, 0, None))
    arguments = (_init_each(build, keys, values), values, _stack(problems))
    return _over_devices(jax.vmap(over_trials), arguments, num_problems)


def _init_each(build: Build, keys: jax.Array, settings: Mapping[str, np.ndarray]) -> TrainState:
    """States `[problems, trials]`, made one by one: as one batch they compile slowly."""
    data = np.asarray(jax.random.key_data(keys))
    models = [
        _init(build, data[index], {name: value[index] for name, value in settings.items()})
        for index in np.ndindex(keys.shape)
    ]

    def stack(*leaves: jax.Array) -> np.ndarray:
        return np.stack(leaves).reshape(*keys.shape, *leaves[0].shape)

    return jax.tree.map(stack, *models)


@functools.partial(jax.jit, static_argnums=0)
def _init(build: Build, key_data: jax.Array, settings: Settings) -> TrainState:
    return build(settings)[1].init(jax.random.wrap_key_data(key_data))


def _over_devices(function: Callable[..., Fits], arguments: tuple, size: int) -> Fits:
    """Calls a function that is batched over the leading axis with that axis on all devices."""
    devices = jax.devices()
    mesh = jax.make_mesh((len(devices),), ("problems",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("problems"))
    filled = -(-size // len(devices)) * len(devices)
    rows = np.minimum(np.arange(filled), size - 1)  # repeats the last to fill all devices
    arguments = jax.device_put(jax.tree.map(lambda leaf: leaf[rows], arguments), sharding)
    results = jax.jit(function)(*arguments)
    return jax.tree.map(lambda leaf: leaf[:size], results)


def _stack(problems: Sequence[Problem]) -> Problem:
    """One Problem with leading axis `[problems]`, each array padded to the longest."""

    def padded(name: str, fill: int = 0) -> np.ndarray:
        arrays = [np.asarray(getattr(problem, name)) for problem in problems]
        longest = max(len(array) for array in arrays)
        stacked = np.full((len(arrays), longest, *arrays[0].shape[1:]), fill, arrays[0].dtype)
        for row, array in zip(stacked, arrays, strict=True):
            row[: len(array)] = array
        return stacked

    return Problem(
        padded("inputs"), padded("labels"), padded("batches", fill=-1), padded("eval_inputs")
    )
