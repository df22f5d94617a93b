"""Training on a stream of rows that does not fit into memory, on one or more processes."""

import contextlib
import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fal_jax import metrics
from fal_jax.data import Stream, prefetched
from fal_jax.models import Model
from fal_jax.training._checkpoints import Checkpoint, Checkpoints
from fal_jax.training._devices import device_mesh, on_all_devices
from fal_jax.training._placing import Placed, own_lanes, placed_parts, side_by_side
from fal_jax.training._processes import watch_processes
from fal_jax.training._step import Trainer, TrainState, model_params


@watch_processes()
def fit_stream(
    trainer: Trainer,
    state: TrainState,
    stream: Stream,
    *,
    num_epochs: int,
    mesh: Mesh | None = None,
    checkpoints: Checkpoints | None = None,
    checkpoint_every: int = 2000,
    on_part: Callable[[dict[str, Any]], None] = lambda _: None,
) -> tuple[TrainState, list[dict[str, Any]]]:
    """Trains one network on the batches of a stream.

    The same as `fit` on all rows in memory in the order of `fal_jax.data.stream_order`. A part is
    one program; the next ones are read meanwhile. Batches are split over the devices of all
    processes, each of which reads the files of its own lanes; gradients, statistics and anchors are
    those of the whole batch. Rows that were decoded are not copied on a CPU if the lanes split
    evenly over the devices. The step in `state` says where in the stream training
    is, in whichever epoch, so that a state of any number of processes goes on with any other.

    In a run of several processes, one that raises must leave at once, by `os._exit`, of whatever
    kind the error is: JAX's own way out waits for all others, which wait for this one.

    Args:
      trainer: what to do in a step.
      state: where to start, `trainer.init(key)`, or a state of this stream to go on from.
      stream: of `fal_jax.data.open_stream`, the same in all processes.
      num_epochs: epochs in all, those of the state included.
      mesh: the devices; None takes those of all processes.
      checkpoints: where to keep checkpoints, and to go on from; None keeps none.
      checkpoint_every: steps from one to the next, at least; the last step always has one.
      on_part: called with the last of the reports as it grows.

    Returns:
      The last state, and a report of each epoch: "epoch" (from 1), "steps" done in it, the mean
      "loss" of these and the "seconds" that they took, also before the checkpoint. A state that was
      given and not a checkpoint's has no reports before it.

    Raises:
      ValueError: the batches can't be split over processes and devices, the latest checkpoint is
        damaged or of another stream, or a file is damaged.
      FileNotFoundError: a file has gone.
      OSError: a checkpoint can't be written, and earlier ones stay, or can't be read just now.
      RuntimeError: another process has ended; start all again to go on from the latest checkpoint.
    """
    mesh = device_mesh() if mesh is None else mesh
    lanes = own_lanes(stream, mesh)
    state, reports = on_all_devices(jax.tree.map(np.array, state), mesh), []
    if checkpoints is not None and (before := checkpoints.latest(state)) is not None:
        state, reports = before.state, before.history
        _check_same(reports, stream, checkpoints)
    first = saved = done = int(state.step)
    program, waiting = _program(trainer, mesh), []
    ahead = range(first, num_epochs * stream.num_steps)
    parts, then = prefetched(placed_parts(stream, lanes, mesh, ahead)), time.perf_counter()
    with contextlib.closing(parts):
        for steps, placed in parts:
            state, losses = program(state, placed)
            done += steps
            waiting.append((done, losses[:steps]))
            is_due = done == ahead.stop or done - saved >= checkpoint_every
            while len(waiting) > (0 if is_due else 1):  # one part waits while one runs, no more
                _add(reports, stream, *waiting.pop(0))
                now = time.perf_counter()
                reports[-1]["seconds"] += now - then
                then = now
                on_part(reports[-1])
            if is_due and checkpoints is not None:
                checkpoints.save(Checkpoint(done, state, reports))
                saved = done
    return state, reports


