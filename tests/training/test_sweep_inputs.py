"""What a sweep takes and refuses, how its models start, and its table."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import training
from fal_jax.training import _plan
from tests.training import sweeps

PROBLEMS = sweeps.make_problem(0), sweeps.make_problem(1, 13, 11, 3)
SETTINGS = sweeps.make_settings("CE", 2, 9)
FIRST = PROBLEMS[0]
run_ce = functools.partial(sweeps.run, sweeps.builder("CE"))


def test_the_table_has_a_row_a_model_in_the_order_given():
    sweep = run_ce(SETTINGS, PROBLEMS)
    table = sweep.table
    assert list(table) == ["problem", "trial", "learning_rate", "seed", "epoch", "metric", "loss"]
    assert {values.shape for values in table.values()} == {(18,)}
    np.testing.assert_array_equal(table["problem"], np.repeat([0, 1], 9))
    np.testing.assert_array_equal(table["trial"], np.tile(np.arange(9), 2))
    np.testing.assert_array_equal(table["seed"], SETTINGS["seed"].ravel())
    rates = SETTINGS["learning_rate"].astype(np.float32).ravel()
    np.testing.assert_array_equal(table["learning_rate"], rates)
    np.testing.assert_array_equal(table["epoch"], sweep.best.epoch.ravel())
    np.testing.assert_array_equal(table["metric"], sweep.best.metric.ravel())
    np.testing.assert_array_equal(table["metric"], sweep.metrics.max(axis=-1).ravel())
    assert [x.shape for x in sweep.validation_logits] == [(9, 24, 2), (9, 11, 2)]
    assert [x.shape for x in sweep.test_logits] == [(9, 7, 2), (9, 3, 2)]


def test_settings_of_trials_alone_are_those_of_every_problem():
    one = {name: values[0] for name, values in SETTINGS.items()}
    both = {name: np.tile(values, (2, 1)) for name, values in one.items()}
    mixed = both | {"learning_rate": one["learning_rate"]}
    expected = run_ce(both, PROBLEMS)
    chex.assert_trees_all_equal(run_ce(one, PROBLEMS), expected)
    chex.assert_trees_all_equal(run_ce(mixed, PROBLEMS), expected)


def test_without_seeds_each_model_starts_by_itself_and_the_same_again():
    rates = {"learning_rate": np.full(9, 0.1)}
    first = run_ce(rates, [FIRST, FIRST], seed=5)
    assert np.unique(first.metrics[..., 0]).size > 9
    assert np.unique(first.table["loss"]).size == 18
    chex.assert_trees_all_equal(run_ce(rates, [FIRST, FIRST], seed=5), first)
    other = run_ce(rates, [FIRST, FIRST], seed=6)
    assert not np.isin(other.table["loss"], first.table["loss"]).any()


def test_what_is_known_of_the_run_is_added_to_the_settings():
    """A model whose logits are the settings."""
    original = sweeps.builder("CE")

    def build(settings):
        model, trainer = original(settings)
        told = jnp.append(settings["class_counts"], settings["num_steps"])

        def apply(params, stats, inputs, **options):
            outputs, stats = model.apply(params, stats, inputs, **options)
            return outputs._replace(logits=jnp.tile(told, (len(inputs), 1))), stats

        return model._replace(apply=apply), trainer

    def nothing(*_):
        return jnp.float32(0)

    sweep = sweeps.run(build, SETTINGS, PROBLEMS, metric=nothing)
    for problem, steps, logits in zip(PROBLEMS, (15, 6), sweep.test_logits, strict=True):
        expected = [*np.bincount(problem.labels), steps]
        np.testing.assert_array_equal(logits, np.tile(expected, (*logits.shape[:2], 1)))


def test_the_default_metric_is_for_two_classes():
    where = np.ones(4, bool)
    with pytest.raises(ValueError, match="for 2 classes, got 3: pass a metric"):
        training.binned_average_precision(jnp.zeros((4, 3)), jnp.zeros(4, int), where)


@pytest.mark.parametrize(
    "shapes",
    [[(3, 2)], [(2, 2), (2, 3)], [(2,), (3,)], [()], [(2, 2, 1)], [(1, 2)], [], [(0,)], [(2, 0)]],
    ids=str,
)
def test_settings_of_another_shape_are_refused(shapes):
    settings = {str(number): np.ones(shape) for number, shape in enumerate(shapes)}
    words = r"settings must be \[trials\] or \[problems, trials\] with 2 problems.*got shapes"
    with pytest.raises(ValueError, match=words):
        run_ce(settings, PROBLEMS)


@pytest.mark.parametrize("seeds", [[0.0], [-1], [2**32], [True]], ids=str)
def test_seeds_that_make_no_key_are_refused(seeds):
    with pytest.raises(ValueError, match=r'settings\["seed"\] must be whole numbers.*got'):
        run_ce({"learning_rate": [0.1], "seed": np.array(seeds)}, PROBLEMS)


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_smallest_and_the_largest_seed(seed):
    settings = {"learning_rate": np.full(1, 1e-9), "seed": np.full(1, seed)}
    sweep = run_ce(settings, PROBLEMS[:1])
    start = sweeps.builder("CE")({"learning_rate": 0.1})[1].init(jax.random.key(seed))
    best = jax.tree.map(lambda leaf: leaf[0, 0], sweep.best.params)
    chex.assert_trees_all_close(best, start.params, rtol=1e-6, atol=1e-7)


OPTIONS = {
    "keep": ("first", 'keep must be "best" or "last", got \'first\''),
    "num_epochs": (0, "num_epochs must be at least 1, got 0"),
    "batch_size": (-1, "batch_size must be at least 1, got -1"),
    "evaluate_every": (0, "evaluate_every must be at least 1, got 0"),
    "models_per_program": (0, "models_per_program must be at least 1, got 0"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_out_of_range_are_refused(name):
    value, words = OPTIONS[name]
    with pytest.raises(ValueError, match=words):
        run_ce(SETTINGS, PROBLEMS, **{name: value})


def test_no_problem_is_refused():
    with pytest.raises(ValueError, match="problems must be at least one, got none"):
        run_ce({"learning_rate": np.ones(2)}, [])


MANY, FEW = "must have one label a row, got", "must have rows to train and to validate on"
KINDS = "must have integer {} from 0 and at least two classes in them, got {}"
WRONG = {
    "labels short": (FIRST._replace(labels=FIRST.labels[:-1]), MANY + " 39 labels for 40"),
    "validation long": (
        FIRST._replace(validation_inputs=FIRST.validation_inputs[:-1]),
        MANY + ".* and 24 for 23 to validate",
    ),
    "no rows": (FIRST._replace(inputs=FIRST.inputs[:0], labels=FIRST.labels[:0]), FEW),
    "none to validate": (
        FIRST._replace(
            validation_inputs=FIRST.validation_inputs[:0],
            validation_labels=FIRST.validation_labels[:0],
        ),
        FEW,
    ),
    "rows": (sweeps.make_problem(0, rows=41), "must fit the capacity .*, got .*rows=41"),
    "validation": (sweeps.make_problem(0, validation_rows=25), "must fit the capacity"),
    "test": (sweeps.make_problem(0, test_rows=8), "must fit the capacity"),
    "floating": (
        FIRST._replace(labels=FIRST.labels.astype(float)),
        KINDS.format("labels", "float64"),
    ),
    "negative": (FIRST._replace(labels=FIRST.labels - 1), KINDS.format("labels", "int32 with")),
    "one class": (FIRST._replace(labels=FIRST.labels * 0), KINDS.format("labels", "int32 with")),
    "one class to validate": (
        FIRST._replace(validation_labels=FIRST.validation_labels * 0 + 1),
        KINDS.format("validation_labels", r"int32 with \[1\]"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_problems_that_cannot_be_trained_on_are_refused_by_number(name):
    problem, words = WRONG[name]
    capacity = training.Capacity(40, 24, 7)
    with pytest.raises(ValueError, match=f"problem 1 {words}"):
        run_ce(SETTINGS, [FIRST, problem], capacity=capacity)


@pytest.mark.parametrize("a_device", [{"cpu": 1}, {}], ids=["one a device", "several"])
def test_problems_of_another_width_are_refused(monkeypatch, a_device):
    monkeypatch.setattr(_plan, "_PROBLEMS_A_DEVICE", a_device)
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    inputs = (FIRST.inputs, FIRST.validation_inputs, FIRST.test_inputs)
    wide = [np.append(array, array[:, :1], axis=1) for array in inputs]
    problem = training.Problem(wide[0], FIRST.labels, wide[1], FIRST.validation_labels, wide[2])
    with pytest.raises(ValueError, match=r"problem 1 must .* width"):
        run_ce(SETTINGS, [FIRST, problem])
