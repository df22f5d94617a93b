"""One method on the tasks of an experiment: train all trials, choose one, score the test rows."""

import dataclasses
import functools
import io
import pathlib
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn import metrics

from experiments import records, scoring
from experiments.problems import Problems, batch_size
from experiments.tasks import Task
from fal_jax import anchors, training
from fal_jax.data import Table
from fal_jax.estimators import Baseline, Method, draw_settings, paper_grid

Run = dict[str, Any]
OnStep = Callable[[float], None]
AVERAGE = 8  # of the trials


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What all methods of an experiment share.

    Attributes:
        budget: "equal" draws the same number of trials for every method, keeps the weights of
            the best epoch and reports at thresholds chosen on validation rows; "paper" takes
            the paper's settings, what it leaves open from one grid, and the last weights.
        epochs: passes over the training rows.
        trials: settings drawn a method, for equal budgets.
        hidden: widths of the network's layers.
        validation_fraction: share of the training rows that choices are made by.
    """

    budget: Literal["equal", "paper"] = "equal"
    epochs: int = 50
    trials: int = 16
    hidden: tuple[int, ...] = (16, 8)
    validation_fraction: float = 0.2


class Trained(NamedTuple):
    """All trials of a method on one task.

    Attributes:
        task: the task.
        validation: `[trials, rows]`, log-odds.
        test: `[trials, rows]`, log-odds.
        settings: by name `[trials]`, with the "epoch" of the weights where there is one.
    """

    task: Task
    validation: np.ndarray
    test: np.ndarray
    settings: dict[str, np.ndarray]


def train_method(
    method: Method,
    table: Table,
    tasks: Sequence[Task],
    protocol: Protocol,
    *,
    folder: pathlib.Path | None = None,
    on_step: OnStep = lambda _: None,
) -> list[Trained]:
    """Trains all trials of a method on all tasks, as one sweep.

    Args:
        method: the method.
        table: the data.
        tasks: what to train, validate and test on.
        protocol: shared by all methods.
        folder: where finished parts of the sweep are kept, to go on after a kill.
        on_step: called with the share of the work that is done.

    Returns:
        A `Trained` for each task.
    """
    problems = Problems(table, tasks, method.resample)
    capacity = problems.capacity()
    size = batch_size(capacity.rows)
    if "every" in method.fixed:  # warns of too few updates
        steps = -(-capacity.rows // size) * protocol.epochs
        anchors.num_anchor_updates(steps, int(method.fixed["every"]))
    settings = drawn(method, len(tasks), protocol)
    result = training.sweep(
        builder(method, problems[0].inputs.shape[1], protocol.hidden),
        settings,
        problems,
        num_epochs=protocol.epochs,
        batch_size=size,
        keep="best" if protocol.budget == "equal" else "last",
        capacity=capacity,
        folder=folder,
        on_epoch=lambda done, total: on_step(done / total),
    )
    settings["epoch"] = np.asarray(result.best.epoch)
    logits = zip(tasks, result.validation_logits, result.test_logits, strict=True)
    return [
        Trained(
            task,
            validation[..., 1] - validation[..., 0],
            test[..., 1] - test[..., 0],
            {name: values[number] for name, values in settings.items()},
        )
        for number, (task, validation, test) in enumerate(logits)
    ]


def train_baseline(
    baseline: Baseline,
    table: Table,
    tasks: Sequence[Task],
    protocol: Protocol,
    *,
    folder: pathlib.Path | None = None,
    on_step: OnStep = lambda _: None,
) -> list[Trained]:
    """As `train_method` for another library's classifier, one trial after the other."""
    problems = Problems(table, tasks)
    settings = drawn(baseline, len(tasks), protocol)
    done = []
    for number, task in enumerate(tasks):
        here = {name: values[number] for name, values in settings.items()}
        path = folder and folder / f"{number}.npz"
        if path is not None and path.exists():
            done.append(Trained(task, *_kept(path), here))
            continue
        *rows, test_inputs = problems[number]
        scores = []
        for trial in range(protocol.trials):
            values = {name: float(value[trial]) for name, value in here.items()}
            score = baseline.fit(values, *rows, seed=task.seed)
            scores.append((score(rows[2]), score(test_inputs)))
            on_step((number + (trial + 1) / protocol.trials) / len(tasks))
        validation, test = (np.stack(part) for part in zip(*scores, strict=True))
        done.append(Trained(task, validation, test, here))
        if path is not None:
            content = io.BytesIO()
            np.savez(content, validation=done[-1].validation, test=done[-1].test)
            records.write(path, content.getvalue())
    return done


def _kept(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """A baseline's scores of one task, from an earlier call."""
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            return file["validation"], file["test"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it.") from error


def drawn(method: Method | Baseline, num_tasks: int, protocol: Protocol) -> dict[str, np.ndarray]:
    """Settings `[tasks, trials]`: drawn anew for each task, or the same grid for all."""
    if protocol.budget == "paper" and isinstance(method, Method):
        grid = paper_grid(method)
        return {name: np.tile(values, (num_tasks, 1)) for name, values in grid.items()}
    draws = [draw_settings(method, protocol.trials, seed=seed) for seed in range(num_tasks)]
    return {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}


@functools.cache
def builder(method: Method, num_inputs: int, hidden: tuple[int, ...]) -> training.Build:
    """How to build the method's models; one object for the same arguments, for the compiler."""
    return functools.partial(method.build, num_inputs=num_inputs, num_classes=2, hidden=hidden)


def chosen(trained: Trained, table: Table) -> Run:
    """The run of the trial with the best average precision on the validation rows."""
    precision = _precision(trained, table)
    best = int(np.argmax(precision))
    run = _scored(trained.task, table, trained.validation[best], trained.test[best])
    run["settings"] = {name: values[best].item() for name, values in trained.settings.items()}
    run["trials"] = np.round(precision, 4).tolist()
    return run


def averaged(trained: Trained, table: Table) -> Run:
    """The run of the mean of the best trials, each first calibrated on the validation rows."""
    precision = _precision(trained, table)
    best = np.argsort(-precision, kind="stable")[:AVERAGE]
    labels = table.labels[trained.task.validation]
    scores = [
        scoring.calibrated(trained.validation[trial], labels, trained.test[trial])
        for trial in best[precision[best] >= 0]
    ]
    return _scored(
        trained.task, table, *(np.mean(part, axis=0) for part in zip(*scores, strict=True))
    )


def _precision(trained: Trained, table: Table) -> np.ndarray:
    """Each trial's average precision on the validation rows; -1 where scores are not finite."""
    labels = table.labels[trained.task.validation]
    is_finite = np.isfinite(trained.validation).all(axis=-1)
    if not is_finite.any():
        raise FloatingPointError(
            f"the scores of all {is_finite.size} trials are not finite for seed "
            f"{trained.task.seed}; the settings' ranges reach too far."
        )
    precision = np.full(is_finite.size, -1.0)
    for trial in np.flatnonzero(is_finite):
        precision[trial] = metrics.average_precision_score(labels, trained.validation[trial])
    return precision


def _scored(task: Task, table: Table, validation: np.ndarray, test: np.ndarray) -> Run:
    """Thresholds by the validation scores, metrics of both parts, curves of the test part."""
    labels, test_labels = table.labels[task.validation], table.labels[task.test]
    thresholds = scoring.best_thresholds(validation, labels)
    return {
        "seed": task.seed,
        "fold": task.fold,
        "thresholds": thresholds,
        "validation": scoring.scored(validation, labels, thresholds),
        "test": scoring.scored(test, test_labels, thresholds),
        "curves": scoring.curves(test, test_labels),
    }
