"""The saddle-point step: where it goes, and that it turns alpha alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from fal_jax.losses import AUCMState, aucm_loss
from fal_jax.training import min_max


def trained(loss, params, optimiser, steps):
    """The parameters after some steps, in one program."""

    def step(carry, _):
        params, state = carry
        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    def run(params):
        return jax.lax.scan(step, (params, optimiser.init(params)), length=steps)[0][0]

    return jax.jit(run)(params)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("margin", [0.5, 3.0])
def test_the_variables_reach_the_saddle_point(margin, rng):
    """Also where the means are further apart than the margin, so that alpha stays at 0."""
    scores, labels = rng.normal(size=30), np.arange(30) % 3 == 0
    scores[labels] += 1.5
    loss = functools.partial(aucm_loss, scores, labels.astype(int), margin=margin)
    start = jax.tree.map(lambda a: jnp.asarray(a, float), AUCMState(0.0, 0.0, 0.3))
    found = trained(loss, start, min_max(optax.sgd(0.1)), 200)
    a, b = scores[labels].mean(), scores[~labels].mean()
    assert_allclose(found, (a, b, max(margin + b - a, 0)), rtol=1e-9, atol=1e-12)


def test_a_network_beside_the_state_learns_to_rank(rng):
    """One positive in 20 and a state a class; momentum serves, and the weights descend."""
    labels = (np.arange(400) % 20 == 0).astype(int)
    features = np.float32(rng.normal(size=(400, 2)) + 1.5 * labels[:, None] * np.array([[1, -1]]))

    def loss(params):
        return aucm_loss(features @ params["weights"], labels, params["auc"])

    start = {"weights": jnp.zeros((2, 2)), "auc": AUCMState.zeros(2)}
    weights = trained(loss, start, min_max(optax.sgd(0.05, momentum=0.5)), 200)["weights"]
    lead = features @ np.diff(weights)[:, 0]
    assert np.mean(lead[labels == 1][:, None] > lead[labels == 0]) > 0.9


def test_only_alpha_is_turned_and_kept_at_0():
    params = {"w": jnp.array(1.0), "auc": AUCMState(*jnp.array([1.0, 2.0, 0.1]))}
    slopes = {"w": jnp.array(2.0), "auc": AUCMState(*jnp.array([2.0, 2.0, 5.0]))}
    optimiser = min_max(optax.sgd(0.1))
    up, state = optimiser.update(slopes, optimiser.init(params), params)
    assert_allclose([up["w"], *up["auc"]], [-0.2, -0.2, -0.2, 0.5])
    slopes["auc"] = slopes["auc"]._replace(alpha=jnp.array(-5.0))
    down, _ = optimiser.update(slopes, state, params)
    assert optax.apply_updates(params, down)["auc"].alpha == 0


def test_parameters_without_a_state_and_updates_without_parameters_are_refused():
    optimiser = min_max(optax.sgd(0.1))
    with pytest.raises(ValueError, match="params must hold an AUCMState"):
        optimiser.init({"w": jnp.ones(2)})
    params = AUCMState.zeros()
    with pytest.raises(ValueError, match="params must be given"):
        optimiser.update(params, optimiser.init(params))
