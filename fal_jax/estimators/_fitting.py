"""Training of the classifiers: an ensemble as one sweep, or some more steps of one."""

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fal_jax import data, metrics, training
from fal_jax.estimators._calibrating import fit_scaling
from fal_jax.estimators.methods import Method
from fal_jax.estimators.search import draw_settings, middle_settings
from fal_jax.models import Params
from fal_jax.training import Build, Problem

_NUM_BINS = 4096
_KNOWN = ("num_steps", "class_counts")  # settings that a sweep adds
_DRAWN = 2  # settings tried for each member


class Network(NamedTuple):
    """What is trained: a method's model for so many inputs and classes."""

    method: Method
    num_inputs: int
    num_classes: int
    hidden: tuple[int, ...]

    def build(self, *, weighted: bool = False) -> Build:
        """How to build it, one object for the same network, so that nothing is compiled again."""
        return _build(self, weighted)


class Rows(NamedTuple):
    """Encoded rows `[rows, dim]`, their labels `[rows]` from 0, and weights `[rows]` or None."""

    inputs: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None

    def part(self, rows: np.ndarray) -> "Rows":
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.inputs[rows], self.labels[rows], weights)

    def packed(self) -> np.ndarray:
        """The inputs, with the weights, of mean 1, as the last column where there are any."""
        if self.weights is None:
            return self.inputs
        weights = (self.weights / self.weights.mean()).astype(np.float32)
        return np.column_stack([self.inputs, weights])

    def held_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows as the end of a problem: to validate on, and one to test on, which it needs."""
        inputs = self.packed()
        return inputs, self.labels, inputs[:1]


class Options(NamedTuple):
    """How to train."""

    members: int
    epochs: int
    batch_size: int
    validation_fraction: float | None
    calibrate: bool
    seed: int


class Ensemble(NamedTuple):
    """Trained networks; what each has leads with `[members]`.

    Attributes:
      params: their parameters.
      settings: by name, what they were trained with.
      slope: `[members]`, and shift `[members, classes]`: what calibrates the logits.
      shift: see slope.
      epoch: `[members]`, whose weights were kept, from 1.
      metric: `[members]`, mean average precision on the validation rows; NaN without such.
    """

    params: Params
    settings: dict[str, np.ndarray]
    slope: np.ndarray
    shift: np.ndarray
    epoch: np.ndarray
    metric: np.ndarray

    def with_settings(self, given: Mapping[str, float]) -> "Ensemble":
        """The same, to go on with other settings where they are given."""
        values = {n: np.full(len(self.epoch), v, np.float32) for n, v in given.items()}
        return self._replace(settings=self.settings | values)


@functools.lru_cache(maxsize=256)
def _build(network: Network, weighted: bool) -> Build:
    method, num_inputs, num_classes, hidden = network
    return functools.partial(
        method.build,
        num_inputs=num_inputs,
        num_classes=num_classes,
        hidden=hidden,
        weighted=weighted,
    )


def fit_ensemble(
    network: Network,
    fixed: Mapping[str, float],
    rows: Rows,
    options: Options,
    start: Ensemble | None = None,
) -> Ensemble:
    """Trains an ensemble as one sweep.

    With validation rows and more than one member, twice as many settings are drawn and the members
    are the best of them; else all members have the middle of the ranges, and differ by their seed.
    The metric that says which epoch and which members are best takes no weights of rows.

    Args:
      network: what to train.
      fixed: settings by name that are neither drawn nor those of the start.
      rows: all rows; a part of every class is held out where the options say so.
      options: how to train.
      start: an ensemble of the same network to go on from, with its other settings.

    Returns:
      The `Ensemble`, the best member first.

    Raises:
      FloatingPointError: no network had finite scores.
    """
    train, validation = _parts(rows, options)
    settings = _settings(network.method, fixed, options, start)
    is_validated = options.validation_fraction is not None
    result = training.sweep(
        network.build(weighted=rows.weights is not None),
        settings,
        [Problem(train.packed(), train.labels, *validation.held_out())],
        num_epochs=options.epochs,
        batch_size=options.batch_size,
        seed=options.seed,
        start=None if start is None else jax.tree.map(lambda leaf: leaf[None], start.params),
        keep="best" if is_validated else "last",
        evaluate_every=1 if is_validated else options.epochs,
        metric=mean_average_precision if is_validated else _unmeasured,
        capacity=training.Capacity(room(len(train.labels)), room(len(validation.labels)), 1),
    )
    logits, best = result.validation_logits[0], jax.tree.map(lambda leaf: leaf[0], result.best)
    kept = _best(best.metric, logits, options.members)
    num_steps = -(-len(train.labels) // options.batch_size) * options.epochs
    counts = np.bincount(train.labels, minlength=network.num_classes)
    settings = {n: np.asarray(v, np.float32)[kept] for n, v in settings.items() if n != "seed"}
    return Ensemble(
        jax.tree.map(lambda leaf: np.asarray(leaf)[kept], best.params),
        settings | known(num_steps, counts, kept.size),
        *_scalings(logits[kept], validation, is_validated and options.calibrate),
        np.asarray(best.epoch)[kept],
        np.asarray(best.metric)[kept] if is_validated else np.full(kept.size, np.nan),
    )


def _parts(rows: Rows, options: Options) -> tuple[Rows, Rows]:
    """Rows to train on and to validate on: all and one a class, where nothing is held out."""
    if options.validation_fraction is None:
        return rows, rows.part(np.unique(rows.labels, return_index=True)[1])
    split = data.stratified_holdout(
        rows.labels, test_fraction=options.validation_fraction, seed=options.seed
    )
    return rows.part(split.train), rows.part(split.test)


def _settings(
    method: Method, fixed: Mapping[str, float], options: Options, start: Ensemble | None
) -> dict[str, np.ndarray]:
    """Settings `[trials]`, with a seed for each: those of the start, drawn ones, or the middle."""
    num_trials = options.members
    if start is not None:
        num_trials = len(start.epoch)
        settings = {n: v for n, v in start.settings.items() if n not in _KNOWN} | dict(fixed)
    elif options.validation_fraction is None or num_trials == 1:
        settings = {**middle_settings(method), **fixed}
    else:
        num_trials *= _DRAWN
        settings = {**draw_settings(method, num_trials, seed=options.seed), **fixed}
    settings = {name: np.broadcast_to(value, num_trials) for name, value in settings.items()}
    return settings | {"seed": np.random.SeedSequence(options.seed).generate_state(num_trials)}


def _best(metric: np.ndarray, logits: np.ndarray, members: int) -> np.ndarray:
    """The trials with the best metric, the first ahead, of those with finite scores."""
    order = np.argsort(-np.asarray(metric), kind="stable")
    kept = order[np.isfinite(logits[order]).all(axis=(1, 2))][:members]
    if not kept.size:
        raise FloatingPointError(
            f"the scores of all {len(order)} networks are not finite: lower the learning rate."
        )
    return kept


def known(num_steps: int, counts: np.ndarray, members: int) -> dict[str, np.ndarray]:
    """What a method may want to know of the run and its training rows, as settings `[members]`."""
    values = dict(zip(_KNOWN, (num_steps, counts), strict=True))
    return {n: np.stack([np.asarray(v, np.float32)] * members) for n, v in values.items()}


def room(num_rows: int) -> int:
    """Rows to make room for: few different numbers, so that few programs are compiled."""
    step = 2 ** max(7, math.frexp(num_rows)[1] - 4)
    return -(-num_rows // step) * step


def mean_average_precision(logits: jax.Array, labels: jax.Array, where: jax.Array) -> jax.Array:
    """Average precision of each class against the others, the mean over the classes.

    With two classes that of class 1 alone.
    """
    if logits.shape[-1] == 2:
        return training.binned_average_precision(logits, labels, where)

    def of_class(number: jax.Array) -> jax.Array:
        is_other = jnp.arange(logits.shape[-1]) != number
        others = jax.nn.logsumexp(logits, axis=-1, where=is_other[None])
        scores, hits = logits[:, number] - others, (labels == number).astype(jnp.int32)
        counts = metrics.score_counts(scores, hits, where=where, num_bins=_NUM_BINS)
        return metrics.counted_average_precision(counts)

    return jnp.mean(jax.lax.map(of_class, jnp.arange(logits.shape[-1])))


def _unmeasured(*_: jax.Array) -> jax.Array:
    """The metric where there is nothing to measure by: all alike."""
    return jnp.float32(0)


def _scalings(
    logits: np.ndarray, validation: Rows, is_calibrated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Slope `[members]` and shift `[members, classes]`; 1 and 0 where nothing is calibrated."""
    members, _, classes = logits.shape
    if not is_calibrated:
        return np.ones(members), np.zeros((members, classes))
    fits = [fit_scaling(each, validation.labels, validation.weights) for each in logits]
    slopes, shifts = zip(*fits, strict=True)
    return np.array(slopes), np.stack(shifts)
