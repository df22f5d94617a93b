"""A holdout experiment: tune on folds of the training part, refit, score the test part once."""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn import metrics

from fal_jax import anchors, data, training
from fal_jax.data import Split, Table
from fal_jax.estimators import Method, draw_settings


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What all methods of an experiment share.

    Attributes:
        epochs: passes over the training rows.
        batch_size: rows a step.
        hidden: widths of the network's layers.
        trials: settings drawn a method.
        folds: parts of the training rows that each trial is validated on, one after the other.
    """

    epochs: int = 50
    batch_size: int = 64
    hidden: tuple[int, ...] = (16, 8)
    trials: int = 8
    folds: int = 2


@dataclasses.dataclass(frozen=True)
class Task:
    """One seed's part in an experiment: a split, and how its training rows are split again.

    Attributes:
        seed: of the split, the batches and the re-sampling.
        split: training and test rows.
        validations: splits of the training rows, for tuning.
    """

    seed: int
    split: Split
    validations: tuple[Split, ...]


def random_task(table: Table, seed: int, folds: int) -> Task:
    """The paper's split: 80/20, stratified, at random; the folds likewise."""
    split = data.stratified_holdout(table.labels, test_fraction=0.2, seed=seed)
    fold = data.stratified_folds(table.labels[split.train], num_folds=folds, seed=seed)
    validations = tuple(Split(split.train[fold != k], split.train[fold == k]) for k in range(folds))
    return Task(seed, split, validations)


def block_task(table: Table, seed: int, folds: int) -> Task:
    """A split of SatImage by blocks: no test window shares a pixel with a training window.

    Tuning is on `folds` such splits of the training part, drawn independently.
    """
    positions, blocks = data.satimage_positions(), data.satimage_blocks()

    def split_rows(rows: np.ndarray, fraction: float, seed: int) -> Split:
        split = data.block_holdout(
            blocks[rows],
            table.labels[rows],
            test_fraction=fraction,
            seed=seed,
            positions=positions[rows],
        )
        return Split(rows[split.train], rows[split.test])

    split = split_rows(np.arange(table.labels.size), 0.2, seed)
    seeds = np.random.SeedSequence(seed).generate_state(folds)
    validations = tuple(split_rows(split.train, 1 / folds, int(fold)) for fold in seeds)
    return Task(seed, split, validations)


def run_method(
    method: Method,
    table: Table,
    tasks: Sequence[Task],
    protocol: Protocol,
    *,
    on_stage: Callable[[str], None],
) -> list[dict]:
    """Tunes, refits and scores one method on every task.

    Of `protocol.trials` settings the one with the best mean average precision over the validation
    splits is chosen, and the thresholds that are best for F1 and for balanced accuracy on all
    validation scores together. Then it is trained on all training rows, and scored once.

    Args:
        method: the method.
        table: the data.
        tasks: one a seed.
        protocol: shared by all methods.
        on_stage: called with a word before each stage, for a progress display.

    Returns:
        A JSON-ready dict for each task: its seed, the settings chosen, the thresholds, validation
        and test metrics and, for FAML, the number of anchor updates.
    """
    drawn = draw_settings(method, protocol.trials, seed=0)
    build = functools.partial(
        method.build, num_inputs=table.features.shape[1], num_classes=2, hidden=protocol.hidden
    )
    on_stage("tuning")
    pairs = [(task.seed, split) for task in tasks for split in task.validations]
    tuned = _train(method, build, table, pairs, [drawn] * len(pairs), protocol)
    choices = [
        _choose(drawn, tuned.scores[parts], [table.labels[s.test] for _, s in pairs[parts]])
        for parts in (slice(i, i + protocol.folds) for i in range(0, len(pairs), protocol.folds))
    ]
    on_stage("training")
    pairs = [(task.seed, task.split) for task in tasks]
    final = _train(method, build, table, pairs, [choice.settings for choice in choices], protocol)
    return [
        {
            "seed": task.seed,
            "settings": {name: float(value[0]) for name, value in choice.settings.items()},
            "thresholds": choice.thresholds,
            "validation_average_precision": choice.average_precision,
            "test": scored(scores[0], table.labels[task.split.test], choice.thresholds),
            **{name: value[i].item() for name, value in final.anchors.items()},
        }
        for i, (task, choice, scores) in enumerate(zip(tasks, choices, final.scores, strict=True))
    ]


class _Choice(NamedTuple):
    settings: dict[str, np.ndarray]  # by name `[1]`
    thresholds: dict[str, float]
    average_precision: float


