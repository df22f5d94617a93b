"""Runs: what is trained, which trial is chosen or averaged, and what the test rows may touch."""

import dataclasses
import functools

import chex
import numpy as np
import pytest
from sklearn import metrics

from experiments import runs, scoring, tasks
from fal_jax import training
from fal_jax.estimators import METHODS, Baseline, Range, draw_settings, paper_grid
from fal_jax.estimators._fitting import Network
from fal_jax.estimators.problems import Problems
from tests.experiments.made_table import make_table

PROTOCOL = runs.Protocol(epochs=2, trials=3, hidden=(4, 3))
TABLE = make_table()
TASKS = tasks.holdouts(TABLE, 2, 0.2)
LABELS, TEST_LABELS = TABLE.labels[TASKS[0].validation], TABLE.labels[TASKS[0].test]


@functools.cache
def trained(name="CE", budget="equal"):
    return runs.train_method(
        METHODS[name], TABLE, TASKS, dataclasses.replace(PROTOCOL, budget=budget)
    )


def made(qualities, task=TASKS[0]):
    """Trials whose scores are the label, times their quality, and noise; NaN stays NaN."""
    rng = np.random.default_rng(0)
    qualities = np.asarray(qualities)[:, None]
    validation, test = (
        qualities * TABLE.labels[rows] + rng.normal(size=(len(qualities), rows.size))
        for rows in (task.validation, task.test)
    )
    settings = {"rate": np.arange(len(qualities)) / 8, "epoch": np.arange(len(qualities)) + 1}
    return runs.Trained(task, validation, test, settings)


def test_a_method_is_trained_as_one_sweep_of_its_settings():
    shares, settings = [], runs.drawn(METHODS["CE"], 2, PROTOCOL)
    found = runs.train_method(METHODS["CE"], TABLE, TASKS, PROTOCOL, on_step=shares.append)
    build = Network(METHODS["CE"], 6, 2, PROTOCOL.hidden).build()
    problems = list(Problems(TABLE, TASKS))
    assert problems[0].inputs.shape[1] == 6
    sweep = training.sweep(build, settings, problems, num_epochs=2, batch_size=64)
    assert [one.task for one in found] == TASKS
    for number, one in enumerate(found):
        for scores, logits in (
            (one.validation, sweep.validation_logits[number]),
            (one.test, sweep.test_logits[number]),
        ):
            np.testing.assert_array_equal(scores, logits[..., 1] - logits[..., 0])
        rates, epochs = settings["learning_rate"][number], sweep.best.epoch[number]
        chex.assert_trees_all_equal(one.settings, {"learning_rate": rates, "epoch": epochs})
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_every_task_has_trials_of_its_own_and_the_first_are_the_same_for_more_tasks():
    settings = runs.drawn(METHODS["FAL"], 3, PROTOCOL)
    for number in range(3):
        expected = draw_settings(METHODS["FAL"], 3, seed=number)
        chex.assert_trees_all_equal({n: v[number] for n, v in settings.items()}, expected)


def test_the_papers_budget_is_its_grid_and_the_last_weights():
    protocol = dataclasses.replace(PROTOCOL, budget="paper")
    grid = paper_grid(METHODS["FAL"])
    for name, values in runs.drawn(METHODS["FAL"], 2, protocol).items():
        np.testing.assert_array_equal(values, [grid[name]] * 2)
    for one in trained("CE", "paper"):
        np.testing.assert_array_equal(
            one.settings["learning_rate"], paper_grid(METHODS["CE"])["learning_rate"]
        )
        assert (one.settings["epoch"] == PROTOCOL.epochs).all()
    assert any((one.settings["epoch"] < PROTOCOL.epochs).any() for one in trained())


def test_resampled_rows_are_trained_on():
    plain, balanced = trained(), trained("CE+SMOTE")
    for one, other in zip(plain, balanced, strict=True):
        rates = one.settings["learning_rate"], other.settings["learning_rate"]
        np.testing.assert_array_equal(*rates)
        assert not np.isclose(one.test, other.test).all(axis=1).any()
    # Balanced rows make positives as likely as negatives.
    assert np.mean([one.test.mean() for one in balanced]) > np.mean(
        [one.test.mean() for one in plain]
    )


def test_a_run_too_short_for_its_anchor_updates_is_warned_of():
    with pytest.warns(UserWarning, match="anchor"):
        runs.train_method(METHODS["FAML"], TABLE, TASKS[:1], PROTOCOL)


