"""All trials of a method on the tasks of an experiment: trained, and their rows scored."""

import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from fal_jax import _records, anchors, training
from fal_jax.estimators._fitting import Network, mean_average_precision
from fal_jax.estimators.baselines import Baseline
from fal_jax.estimators.methods import Method
from fal_jax.estimators.problems import Problems, Task, batch_size
from fal_jax.estimators.search import Searched, draw_settings
from fal_jax.models import Params
from fal_jax.training import Problem

OnStep = Callable[[float], None]


class Trained(NamedTuple):
    """All trials on one task.

    Attributes:
      validation: `[trials, rows, classes]`, logits.
      test: `[trials, rows, classes]`, logits.
      settings: by name `[trials]`, with the "epoch" of the weights where there is one.
      params: of the networks, leaves lead with `[trials]`; None for other classifiers.
    """

    validation: np.ndarray
    test: np.ndarray
    settings: dict[str, np.ndarray]
    params: Params | None = None


def draws(method: Searched, num_tasks: int, num_trials: int) -> dict[str, np.ndarray]:
    """Settings `[tasks, trials]`, drawn anew for each task."""
    drawn = [draw_settings(method, num_trials, seed=seed) for seed in range(num_tasks)]
    return {name: np.stack([draw[name] for draw in drawn]) for name in drawn[0]}


def train_method(
    method: Method,
    problems: Problems,
    settings: Mapping[str, np.ndarray],
    *,
    epochs: int,
    hidden: tuple[int, ...],
    keep: Literal["best", "last"] = "best",
    folder: str | os.PathLike[str] | None = None,
    on_step: OnStep = lambda _: None,
) -> list[Trained]:
    """Trains all trials of a method on all tasks, as one sweep.

    Args:
      method: the method.
      problems: what to train, validate and test on.
      settings: by name `[tasks, trials]`.
      epochs: passes over the training rows.
      hidden: widths of the network's layers.
      keep: the weights of the epoch with the "best" average precision, or of the "last" one.
      folder: where finished parts of the sweep are kept, to go on after a kill.
      on_step: called with the share of the work that is done.

    Returns:
      A `Trained` for each task.
    """
    capacity, num_classes = problems.capacity(), problems.num_classes
    size = batch_size(capacity.rows)
    if "every" in method.fixed:  # warns of too few updates
        steps = -(-capacity.rows // size) * epochs
        anchors.num_anchor_updates(steps, int(method.fixed["every"]))
    num_inputs = problems[0].inputs.shape[1]
    is_binary = num_classes == 2
    result = training.sweep(
        Network(method, num_inputs, num_classes, hidden).build(),
        settings,
        problems,
        num_epochs=epochs,
        batch_size=size,
        keep=keep,
        metric=training.binned_average_precision if is_binary else mean_average_precision,
        capacity=capacity,
        folder=folder,
        on_epoch=lambda done, total: on_step(done / total),
    )
    settings = {**settings, "epoch": np.asarray(result.best.epoch)}
    return [
        Trained(
            result.validation_logits[number],
            result.test_logits[number],
            {name: values[number] for name, values in settings.items()},
            jax.tree.map(lambda leaf, number=number: np.asarray(leaf[number]), result.best.params),
        )
        for number in range(len(problems))
    ]


def train_baseline(
    baseline: Baseline,
    problems: Problems,
    settings: Mapping[str, np.ndarray],
    *,
    folder: str | os.PathLike[str] | None = None,
    on_step: OnStep = lambda _: None,
) -> list[Trained]:
    """As `train_method` for another library's classifier, one trial after the other.

    Of more than two classes each is told from the others, and the logits are the log-odds. What a
    folder keeps of other rows, settings or seeds is trained anew.
    """
    num_trials = next(iter(settings.values())).shape[1]
    done = []
    for number, task in enumerate(problems.tasks):
        here = {name: values[number] for name, values in settings.items()}
        path = None if folder is None else pathlib.Path(folder) / f"{number}.npz"
        digest = _digest(task, problems.table.labels, here)
        kept = None if path is None or not path.exists() else _kept(path, digest)
        if kept is not None:
            done.append(Trained(*kept, here))
            continue
        problem, scores = problems[number], []
        for trial in range(num_trials):
            values = {name: float(value[trial]) for name, value in here.items()}
            scores.append(_logits(baseline, values, problem, problems.num_classes, task.seed))
            on_step((number + (trial + 1) / num_trials) / len(problems))
        validation, test = (np.stack(part) for part in zip(*scores, strict=True))
        done.append(Trained(validation, test, here))
        if path is not None:
            with _records.whole(path) as file:
                np.savez(file, validation=validation, test=test, digest=np.array(digest))
    return done


def _logits(
    baseline: Baseline, settings: dict[str, float], problem: Problem, num_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Logits `[rows, classes]` of the validation and the test rows by one trial."""
    inputs, labels, validation_inputs, validation_labels, test_inputs = problem
    parts: list[Any] = []
    for number in [1] if num_classes == 2 else range(num_classes):
        is_class, is_validation_class = (
            (values == number).astype(np.int32) for values in (labels, validation_labels)
        )
        rows = inputs, is_class, validation_inputs, is_validation_class
        score = baseline.fit(settings, *rows, seed=seed)
        parts.append((score(validation_inputs), score(test_inputs)))
    if num_classes == 2:
        parts.insert(0, tuple(np.zeros_like(scores) for scores in parts[0]))
    validation, test = (np.stack(scores, axis=-1) for scores in zip(*parts, strict=True))
    return validation, test


def _digest(task: Task, labels: np.ndarray, settings: Mapping[str, np.ndarray]) -> str:
    """What a baseline's scores of a task depend on, but the features and code."""
    values = dict(sorted(settings.items()))
    arrays = [labels, task.train, task.validation, task.test, *values.values()]
    return _records.digest((task.seed, list(values)), arrays)


def _kept(path: pathlib.Path, digest: str) -> tuple[np.ndarray, np.ndarray] | None:
    """A baseline's scores of one task from an earlier call, None if they are of another task."""
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            is_same = str(file["digest"]) == digest
            return (file["validation"], file["test"]) if is_same else None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it.") from error