def _choose(
    drawn: dict[str, np.ndarray], scores: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> _Choice:
    """The best trial by mean average precision over `scores`, `[trials, rows]` a validation."""
    precision = np.mean(
        [
            [metrics.average_precision_score(part_labels, trial) for trial in part_scores]
            for part_scores, part_labels in zip(scores, labels, strict=True)
        ],
        axis=0,
    )
    best = int(precision.argmax())
    pooled = np.concatenate([part_scores[best] for part_scores in scores])
    return _Choice(
        {name: values[[best]] for name, values in drawn.items()},
        best_thresholds(pooled, np.concatenate(labels)),
        float(precision[best]),
    )


class _Trained(NamedTuple):
    scores: list[np.ndarray]  # for each problem `[trials, rows]`
    anchors: dict[str, np.ndarray]  # `[problems]` figures of the first trial's anchors, if any


def _train(
    method: Method,
    build: training.Build,
    table: Table,
    pairs: Sequence[tuple[int, Split]],
    settings: Sequence[dict[str, np.ndarray]],
    protocol: Protocol,
) -> _Trained:
    """Trains all settings on each (seed, split) and scores the split's test rows."""
    problems = [_problem(method, table, seed, split, protocol) for seed, split in pairs]
    num_steps = max(len(problem.batches) for problem in problems)
    if "every" in method.fixed:
        anchors.num_anchor_updates(num_steps, int(method.fixed["every"]))  # warns of too few
    stacked = {name: np.stack([s[name] for s in settings]) for name in settings[0]}
    stacked["num_steps"] = np.full_like(stacked["learning_rate"], num_steps)
    fits = training.fit_many(build, stacked, problems, seed=0)
    logits = np.asarray(fits.logits)
    scores = logits[..., 1] - logits[..., 0]
    if not np.isfinite(scores).all():
        raise FloatingPointError(
            f"scores of {(~np.isfinite(scores)).any(-1).sum()} models are not finite; "
            "the settings' ranges reach too far."
        )
    scores = [s[:, : split.test.size] for s, (_, split) in zip(scores, pairs, strict=True)]
    return _Trained(scores, _anchor_figures(fits.state))


def _anchor_figures(state: training.TrainState) -> dict[str, np.ndarray]:
    """Squared distance of the two anchors and, for FAML, the updates made; `[problems]` each."""
    head = training.model_params(state)["head"]
    if "anchors" not in head:
        return {}
    first, second = np.moveaxis(np.asarray(head["anchors"])[:, 0], 1, 0)
    figures = {"anchor_separation": ((first - second) ** 2).sum(-1)}
    if state.anchors is not None:
        figures["anchor_updates"] = np.asarray(state.anchors.num_updates)[:, 0]
    return figures


def _problem(
    method: Method, table: Table, seed: int, split: Split, protocol: Protocol
) -> training.Problem:
    """Scaled by the training rows, re-sampled in the training rows alone."""
    scaler = data.fit_scaler(table.features[split.train])
    inputs, labels = data.scale(table.features[split.train], scaler), table.labels[split.train]
    if method.resample is not None:
        inputs, labels = resampled(inputs, labels, method.resample, seed)
    batches = data.epoch_batches(
        labels.size, batch_size=protocol.batch_size, num_epochs=protocol.epochs, seed=seed
    )
    scored = data.scale(table.features[split.test], scaler)
    return training.Problem(inputs, labels, batches.reshape(-1, protocol.batch_size), scored)


def resampled(
    inputs: np.ndarray, labels: np.ndarray, kind: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Balanced rows by imbalanced-learn, with its defaults: "smote" or "nearmiss-VERSION"."""
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import NearMiss

    if kind == "smote":
        sampler = SMOTE(random_state=seed)
    else:
        sampler = NearMiss(version=int(kind.removeprefix("nearmiss-")))
    with warnings.catch_warnings():  # NearMiss-3 may find less than balance takes, and keeps that
        warnings.filterwarnings("ignore", "The number of the samples to be selected is larger")
        balanced = sampler.fit_resample(inputs, labels)
    return np.asarray(balanced[0], np.float32), np.asarray(balanced[1], np.int32)


def best_thresholds(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The thresholds with the best F1 and the best balanced accuracy, `score >= threshold`.

    Each lies half-way between the two scores that it parts.
    """
    scores = scores.astype(np.float64)  # else half-way between neighbours may round onto one
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(labels[order])
    alarms = np.arange(1, labels.size + 1)
    positives = labels.sum()
    recall, false_alarms = hits / positives, (alarms - hits) / (labels.size - positives)
    ends = np.append(ranked[1:] < ranked[:-1], True)  # ties are flagged together
    middles = (ranked + np.append(ranked[1:], ranked[-1])) / 2
    criteria = {"f1": 2 * hits / (alarms + positives), "balanced_accuracy": recall - false_alarms}
    return {
        name: float(middles[np.where(ends, values, -np.inf).argmax()])
        for name, values in criteria.items()
    }


def scored(
    scores: np.ndarray, labels: np.ndarray, thresholds: dict[str, float]
) -> dict[str, float]:
    """Metrics of one test part: by rank, at the thresholds given, and at arg-max (score 0)."""
    scores = scores.astype(np.float64)  # as thresholds are
    at_threshold = {name: scores >= threshold for name, threshold in thresholds.items()}
    return {
        "auc": float(metrics.roc_auc_score(labels, scores)),
        "average_precision": float(metrics.average_precision_score(labels, scores)),
        "f1": float(metrics.f1_score(labels, at_threshold["f1"])),
        "balanced_accuracy": float(
            metrics.balanced_accuracy_score(labels, at_threshold["balanced_accuracy"])
        ),
        "f1_argmax": float(metrics.f1_score(labels, scores > 0)),
        "balanced_accuracy_argmax": float(metrics.balanced_accuracy_score(labels, scores > 0)),
    }
