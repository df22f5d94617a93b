"""One method on long-tailed images: trained once, scored, told as a part of a record."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from experiments.image_recipes import Recipe, network
from fal_jax import anchors, data, losses, training
from fal_jax.data import Images
from fal_jax.estimators import IMAGE_FAMILY, IMAGE_METHODS
from fal_jax.training import TrainState

METHODS = {**IMAGE_METHODS, **IMAGE_FAMILY}
"""All that an image study can run, by name."""

Report = dict[str, Any]
Kind = Literal["exponential", "step"]
_BANDS = {"many": (101, np.inf), "medium": (20, 100), "few": (0, 19)}  # training examples


class Setup(NamedTuple):
    """What all runs of a study share.

    Attributes:
      images: the data set.
      rows: all its images on the devices, those to train on first.
      recipe: how networks are trained.
      network: name of the network.
      dtype: of the computation, "float32" or "bfloat16".
      mesh: the devices.
    """

    images: Images
    rows: training.Rows
    recipe: Recipe
    network: str
    dtype: str
    mesh: Any


class Task(NamedTuple):
    """One training set.

    Attributes:
      train: places of the rows to train on.
      scored: places of the rows to score.
      class_counts: `[classes]`, of the rows to train on.
      seed: of the network's start, its batches and their augmentation.
    """

    train: np.ndarray
    scored: np.ndarray
    class_counts: np.ndarray
    seed: int


def setup(images: Images, recipe: Recipe, name: str, dtype: str) -> Setup:
    """Puts the data on all devices."""
    mesh = training.device_mesh()
    inputs = np.concatenate([images.inputs, images.test_inputs])
    labels = np.concatenate([images.labels, images.test_labels])
    rows = training.Rows(*training.on_all_devices((inputs, labels), mesh))
    return Setup(images, rows, recipe, name, dtype, mesh)


def long_tailed(images: Images, factor: float, kind: Kind, seed: int) -> Task:
    """The long-tailed training rows of a seed, and the whole test set to score."""
    counts = data.long_tail_counts(
        int(np.bincount(images.labels).min()),
        len(images.class_names),
        imbalance_factor=factor,
        kind=kind,
    )
    train = data.long_tail_indices(images.labels, counts, seed=seed)
    scored = np.arange(len(images.test_labels), dtype=np.int32) + len(images.labels)
    return Task(train, scored, counts, seed)


def held_out(task: Task, labels: np.ndarray, fraction: float) -> Task:
    """The same with a part of its training rows to score, and none of the test rows."""
    split = data.stratified_holdout(labels[task.train], test_fraction=fraction, seed=task.seed)
    train = task.train[split.train]
    counts = np.bincount(labels[train], minlength=len(task.class_counts))
    return Task(train, task.train[split.test], counts, task.seed)


@functools.cache
def programs(method: str, setup_key: tuple, mesh: Any) -> training.Minibatches:
    """The compiled programs of a method, shared by all its runs."""
    recipe, name, num_classes, channels, dtype = setup_key
    make = network(name, num_classes, channels, jnp.dtype(dtype))
    row = dataclasses.replace(METHODS[method], optimizer=recipe.optimizer)
    return training.minibatches(
        lambda settings: row.join(lambda head: training.split_batch(make(head), mesh), settings),
        recipe.transform,
        mesh,
    )


def train(
    method: str,
    settings: Mapping[str, float],
    task: Task,
    setup: Setup,
    *,
    epochs: int | None = None,
    folder: pathlib.Path | None = None,
    on_step: Callable[[int, int], None] = lambda _, __: None,
    on_epoch: Callable[[Report], None] = lambda _: None,
) -> tuple[Report, TrainState]:
    """Trains one network.

    Args:
      method: one of `METHODS`.
      settings: what replaces the method's own.
      task: what to train and score on.
      setup: shared by all runs.
      epochs: another number than the recipe's.
      folder: for checkpoints, to go on from; None keeps none.
      on_step: called with the steps done and all steps.
      on_epoch: called with what each epoch reports.

    Returns:
      "settings", "last" and "best" epoch (see `scores`), the "losses" and "learning_rates" by
      epoch, the "errors" of the epochs that were scored, and "anchor_distances" at the end (see
      there); and the last state.
    """
    recipe, images = setup.recipe, setup.images
    epochs = epochs or recipe.epochs
    size, rows = recipe.batch_size, len(task.train)
    ends = [rows * epoch // size for epoch in range(1, epochs + 1)]
    drawn = data.stream_batches(rows, batch_size=size, num_steps=ends[-1], seed=task.seed)
    settings = {**METHODS[method].fixed, **settings}
    if "every" in settings:  # warns of too few updates
        anchors.num_anchor_updates(ends[-1], int(settings["every"]))
    known = settings | {"num_steps": ends[-1], "class_counts": task.class_counts}
    run = training.Run(
        rows=setup.rows,
        settings={name: np.asarray(value, np.float32) for name, value in known.items()},
        batches=task.train[drawn],
        rates=recipe.rates(ends[-1]),
        ends=ends,
        scored=task.scored,
        evaluate_every=recipe.evaluate_every,
        seed=task.seed,
    )
    key = recipe, setup.network, len(images.class_names), images.inputs.shape[-1], setup.dtype
    checkpoints = None if folder is None else training.Checkpoints(folder)
    state, history = training.run_epochs(
        programs(method, key, setup.mesh),
        run,
        checkpoints=checkpoints,
        checkpoint_every=recipe.evaluate_every,
        on_step=lambda done: on_step(done, ends[-1]),
        on_epoch=on_epoch,
    )
    if checkpoints is not None:
        checkpoints.close()
    found = told(history, task.class_counts) | {"anchor_distances": anchor_distances(state)}
    return {"settings": settings, **found}, state


def told(history: list[Report], class_counts: np.ndarray) -> Report:
    """What a record keeps of a run's epochs: the last and, apart from it, the best."""
    scored = [epoch for epoch in history if epoch["confusion"] is not None]
    found = [{"epoch": e["epoch"], **scores(e["confusion"], class_counts)} for e in scored]
    return {
        "last": found[-1],
        "best": min(found, key=lambda score: score["error"]),
        "losses": [None if e["loss"] is None else round(e["loss"], 5) for e in history],
        "learning_rates": [round(e["learning_rate"], 7) for e in history],
        "errors": [[score["epoch"], score["error"]] for score in found],
    }


