"""Sweeps: every trial's settings on every problem, trained as one compiled program."""

import functools
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import jax
import numpy as np

from fal_jax.models import Params
from fal_jax.training._chunks import Chunk, Options, Outcome, Runner
from fal_jax.training._plan import Plan, make_plan, parts, room
from fal_jax.training._problems import Capacity, Problem, checked, known, most_rows
from fal_jax.training._programs import Best, Build, Metric, binned_average_precision, programs


class Sweep(NamedTuple):
    """All models of a sweep.

    Attributes:
      table: by column `[problems * trials]`, one row a model: "problem", "trial", each setting,
        "epoch" (of the weights kept, from 1; 0 where no epoch had a metric that is a number),
        "metric" (theirs on the validation rows) and "loss" (the mean of the last epoch).
      metrics: `[problems, trials, epochs]`, on the validation rows; NaN where not evaluated.
      validation_logits: for each problem `[trials, rows, classes]`, of the weights kept; NaN
        where the epoch is 0.
      test_logits: likewise.
      best: the weights kept and their metric and epoch; leaves lead with `[problems, trials]`.
    """

    table: dict[str, np.ndarray]
    metrics: np.ndarray
    validation_logits: list[np.ndarray]
    test_logits: list[np.ndarray]
    best: Best


def sweep(
    build: Build,
    settings: Mapping[str, np.ndarray],
    problems: Sequence[Problem],
    *,
    num_epochs: int,
    batch_size: int,
    seed: int = 0,
    start: Params | None = None,
    keep: Literal["best", "last"] = "best",
    evaluate_every: int = 1,
    metric: Metric = binned_average_precision,
    capacity: Capacity | None = None,
    models_per_program: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Trains every trial on every problem with one compiled program, whatever the settings.

    All models of a problem see the same shuffled batches, in chunks of problems and trials that
    run through the same program, split over all devices. After an epoch each model is measured on
    its problem's validation rows, and the best weights are kept; the test rows are scored once,
    with those.

    Args:
      build: makes model and trainer from one trial's settings, which are traced scalars. Pass the
        same function object again and nothing is compiled again. To the settings are added
        "num_steps", the steps of the run, and "class_counts", `[classes]` of the training rows.
      settings: by name `[trials]`, or `[problems, trials]`; "seed", whole numbers, makes
        each model start from `jax.random.key(seed)`.
      problems: at least one, all of one width. A sequence that prepares a problem when it is
        indexed keeps no more than a chunk's in memory; give it `capacity`.
      num_epochs: at least 1.
      batch_size: rows a step, at least 1.
      seed: of the batches and, without a setting "seed", of where the models start.
      start: parameters to go on from with a new optimiser, `[problems, trials, ...]` each, as those
        of `Sweep.best`; None starts from keys.
      keep: "best" keeps the weights with the best metric, "last" those of the last epoch.
      evaluate_every: epochs from one evaluation to the next; the last epoch always is.
      metric: `metric(logits, labels, where) -> scalar`, larger is better.
      capacity: the most rows of any problem; None looks at all of them first.
      models_per_program: how many one call trains at most, all side by side; None is what suits
        the devices, on a CPU some 64 each, in groups that fit its caches. An accelerator holds the
        rows of one problem or of as many as half its memory has room for.
      folder: where finished chunks are kept, so that the same call goes on after a kill. It does
        not know what `build` does: use another folder for another method.
      on_epoch: called as `on_epoch(done, total)`, in model-epochs.

    Returns:
      The `Sweep`, problems and trials in the order given.

    Raises:
      ValueError: if there is no problem, settings or sizes do not fit, labels are not from 0, or
        an option is out of range.

    Example:
      >>> import optax
      >>> from fal_jax import losses, models, training
      >>> def build(settings):
      ...     model = models.mlp(1, 2)
      ...     loss = lambda outputs, head, batch: losses.softmax_cross_entropy(
      ...         outputs.logits, batch.labels
      ...     ).mean(where=batch.where)
      ...     return model, training.trainer(model, loss, optax.sgd(settings["rate"]))
      >>> inputs, labels = np.eye(4, 1, dtype=np.float32), np.array([1, 0, 0, 0])
      >>> problem = Problem(inputs, labels, inputs, labels, inputs[:3])
      >>> rates = {"rate": np.array([0.1, 0.2])}
      >>> sweep(build, rates, [problem], num_epochs=2, batch_size=2).test_logits[0].shape
      (2, 3, 2)
    """
    options = _options(num_epochs, batch_size, seed, keep, evaluate_every, metric)
    values, key_data = _settings(settings, len(problems), seed)
    capacity = capacity or most_rows(problems)
    most = room(problems, capacity)
    plan = make_plan(len(problems), key_data.shape[1], batch_size, models_per_program, most)
    compiled = programs(build, metric, plan.group, plan.over, plan.devices)
    progress = _progress(math.prod(key_data.shape[:2]) * num_epochs, on_epoch)
    runner = Runner(compiled, capacity, options, None if folder is None else pathlib.Path(folder))
    rows: list[_Row] = []
    for part in parts(len(problems), plan.problems):
        shape = rows[0].shape if rows else None
        rows.append(_row(runner, plan, problems, part, shape, values, key_data, start, progress))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(row.outcome for row in rows))
    return _summary(outcome, values, [size for row in rows for size in row.sizes])


class _Row(NamedTuple):
    """All trials of some problems, what rows these score, and the shape of one training row."""

    outcome: Outcome
    sizes: list[tuple[int, int]]
    shape: tuple[int, ...]


def _row(
    runner: Runner,
    plan: Plan,
    problems: Sequence[Problem],
    part: tuple[np.ndarray, int],
    shape: tuple[int, ...] | None,
    values: Mapping[str, np.ndarray],
    key_data: np.ndarray,
    start: Params | None,
    progress: Callable[[int], None],
) -> _Row:
    """Runs all trials of some problems, which are in memory only meanwhile."""
    orders, num_orders = part
    loaded: list[Problem] = []
    for order in orders[:num_orders]:
        problem = problems[order]
        shape = shape or problem.inputs.shape[1:]
        loaded.append(checked(problem, order, runner.capacity, shape))
    sizes = [(len(p.validation_inputs), len(p.test_inputs)) for p in loaded]
    loaded += loaded[-1:] * (len(orders) - num_orders)
    outcomes = []
    for trials, num_trials in parts(key_data.shape[1], plan.trials):
        place = np.ix_(orders, trials)
        cut = {name: value[place] for name, value in values.items()}
        cut |= known(loaded, len(trials), runner.options.num_epochs, runner.options.batch_size)
        begun = jax.tree.map(lambda leaf, place=place: np.asarray(leaf)[place], start)
        chunk = Chunk(loaded, orders.tolist(), key_data[place], cut, begun)
        outcome = runner.run(chunk, functools.partial(progress, num_orders * num_trials))
        outcomes.append(_cut(outcome, num_orders, num_trials))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *outcomes)
    return _Row(outcome, sizes, loaded[0].inputs.shape[1:])


def _progress(total: int, on_epoch: Callable[[int, int], None] | None) -> Callable[[int], None]:
    """Adds up the model-epochs done and passes them on."""
    done = 0

    def add(models: int) -> None:
        nonlocal done
        done += models
        if on_epoch is not None:
            on_epoch(done, total)

    return add


def _cut(outcome: Outcome, num_problems: int, num_trials: int) -> Outcome:
    """The outcome without what fills up a chunk."""
    return jax.tree.map(lambda leaf: leaf[:num_problems, :num_trials], outcome)


def _summary(
    outcome: Outcome, values: Mapping[str, np.ndarray], sizes: Sequence[tuple[int, int]]
) -> Sweep:
    """The sweep's table, and its logits cut to each problem's rows."""
    num_problems, num_trials = outcome.losses.shape[:2]
    problem, trial = np.indices((num_problems, num_trials)).reshape(2, -1)
    columns = {
        **values,
        "epoch": outcome.best.epoch,
        "metric": outcome.best.metric,
        "loss": outcome.losses[..., -1],
    }
    table = {name: np.asarray(column).reshape(-1) for name, column in columns.items()}
    table = {"problem": problem, "trial": trial, **table}
    validation, test = (
        [part[:, : size[axis]] for part, size in zip(logits, sizes, strict=True)]
        for axis, logits in enumerate((outcome.validation_logits, outcome.test_logits))
    )
    return Sweep(table, outcome.metrics, validation, test, outcome.best)


def _settings(
    settings: Mapping[str, np.ndarray], num_problems: int, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Settings `[problems, trials]`, and the data `[problems, trials, ...]` of each model's key."""
    if not num_problems:
        raise ValueError("problems must be at least one, got none.")
    shapes = {np.shape(values) for values in settings.values()}
    widths = {shape[-1:] for shape in shapes}
    fitting = {*widths, *((num_problems, *width) for width in widths)}
    if len(widths) != 1 or widths <= {(), (0,)} or not shapes <= fitting:
        raise ValueError(
            f"settings must be [trials] or [problems, trials] with {num_problems} problems and at "
            f"least one trial, the same for all, got shapes {sorted(shapes)}."
        )
    shape = (num_problems, *widths.pop())
    values: dict[str, np.ndarray] = {
        name: np.broadcast_to(value if name == "seed" else np.asarray(value, np.float32), shape)
        for name, value in settings.items()
    }
    if "seed" not in values:
        words = [np.random.SeedSequence((seed, *at)).generate_state(2) for at in np.ndindex(shape)]
        return values, np.reshape(words, (*shape, 2))
    seeds = values["seed"]
    if seeds.dtype.kind not in "iu" or seeds.min() < 0 or seeds.max() >= 2**32:
        raise ValueError(
            f'settings["seed"] must be whole numbers from 0, below 2**32, got {seeds.dtype} from '
            f"{seeds.min()} to {seeds.max()}."
        )
    values["seed"] = seeds.astype(np.uint32)
    return values, np.stack([np.zeros_like(values["seed"]), values["seed"]], axis=-1)


def _options(
    num_epochs: int, batch_size: int, seed: int, keep: str, evaluate_every: int, metric: Metric
) -> Options:
    """The checked options."""
    if keep not in ("best", "last"):
        raise ValueError(f'keep must be "best" or "last", got {keep!r}.')
    named = f"{metric.__module__}.{getattr(metric, '__qualname__', metric)}"
    options = Options(num_epochs, batch_size, seed, keep == "best", evaluate_every, named)
    for name in ("num_epochs", "batch_size", "evaluate_every"):
        if getattr(options, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(options, name)}.")
    return options
