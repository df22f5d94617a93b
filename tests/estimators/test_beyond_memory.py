"""Training on prepared rows that lie on disk: what training in memory gives, for every trial."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import data, training
from fal_jax.data import _measuring
from fal_jax.estimators import METHODS, beyond_memory, draw_settings, on_disk
from fal_jax.estimators._encoding import encode_codes, loaded_encoding
from fal_jax.estimators._fitting import Network, known
from fal_jax.estimators.chosen import mean_precision
from fal_jax.estimators.problems import Task
from tests.disk import full_disk
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


def all_rows(rows):
    """Features and labels of all blocks, as they lie on disk."""
    found = []
    for block, size in enumerate(rows.sizes):
        features, labels = np.empty((size, rows.dim), np.float32), np.empty(size, np.int32)
        rows.read(block, features, labels)
        found.append((features, labels))
    return tuple(map(np.concatenate, zip(*found, strict=True)))


def test_rows_on_disk_are_those_that_memory_would_hold_in_a_random_order(tmp_path, monkeypatch):
    table, task = made(2)
    monkeypatch.setattr(on_disk, "_BLOCK", 300)
    monkeypatch.setattr(on_disk, "_AT_ONCE", 0)  # so that there are several parts, of a block each
    prepared = on_disk.prepare(table, task, tmp_path)
    encoding = loaded_encoding(table.features[task.train], table.columns)
    jax.tree.map(
        lambda found, expected: np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9),
        prepared.encoding.preprocessing[1:],
        encoding.preprocessing[1:],
    )
    np.testing.assert_array_equal(prepared.encoding.kept, encoding.kept)
    features, labels = all_rows(prepared.train)
    order = prepared.train.order(0)
    np.testing.assert_array_equal(np.sort(order), np.arange(task.train.size))
    assert abs(np.corrcoef(order, np.arange(order.size))[0, 1]) < 0.1
    shuffled = task.train[order]
    expected = encode_codes(table.features[shuffled], prepared.encoding)
    np.testing.assert_array_equal(features, expected)
    np.testing.assert_array_equal(labels, table.labels[shuffled])
    numbers, positives = prepared.train.positives(0)
    np.testing.assert_array_equal(numbers, np.flatnonzero(labels))
    np.testing.assert_array_equal(positives, expected[numbers])
    expected = encode_codes(table.features[task.validation], prepared.encoding)
    np.testing.assert_array_equal(prepared.inputs, expected)
    np.testing.assert_array_equal(prepared.labels, table.labels[task.validation])
    assert [path.name for path in tmp_path.rglob("*")] == ["rows"]


def test_a_table_sorted_by_its_label_has_positives_in_every_part_of_an_epoch(tmp_path):
    table, task = made(2)
    order = np.argsort(table.labels, kind="stable")
    table = table._replace(features=table.features[order], labels=table.labels[order])
    prepared = on_disk.prepare(table, task, tmp_path)
    _, labels = all_rows(prepared.train)
    shares = [part.mean() for part in np.array_split(labels, 8)]
    np.testing.assert_allclose(shares, labels.mean(), atol=0.1)


def test_classes_that_no_training_row_has_are_counted(tmp_path):
    table, task = made(3)
    task = dataclasses.replace(task, train=np.flatnonzero(table.labels == 0).astype(np.int32))
    assert on_disk.prepare(table, task, tmp_path).train.counts.tolist() == [[task.train.size, 0, 0]]


def test_a_column_with_no_value_where_it_is_measured_is_named(tmp_path, monkeypatch):
    table, task = made(2)
    features = table.features.copy()
    features[task.train, 1] = np.nan
    with pytest.raises(ValueError, match="column 'age' has no value in 2,200 training rows: leave"):
        on_disk.prepare(table._replace(features=features), task, tmp_path)
    features[task.train[:2], 1] = 1.0
    monkeypatch.setattr(_measuring, "_SAMPLE", 16)
    message = "has 2 values in 2,200 training rows, and none in the 16 that are looked at: leave"
    with pytest.raises(ValueError, match=message):
        on_disk.prepare(table._replace(features=features), task, tmp_path)


def test_a_full_disk_and_a_file_cut_short_are_told(tmp_path):
    table, task = made(2)
    with full_disk(20_000), pytest.raises(OSError, match=r"2,200 prepared rows can't be .*make ro"):
        on_disk.prepare(table, task, tmp_path)
    (tmp_path / "more").mkdir()
    rows = on_disk.prepare(table, task, tmp_path / "more").train
    file = tmp_path / "more" / "rows"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(ValueError, match="rows is cut short"):
        all_rows(rows)


def test_validation_rows_are_as_many_as_there_is_room_for():
    table, _ = made(2)
    assert on_disk.width(table.columns) == 7
    assert on_disk.most_validation_rows(table, 2, (16, 8), 0.0) == 2**16
    assert on_disk.most_validation_rows(table, 2, (16, 8), 1.0) == 2**29 // (28 + 2 * (64 + 48))


@pytest.mark.parametrize(("name", "classes"), [("CE", 3), ("FAML", 2)])
def test_all_trials_are_those_trained_one_at_a_time_in_memory(name, classes, tmp_path):
    method, (table, task) = METHODS[name], made(classes)
    prepared = on_disk.prepare(table, task, tmp_path)
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

    @jax.jit
    def epoch_of(own, state, order):
        rows = inputs, table.labels[task.train]
        state = training.fit(build(own)[1], state, *rows, order)[0]
        params = training.model_params(state)
        return state, params, build(own)[0].apply(params, {}, prepared.inputs)[0].logits

    for trial, key in enumerate(jax.random.split(jax.random.key(1), TRIALS)):
        own = {n: v[0] for n, v in known(EPOCHS * stream.num_steps, counts, 1).items()}
        own |= {n: jnp.float32(v[trial]) for n, v in settings.items()}
        state, kept = build(own)[1].init(key), (-1.0, 0, None, None)
        for epoch in range(EPOCHS):
            order = data.stream_order(stream, epoch)
            state, params, logits = epoch_of(own, state, order)
            metric = mean_precision(np.asarray(logits), prepared.labels)
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
