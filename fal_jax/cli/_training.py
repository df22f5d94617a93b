"""One method on a table within a budget: all trials, those that are kept, and their model."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.cli import _measures
from fal_jax.cli._methods import KNOWN
from fal_jax.cli._model import Model
from fal_jax.cli._table import Say
from fal_jax.data import Table
from fal_jax.estimators import Baseline, Method, beyond_memory, draw_settings, on_disk, trials
from fal_jax.estimators._encoding import Encoding
from fal_jax.estimators.chosen import Chosen, choose, classifier_of
from fal_jax.estimators.problems import Problems, Task, encoded, nested
from fal_jax.estimators.trials import OnStep, Trained


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a method may spend.

    Attributes:
      trials: settings drawn for each method and fold.
      members: best trials that are calibrated and averaged.
      epochs: passes over the training rows.
      hidden: widths of the network's layers.
      validation_fraction: of the training rows, by which settings and thresholds are chosen.
      seed: of all that is random.
    """

    trials: int = 16
    members: int = 8
    epochs: int = 50
    hidden: tuple[int, ...] = (16, 8)
    validation_fraction: float = 0.2
    seed: int = 0

    def check(self) -> None:
        """Refuses what can't be spent."""
        for name, least in (("trials", 1), ("members", 1), ("epochs", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} must be at least {least}, got {getattr(self, name)}.")
        if self.members > self.trials:
            raise ValueError(
                f"--members must be at most the {self.trials} trials, got {self.members}: set "
                f"--members {self.trials} or fewer, or more --trials."
            )
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"--hidden must be widths from 1, one a layer, got {self.hidden}.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"--validation-fraction must be in (0, 1), got {self.validation_fraction}."
            )


@dataclasses.dataclass(frozen=True)
class Training(Budget):
    """What one method may spend on all rows.

    Attributes:
      memory: GiB that the prepared rows may take; more of them are kept on disk beside the model,
        and those to validate on are as many as half of it holds.
    """

    memory: float = 1.0

    def check(self) -> None:
        """Refuses what can't be spent."""
        super().check()
        if not self.memory >= 0:
            raise ValueError(f"--memory must be at least 0, got {self.memory}.")


class Part(NamedTuple):
    """A task, all trials of a method on it, and those that are kept."""

    task: Task
    trained: Trained
    chosen: Chosen

    def threshold(self, table: Table) -> float | None:
        """Of alarms, by the validation rows."""
        return _measures.threshold(self.chosen.validation, table.labels[self.task.validation])


def train(
    name: str,
    table: Table,
    budget: Training,
    beside: pathlib.Path,
    *,
    say: Say,
    on_step: OnStep,
) -> tuple[Model, dict[str, float]]:
    """Trains one of this library's methods on all rows.

    Args:
      name: of the method.
      table: with all rows.
      budget: what training may spend.
      beside: the folder in which rows that memory has no room for are while training lasts.
      say: takes notes.
      on_step: called with the share of the work that is done.

    Returns:
      Its model, and metrics of the validation rows.

    Raises:
      ValueError: a method that re-samples, for rows that are kept on disk.
      OSError: they can't be written, for want of space, say.
    """
    if gibibytes(table) <= budget.memory:
        (part,) = parts_of(name, table, [whole(table, budget)], budget, None, on_step)
        encoding = None
    else:
        _check_streams(name, table)
        say(
            f"the prepared rows take {gibibytes(table):.1f} GiB, more than --memory: they are "
            f"kept in {beside} while training lasts."
        )
        with tempfile.TemporaryDirectory(dir=beside, prefix="unfinished-") as folder:
            part, encoding = _from_disk(name, table, budget, folder, on_step)
    model = model_of(name, table, part, budget, encoding)
    labels = table.labels[part.task.validation]
    found = _measures.measured(part.chosen.validation, labels, model.threshold, table.classes)
    return model, found


def gibibytes(table: Table) -> float:
    """What the rows of a table take when they are prepared."""
    return len(table.labels) * on_disk.width(table.columns) * 4 / 2**30


def _check_streams(name: str, table: Table) -> None:
    """Refuses a method that needs all rows in memory."""
    if getattr(KNOWN[name], "resample", None) is not None:
        raise ValueError(
            f"{name} re-samples all rows in memory, and these take {gibibytes(table):.1f} GiB: "
            "take another --method, or set more --memory."
        )


def _from_disk(
    name: str, table: Table, budget: Training, folder: str, on_step: OnStep
) -> tuple[Part, Encoding]:
    """All trials on rows that are prepared in a folder, and what prepared them."""
    method = KNOWN[name]
    assert isinstance(method, Method)
    most = on_disk.most_validation_rows(table, budget.trials, budget.hidden, budget.memory)
    task = whole(table, budget, most)
    prepared = on_disk.prepare(table, task, folder)
    trained = beyond_memory.train_prepared(
        method,
        prepared,
        draw_settings(method, budget.trials, seed=0),
        epochs=budget.epochs,
        hidden=budget.hidden,
        seed=budget.seed,
        on_step=on_step,
    )
    kept = choose(trained, prepared.labels, budget.members)
    return Part(task, trained, kept), prepared.encoding


def whole(table: Table, protocol: Budget, most: int | None = None) -> Task:
    """All rows, to train on and, about so many at most, to validate on; one is the test part."""
    rows = np.arange(len(table.labels), dtype=np.int32)
    fraction = protocol.validation_fraction
    if most is not None:
        fraction = min(fraction, most / rows.size)
    try:
        return nested(table, rows, rows[:1], protocol.seed, None, fraction)
    except ValueError as error:
        raise ValueError(
            f"the table can't be split into rows to train and to validate on ({error}): rows that "
            "are equal in all columns stay together; add other rows of each class."
        ) from error


def parts_of(
    name: str,
    table: Table,
    tasks: Sequence[Task],
    protocol: Budget,
    folder: pathlib.Path | None,
    on_step: OnStep,
) -> list[Part]:
    """Trains all trials of a method on some tasks, and keeps the best of each."""
    method = KNOWN[name]
    resample = method.resample if isinstance(method, Method) else None
    problems = Problems(table, tasks, resample, fit=encoded)
    settings = trials.draws(method, len(tasks), protocol.trials)
    if isinstance(method, Baseline):
        done = trials.train_baseline(method, problems, settings, folder=folder, on_step=on_step)
    else:
        done = trials.train_method(
            method,
            problems,
            settings,
            epochs=protocol.epochs,
            hidden=protocol.hidden,
            folder=folder,
            on_step=on_step,
        )
    kept = (
        choose(one, table.labels[task.validation], protocol.members)
        for one, task in zip(done, tasks, strict=True)
    )
    return list(map(Part, tasks, done, kept))


def model_of(
    name: str, table: Table, part: Part, protocol: Budget, encoding: Encoding | None = None
) -> Model:
    """The model of the trials that a task kept; the encoding of its rows, if they had their own."""
    method = KNOWN[name]
    assert isinstance(method, Method)
    classifier = classifier_of(
        name,
        method,
        table,
        part.task,
        part.trained,
        part.chosen,
        epochs=protocol.epochs,
        hidden=protocol.hidden,
        seed=protocol.seed,
        encoding=encoding,
    )
    return Model(name, classifier, part.threshold(table))
