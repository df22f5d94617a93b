"""Sweeps give the models of a plain loop, and keep the weights that they should."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import training
from fal_jax.estimators import METHODS
from tests.training import sweeps

# What is batched over models is summed in another order, and the difference of some 1e-7 grows
# with every step.
close = functools.partial(chex.assert_trees_all_close, rtol=2e-4, atol=2e-4)
PROBLEMS = sweeps.make_problem(0), sweeps.make_problem(1, 13, 11, 3)
SETTINGS = sweeps.make_settings("CE", 2, 9)  # chunks of 8: one problem, and trials in two parts
# The others are cross-entropy on other rows.
DISTINCT = [name for name, method in METHODS.items() if method.resample is None]
# Of the family those that draw at random, go by the step or hold a state. Losses of ranks have no
# slope in the bias, and Adagrad divides rounding by rounding there.
OF_THE_FAMILY = ["CE-DRW", "GCL", "EQL", "IB", "AUCM"]
run_ce = functools.partial(sweeps.run, sweeps.builder("CE"))


def at(tree, place):
    return jax.tree.map(lambda leaf: leaf[place], tree)


def assert_trained_alone(name, settings, problems, sweep):
    """Compares each model of a sweep with the same model trained by itself."""
    build = sweeps.builder(name)
    for row, place in enumerate(np.ndindex(sweep.metrics.shape[:2])):
        problem, trial = place
        alone = sweeps.train_alone(build, at(settings, place), problems[problem], order=problem)
        epoch = alone.metrics.argmax()
        assert sweep.best.epoch[place] == epoch + 1
        close(sweep.metrics[place], alone.metrics.astype(np.float32))
        close(at(sweep.best.params, place), alone.params[epoch])
        close(sweep.validation_logits[problem][trial], alone.validation_logits[epoch])
        close(sweep.test_logits[problem][trial], alone.test_logits[epoch])
        assert sweep.table["loss"][row] == pytest.approx(alone.losses[-1], rel=2e-4, abs=2e-4)


@pytest.mark.parametrize("name", [*DISTINCT, *OF_THE_FAMILY])
def test_the_models_are_those_trained_one_at_a_time(name):
    """More trials than devices, several chunks, and a problem with 2 steps beside one with 5.

    FAML's window of 4 steps so spans epochs, and steps of padding.
    """
    assert len(jax.devices()) < 9
    settings = sweeps.make_settings(name, 2, 9)
    sweep = sweeps.run(sweeps.builder(name), settings, PROBLEMS, metric=sweeps.likelihood)
    assert_trained_alone(name, settings, PROBLEMS, sweep)
    losses = sweep.table["loss"]
    assert np.unique(losses).size == losses.size  # each model is another one


def test_what_a_method_fixes_may_be_swept_as_well(caplog):
    """Pull, window, rate and decay of FAML, each model with its own, in one program."""
    name = "FAML-0.999"
    others = {
        "beta": np.geomspace(1e-3, 1, 18),
        "ratio": np.linspace(0.8, 1.5, 18),
        "every": np.arange(18) % 5 + 1,
        "rate": np.linspace(0.1, 1, 18),
        "weight_decay": np.linspace(0, 0.2, 18),
    }
    settings = sweeps.make_settings(name, 2, 9)
    settings |= {key: values.reshape(2, 9) for key, values in others.items()}
    run = functools.partial(sweeps.run, sweeps.builder(name), problems=PROBLEMS)
    swept = []
    counts = sweeps.compiled(caplog, lambda: swept.append(run(settings, metric=sweeps.likelihood)))
    assert counts["_epoch"] == 1
    assert_trained_alone(name, settings, PROBLEMS, swept[0])
    for key in others:
        middle = settings | {key: np.full((2, 9), np.median(settings[key]))}
        losses = run(middle, metric=sweeps.likelihood).table["loss"]
        assert (losses != swept[0].table["loss"]).mean() > 0.5, key  # it has a say


def test_weight_decay_is_added_to_the_gradient_of_kernels_alone(rng):
    """One step of Adagrad, `-rate g / sqrt(0.1 + g^2)`, of a kernel, a bias and anchors."""
    params = {
        "body": {"kernel": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)},
        "head": {"anchors": rng.normal(size=(2, 2))},
    }
    gradients = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), params)
    settings = {"learning_rate": jnp.float32(0.2), "weight_decay": jnp.float32(0.3)}
    optimizer = METHODS["FAL"].optimizer(settings)
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    decayed = jax.tree.map(np.copy, gradients)
    decayed["body"]["kernel"] += 0.3 * params["body"]["kernel"]
    expected = jax.tree.map(lambda g: -0.2 * g / np.sqrt(0.1 + g**2), decayed)
    chex.assert_trees_all_close(updates, expected, rtol=1e-5)


@pytest.mark.parametrize("name", DISTINCT)
def test_a_method_is_compiled_once_whatever_the_grid(name, caplog):
    """Four chunks, and then another grid."""
    build = sweeps.builder(name)
    settings = sweeps.make_settings(name, 2, 9)
    run = functools.partial(sweeps.run, build, problems=PROBLEMS, metric=sweeps.likelihood)
    first = sweeps.compiled(caplog, lambda: run(settings))
    assert max(first[part] for part in ("_start", "_epoch", "_score")) <= 1  # or by another test
    others = {key: values[::-1] * 2 for key, values in settings.items()}
    assert not sweeps.compiled(caplog, lambda: run(others))


@pytest.mark.parametrize("name", ["CE", "FAML"])
def test_fewer_trials_than_devices_are_split_by_problems(name):
    problems = [sweeps.make_problem(i) for i in range(8)] + [PROBLEMS[1]]
    settings = sweeps.make_settings(name, 9, 2)
    sweep = sweeps.run(
        sweeps.builder(name), settings, problems, metric=sweeps.likelihood, models_per_program=16
    )
    assert_trained_alone(name, settings, problems, sweep)


@pytest.mark.parametrize("number", [1, 3])
def test_one_problem_and_one_trial_are_a_sweep_too(number):
    settings = {"learning_rate": np.full(1, 0.1), "seed": np.zeros(1, int)}
    sweep = run_ce(settings, PROBLEMS[:1], metric=sweeps.likelihood, num_epochs=number)
    alone = sweeps.train_alone(
        sweeps.builder("CE"), at(settings, 0), PROBLEMS[0], order=0, num_epochs=number
    )
    assert sweep.metrics.shape == (1, 1, number)
    close(sweep.metrics[0, 0], alone.metrics.astype(np.float32))


def coarse(logits, labels, where):
    """A metric with ties, and NaN now and then."""
    value = jnp.round(6 * training.binned_average_precision(logits, labels, where))
    return jnp.where(jnp.abs(logits[0, 0] * 8 % 1) < 0.6, value, jnp.nan)


def test_the_first_of_the_best_epochs_is_kept_and_nan_never():
    run = functools.partial(run_ce, SETTINGS, PROBLEMS, metric=coarse)
    sweep = run(num_epochs=4)
    ended = [run(num_epochs=number, keep="last") for number in range(1, 5)]
    seen = set()
    for place in np.ndindex(2, 9):
        values, epoch = sweep.metrics[place], sweep.best.epoch[place]
        best, first = -np.inf, 0
        for number, value in enumerate(values, 1):
            best, first = (value, number) if value > best else (best, first)
        assert (epoch, sweep.best.metric[place]) == (first, best)
        if epoch:
            expected = at(ended[epoch - 1].best.params, place)
        else:
            start = sweeps.builder("CE")(at(SETTINGS, place))[1]
            expected = start.init(jax.random.key(SETTINGS["seed"][place])).params
        compare = chex.assert_trees_all_equal if epoch else close
        compare(at(sweep.best.params, place), expected)
        seen |= {"never"} if not epoch else {"after nan"} if np.isnan(values[0]) else set()
        seen |= {"tied"} if (values == best).sum() > 1 else set()
    assert seen == {"never", "after nan", "tied"}


def test_the_metric_kept_is_that_of_the_validation_logits():
    sweep = run_ce(SETTINGS, PROBLEMS)
    for problem, trial in np.ndindex(2, 9):
        labels = PROBLEMS[problem].validation_labels
        logits = sweep.validation_logits[problem][trial]
        where = np.ones(labels.size, bool)
        value = float(training.binned_average_precision(logits, labels, where))
        assert sweep.best.metric[problem, trial] == pytest.approx(value, abs=1e-6)
        assert sweep.best.metric[problem, trial] == sweep.metrics[problem, trial].max()


def test_evaluations_may_be_rarer_and_the_last_epoch_is_one():
    every = run_ce(SETTINGS, PROBLEMS, num_epochs=5)
    rare = run_ce(SETTINGS, PROBLEMS, num_epochs=5, evaluate_every=2)
    assert np.isnan(rare.metrics[..., [0, 2]]).all()
    measured = rare.metrics[..., [1, 3, 4]]
    np.testing.assert_array_equal(measured, every.metrics[..., [1, 3, 4]])
    kept = np.array([2, 4, 5])[measured.argmax(axis=-1)]
    np.testing.assert_array_equal(rare.best.epoch, kept)


def test_the_last_weights_are_kept_on_request():
    best, last = (run_ce(SETTINGS, PROBLEMS, num_epochs=4, keep=keep) for keep in ("best", "last"))
    assert (last.best.epoch == 4).all()
    assert np.isnan(last.metrics[..., :3]).all()
    np.testing.assert_array_equal(last.metrics[..., 3], best.metrics[..., 3])
    np.testing.assert_array_equal(last.table["metric"], best.metrics[..., 3].ravel())
    np.testing.assert_array_equal(last.table["loss"], best.table["loss"])
    assert (best.best.epoch < 4).any()


@pytest.mark.parametrize("name", ["FAL", "FAML"])
def test_a_sweep_goes_on_from_given_weights(name):
    problems = [sweeps.make_problem(number) for number in range(2)]
    settings = sweeps.make_settings(name, 2, 3)
    build = sweeps.builder(name)
    first = sweeps.run(build, settings, problems, keep="last")
    options = {"keep": "last", "start": first.best.params}
    moved = sweeps.run(build, settings, problems, **options)
    assert not np.allclose(moved.test_logits[0], first.test_logits[0])
    settings["learning_rate"] = np.zeros((2, 3))
    if name == "FAML":  # its rule moves the anchors all the same
        chex.assert_trees_all_close(
            sweeps.run(build, settings, problems, **options).best.params["body"],
            first.best.params["body"],
        )
    else:
        still = sweeps.run(build, settings, problems, models_per_program=2, **options)
        chex.assert_trees_all_close(still.best.params, first.best.params)


def test_a_trial_that_diverges_keeps_finite_weights_and_leaves_its_neighbours_alone():
    calm = run_ce(SETTINGS, PROBLEMS)
    rates = SETTINGS["learning_rate"].copy()
    rates[:, 4] = 1e30
    wild = run_ce(SETTINGS | {"learning_rate": rates}, PROBLEMS)
    neighbours = np.arange(9) != 4
    chex.assert_trees_all_equal(*(at(s.best, np.s_[:, neighbours]) for s in (calm, wild)))
    diverged = at(wild.best, np.s_[:, 4])
    assert (diverged.epoch == 0).all()
    assert (diverged.metric == -np.inf).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(diverged.params))
    assert np.isnan(wild.metrics[:, 4]).all()
    for logits in (*wild.validation_logits, *wild.test_logits):
        assert np.isnan(logits[4]).all()  # weights of the start do not pass for trained ones
        assert np.isfinite(logits[neighbours]).all()


def with_changed(name, change, **options):
    """Two sweeps: one whose problems have another array of this name, and the original."""
    problems = [p._replace(**{name: change(getattr(p, name))}) for p in PROBLEMS]
    return run_ce(SETTINGS, problems, **options), run_ce(SETTINGS, PROBLEMS, **options)


def test_test_rows_touch_nothing_but_their_own_logits():
    new, old = with_changed("test_inputs", lambda inputs: inputs + 100)
    chex.assert_trees_all_equal(new._replace(test_logits=None), old._replace(test_logits=None))
    for shifted, logits in zip(new.test_logits, old.test_logits, strict=True):
        assert np.abs(shifted - logits).max(axis=(0, 2)).min() > 1


def test_validation_rows_touch_nothing_but_the_choice_of_the_epoch():
    new, old = with_changed("validation_labels", lambda labels: 1 - labels)
    np.testing.assert_array_equal(new.table["loss"], old.table["loss"])
    assert (new.best.epoch != old.best.epoch).any()
    new, old = with_changed("validation_labels", lambda labels: 1 - labels, keep="last")
    for name in ("validation_logits", "test_logits"):
        chex.assert_trees_all_equal(getattr(new, name), getattr(old, name))
    chex.assert_trees_all_equal(new.best.params, old.best.params)
    assert not np.array_equal(new.best.metric, old.best.metric)
