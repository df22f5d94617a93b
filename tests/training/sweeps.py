"""Made problems for sweeps, and the models of a sweep trained one at a time by a plain loop."""

import collections
import dataclasses
import functools
import logging
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from fal_jax import data, training
from fal_jax.estimators import FAMILY, METHODS, draw_settings

ALL = {**METHODS, **FAMILY}
WIDTH, HIDDEN, BATCH, EPOCHS = 5, (6, 4), 8, 3


def likelihood(logits, labels, where):
    """A metric that no rounding can turn: the mean log-probability of the true class."""
    true = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]
    return jnp.mean(true, where=where)


def compiled(caplog, run):
    """How often each function was compiled, by JAX's own log."""
    caplog.clear()
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        run()
    names = [re.match(r"Compiling jit\((\w+)\)", record.message) for record in caplog.records]
    return collections.Counter(name.group(1) for name in names if name)


class Alone(NamedTuple):
    """One model by itself: each field has as many entries as there are epochs."""

    params: list
    losses: np.ndarray
    metrics: np.ndarray
    validation_logits: np.ndarray
    test_logits: np.ndarray


def make_problem(number, rows=40, validation_rows=24, test_rows=7):
    """Noisy labels, about a fifth of them positive."""
    rng = np.random.default_rng(number)
    inputs = rng.normal(size=(rows + validation_rows + test_rows, WIDTH)).astype(np.float32)
    labels = (inputs[:, 0] + rng.normal(size=len(inputs)) > 1.1).astype(np.int32)
    labels[[0, rows]], labels[[1, rows + 1]] = 0, 1
    train, validation, test = np.split(inputs, [rows, rows + validation_rows])
    return training.Problem(
        train, labels[:rows], validation, labels[rows : rows + validation_rows], test
    )


@functools.cache
def builder(name):
    """One object a method, so that no test compiles what another one has; FAML moves early."""
    method = ALL[name]
    if method.rule is not None:
        method = dataclasses.replace(method, fixed={**method.fixed, "every": 4})
    return functools.partial(method.build, num_inputs=WIDTH, num_classes=2, hidden=HIDDEN)


def make_settings(name, num_problems, num_trials):
    """Settings `[problems, trials]`, every model with its own."""
    drawn = draw_settings(ALL[name], num_problems * num_trials, seed=0)
    drawn["seed"] = 100 + np.arange(num_problems * num_trials)
    return {name: values.reshape(num_problems, num_trials) for name, values in drawn.items()}


def run(build, settings, problems, **options):
    """A sweep with this module's defaults where the options do not say otherwise."""
    defaults = {"num_epochs": EPOCHS, "batch_size": BATCH, "models_per_program": 8}
    return training.sweep(build, settings, problems, **(defaults | options))


@functools.cache
def _epoch(build):
    @jax.jit
    def epoch(state, settings, problem, batches):
        model, trainer = build(settings)
        state, losses = training.fit(trainer, state, problem.inputs, problem.labels, batches)
        params = training.model_params(state)
        inputs = problem.validation_inputs, problem.test_inputs
        logits = [model.apply(params, state.stats, rows)[0].logits for rows in inputs]
        return state, params, losses, logits

    return epoch


def train_alone(build, settings, problem, *, order, seed=0, num_epochs=EPOCHS):
    """Trains one model with the numbers in `settings`; `order` is its problem's in the sweep."""
    num_steps = -(-len(problem.labels) // BATCH) * num_epochs
    settings = {name: np.float32(v) for name, v in settings.items() if name != "seed"} | {
        "num_steps": np.float32(num_steps),
        "class_counts": np.bincount(problem.labels).astype(np.float32),
        "seed": settings["seed"],
    }
    state = build(settings)[1].init(jax.random.key(settings["seed"]))
    epochs = []
    for number in range(1, num_epochs + 1):
        batches = data.epoch_batches(
            len(problem.labels), batch_size=BATCH, num_epochs=1, seed=(seed, order, number)
        )[0]
        state, params, losses, (validation, test) = _epoch(build)(state, settings, problem, batches)
        loss = np.average(losses, weights=(batches >= 0).sum(axis=-1))
        rows = special.log_softmax(np.asarray(validation, np.float64), axis=-1)
        metric = np.mean(rows[np.arange(len(rows)), problem.validation_labels])
        epochs.append((params, loss, metric, validation, test))
    params, *arrays = zip(*epochs, strict=True)
    return Alone(list(params), *map(np.stack, arrays))
