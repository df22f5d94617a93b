"""A whole run of one network, epoch by epoch: train, score, report, keep."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fal_jax import _records
from fal_jax.training._checkpoints import Checkpoint, Checkpoints
from fal_jax.training._minibatches import Minibatches, Rows
from fal_jax.training._step import TrainState


class Run(NamedTuple):
    """What a run trains on, and for how long.

    Attributes:
      rows: all rows, on the devices; see `on_all_devices`.
      settings: by name, of the method; with "learning_rate".
      batches: `[steps, batch]`, places in the rows; see `fal_jax.data.stream_batches`.
      rates: `[steps]`, what the learning rate is multiplied by.
      ends: `[epochs]`, how many steps are done at the end of each epoch.
      scored: `[rows]`, the places of the rows to score.
      evaluate_every: epochs from one scoring to the next; the last epoch always is scored.
      seed: of the network's start and of what happens to its inputs.
    """

    rows: Rows
    settings: Mapping[str, np.ndarray]
    batches: np.ndarray
    rates: np.ndarray
    ends: Sequence[int]
    scored: np.ndarray
    evaluate_every: int
    seed: int


def run_epochs(
    programs: Minibatches,
    run: Run,
    *,
    checkpoints: Checkpoints | None = None,
    checkpoint_every: int = 1,
    on_step: Callable[[int], None] = lambda _: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda _: None,
) -> tuple[TrainState, list[dict[str, Any]]]:
    """Trains one network, from its latest checkpoint if there is one.

    A checkpoint is gone on from if this run would have come to it too: by the same settings and
    seed, and by batches, rates and ends that begin with the same. So a longer run goes on with a
    shorter one only where nothing in it, like a schedule, depends on the number of steps.

    Args:
      programs: from `minibatches`.
      run: what to train on.
      checkpoints: where to keep checkpoints, and to go on from; None keeps none.
      checkpoint_every: epochs from one to the next; the last epoch always has one.
      on_step: called with the number of steps done.
      on_epoch: called with what an epoch reports, also for those done before.

    Returns:
      The last state, and for each epoch "epoch" (from 1), "step", the mean "loss" (None if it is
      not finite), "learning_rate" of its last step, and "confusion" `[classes, classes]`, None
      where not scored.

    Raises:
      ValueError: the latest checkpoint is damaged or of another run, and in what that differs; or a
        batch can't be split evenly over the devices.
      OSError: a checkpoint can't be written, and earlier ones stay, or can't be read just now.
    """
    state = programs.start(run.seed, run.settings)
    history: list[dict[str, Any]] = []
    before = None if checkpoints is None else checkpoints.latest(state)
    if checkpoints is not None and before is not None:
        _check_same(before, run, checkpoints)
        state, history = before.state, before.history
    for report in history:
        on_epoch(report)
    last = len(run.ends)
    for epoch in range(len(history) + 1, last + 1):
        state, report = _epoch(programs, run, state, epoch, on_step)
        history.append(report)
        on_epoch(report)
        if checkpoints is not None and (epoch == last or epoch % checkpoint_every == 0):
            checkpoints.save(Checkpoint(epoch, state, history, _told(run, epoch)))
    return state, history


def _epoch(
    programs: Minibatches, run: Run, state: TrainState, epoch: int, on_step: Callable[[int], None]
) -> tuple[TrainState, dict[str, Any]]:
    """One epoch, and what it reports."""
    first, end = (0, *run.ends)[epoch - 1 : epoch + 1]
    state, losses = programs.steps(
        state,
        run.settings,
        run.rows,
        run.batches[first:end],
        run.rates[first:end],
        run.seed,
        first,
        on_step=lambda done: on_step(first + done),
    )
    loss = float(losses.mean(dtype=np.float64))
    confusion = None
    if epoch == len(run.ends) or epoch % run.evaluate_every == 0:
        confusion = programs.confusion(state, run.settings, run.rows, run.scored).tolist()
    rate = float(run.settings["learning_rate"] * run.rates[end - 1])
    return state, {
        "epoch": epoch,
        "step": int(end),
        "loss": loss if np.isfinite(loss) else None,
        "learning_rate": rate,
        "confusion": confusion,
    }


def _told(run: Run, epochs: int) -> dict[str, Any]:
    """What the first epochs of a run come of, but for the rows, which are many."""
    ends = [int(end) for end in run.ends[:epochs]]
    settings = {f"setting {n}": np.asarray(value).tolist() for n, value in run.settings.items()}
    batches, rates = run.batches[: ends[-1]], np.asarray(run.rates[: ends[-1]])
    return settings | {
        "seed": int(run.seed),
        "ends": ends,
        "batches": _records.digest("", [batches]),
        "rates": _records.digest("", [rates]),
    }


def _check_same(before: Checkpoint, run: Run, kept: Checkpoints) -> None:
    """Refuses to go on from what this run would not have come to."""
    if before.epoch > len(run.ends):
        raise ValueError(
            f"the checkpoint in {kept.folder} must be of at most the {len(run.ends)} epochs of the "
            f"run, got {before.epoch}: another run needs another folder."
        )
    if before.run is None:  # of a version that did not keep it
        return
    told = _told(run, before.epoch)
    differs = [name for name in told | before.run if told.get(name) != before.run.get(name)]
    if differs:
        raise ValueError(
            f"the checkpoint in {kept.folder} must be of the same run, but differs in "
            f"{', '.join(differs)}: another run, also one of other epochs whose schedule depends "
            "on their number, needs another folder."
        )
