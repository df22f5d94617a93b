"""One chunk of a sweep: some problems by some trials, run through the same compiled programs."""

import pathlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from fal_jax import _records
from fal_jax.models import Params
from fal_jax.training._feed import make_feed
from fal_jax.training._problems import Capacity, Problem
from fal_jax.training._programs import Best, Carry, Programs, Trace


class Options(NamedTuple):
    """What all models of a sweep share."""

    num_epochs: int
    batch_size: int
    seed: int
    keep_best: bool
    evaluate_every: int
    metric: str


class Outcome(NamedTuple):
    """What a chunk gives; every leaf leads with `[problems, trials]`, on the host.

    Attributes:
      best: the weights that were kept.
      losses: `[..., epochs]`, the mean training loss of each epoch.
      metrics: `[..., epochs]`, on the validation rows; NaN where not evaluated.
      validation_logits: `[..., validation rows, classes]`, padded to the capacity.
      test_logits: `[..., test rows, classes]`, padded to the capacity.
    """

    best: Best
    losses: np.ndarray
    metrics: np.ndarray
    validation_logits: np.ndarray
    test_logits: np.ndarray


class Chunk(NamedTuple):
    """Models that one call of a program trains: `[problems, trials]`.

    Attributes:
      problems: their data.
      orders: the problems' numbers in the sweep, which seed their batches.
      key_data: `[problems, trials, ...]`, of the keys that the models start from.
      settings: by name `[problems, trials, ...]`.
      start: parameters to start from, `[problems, trials, ...]`, or None.
    """

    problems: Sequence[Problem]
    orders: Sequence[int]
    key_data: np.ndarray
    settings: Mapping[str, np.ndarray]
    start: Params | None = None


class Runner(NamedTuple):
    """What runs chunk after chunk.

    Attributes:
      programs: the compiled programs.
      capacity: rows that they have room for.
      options: what all models share.
      folder: where outcomes are kept, or None.
    """

    programs: Programs
    capacity: Capacity
    options: Options
    folder: pathlib.Path | None

    def run(self, chunk: Chunk, on_epoch: Callable[[], None]) -> Outcome:
        """Trains a chunk, or reads its outcome where it was finished before."""
        if self.folder is None:
            return self._train(chunk, on_epoch)
        path = self.folder / f"{self._digest(chunk)}.npz"
        if path.exists():
            for _ in range(self.options.num_epochs):
                on_epoch()
            return _load(path, chunk, self.programs)
        outcome = self._train(chunk, on_epoch)
        _save(path, outcome)
        return outcome

    def _train(self, chunk: Chunk, on_epoch: Callable[[], None]) -> Outcome:
        """Trains a chunk and scores it with the weights that are kept."""
        programs, capacity, options = self.programs, self.capacity, self.options
        models, shared = programs.shardings
        settings = jax.device_put(dict(chunk.settings), models)
        carry = jax.device_put(_starts(programs, chunk), models)
        feed = make_feed(chunk.problems, chunk.orders, capacity, options.batch_size, options.seed)
        rows = jax.device_put(feed.rows(), shared)
        traces: list[Trace] = []
        was_end = False
        for epoch, is_end, batches in feed.parts(options.num_epochs):
            is_due = options.keep_best and epoch % options.evaluate_every == 0
            evaluate = is_end and (is_due or epoch == options.num_epochs)
            flags = np.int32(epoch), np.bool_(evaluate), np.bool_(options.keep_best)
            batches = jax.device_put(batches, shared)
            carry, trace = programs.epoch(carry, settings, rows, batches, *flags)
            if traces:
                jax.block_until_ready(traces[-1])  # the next part is written over that one's rows
                if was_end:
                    on_epoch()
            traces.append(trace)
            was_end = is_end
        logits = programs.score(carry.best, settings, rows)
        losses, metrics = _by_epoch(traces, options.num_epochs)
        on_epoch()
        scores = (
            np.asarray(part)[:, :, :size] for part, size in zip(logits, capacity[1:], strict=True)
        )
        return Outcome(jax.tree.map(np.asarray, carry.best), losses, metrics, *scores)

    def _digest(self, chunk: Chunk) -> str:
        """What names a chunk's file: it changes with all that its outcome depends on but code."""
        settings = dict(sorted(chunk.settings.items()))
        words = self.options, self.capacity, list(chunk.orders), list(settings)
        arrays = [array for problem in chunk.problems for array in problem]
        starts = jax.tree.leaves(chunk.start)
        return _records.digest(words, [chunk.key_data, *settings.values(), *arrays, *starts])


def _save(path: pathlib.Path, outcome: Outcome) -> None:
    """Writes an outcome whole or not at all."""
    with _records.whole(path) as file:
        np.savez(file, *jax.tree.leaves(outcome))


def _load(path: pathlib.Path, chunk: Chunk, programs: Programs) -> Outcome:
    """Reads an outcome that `_save` wrote."""
    settings = {name: value[0, 0] for name, value in chunk.settings.items()}
    best = jax.eval_shape(programs.start, chunk.key_data[0, 0], settings).best
    structure = jax.tree.structure(Outcome(best, *[np.zeros(())] * 4))
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            return jax.tree.unflatten(structure, [file[name] for name in file.files])
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it.") from error


def _by_epoch(traces: Sequence[Trace], num_epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean losses and metrics `[..., epochs]`, of as many parts for each epoch."""
    stacked = jax.tree.map(lambda *parts: np.stack(parts, axis=-1), *traces)
    total, rows, metric = (leaf.reshape(*leaf.shape[:-1], num_epochs, -1) for leaf in stacked)
    return (total.sum(-1) / rows.sum(-1)).astype(total.dtype), metric[..., -1]


def _starts(programs: Programs, chunk: Chunk) -> Carry:
    """Carries `[problems, trials]`, made one by one: as one batch they compile slowly."""
    shape = chunk.key_data.shape[:2]
    given = chunk.key_data, dict(chunk.settings), chunk.start

    def started(place: tuple[int, ...]) -> Carry:
        return programs.start(*jax.tree.map(lambda leaf: leaf[place], given))

    models = [started(place) for place in np.ndindex(shape)]

    def stack(*leaves: jax.Array) -> np.ndarray:
        return np.stack(leaves).reshape(*shape, *leaves[0].shape)

    return jax.tree.map(stack, *models)
