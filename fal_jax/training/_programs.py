"""The compiled programs of a sweep: start, an epoch with its validation, and the last scores.

Each is written for one model and mapped over `[problems, trials]`. The models that share a problem
share its batches, and the first layers of a group of them are one matrix product.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from fal_jax import metrics
from fal_jax.models import Model, Params, Stats
from fal_jax.training._rows import Gathered, Rows, to_batch
from fal_jax.training._step import Trainer, TrainState, advance, model_params, with_params

Settings = Mapping[str, jax.Array]
"""Hyper-parameters by name; traced scalars inside a program."""

Build = Callable[[Settings], tuple[Model, Trainer]]
"""Makes a model and its trainer from one trial's settings."""

Metric = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""`metric(logits [rows, classes], labels [rows], where [rows]) -> scalar`, larger is better."""


class Best(NamedTuple):
    """The weights that are kept, their metric on the validation rows and their epoch, from 1.

    Epoch 0 says that no epoch had a metric that is a number: the weights are those of the start.
    """

    params: Params
    stats: Stats
    metric: jax.Array
    epoch: jax.Array


class Carry(NamedTuple):
    """What a model carries from one part of an epoch to the next."""

    state: TrainState
    best: Best


class Trace(NamedTuple):
    """What a model reports of a part of an epoch.

    Attributes:
      total: the sum of the loss over the rows.
      rows: how many there were.
      metric: NaN where not evaluated.
    """

    total: jax.Array
    rows: jax.Array
    metric: jax.Array


class Programs(NamedTuple):
    """Jitted functions of one kind of model, and where their arguments lie.

    Carry, best and settings lead with `[problems, trials]`, rows and batches with `[problems]`.

    Attributes:
      start: `start(key_data, settings, params) -> Carry`, of one model; params may be None.
      epoch: `epoch(carry, settings, rows, batches, number, evaluate, keep_best)`, or a part of it.
      score: `score(best, settings, rows) -> (validation logits, test logits)`.
      shardings: where what leads with `[problems, trials]` and what leads with `[problems]` lies.
    """

    start: Callable[..., Carry]
    epoch: Callable[..., tuple[Carry, Trace]]
    score: Callable[..., tuple[jax.Array, jax.Array]]
    shardings: tuple[NamedSharding, NamedSharding]


def binned_average_precision(logits: jax.Array, labels: jax.Array, where: jax.Array) -> jax.Array:
    """Average precision of the log-odds of class 1, of two classes.

    Args:
      logits: `[rows, 2]`, floating.
      labels: `[rows]`, integer.
      where: `[rows]`, bool, the valid rows.

    Returns:
      A scalar in [0, 1], from `fal_jax.metrics.score_counts`; NaN for NaN logits.

    Raises:
      ValueError: if there are not two classes.

    Example:
      >>> logits = jnp.array([[0.0, -1.0], [0.0, 2.0], [0.0, 1.0]])
      >>> binned_average_precision(logits, jnp.array([0, 1, 1]), jnp.ones(3, bool))
      Array(1., dtype=float32)
    """
    if logits.shape[-1] != 2:
        raise ValueError(
            f"the default metric is for 2 classes, got {logits.shape[-1]}: pass a metric."
        )
    scores = logits[..., 1] - logits[..., 0]
    return metrics.counted_average_precision(metrics.score_counts(scores, labels, where=where))


@functools.lru_cache(maxsize=64)
def programs(
    build: Build,
    metric: Metric,
    group: int,
    over: Literal["problems", "trials"],
    num_devices: int,
) -> Programs:
    """The programs for models of one kind, split over the devices by problems or by trials.

    Of a device's trials `group` train side by side, and then the next as many. Cached: the same
    arguments give the same functions, which are then not compiled again.
    """
    mesh = jax.make_mesh(
        (num_devices,), ("models",), (AxisType.Auto,), devices=jax.devices()[:num_devices]
    )
    everywhere, split = PartitionSpec(), PartitionSpec("models")
    shared = split if over == "problems" else everywhere
    models = split if over == "problems" else PartitionSpec(None, "models")

    def mapped(function: Callable, given: tuple, num_shared: int, num_flags: int) -> Callable:
        """Over the trials, of two arguments; then over problems, of some more that these share."""
        over_trials = _mapped(functools.partial(function, *given), 2, group)
        over_problems = _mapped(over_trials, 2 + num_shared)
        over_problems.__name__ = function.__name__  # what profilers call the program
        specs = (models, models, *[shared] * num_shared, *[everywhere] * num_flags)
        # No collective is inside, so there is nothing for check_vma to check.
        return jax.shard_map(
            over_problems, mesh=mesh, in_specs=specs, out_specs=models, check_vma=False
        )

    return Programs(
        _starter(build),
        jax.jit(mapped(_epoch, (build, metric), 2, 3), donate_argnums=0),
        jax.jit(mapped(_score, (build,), 1, 0)),
        (NamedSharding(mesh, models), NamedSharding(mesh, shared)),
    )


def _mapped(function: Callable, num_leading: int, size: int | None = None) -> Callable:
    """The function over the leading axis of its first arguments, `size` at a time or all at once.

    One alone is no axis: plain products are faster than batches of one.
    """

    def mapped(*arguments):
        leading, shared = arguments[:num_leading], arguments[num_leading:]
        number = jax.tree.leaves(leading)[0].shape[0]

        def each(given: tuple):
            return function(*given, *shared)

        if number == 1:
            only = each(jax.tree.map(lambda leaf: leaf[0], leading))
            return jax.tree.map(lambda leaf: leaf[None], only)
        if size is None or size >= number:
            return jax.vmap(each)(leading)
        return jax.lax.map(each, leading, batch_size=None if size == 1 else size)

    return mapped


@functools.lru_cache(maxsize=64)
def _starter(build: Build) -> Callable[..., Carry]:
    return jax.jit(functools.partial(_start, build))


def _start(
    build: Build, key_data: jax.Array, settings: Settings, params: Params | None = None
) -> Carry:
    state = build(settings)[1].init(jax.random.wrap_key_data(key_data, impl="threefry2x32"))
    state = state if params is None else with_params(state, params)
    nothing = jnp.float32(-jnp.inf), jnp.int32(0)
    return Carry(state, Best(model_params(state), state.stats, *nothing))


def _epoch(
    build: Build,
    metric: Metric,
    carry: Carry,
    settings: Settings,
    rows: Rows,
    batches: jax.Array | Gathered,
    number: jax.Array,
    evaluate: jax.Array,
    keep_best: jax.Array,
) -> tuple[Carry, Trace]:
    """A part of an epoch of one model; then, if it ends it, the metric and the better weights."""
    model, trainer = build(settings)

    def step(state: TrainState, batch: jax.Array | Gathered) -> tuple[TrainState, tuple]:
        examples = to_batch(rows, batch)
        state, loss = advance(trainer, state, examples)
        size = jnp.sum(examples.where)
        return state, (jnp.where(size > 0, loss * size, 0), size)

    state, (losses, sizes) = jax.lax.scan(step, carry.state, batches)

    def measured(state: TrainState) -> jax.Array:
        logits = _logits(model, model_params(state), state.stats, rows.validation_inputs)
        labels = rows.validation_labels.reshape(-1)
        return metric(logits, jnp.maximum(labels, 0), jnp.asarray(labels >= 0))

    value = jax.lax.cond(evaluate, measured, lambda _: jnp.float32(jnp.nan), state)
    # NaN never replaces weights that have a number; the first numbers replace the start's.
    is_kept = jnp.asarray(evaluate & (~keep_best | (value > carry.best.metric)))
    now = Best(model_params(state), state.stats, value, number)
    best = jax.tree.map(lambda new, old: jnp.where(is_kept, new, old), now, carry.best)
    return Carry(state, best), Trace(jnp.sum(losses), jnp.sum(sizes), value)


def _score(build: Build, best: Best, settings: Settings, rows: Rows) -> tuple[jax.Array, jax.Array]:
    """Logits `[rows, classes]` of the kept weights for the validation and the test rows.

    NaN where no epoch had a metric: a network that diverged at once does not pass for a result.
    """
    model, _ = build(settings)
    validation, test = (
        _logits(model, best.params, best.stats, blocks)
        for blocks in (rows.validation_inputs, rows.test_inputs)
    )
    is_trained = best.epoch > 0
    return jnp.where(is_trained, validation, jnp.nan), jnp.where(is_trained, test, jnp.nan)


def _logits(
    model: Model, params: Params, stats: Stats, blocks: jax.Array | np.ndarray
) -> jax.Array:
    """Logits `[rows, classes]` of `blocks [blocks, rows, ...]`, a block at a time."""
    blocks = jnp.asarray(blocks)
    logits = jax.lax.map(lambda inputs: model.apply(params, stats, inputs)[0].logits, blocks)
    return logits.reshape(-1, logits.shape[-1])
