"""Many models in one program, compiled once: those of one at a time; how settings are drawn."""

import dataclasses
import functools

import chex
import jax
import numpy as np
import pytest

from fal_jax import data, training
from fal_jax.estimators import METHODS, draw_settings

WIDTH, HIDDEN = 36, (6, 4)
# What is batched over models is summed in another order, and the difference of some 1e-7 grows
# with every step.
close = functools.partial(chex.assert_trees_all_close, rtol=1e-4, atol=1e-4)


def make_problem(number, rows=20, steps=9, eval_rows=7):
    rng = np.random.default_rng(number)
    inputs = rng.normal(size=(rows, WIDTH)).astype(np.float32)
    labels = (inputs[:, 0] > 0.3).astype(np.int32)
    batches = data.epoch_batches(rows, batch_size=8, num_epochs=steps, seed=number)
    scored = rng.normal(size=(eval_rows, WIDTH)).astype(np.float32)
    return training.Problem(inputs, labels, batches.reshape(-1, 8)[:steps], scored)


def make(name, num_problems, num_trials, num_steps=9, **fixed):
    """How to build the method's models, and settings `[problems, trials]`."""
    method = METHODS[name]
    if method.rule is not None:
        fixed = {"every": 4} | fixed  # so that anchors move within a few steps
    method = dataclasses.replace(method, fixed={**method.fixed, **fixed})
    drawn = draw_settings(method, num_problems * num_trials, seed=0)
    settings = {n: v.reshape(num_problems, num_trials) for n, v in drawn.items()}
    settings["num_steps"] = np.full((num_problems, num_trials), num_steps)
    build = functools.partial(method.build, num_inputs=WIDTH, num_classes=2, hidden=HIDDEN)
    return build, settings


def train_alone(build, settings, problems, seed):
    """Yields the place `(problem, trial)` and the `Fits` of each model, trained by itself."""

    @jax.jit
    def train(key, settings, problem):
        model, trainer = build(settings)
        start = trainer.init(key)
        state, losses = training.fit(trainer, start, *problem[:3])
        outputs, _ = model.apply(training.model_params(state), {}, problem.eval_inputs)
        return training.Fits(state, losses, outputs.logits)

    places = next(iter(settings.values())).shape
    keys = jax.random.split(jax.random.key(seed), places)
    for place in np.ndindex(places):
        one = {name: np.float32(values[place]) for name, values in settings.items()}
        yield place, train(keys[place], one, problems[place[0]])


@pytest.mark.parametrize("name", ["CE", "FAL", "FAML", "FL+LGM"])
def test_the_models_are_those_trained_one_at_a_time(name):
    build, settings = make(name, 2, 2)
    problems = [make_problem(0), make_problem(1)]
    fits = training.fit_many(build, settings, problems, seed=3)
    assert fits.losses.shape == (2, 2, 9)
    assert fits.logits.shape == (2, 2, 7, 2)
    for place, alone in train_alone(build, settings, problems, seed=3):
        close(jax.tree.map(lambda leaf, place=place: leaf[place], fits), alone)
    if name == "FAML":
        np.testing.assert_array_equal(fits.state.anchors.num_updates, np.full((2, 2), 2))
    first = np.asarray(fits.losses)[..., 0].ravel()
    assert len(set(first.tolist())) == 4  # each starts from its own parameters


@pytest.mark.parametrize("name", ["CE", "FAL", "FAML"])
def test_a_shorter_problem_is_padded_without_harm(name):
    """Of 6 steps beside 9: the window of 4 that it does not finish must be dropped, too."""
    build, settings = make(name, 2, 1)
    problems = [make_problem(0), make_problem(1, rows=13, steps=6, eval_rows=5)]
    fits = training.fit_many(build, settings, problems, seed=0)
    (_, longer), (_, shorter) = train_alone(build, settings, problems, seed=0)
    for i, alone in enumerate((longer, shorter)):
        steps, rows = alone.losses.size, len(alone.logits)
        close(fits.losses[i, 0, :steps], alone.losses)
        close(jax.tree.map(lambda leaf, i=i: leaf[i, 0], fits.state.params), alone.state.params)
        close(fits.logits[i, 0, :rows], alone.logits)
        if name == "FAML":
            close(fits.state.anchors.anchors[i, 0], alone.state.anchors.anchors)


