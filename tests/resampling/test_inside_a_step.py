"""SMOTE inside a jitted training step, per fold: no copy of the table, and no leak."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import resampling
from tests.resampling.conftest import table

FOLDS, SAMPLES = 3, 16
FEATURES, LABELS = table((500, 60))
PART = np.random.default_rng(0).permutation(LABELS.size) % FOLDS
segments_of = functools.partial(resampling.smote_segments, labels=LABELS, label=1, pad_to=64)


def step(weights, key, features, segments, rows):
    """One step of a logistic regression on a fold's rows and on as many synthetic ones."""
    made = resampling.smote_sample(key, features, segments, num_samples=SAMPLES)
    inputs = jnp.concatenate([features[rows], made])
    targets = jnp.append(jnp.asarray(LABELS)[rows], jnp.ones(SAMPLES, int))

    def loss(weights):
        logits = inputs @ weights
        return jnp.mean(jax.nn.softplus(logits) - targets * logits)

    return weights - 0.1 * jax.grad(loss)(weights)


steps = jax.jit(jax.vmap(step, in_axes=(0, 0, None, 0, 0)))
step_alone = jax.jit(step)


@pytest.fixture(scope="module")
def folds():
    """Segments and training rows of all folds, stacked."""
    masks = [fold != PART for fold in range(FOLDS)]
    found = [segments_of(FEATURES, where=mask) for mask in masks]
    rows = np.stack([np.flatnonzero(mask)[: 2 * SAMPLES] for mask in masks])
    return jax.tree.map(lambda *parts: jnp.stack(parts), *found), rows


def test_a_step_reads_the_training_rows_of_its_fold_alone(folds, key):
    """Were a row of another part read, its NaN would spread to the weights."""
    segments, rows = folds
    keys, weights = jax.random.split(key, FOLDS), jnp.ones((FOLDS, 4))
    for _ in range(3):
        weights = steps(weights, keys, FEATURES, segments, rows)
    for fold in range(FOLDS):
        poisoned = np.where((fold == PART)[:, None], np.nan, FEATURES)
        again = segments_of(poisoned, where=fold != PART)
        mine = jax.tree.map(lambda part, fold=fold: part[fold], segments)
        assert jax.tree.all(jax.tree.map(np.array_equal, again, mine))
        alone = jnp.ones(4)
        for _ in range(3):
            alone = step_alone(alone, keys[fold], poisoned, again, rows[fold])
        np.testing.assert_allclose(weights[fold], alone, rtol=1e-5)
        assert not np.isnan(alone).any()
    assert not np.allclose(weights[0], weights[1])


def test_a_fold_draws_all_of_its_rare_rows_and_no_other(folds, key):
    segments, _ = folds
    draw = functools.partial(resampling.draw, num_samples=4000)
    bases = np.asarray(jax.vmap(draw)(jax.random.split(key, FOLDS), segments).bases)
    for fold in range(FOLDS):
        rare = np.flatnonzero((LABELS == 1) & (fold != PART))
        np.testing.assert_array_equal(np.unique(segments.rows[fold][bases[fold]]), rare)
        assert np.isin(segments.neighbours[fold][bases[fold]], rare).all()


def test_nothing_of_the_tables_size_is_made(folds):
    """A table of 120 MB, on which all folds train at once."""
    segments, rows = folds
    large = jax.ShapeDtypeStruct((1_000_000, 30), jnp.float32)
    keys = jax.random.split(jax.random.key(0), FOLDS)
    compiled = steps.lower(jnp.ones((FOLDS, 30)), keys, large, segments, rows).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 200e3