@watch_processes()
def evaluate_stream(
    model: Model,
    state: TrainState,
    stream: Stream,
    *,
    mesh: Mesh | None = None,
    metric: metrics.Metric | None = None,
) -> Any:
    """Scores every row of a stream once, and counts, over all processes.

    Args:
      model: of two classes, what the state was trained with.
      state: of `fit_stream`, on its devices.
      stream: of the rows to score, without positives added; its order does not matter.
      mesh: the devices; None takes those of all processes.
      metric: what to count log-odds and labels by; None takes `metrics.streaming_ranking()`.

    Returns:
      What the metric computes. For the same state counts add to the same bits however many
      processes there are, if a row's log-odds do not round otherwise in a batch that is split
      otherwise.

    Raises:
      ValueError: the stream adds positives, or can't be split over processes and devices.
    """
    if stream.positives:
        raise ValueError(f"stream must add no positives, got {stream.positives} a batch.")
    mesh = device_mesh() if mesh is None else mesh
    metric = metrics.streaming_ranking() if metric is None else metric
    counted = on_all_devices(jax.tree.map(np.array, metric.init()), mesh)
    program = _scoring(model, metric, mesh)
    parts = placed_parts(stream, own_lanes(stream, mesh), mesh, range(stream.num_steps))
    with contextlib.closing(prefetched(parts)) as made:
        for _, placed in made:
            counted = jax.block_until_ready(program(state, counted, placed))
    return metric.compute(counted)


@functools.lru_cache(maxsize=8)
def _program(trainer: Trainer, mesh: Mesh) -> Callable:
    """Several steps as one program."""

    def steps(state: TrainState, placed: Placed) -> tuple[TrainState, jax.Array]:
        def step(state: TrainState, placed: Placed) -> tuple[TrainState, jax.Array]:
            batch = side_by_side(placed, mesh.size)
            new, loss = trainer.update(state, batch)
            is_step = jnp.any(batch.where)
            return jax.tree.map(lambda n, o: jnp.where(is_step, n, o), new, state), loss

        return jax.lax.scan(step, state, placed)

    everywhere = NamedSharding(mesh, PartitionSpec())
    return jax.jit(steps, out_shardings=everywhere, donate_argnums=0)


@functools.lru_cache(maxsize=8)
def _scoring(model: Model, metric: metrics.Metric, mesh: Mesh) -> Callable:
    """A metric's state after some steps' rows."""

    def score(state: TrainState, counted: Any, placed: Placed) -> Any:
        inputs, labels, where, *_ = side_by_side(placed, mesh.size)
        logits = model.apply(model_params(state), state.stats, inputs)[0].logits
        return metric.update(counted, logits[..., 1] - logits[..., 0], labels, where=where)

    return jax.jit(score, out_shardings=NamedSharding(mesh, PartitionSpec()), donate_argnums=1)


def _add(reports: list[dict[str, Any]], stream: Stream, done: int, losses: jax.Array) -> None:
    """Adds the losses of a part, which ends when so many steps are done, to its epoch's report."""
    epoch = -(-done // stream.num_steps)
    if not reports or reports[-1]["epoch"] != epoch:
        none = {"steps": 0, "loss": 0.0, "seconds": 0.0}
        reports.append({"epoch": epoch, **none, "stream": _told(stream)})
    report, found = reports[-1], np.asarray(losses, np.float64)
    report["steps"] += len(found)
    report["loss"] += float(found.mean() - report["loss"]) * len(found) / report["steps"]


def _told(stream: Stream) -> list[int | None]:
    """What tells the order of one stream from that of another."""
    rows = stream.rows
    shuffled = None if rows.seed is None else int(rows.seed)
    counts = rows.counts.sum(axis=0).tolist()
    return [*map(int, stream[1:]), shuffled, len(rows.sizes), *counts]


def _check_same(reports: list[dict[str, Any]], stream: Stream, kept: Checkpoints) -> None:
    """Refuses to go on in another order than a checkpoint's."""
    if reports[-1]["stream"] != _told(stream):
        raise ValueError(
            "the checkpoint must be of the same stream, but its batch_size, seed, positives, "
            "lanes, pool_rows, part_rows, the rows' own seed, blocks and rows by class are "
            f"{reports[-1]['stream']}, not {_told(stream)}: another stream needs another folder "
            f"than {kept.folder}."
        )
