"""All trials of a method on rows that lie on disk, prepared once and read again in every epoch."""

import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh

from fal_jax import data, training
from fal_jax.data import Table
from fal_jax.estimators._encoding import Encoding, encode_codes, loaded_encoding
from fal_jax.estimators._fitting import Ensemble, Network, known
from fal_jax.estimators._running import scores
from fal_jax.estimators.chosen import mean_precision
from fal_jax.estimators.methods import Method
from fal_jax.estimators.problems import Task, batch_size
from fal_jax.estimators.trials import OnStep, Trained
from fal_jax.training import Batch, Build, Settings, Trainer, TrainState

MOST_VALIDATION_ROWS = 2**18
_MOST_MEASURED = 2**20
_BLOCK = 1024  # rows that stay together when the others are shuffled
_AT_ONCE = 2**16
_OVER_TRIALS = TrainState(0, 0, 0, 0, None)  # type: ignore[arg-type]  # the axes of a state


class Prepared(NamedTuple):
    """A task's rows as a network takes them.

    Attributes:
      encoding: what prepared them, measured on at most 1,048,576 of the training rows.
      train: the training rows, on disk.
      inputs: `[rows, dim]`, the validation rows.
      labels: `[rows]`, of the validation rows.
    """

    encoding: Encoding
    train: data.BlockRows
    inputs: np.ndarray
    labels: np.ndarray


def prepare(table: Table, task: Task, folder: str | os.PathLike[str]) -> Prepared:
    """Writes a task's training rows, prepared, to disk; holds the validation rows in memory.

    Args:
      table: whose features may be a memory map.
      task: its training and validation rows.
      folder: where to, with room for 4 bytes a number; it must be there, and stay.

    Returns:
      The `Prepared`.

    Raises:
      OSError: the folder can't be written, for want of space, say.
    """
    rng = np.random.default_rng((task.seed, 2))
    most = min(_MOST_MEASURED, task.train.size)
    measured = np.sort(rng.choice(task.train, most, replace=False))
    encoding = loaded_encoding(table.features[measured], table.columns)
    file = pathlib.Path(folder) / "rows"
    with file.open("wb") as stream:
        for start in range(0, task.train.size, _AT_ONCE):
            rows = task.train[start : start + _AT_ONCE]
            stream.write(encode_codes(table.features[rows], encoding).data)
    inputs = encode_codes(table.features[task.validation], encoding)
    train = _rows(file, encoding.dim, table.labels[task.train])
    return Prepared(encoding, train, inputs, table.labels[task.validation])


def _rows(file: pathlib.Path, dim: int, labels: np.ndarray) -> data.BlockRows:
    """The rows `[rows, dim]` of a file, float32, to be read in small blocks."""
    starts = np.arange(0, len(labels), _BLOCK)

    def read(block: int, features: np.ndarray, out: np.ndarray) -> None:
        first, rows = int(starts[block]), len(out)
        with file.open("rb") as stream:  # a map's pages would count as memory
            stream.seek(first * dim * 4)
            stream.readinto(features.data)
        out[:] = labels[first : first + rows]

    def positives(_: int) -> tuple[np.ndarray, np.ndarray]:
        found = np.flatnonzero(labels == 1)
        return found, np.memmap(file, np.float32, "r", shape=(len(labels), dim))[found]

    return data.BlockRows(
        sizes=np.diff(np.append(starts, len(labels))),
        files=np.zeros(len(starts), np.int64),
        counts=np.bincount(labels)[None],
        dim=dim,
        read=read,
        positives=positives,
        order=lambda _: np.arange(len(labels)),
    )


