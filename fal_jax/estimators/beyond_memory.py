"""All trials of a method on rows that lie on disk and are read again in every epoch."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fal_jax import data, training
from fal_jax.estimators._fitting import Ensemble, Network, known
from fal_jax.estimators._running import scores
from fal_jax.estimators.chosen import mean_precision
from fal_jax.estimators.methods import Method
from fal_jax.estimators.on_disk import Prepared
from fal_jax.estimators.problems import batch_size
from fal_jax.estimators.trials import OnStep, Trained
from fal_jax.training import Batch, Build, Settings, Trainer, TrainState

_AT_ONCE = 2**26  # bytes of rows in a pool, and in a part
_OVER_TRIALS = TrainState(0, 0, 0, 0, None)  # type: ignore[arg-type]  # the axes of a state


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

    Memory does not grow with the training rows, but for their labels. The weights kept of each
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

    Raises:
      ValueError: the file of the rows is cut short.
    """
    counts, dim = prepared.train.counts[0], prepared.encoding.dim
    size = batch_size(int(counts.sum()))
    held = max(size, min(2**17, _AT_ONCE // (4 * dim)))
    stream = data.open_stream(
        prepared.train, batch_size=size, seed=seed, pool_rows=held, part_rows=held
    )
    network = Network(method, dim, counts.size, hidden)
    trials = len(next(iter(settings.values())))
    values = {**settings, **known(stream.num_steps * epochs, counts, trials)}
    values = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    trainer = _all_trials(network.build(), values)
    mesh = training.device_mesh(min(size, 1 << (jax.device_count().bit_length() - 1)))
    state, best = trainer.init(jax.random.key(seed)), None
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