def anchor_distances(state: TrainState) -> dict[str, float] | None:
    """The "least", "median" and "largest" squared distance of two anchors, if there are any."""
    found = training.model_params(state)["head"].get("anchors")
    if found is None:
        return None
    places = np.asarray(found)  # each process has them whole, and computes for itself
    between = np.asarray(losses.squared_distances(places, places))
    pairs = between[np.triu_indices(len(between), k=1)]
    values = {"least": pairs.min(), "median": np.median(pairs), "largest": pairs.max()}
    return {name: round(float(value), 4) for name, value in values.items()}


def scores(confusion: list[list[int]], class_counts: np.ndarray) -> Report:
    """Error in percent, and accuracies: of each class, and means over classes.

    "many" are classes of more than 100 training examples, "medium" of 20 to 100, "few" of less;
    None where there is no such class.
    """
    counts = np.asarray(confusion)
    accuracy = np.diag(counts) / np.maximum(counts.sum(axis=1), 1)
    report = {
        "error": round(100 * (1 - np.trace(counts) / counts.sum()), 4),
        "balanced_accuracy": round(float(accuracy.mean()), 6),
        "accuracy": np.round(accuracy, 4).tolist(),
    }
    for band, (low, high) in _BANDS.items():
        members = accuracy[(class_counts >= low) & (class_counts <= high)]
        report[band] = round(float(members.mean()), 6) if members.size else None
    return report