def train_prepared(
    method: Method,
    prepared: Prepared,
    settings: Mapping[str, np.ndarray],
    *,
    epochs: int,
    hidden: tuple[int, ...],
    seed: int,
    on_step: OnStep = lambda _: None,
) -> Trained:
    """As `train_method` on one task: all trials at once, on the same batches.

    Memory does not grow with the training rows, but for 16 bytes each. The weights kept of each
    trial are those of the epoch with the best mean average precision.

    Args:
      method: the method.
      prepared: what to train and to validate on.
      settings: by name `[trials]`.
      epochs: passes over the training rows.
      hidden: widths of the network's layers.
      seed: of the networks and the batches.
      on_step: called with the share of the work that is done.

    Returns:
      The `Trained`; its test rows are the first validation row.
    """
    counts = prepared.train.counts[0]
    size = batch_size(int(counts.sum()))
    stream = data.open_stream(prepared.train, batch_size=size, seed=seed)
    network = Network(method, prepared.encoding.dim, counts.size, hidden)
    trials = len(next(iter(settings.values())))
    values = {**settings, **known(stream.num_steps * epochs, counts, trials)}
    values = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    trainer = _all_trials(network.build(), values)
    state, best, mesh = trainer.init(jax.random.key(seed)), None, _mesh(size)
    for epoch in range(1, epochs + 1):

        def told(report: dict[str, Any], done: int = epoch - 1) -> None:
            on_step((done + report["steps"] / stream.num_steps) / epochs)

        state, _ = training.fit_stream(
            trainer, state, stream, num_epochs=epoch, mesh=mesh, on_part=told
        )
        found = _validated(network, state, values, epoch, prepared)
        best = found if best is None else _better(found, best)
    assert best is not None
    logits, ensemble = best
    told_settings = {**settings, "epoch": ensemble.epoch}
    return Trained(logits, logits[:, :1], told_settings, ensemble.params)


def _all_trials(build: Build, settings: Settings) -> Trainer:
    """A trainer of all trials, whose states lead with `[trials]` but for the step."""

    def init(key: jax.Array) -> TrainState:
        keys = jax.random.split(key, len(jax.tree.leaves(settings)[0]))
        states = jax.vmap(lambda own, key: build(own)[1].init(key))(settings, keys)
        return states._replace(step=jnp.int32(0))

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        def of_trial(own: Settings, state: TrainState) -> tuple[TrainState, jax.Array]:
            return build(own)[1].update(state, batch)

        over = jax.vmap(of_trial, in_axes=(0, _OVER_TRIALS), out_axes=(_OVER_TRIALS, 0))
        return over(settings, state)

    return Trainer(init, update)


def _mesh(size: int) -> Mesh:
    """As many devices as batches split evenly over."""
    number = math.gcd(size, jax.device_count())
    return jax.make_mesh((number,), ("batch",), (AxisType.Auto,), devices=jax.devices()[:number])


def _validated(
    network: Network, state: TrainState, settings: Settings, epoch: int, prepared: Prepared
) -> tuple[np.ndarray, Ensemble]:
    """Logits `[trials, rows, classes]` of the validation rows, and the networks that gave them."""
    params = jax.tree.map(np.asarray, training.model_params(state))
    trials = len(jax.tree.leaves(settings)[0])
    nothing = np.ones(trials), np.zeros((trials, network.num_classes))
    epochs = np.full(trials, epoch, np.int32)
    told = {name: np.asarray(value) for name, value in settings.items()}
    ensemble = Ensemble(params, told, *nothing, epochs, np.full(trials, -1.0))
    logits = scores(network, ensemble, prepared.inputs).logits
    for trial in np.flatnonzero(np.isfinite(logits).all(axis=(1, 2))):
        ensemble.metric[trial] = mean_precision(logits[trial], prepared.labels)
    return logits, ensemble


def _better(
    found: tuple[np.ndarray, Ensemble], best: tuple[np.ndarray, Ensemble]
) -> tuple[np.ndarray, Ensemble]:
    """Of each trial what has the higher metric, of equal ones what was there before."""
    is_better = found[1].metric > best[1].metric

    def choose(new: np.ndarray, old: np.ndarray) -> np.ndarray:
        return np.where(is_better.reshape(-1, *[1] * (np.ndim(new) - 1)), new, old)

    return jax.tree.map(choose, found, best)
