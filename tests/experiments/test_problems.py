"""A task's arrays: prepared and re-sampled by its training rows alone."""

import chex
import numpy as np
import pytest

from experiments import tasks
from fal_jax import data, training
from fal_jax.estimators.problems import Problems, batch_size
from tests.experiments.made_table import make_table

TABLE = make_table()
TASKS = tasks.holdouts(TABLE, 3, 0.2)
RESAMPLINGS = ("smote", "nearmiss-1", "nearmiss-3")


@pytest.mark.parametrize("number", [0, 2])
def test_a_problem_is_its_tasks_rows_preprocessed_by_the_training_rows(number):
    task, problem = TASKS[number], Problems(TABLE, TASKS)[number]
    fitted = data.fit_preprocessing(TABLE.features[task.train], TABLE.columns)
    for name in ("train", "validation", "test"):
        rows = getattr(task, name)
        inputs = getattr(problem, {"train": "inputs"}.get(name, f"{name}_inputs"))
        np.testing.assert_array_equal(inputs, data.preprocess(TABLE.features[rows], fitted))
        assert inputs.dtype == np.float32
    np.testing.assert_array_equal(problem.labels, TABLE.labels[task.train])
    np.testing.assert_array_equal(problem.validation_labels, TABLE.labels[task.validation])
    amounts = problem.inputs[:, 0]
    assert amounts.mean() == pytest.approx(0, abs=1e-6)
    assert amounts.std() == pytest.approx(1, abs=1e-6)
    assert abs(problem.test_inputs[:, 0].mean()) > 1e-3


@pytest.mark.parametrize("resample", [None, *RESAMPLINGS])
@pytest.mark.parametrize("part", ["validation", "test"])
def test_rows_to_score_change_nothing_that_is_trained_on(resample, part):
    rows = getattr(TASKS[0], part)
    features, labels = TABLE.features.copy(), TABLE.labels.copy()
    features[rows, :3] += 1000
    labels[rows] = 1 - labels[rows]
    changed = Problems(TABLE._replace(features=features, labels=labels), TASKS, resample)[0]
    original = Problems(TABLE, TASKS, resample)[0]
    chex.assert_trees_all_equal(changed[:2], original[:2])
    own = f"{part}_inputs"
    assert (getattr(changed, own)[:, 0] > getattr(original, own)[:, 0]).all()
    others = {"validation": "test_inputs", "test": "validation_inputs"}[part]
    np.testing.assert_array_equal(getattr(changed, others), getattr(original, others))


@pytest.mark.parametrize("resample", RESAMPLINGS)
def test_resampling_balances_training_rows_and_leaves_scored_ones(resample):
    plain, balanced = Problems(TABLE, TASKS)[1], Problems(TABLE, TASKS, resample)[1]
    chex.assert_trees_all_equal(balanced[2:], plain[2:])
    rare, frequent = np.sort(np.bincount(plain.labels))
    expected = frequent if resample == "smote" else rare
    np.testing.assert_array_equal(np.bincount(balanced.labels), [expected, expected])
    old, new = (set(map(tuple, problem.inputs.tolist())) for problem in (plain, balanced))
    assert old < new if resample == "smote" else new < old
    assert balanced.inputs.dtype == np.float32
    assert balanced.labels.dtype == np.int32


def test_smote_is_drawn_by_the_tasks_seed():
    problems = Problems(TABLE, TASKS, "smote")
    chex.assert_trees_all_equal(problems[0], problems[0])
    other = [tasks.Task(9, None, task.train, task.validation, task.test) for task in TASKS]
    assert not np.array_equal(Problems(TABLE, other, "smote")[0].inputs, problems[0].inputs)


@pytest.mark.parametrize("resample", [None, *RESAMPLINGS])
def test_capacity_is_room_for_every_problem_and_no_more(resample):
    smaller = tasks.holdouts(TABLE, 1, 0.4)  # fewer training rows, more to validate
    problems = Problems(TABLE, [*TASKS, *smaller], resample)
    sizes = [tuple(map(len, (p.inputs, p.validation_inputs, p.test_inputs))) for p in problems]
    assert problems.capacity() == training.Capacity(*np.max(sizes, axis=0).tolist())


def test_nearmiss_3_may_find_less_than_balance_takes():
    """Its candidates are neighbours of the rare rows; where these huddle, few are."""
    rng = np.random.default_rng(0)
    table = make_table(400)
    is_rare = table.labels == 1
    features = np.abs(rng.normal(50, 30, size=(400, 4))).astype(np.float32)
    features[is_rare] = 1 + rng.random((is_rare.sum(), 4)) / 1000
    features[:, 3] = 0
    problems = Problems(
        table._replace(features=features), tasks.holdouts(table, 1, 0.2), "nearmiss-3"
    )
    rows = problems.capacity().rows
    assert rows / 2 < len(problems[0].inputs) < rows


@pytest.mark.parametrize(
    ("rows", "size"),
    [(100, 64), (9_999, 64), (10_000, 256), (59_999, 256), (60_000, 1024), (10**7, 1024)],
)
def test_batches_are_larger_for_larger_tables(rows, size):
    assert batch_size(rows) == size
