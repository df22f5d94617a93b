"""Training on prepared rows that lie on disk: what training in memory gives, for every trial."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import data, training
from fal_jax.estimators import METHODS, beyond_memory, draw_settings
from fal_jax.estimators._encoding import encode_codes, loaded_encoding
from fal_jax.estimators._fitting import Network, known
from fal_jax.estimators.chosen import mean_precision
from fal_jax.estimators.problems import Task
from tests.estimators.tables import rows

ROWS, EPOCHS, TRIALS, HIDDEN = 3000, 3, 2, (4, 3)


def made(classes):
    """A table with gaps and a category, and a task of it that leaves some rows out."""
    features, labels = rows(ROWS, classes)
    rng = np.random.default_rng(1)
    features[rng.random(ROWS) < 0.1, 1] = np.nan
    features[:, 2] = rng.integers(0, 2, ROWS)
    columns = (
        data.Column("amount", "log"),
        data.Column("age", "quantile", missing=True),
        data.Column("kind", "category", levels=("card", "cash")),
    )
    names = tuple("abc"[:classes])
    table = data.Table("made", features.astype(np.float32), labels.astype(np.int32), ROWS, False)
    order = rng.permutation(ROWS).astype(np.int32)
    task = Task(0, None, np.sort(order[:2200]), np.sort(order[2200:2900]), order[:1])
    return table._replace(columns=columns, classes=names), task


def test_rows_on_disk_are_those_that_memory_would_hold(tmp_path, monkeypatch):
    table, task = made(2)
    monkeypatch.setattr(beyond_memory, "_AT_ONCE", 300)
    prepared = beyond_memory.prepare(table, task, tmp_path)
    encoding = loaded_encoding(table.features[task.train], table.columns)
    train, found = prepared.train, []
    for block, size in enumerate(train.sizes):
        features, labels = np.empty((size, train.dim), np.float32), np.empty(size, np.int32)
        train.read(block, features, labels)
        found.append((features, labels))
    features, labels = map(np.concatenate, zip(*found, strict=True))
    expected = encode_codes(table.features[task.train], encoding)
    np.testing.assert_array_equal(features, expected)
    np.testing.assert_array_equal(labels, table.labels[task.train])
    numbers, positives = train.positives(0)
    np.testing.assert_array_equal(numbers, np.flatnonzero(labels))
    np.testing.assert_array_equal(positives, expected[numbers])
    expected = encode_codes(table.features[task.validation], encoding)
    np.testing.assert_array_equal(prepared.inputs, expected)
    np.testing.assert_array_equal(prepared.labels, table.labels[task.validation])


def test_columns_are_measured_on_some_training_rows_where_there_are_many(tmp_path, monkeypatch):
    table, task = made(2)
    monkeypatch.setattr(beyond_memory, "_MOST_MEASURED", 500)
    some = beyond_memory.prepare(table, task, tmp_path).encoding.preprocessing
    all_rows = loaded_encoding(table.features[task.train], table.columns).preprocessing
    assert some.scaler.mean[0] != all_rows.scaler.mean[0]
    np.testing.assert_allclose(some.scaler.mean[0], all_rows.scaler.mean[0], atol=0.15)


@pytest.mark.parametrize(("name", "classes"), [("CE", 3), ("FAML", 2)])
def test_all_trials_are_those_trained_one_at_a_time_in_memory(name, classes, tmp_path):
    method, (table, task) = METHODS[name], made(classes)
    prepared = beyond_memory.prepare(table, task, tmp_path)
    settings, shares = draw_settings(method, TRIALS, seed=0), []
    found = beyond_memory.train_prepared(
        method, prepared, settings, epochs=EPOCHS, hidden=HIDDEN, seed=1, on_step=shares.append
    )
    assert shares[-1] == 1
    assert shares == sorted(shares)
    stream = data.open_stream(prepared.train, batch_size=64, seed=1)
    counts = np.bincount(table.labels[task.train])
    inputs = encode_codes(table.features[task.train], prepared.encoding)
    build = Network(method, inputs.shape[1], classes, HIDDEN).build()
    for trial, key in enumerate(jax.random.split(jax.random.key(1), TRIALS)):
        own = {n: v[0] for n, v in known(EPOCHS * stream.num_steps, counts, 1).items()}
        own |= {n: jnp.float32(v[trial]) for n, v in settings.items()}
        model, trainer = build(own)
        state, kept = trainer.init(key), (-1.0, 0, None, None)
        for epoch in range(EPOCHS):
            order = data.stream_order(stream, epoch)
            state, _ = training.fit(trainer, state, inputs, table.labels[task.train], order)
            params = training.model_params(state)
            logits = np.asarray(model.apply(params, {}, prepared.inputs)[0].logits)
            metric = mean_precision(logits, prepared.labels)
            kept = max(kept, (metric, epoch + 1, params, logits), key=lambda one: one[0])
        assert found.settings["epoch"][trial] == kept[1]
        np.testing.assert_allclose(found.validation[trial], kept[3], rtol=1e-4, atol=1e-4)
        jax.tree.map(
            lambda leaf, expected, trial=trial: np.testing.assert_allclose(
                leaf[trial], expected, rtol=1e-4, atol=1e-5
            ),
            found.params,
            kept[2],
        )
