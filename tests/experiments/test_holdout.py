"""The holdout protocol: thresholds, folds, and test rows that nothing but the scoring reads."""

import functools

import chex
import numpy as np
import pytest
from sklearn import metrics

from experiments import ablation, holdout
from fal_jax import data, training
from fal_jax.estimators import METHODS

CRITERIA = {"f1": metrics.f1_score, "balanced_accuracy": metrics.balanced_accuracy_score}
PROTOCOL = holdout.Protocol(epochs=1, trials=2, batch_size=16)


def make_table():
    rng = np.random.default_rng(0)
    labels = (rng.random(240) < 0.2).astype(np.int32)
    features = (rng.normal(5, 3, size=(240, 6)) + labels[:, None]).astype(np.float32)
    return data.Table("made", features, labels, 240, is_sample=False)


@pytest.fixture
def problems_of(monkeypatch):
    """What run_method would train on: the problems of tuning, then those of the final training."""
    seen = []

    def fake(_, settings, problems, **__):
        seen.extend(problems)
        rng = np.random.default_rng(0)
        rows = max(len(problem.eval_inputs) for problem in problems)
        logits = rng.normal(size=(*settings["learning_rate"].shape, rows, 2))
        state = training.TrainState({"head": {}}, {}, (), None)
        return training.Fits(state, logits[..., 0], logits)

    def problems(name, table, tasks):
        seen.clear()
        arguments = METHODS[name], table, tasks, PROTOCOL
        holdout.run_method(*arguments, on_stage=lambda _: None)
        return list(seen)

    monkeypatch.setattr(training, "fit_many", fake)
    return problems


def scores_with_ties(rng, size):
    return rng.integers(-4, 5, size).astype(np.float32) / 3


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("draw", [scores_with_ties, lambda rng, size: rng.normal(size=size)])
def test_best_thresholds_are_the_best_of_all(rng, draw, name):
    score = CRITERIA[name]
    for size in (5, 30, 200):
        scores, labels = draw(rng, size), (rng.random(size) < 0.3).astype(np.int32)
        labels[:2] = 0, 1
        threshold = holdout.best_thresholds(scores, labels)[name]
        best = max(score(labels, scores >= t) for t in np.unique(scores))
        assert score(labels, scores >= threshold) == pytest.approx(best, abs=1e-12)


def test_a_threshold_lies_half_way_between_the_scores_that_it_parts():
    scores, labels = np.array([4.0, 1.0, 2.0, 4.0, -3.0]), np.array([1, 0, 0, 1, 0])
    assert holdout.best_thresholds(scores, labels) == {"f1": 3.0, "balanced_accuracy": 3.0}


def test_a_threshold_parts_scores_that_are_neighbours_in_float32():
    scores = np.array([np.nextafter(np.float32(1), np.float32(2)), 1.0], np.float32)
    labels = np.array([1, 0])
    found = holdout.scored(scores, labels, holdout.best_thresholds(scores, labels))
    assert (found["f1"], found["balanced_accuracy"]) == (1.0, 1.0)


def test_metrics_are_scikit_learns(rng):
    scores, labels = scores_with_ties(rng, 100), (rng.random(100) < 0.3).astype(np.int32)
    found = holdout.scored(scores, labels, {"f1": 1.0, "balanced_accuracy": -1.0})
    assert found == {
        "auc": metrics.roc_auc_score(labels, scores),
        "average_precision": metrics.average_precision_score(labels, scores),
        "f1": metrics.f1_score(labels, scores >= 1),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, scores >= -1),
        "f1_argmax": metrics.f1_score(labels, scores > 0),
        "balanced_accuracy_argmax": metrics.balanced_accuracy_score(labels, scores > 0),
    }


@pytest.mark.parametrize("folds", [2, 3])
@pytest.mark.parametrize("seed", [0, 7])
def test_folds_part_the_training_rows_and_touch_no_test_row(seed, folds):
    table = make_table()
    task = holdout.random_task(table, seed, folds)
    everything = np.concatenate(task.split)
    np.testing.assert_array_equal(np.sort(everything), np.arange(240))
    assert len(task.validations) == folds
    validated = np.concatenate([split.test for split in task.validations])
    np.testing.assert_array_equal(np.sort(validated), np.sort(task.split.train))
    for split in task.validations:
        rows = np.concatenate(split)
        np.testing.assert_array_equal(np.sort(rows), np.sort(task.split.train))
        assert set(table.labels[split.test]) == {0, 1}


@pytest.mark.parametrize("seed", [0, 7])
def test_block_validations_share_no_pixel_and_touch_no_test_row(seed):
    positions = data.satimage_positions()
    task = holdout.block_task(data.load_satimage(), seed, 2)
    for split in (task.split, *task.validations):
        assert data.shared_pixel_fraction(positions, split) == 0
    for split in task.validations:
        assert set(np.concatenate(split)) <= set(task.split.train)


@pytest.mark.parametrize("seed", [0, 1])
def test_ablations_never_see_the_test_rows_of_their_seed(seed):
    table = data.load_satimage()
    split = data.stratified_holdout(
        table.labels, test_fraction=0.2, seed=ablation.FIRST_SEED + seed
    )
    task = ablation.development_task(table, seed, 2)
    np.testing.assert_array_equal(np.sort(np.concatenate(task.split)), split.train)
    for validation in task.validations:
        assert set(np.concatenate(validation)) == set(task.split.train)


@pytest.mark.parametrize("name", ["CE+SMOTE", "CE+NearMiss"])
def test_resampling_balances_training_rows_and_leaves_scored_ones(problems_of, name):
    table = make_table()
    tasks = [holdout.random_task(table, seed, 2) for seed in (0, 1)]
    plain, balanced = problems_of("CE", table, tasks), problems_of(name, table, tasks)
    splits = [s for t in tasks for s in t.validations] + [t.split for t in tasks]
    for before, after, split in zip(plain, balanced, splits, strict=True):
        np.testing.assert_array_equal(before.labels, table.labels[split.train])
        np.testing.assert_array_equal(after.eval_inputs, before.eval_inputs)
        assert len(after.eval_inputs) == len(split.test)
        rare, frequent = np.sort(np.bincount(before.labels))
        expected = frequent if name == "CE+SMOTE" else rare
        np.testing.assert_array_equal(np.bincount(after.labels), [expected, expected])
        assert after.batches.max() == after.labels.size - 1
        old, new = (set(map(tuple, problem.inputs.tolist())) for problem in (before, after))
        assert old < new if name == "CE+SMOTE" else new < old


@pytest.mark.parametrize("name", ["CE", "CE+SMOTE", "CE+NearMiss"])
def test_test_rows_change_nothing_but_what_is_scored_at_the_end(problems_of, name):
    table = make_table()
    task = holdout.random_task(table, 0, 2)
    features, labels = table.features.copy(), table.labels.copy()
    features[task.split.test] += 1000
    labels[task.split.test] = 1 - labels[task.split.test]
    problems = functools.partial(problems_of, name)
    before = problems(table, [task])
    after = problems(table._replace(features=features, labels=labels), [task])
    chex.assert_trees_all_equal(after[:2], before[:2])  # tuning
    chex.assert_trees_all_equal(after[2][:3], before[2][:3])  # the final training
    assert (after[2].eval_inputs > before[2].eval_inputs + 100).all()
