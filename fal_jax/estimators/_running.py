"""What a fitted ensemble does: scores of rows, and some more steps for `partial_fit`."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from fal_jax import data, training
from fal_jax.estimators._fitting import Ensemble, Network, Rows, known, room
from fal_jax.estimators.search import middle_settings
from fal_jax.models import Outputs, Params
from fal_jax.training import Build, Settings, TrainState

_BLOCK = 1024  # rows scored at a time
_ENDLESS = 1_000_000  # the steps of a run that has no end, for methods that change in training


class Scores(NamedTuple):
    """Embeddings `[members, rows, dim]` and calibrated logits `[members, rows, classes]`."""

    features: np.ndarray
    logits: np.ndarray


class _Programs(NamedTuple):
    """Jitted functions over `[members]`."""

    init: Callable[..., Params]
    resume: Callable[..., TrainState]
    run: Callable[..., TrainState]


@functools.lru_cache(maxsize=64)
def _programs(build: Build) -> _Programs:
    def init(key: jax.Array, settings: Settings) -> Params:
        return training.model_params(build(settings)[1].init(key))

    def resume(params: Params, settings: Settings) -> TrainState:
        state = build(settings)[1].init(jax.random.key(0))
        return training.with_params(state, params)

    def run(state: TrainState, settings: Settings, *rows: jax.Array) -> TrainState:
        return training.fit(build(settings)[1], state, *rows)[0]

    return _Programs(
        jax.jit(jax.vmap(init)),
        jax.jit(jax.vmap(resume)),
        jax.jit(jax.vmap(run, in_axes=(0, 0, None, None, None))),
    )


@functools.lru_cache(maxsize=64)
def _scorer(build: Build) -> Callable[..., Outputs]:
    def score(params: Params, settings: Settings, inputs: jax.Array) -> Outputs:
        return build(settings)[0].apply(params, {}, inputs)[0]

    return jax.jit(jax.vmap(score, in_axes=(0, 0, None)))


def start_ensemble(
    network: Network, fixed: Mapping[str, float], *, members: int, seed: int
) -> Ensemble:
    """An ensemble that has seen no row; its settings are the middle of their ranges."""
    settings = {**middle_settings(network.method), **fixed}
    values = {name: np.full(members, value, np.float32) for name, value in settings.items()}
    values |= known(_ENDLESS, np.ones(network.num_classes), members)
    keys = jax.random.split(jax.random.key(seed), members)
    params = _programs(network.build()).init(keys, values)
    nothing = np.ones(members), np.zeros((members, network.num_classes))
    return Ensemble(
        jax.tree.map(np.asarray, params),
        values,
        *nothing,
        np.zeros(members, np.int32),
        np.full(members, np.nan),
    )


def scores(network: Network, ensemble: Ensemble, inputs: np.ndarray) -> Scores:
    """Scores rows by all members.

    Rows are scored in blocks of one size: a row's scores do not depend on those beside it.
    """
    score = _scorer(network.build())
    blocks = []
    for start in range(0, len(inputs), _BLOCK):
        block = inputs[start : start + _BLOCK]
        padded = np.pad(block, ((0, _BLOCK - len(block)), (0, 0)))
        outputs = score(ensemble.params, ensemble.settings, padded)
        blocks.append(jax.tree.map(np.asarray, outputs))
    features, logits = (
        np.concatenate(parts, axis=1)[:, : len(inputs)] for parts in zip(*blocks, strict=True)
    )
    slope, shift = ensemble.slope[:, None, None], ensemble.shift[:, None]
    return Scores(features, slope * logits.astype(np.float64) + shift)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def more_steps(
    network: Network,
    ensemble: Ensemble,
    state: TrainState | None,
    rows: Rows,
    counts: np.ndarray,
    *,
    batch_size: int,
    seed: tuple[int, ...],
) -> tuple[Ensemble, TrainState]:
    """Trains an ensemble for one pass over rows, from the optimiser's state where there is one.

    Args:
      network: of the ensemble.
      ensemble: to go on from.
      state: what this function returned before, or None for a new optimiser.
      rows: to train on.
      counts: `[classes]`, rows seen so far.
      batch_size: rows a step.
      seed: of the batches.

    Returns:
      The ensemble, its logits as they are, and the state to go on from.
    """
    members = len(ensemble.epoch)
    settings = ensemble.settings | known(_ENDLESS, np.maximum(counts, 1), members)
    programs = _programs(network.build(weighted=rows.weights is not None))
    if state is None:
        state = programs.resume(ensemble.params, settings)
    size = room(len(rows.labels))
    inputs, labels = rows.packed(), rows.labels.astype(np.int32)
    inputs = np.pad(inputs, ((0, size - len(inputs)), (0, 0)))
    labels = np.pad(labels, (0, size - len(labels)))
    drawn = data.epoch_batches(len(rows.labels), batch_size=batch_size, num_epochs=1, seed=seed)[0]
    batches = np.full((-(-size // batch_size), batch_size), -1, np.int32)
    batches[: len(drawn)] = drawn
    state = jax.tree.map(np.asarray, programs.run(state, settings, inputs, labels, batches))
    params = jax.vmap(training.model_params)(state)
    nothing = np.ones(members), np.zeros((members, network.num_classes))
    params = jax.tree.map(np.asarray, params)
    return Ensemble(params, settings, *nothing, ensemble.epoch + 1, ensemble.metric), state