def test_one_build_for_the_same_arguments():
    arguments = METHODS["FAL"], 6, 2, (4, 3)
    assert Network(*arguments).build() is Network(*arguments).build()
    assert Network(*arguments).build() is not Network(METHODS["FAML"], 6, 2, (4, 3)).build()


def test_test_rows_change_nothing_but_what_is_scored_at_the_end():
    features, labels = TABLE.features.copy(), TABLE.labels.copy()
    rows = TASKS[0].test
    features[rows, :3] += 1000
    labels[rows] = 1 - labels[rows]
    changed = TABLE._replace(features=features, labels=labels)
    before = runs.chosen(trained()[0], TABLE)
    after = runs.chosen(runs.train_method(METHODS["CE"], changed, TASKS, PROTOCOL)[0], changed)
    assert before.pop("test") != after.pop("test")
    assert before.pop("curves") != after.pop("curves")
    tests, others = (
        [choice.pop("test") for choice in run["choices"].values()] for run in (before, after)
    )
    assert tests != others
    assert before == after


def test_the_trial_with_the_best_validation_precision_is_chosen():
    trials = made([0.5, np.nan, 3.0, 1.0])
    trials.validation[3, 0] = np.inf
    precision = metrics.average_precision_score(LABELS, trials.validation[2])
    run = runs.chosen(trials, TABLE)
    assert run["settings"] == {"rate": 0.25, "epoch": 3}
    assert run["trials"][1] == run["trials"][3] == -1
    assert run["trials"][2] == max(run["trials"]) == pytest.approx(precision, abs=1e-4)
    thresholds = scoring.best_thresholds(trials.validation[2], LABELS)
    assert run["thresholds"] == thresholds
    assert run["validation"] == scoring.scored(trials.validation[2], LABELS, thresholds)
    assert run["test"] == scoring.scored(trials.test[2], TEST_LABELS, thresholds)
    assert run["curves"] == scoring.curves(trials.test[2], TEST_LABELS)
    assert (run["seed"], run["fold"]) == (0, None)


def test_each_metric_chooses_a_trial_by_itself_on_validation_rows():
    trials = made([0.9, np.nan, 1.0, 1.1, 1.2])
    # Scores move the same way in both parts: ranks and thresholds stay, arg-max does not.
    shift = np.array([0.0, 0.0, -0.5, -2.0, 5.0])[:, None]
    trials = trials._replace(validation=trials.validation + shift, test=trials.test + shift)
    scores, tests = {}, {}
    for trial in (0, 2, 3, 4):
        thresholds = scoring.best_thresholds(trials.validation[trial], LABELS)
        scores[trial] = scoring.scored(trials.validation[trial], LABELS, thresholds)
        tests[trial] = scoring.scored(trials.test[trial], TEST_LABELS, thresholds)
    choices = runs.chosen(trials, TABLE)["choices"]
    assert set(choices) == set(scores[0])
    for metric, choice in choices.items():
        trial = choice["trial"]
        assert choice["validation"] == scores[trial][metric]
        assert choice["validation"] == max(score[metric] for score in scores.values())
        assert choice["test"] == tests[trial][metric]
    assert len({choice["trial"] for choice in choices.values()}) > 1


def test_of_trials_as_good_the_first_is_chosen():
    trials = made([1.0, 1.0])
    trials.validation[1] = trials.validation[0]
    run = runs.chosen(trials, TABLE)
    assert run["settings"]["rate"] == 0
    assert {choice["trial"] for choice in run["choices"].values()} == {0}


@pytest.mark.parametrize("finish", [runs.chosen, runs.averaged])
def test_trials_that_all_diverged_are_an_error(finish):
    with pytest.raises(FloatingPointError, match="all 2 trials are not finite for seed 0"):
        finish(made([np.nan, np.nan]), TABLE)


def test_the_average_is_of_the_best_trials_calibrated_and_skips_what_is_not_finite():
    trials = made([0.2] * 3 + [np.nan] + [1.5] * runs.AVERAGE)
    scale = np.geomspace(1e-3, 1e3, len(trials.validation))[:, None]  # averages of it as it is fail
    trials = trials._replace(validation=trials.validation * scale, test=trials.test * scale)
    run = runs.averaged(trials, TABLE)
    precision = [
        -1 if np.isnan(row).any() else metrics.average_precision_score(LABELS, row)
        for row in trials.validation
    ]
    best = np.argsort(precision)[::-1][: runs.AVERAGE]
    pairs = [
        scoring.calibrated(trials.validation[trial], LABELS, trials.test[trial]) for trial in best
    ]
    validation, test = (sum(part) / runs.AVERAGE for part in zip(*pairs, strict=True))
    thresholds = scoring.best_thresholds(validation, LABELS)
    assert run["thresholds"] == pytest.approx(thresholds)
    assert run["test"] == pytest.approx(scoring.scored(test, TEST_LABELS, thresholds))
    assert run["test"]["auc"] > runs.chosen(trials, TABLE)["test"]["auc"]
    few = runs.averaged(made([np.nan, 1.0, np.nan]), TABLE)
    assert few["test"]["auc"] == runs.chosen(made([np.nan, 1.0, np.nan]), TABLE)["test"]["auc"]


