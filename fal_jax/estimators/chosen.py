"""The trials of a task that are kept: chosen and calibrated on its validation rows."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from fal_jax import metrics
from fal_jax.data import Table
from fal_jax.estimators._calibrating import fit_scaling
from fal_jax.estimators._encoding import Encoding, loaded_encoding
from fal_jax.estimators._fitting import Ensemble, known
from fal_jax.estimators._form import form_of
from fal_jax.estimators.methods import METHODS, Method
from fal_jax.estimators.problems import Task, batch_size
from fal_jax.estimators.trials import Trained

if TYPE_CHECKING:
    from fal_jax.estimators import ImbalancedMLPClassifier


class Chosen(NamedTuple):
    """The best trials of a task.

    Attributes:
      trials: `[members]`, their numbers, the best first.
      precision: `[trials]`, mean average precision on the validation rows, of all trials; -1 where
        scores are not finite.
      slope: `[members]`, and shift `[members, classes]`: what calibrates the logits.
      shift: see slope.
      validation: `[rows, classes]`, probabilities: the softmax of the members' mean logits.
      test: `[rows, classes]`, likewise.
    """

    trials: np.ndarray
    precision: np.ndarray
    slope: np.ndarray
    shift: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def choose(trained: Trained, labels: np.ndarray, members: int) -> Chosen:
    """Keeps the best trials, calibrates each on the validation rows and averages their logits.

    Args:
      trained: all trials of a task.
      labels: `[rows]`, of its validation rows.
      members: trials to keep, fewer where fewer have finite scores.

    Returns:
      The `Chosen`.

    Raises:
      FloatingPointError: no trial has finite scores.
    """
    logits, test = trained.validation, trained.test
    is_finite = np.array(
        [np.isfinite(v).all() and np.isfinite(t).all() for v, t in zip(logits, test, strict=True)]
    )
    if not is_finite.any():
        raise FloatingPointError(
            f"the scores of all {is_finite.size} trials are not finite: scale the columns, or "
            "draw more trials."
        )
    precision = np.full(is_finite.size, -1.0)
    for trial in np.flatnonzero(is_finite):
        precision[trial] = mean_precision(logits[trial], labels)
    order = np.argsort(-precision, kind="stable")
    kept = order[is_finite[order]][:members]
    fits = zip(*(fit_scaling(logits[trial], labels) for trial in kept), strict=True)
    slope, shift = map(np.array, fits)
    parts = (slope[:, None, None] * part[kept] + shift[:, None] for part in (logits, test))
    return Chosen(kept, precision, slope, shift, *map(probabilities, parts))


def mean_precision(logits: np.ndarray, labels: np.ndarray) -> float:
    """Average precision of each class against the others, the mean; with two that of class 1."""
    centred = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    if logits.shape[1] == 2:
        return float(metrics.average_precision(centred[:, 1] - centred[:, 0], labels))
    powers = np.exp(centred)
    others = powers.sum(axis=1, keepdims=True) - powers
    scores = centred - np.log(np.maximum(others, np.finfo(np.float64).tiny))
    return mean_over_classes(scores, labels)


def mean_over_classes(scores: np.ndarray, labels: np.ndarray) -> float:
    """The mean over the classes of the average precision of each, by its column of the scores."""
    each = [
        float(metrics.average_precision(column, (labels == number).astype(np.int32)))
        for number, column in enumerate(scores.T)
    ]
    return float(np.mean(each))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """The softmax `[rows, classes]` of the members' mean logits, `[members, rows, classes]`."""
    mean = logits.mean(axis=0)
    powers = np.exp(mean - mean.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def classifier_of(
    name: str,
    method: Method,
    table: Table,
    task: Task,
    trained: Trained,
    chosen: Chosen,
    *,
    epochs: int,
    hidden: tuple[int, ...],
    seed: int,
    encoding: Encoding | None = None,
) -> "ImbalancedMLPClassifier":
    """The fitted `ImbalancedMLPClassifier` of the trials that a method's task kept.

    Args:
      name: of the method.
      method: the method.
      table: with the names of its classes.
      task: what was trained.
      trained: all its trials, of rows prepared by `encoded`.
      chosen: those kept.
      epochs: passes over the rows.
      hidden: widths of the layers.
      seed: of the tasks.
      encoding: what prepared the rows; None is that of all training rows.

    Returns:
      The classifier: its labels are the table's classes.
    """
    from fal_jax.estimators import ImbalancedMLPClassifier

    if method.resample is not None:  # of the rows: the network is that of the loss alone
        name = next(n for n, m in METHODS.items() if m.loss is method.loss and m.resample is None)
    classifier: Any = ImbalancedMLPClassifier(
        name, hidden=hidden, epochs=epochs, members=len(chosen.trials), random_state=seed
    )
    counts = np.bincount(table.labels[task.train], minlength=len(table.classes))
    num_steps = -(-task.train.size // batch_size(task.train.size)) * epochs
    settings = {n: np.asarray(v)[chosen.trials] for n, v in trained.settings.items()}
    epoch = settings.pop("epoch")
    settings = {n: v.astype(np.float32) for n, v in settings.items()}
    classifier.ensemble_ = Ensemble(
        jax.tree.map(lambda leaf: leaf[chosen.trials], trained.params),
        settings | known(num_steps, counts, len(chosen.trials)),
        chosen.slope,
        chosen.shift,
        epoch,
        chosen.precision[chosen.trials],
    )
    if encoding is None:
        encoding = loaded_encoding(table.features[task.train], table.columns)
    classifier.form_, classifier.encoding_ = form_of(classifier), encoding
    classifier.classes_ = np.array(table.classes)
    classifier.n_features_in_ = len(table.columns)
    classifier.feature_names_in_ = np.array([column.name for column in table.columns], object)
    return classifier
