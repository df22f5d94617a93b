"""The family's methods: each masks what is not valid, and uses every setting that it has."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from fal_jax import losses, models
from fal_jax.estimators import (
    FAMILY,
    IMAGE_FAMILY,
    METHODS,
    _family_losses,
    draw_settings,
    family,
    methods,
)
from fal_jax.training import Batch

each_method = pytest.mark.parametrize("name", FAMILY)
COUNTS = np.array([800.0, 150.0, 50.0])


def settings_of(method, trial=2):
    drawn = {name: values[trial] for name, values in draw_settings(method, 3, seed=0).items()}
    settings = {**method.fixed, **drawn, "num_steps": 10, "class_counts": COUNTS}
    return {name: jnp.asarray(value, jnp.float32) for name, value in settings.items()}


def case(name, rows=12):
    """A method's head, outputs of random features, and labels of which some do not count."""
    rng, method = np.random.default_rng(0), FAMILY[name]
    features = jnp.asarray(rng.normal(size=(rows, 4)), jnp.float32)
    labels, where = rng.integers(0, 3, rows), np.arange(rows) < rows - 3
    return method, features, Batch(np.zeros((rows, 3)), labels, where, step=jnp.int32(9))


def value(method, features, batch, settings):
    """The loss by a head that is made with the settings too."""
    head = method.head(3, 4, settings)
    # Off the start, where what starts at 0 hides the settings that multiply it.
    params = jax.tree.map(lambda leaf: leaf + 0.1, head.init(jax.random.key(0)))
    outputs = methods.Outputs(features, head.apply(params, features))
    return method.loss(outputs, params, batch, settings)


@each_method
def test_every_setting_moves_the_loss_and_no_other(name):
    method, features, batch = case(name)
    run = jax.jit(lambda features, settings: value(method, features, batch, settings))
    trials = [settings_of(method, trial) for trial in range(3)]
    origins = [run(features, settings) for settings in trials]
    assert np.isfinite(origins).all()
    for setting in set(method.search) - {"learning_rate"}:
        moved = [run(features, one | {setting: 0.7 * one[setting]}) for one in trials]
        # One step may be too small for what counts or draws examples, but not all three.
        assert moved != origins, setting


@each_method
def test_rows_that_are_not_valid_do_not_count(name):
    method, features, batch = case(name)
    settings = settings_of(method)
    run = jax.jit(jax.value_and_grad(lambda f: value(method, f, batch, settings)))
    first, slope = jax.tree.map(np.asarray, run(features))
    assert np.all(slope[-3:] == 0)
    assert np.any(slope[:-3] != 0)
    assert np.all(np.isfinite(slope))
    changed, _ = run(features.at[-3:].set(7.0))
    assert changed == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize("name", ["CE-DRW", "LDAM-DRW"])
def test_deferred_weights_come_late(name):
    method, features, batch = case(name)
    settings = settings_of(method)
    run = jax.jit(lambda step: value(method, features, batch._replace(step=step), settings))
    values = [run(step) for step in (0, 7, 8, 9)]
    assert values[0] == values[1] != values[2] == values[3]


@pytest.mark.parametrize("name", IMAGE_FAMILY)
def test_a_method_for_images_joins_any_network_and_sets_all_that_its_loss_takes(name):
    method = IMAGE_FAMILY[name]
    assert set(method.search) <= set(method.fixed)
    settings = {"num_steps": jnp.float32(10), "class_counts": jnp.linspace(500, 5, 10)}

    def network(head):
        body = models.from_nnx(lambda rngs: nnx.Linear(6, 8, rngs=rngs))
        return models.classifier(body, head(10, 8))

    def step(key, inputs, labels):  # traced alone, which takes no time to compile
        _, trainer = method.join(network, settings)
        batch = Batch(inputs, labels, jnp.ones(4, bool))
        return trainer.update(trainer.init(key), batch)[1]

    key, inputs = jax.random.key(0), jnp.ones((4, 6))
    assert jax.eval_shape(step, key, inputs, jnp.arange(4)).shape == ()


def test_every_public_loss_has_a_method():
    text = "".join(inspect.getsource(module) for module in (methods, family, _family_losses))
    named = {name for name in vars(losses) if name.endswith("_loss")}
    assert not {name for name in named if name not in text}, "add a row to FAMILY"
    assert not set(FAMILY) & set(METHODS)