def linear(settings, problem, seed):
    """A classifier that is a fixed direction; the seed is the score of a row of zeros."""
    assert set(problem.labels) == {0, 1}
    return lambda inputs: seed + settings["slope"] * np.asarray(inputs, np.float64)[:, 0]


LINEAR = Baseline(linear, {"slope": Range(-1.0, 1.0)})


def test_a_baseline_is_trained_trial_by_trial():
    shares = []
    found = runs.train_baseline(LINEAR, TABLE, TASKS, PROTOCOL, on_step=shares.append)
    np.testing.assert_allclose(shares, np.arange(1, 7) / 6)
    problems = Problems(TABLE, TASKS)
    for number, one in enumerate(found):
        slopes = draw_settings(LINEAR, 3, seed=number)["slope"]
        assert one.task is TASKS[number]
        np.testing.assert_array_equal(one.settings["slope"], slopes)
        for scores, inputs in (
            (one.validation, problems[number].validation_inputs),
            (one.test, problems[number].test_inputs),
        ):
            np.testing.assert_allclose(scores, number + slopes[:, None] * inputs[:, 0], rtol=1e-6)
    run = runs.chosen(found[0], TABLE)
    assert run["settings"]["slope"] > 0
    assert run["test"]["auc"] > 0.5


def test_the_papers_budget_draws_for_baselines_too():
    protocol = dataclasses.replace(PROTOCOL, budget="paper")
    expected = runs.drawn(LINEAR, 2, PROTOCOL)
    chex.assert_trees_all_equal(runs.drawn(LINEAR, 2, protocol), expected)


def test_a_baseline_that_was_killed_goes_on_after_the_last_finished_task(tmp_path):
    calls = []

    def counted(settings, problem, seed):
        calls.append(seed)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return linear(settings, problem, seed)

    expected = runs.train_baseline(LINEAR, TABLE, TASKS, PROTOCOL)
    train = functools.partial(
        runs.train_baseline, Baseline(counted, LINEAR.search), TABLE, TASKS, PROTOCOL
    )
    with pytest.raises(KeyboardInterrupt):
        train(folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["0.npz"]
    shares = []
    found = train(folder=tmp_path, on_step=shares.append)
    assert calls == [0, 0, 0, 1, 1, 1, 1, 1]
    assert shares[-1] == 1
    for one, other in zip(found, expected, strict=True):
        chex.assert_trees_all_equal(one[1:], other[1:])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npz", "1.npz"]


@pytest.mark.parametrize("changed", ["seed", "train", "labels"])
def test_what_is_kept_of_another_task_is_trained_anew(tmp_path, changed):
    table, task = TABLE, TASKS[0]
    runs.train_baseline(LINEAR, table, [task], PROTOCOL, folder=tmp_path)
    if changed == "seed":
        task = dataclasses.replace(task, seed=7)
    elif changed == "train":
        task = dataclasses.replace(task, train=task.train[1:])
    else:
        table = table._replace(labels=1 - table.labels)
    calls = []

    def counted(settings, problem, seed):
        calls.append(seed)
        return linear(settings, problem, seed)

    baseline = Baseline(counted, LINEAR.search)
    for _ in range(2):
        (found,) = runs.train_baseline(baseline, table, [task], PROTOCOL, folder=tmp_path)
        assert calls == [task.seed] * 3
    (expected,) = runs.train_baseline(LINEAR, table, [task], PROTOCOL)
    chex.assert_trees_all_equal(found[1:], expected[1:])


@pytest.mark.parametrize("left", [0, 100])
def test_a_kept_task_of_a_baseline_that_is_cut_short_is_named(tmp_path, left):
    train = functools.partial(runs.train_baseline, LINEAR, TABLE, TASKS, PROTOCOL, folder=tmp_path)
    train()
    path = tmp_path / "1.npz"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match=r"1\.npz is damaged .*: delete it"):
        train()