def test_a_step_is_compiled_once_for_all_epochs_and_hyper_parameters(key):
    original, traces = METHODS["FAML"], []

    def counted(*arguments):
        traces.append(arguments)
        return original.loss(*arguments)

    method = dataclasses.replace(original, loss=counted)
    sizes = {"num_inputs": WIDTH, "num_classes": 2, "hidden": HIDDEN}

    @jax.jit
    def step(state, batch, settings):
        return method.build(settings, **sizes)[1].update(state, batch)

    drawn = draw_settings(method, 3, seed=0) | {"num_steps": np.array([600, 700, 800])}
    settings = [{name: np.float32(v[i]) for name, v in drawn.items()} for i in range(3)]
    problem, values = make_problem(0), []  # of its 9 batches each third is padded
    state = method.build(settings[0], **sizes)[1].init(key)
    for i, rows in enumerate(problem.batches):
        batch = training.Batch(problem.inputs[rows], problem.labels[rows], rows >= 0)
        state, loss = step(state, batch, settings[i // 3])
        values.append(float(loss))
    assert len(set(values)) == 9
    assert (len(traces), step._cache_size()) == (1, 1)


@pytest.mark.parametrize("num_problems", [1, 9])
def test_fewer_and_more_problems_than_devices(num_problems):
    assert 1 < len(jax.devices()) < 9
    build, settings = make("CE", num_problems, 1, num_steps=3)
    problems = [make_problem(i, steps=3) for i in range(num_problems)]
    fits = training.fit_many(build, settings, problems, seed=0)
    assert fits.logits.shape == (num_problems, 1, 7, 2)
    for place, alone in train_alone(build, settings, problems, seed=0):
        close(fits.logits[place], alone.logits)


@pytest.mark.parametrize(
    ("shapes", "num_problems"),
    [
        ([(3, 2)], 2),
        ([(2, 2), (2, 3)], 2),
        ([(2,)], 2),
        ([()], 2),
        ([(2, 2, 1)], 2),
        ([], 2),
        ([(0, 2)], 0),
    ],
    ids=str,
)
def test_settings_of_another_shape_are_refused(shapes, num_problems):
    build, _ = make("CE", 1, 1)
    names = ("learning_rate", "num_steps")
    settings = {name: np.ones(shape) for name, shape in zip(names, shapes, strict=False)}
    problems = [make_problem(i) for i in range(num_problems)]
    words = rf"settings must be \[problems, trials\] with {num_problems} problems.*got shapes"
    with pytest.raises(ValueError, match=words):
        training.fit_many(build, settings, problems, seed=0)


@pytest.mark.parametrize("name", METHODS)
def test_settings_are_drawn_within_their_ranges_and_distinct(name):
    method = METHODS[name]
    drawn = draw_settings(method, 50, seed=1)
    assert set(drawn) == set(method.search)
    for parameter, (low, high, log) in method.search.items():
        values = drawn[parameter]
        assert values.shape == (50,)
        assert len(set(values.tolist())) == 50
        assert (values >= low).all()
        assert (values <= high).all()
        # One draw in each fiftieth of the range, on the scale that it is drawn on.
        scaled = np.log(values / low) / np.log(high / low) if log else (values - low) / (high - low)
        np.testing.assert_array_equal(np.sort((scaled * 50).astype(int)), np.arange(50))


def test_settings_are_the_same_again_and_the_learning_rates_for_all_methods():
    first = draw_settings(METHODS["FAL"], 8, seed=1)
    chex.assert_trees_all_equal(draw_settings(METHODS["FAL"], 8, seed=1), first)
    other = draw_settings(METHODS["FAL"], 8, seed=2)
    assert not any(np.array_equal(first[name], other[name]) for name in first)
    for method in METHODS.values():
        rates = draw_settings(method, 8, seed=1)["learning_rate"]
        np.testing.assert_array_equal(rates, first["learning_rate"])
    # Parameters of one method do not move together.
    assert abs(np.corrcoef(first["gamma"], first["alpha"])[0, 1]) < 0.9
