"""The surrogates of AUC and average precision, where the contract's small batches can't tell."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fal_jax import losses
from fal_jax.losses import _pairs
from tests import reference_ranking as reference
from tests.losses.case import assert_close

# Each by its name, with hyper-parameters and, for the one that has it, a state.
LOSSES = {
    "auc_squared_hinge_loss": {"margin": 0.7},
    "auc_logistic_loss": {"scale": 2.5},
    "partial_auc_loss": {"max_fpr": 0.35},
    "smooth_ap_loss": {"temperature": 0.3},
    "aucm_loss": {"state": np.array([0.3, -0.2, 0.4])},
}
each_loss = pytest.mark.parametrize("name", LOSSES)
exactly = pytest.mark.usefixtures("x64")


def ours(name):
    return functools.partial(getattr(losses, name), **LOSSES[name])


@pytest.fixture
def batch(rng):
    """One positive in four, the scores of the classes overlapping."""
    labels = (np.arange(40) % 4 == 0).astype(int)
    return rng.normal(size=40) + labels, labels


@exactly
@each_loss
def test_derivatives_of_a_whole_batch_are_those_of_the_reference(name, batch, rng):
    """First and second, along a random direction, by differences of the reference."""
    (scores, labels), direction = batch, rng.normal(size=40)

    def path(t, loss):
        return loss(scores + t * direction, labels)

    @jax.jit
    def derivatives(t):
        slope = jax.grad(path)(t, ours(name))
        return (
            slope,
            jax.jvp(lambda t: path(t, ours(name)), (t,), (1.0,))[1],
            *jax.jvp(jax.grad(lambda t: path(t, ours(name))), (t,), (1.0,)),
        )

    twin = functools.partial(getattr(reference, name), **LOSSES[name])
    step = 1e-4
    low, here, high = (path(t, twin) for t in (-step, 0.0, step))
    reverse, forward, _, curvature = derivatives(0.0)
    assert_allclose(reverse, (high - low) / (2 * step), rtol=1e-5)
    assert_allclose(forward, reverse, rtol=1e-10)
    assert_allclose(curvature, (high - 2 * here + low) / step**2, rtol=1e-4)


@each_loss
def test_value_gradient_and_hessian_are_finite_at_extremes(name):
    scores, labels = jnp.array([1e4, -1e4, 0, 0, 1e4, -1e4]), np.array([0, 1, 0, 1, 1, 0])

    @jax.jit
    def run(scores):
        value, slope = jax.value_and_grad(ours(name))(scores, labels)
        return value, slope, jax.hessian(ours(name))(scores, labels)

    value, slope, hessian = run(scores)
    assert_close(value, getattr(reference, name)(scores, labels, **LOSSES[name]))
    assert np.isfinite(slope).all()
    assert np.isfinite(hessian).all()


@each_loss
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_costs_nothing_and_pulls_nothing(name, label):
    scores, labels = jnp.array([0.3, -2.0, 5.0]), np.full(3, label)
    value, slope = jax.jit(jax.value_and_grad(ours(name)))(scores, labels)
    assert value == 0
    assert_array_equal(slope, 0)


@exactly
@pytest.mark.parametrize("name", ["auc_logistic_loss", "smooth_ap_loss"])
def test_tiles_of_pairs_give_what_one_tile_gives(name, batch, monkeypatch):
    """With a last tile that is not full, and to second order."""

    def results():
        loss = ours(name)
        curvature = jax.jvp(jax.grad(loss), (batch[0], batch[1]), (batch[0], zero))[1]
        return *jax.value_and_grad(loss)(*batch), curvature

    zero = np.zeros(40, jax.dtypes.float0)
    expected = jax.jit(results)()
    monkeypatch.setattr(_pairs, "_PAIRS", 40 * 7)
    found = jax.jit(lambda: results())()
    jax.tree.map(lambda a, b: assert_allclose(a, b, rtol=1e-12, atol=1e-15), found, expected)


def test_no_table_of_pairs_is_held():
    """The temporary memory of a gradient over 20,000 scores, whose pairs would take 1.6 GB."""
    scores, labels = jnp.zeros(20_000), jnp.zeros(20_000, int)
    for name in ("auc_squared_hinge_loss", "auc_logistic_loss", "smooth_ap_loss"):
        compiled = jax.jit(jax.grad(ours(name))).lower(scores, labels).compile()
        assert compiled.memory_analysis().temp_size_in_bytes < 150e6


def test_the_sort_keeps_the_digits_of_a_large_batch_far_from_the_origin(rng):
    """In float32, 20,000 scores near 1,000; sums of squares of the scores would lose all digits."""
    labels = (rng.random(20_000) < 0.1).astype(int)
    scores = (1000 + rng.normal(size=20_000) + labels).astype(np.float32)
    loss = functools.partial(losses.auc_squared_hinge_loss, margin=0.7)
    found = jax.jit(jax.value_and_grad(loss))(scores, labels)
    with jax.enable_x64(True):
        ours_exactly = jax.jit(jax.value_and_grad(loss))(scores.astype(np.float64), labels)
    assert_allclose(found[0], ours_exactly[0], rtol=1e-5)
    assert_allclose(found[1], ours_exactly[1], rtol=1e-4, atol=1e-9)
    positives, negatives = (scores[labels == k].astype(np.float64) for k in (1, 0))
    sample = positives[:200]
    costs = np.maximum(0.7 - (sample[:, None] - negatives), 0) ** 2
    slopes = -2 * np.sqrt(costs).mean(1) / len(positives)
    assert_allclose(found[1][labels == 1][:200], slopes, rtol=1e-4, atol=1e-9)


@exactly
def test_a_whole_budget_is_the_squared_hinge_and_a_small_one_the_hardest_negative(batch):
    scores, labels = batch
    partial = jax.jit(functools.partial(losses.partial_auc_loss, scores, labels))
    assert_allclose(partial(max_fpr=1.0), losses.auc_squared_hinge_loss(scores, labels))
    hardest = scores[labels == 0].max()
    expected = np.mean(np.maximum(1 - (scores[labels == 1] - hardest), 0) ** 2)
    assert_allclose(partial(max_fpr=1 / 30), expected)


@exactly
def test_towards_temperature_0_smooth_ap_is_average_precision(batch):
    sklearn = pytest.importorskip("sklearn.metrics")
    scores, labels = batch
    smooth = jax.jit(functools.partial(losses.smooth_ap_loss, temperature=1e-6))(scores, labels)
    assert_allclose(1 - smooth, sklearn.average_precision_score(labels, scores), rtol=1e-9)


@exactly
def test_at_its_saddle_point_aucm_is_the_spread_and_the_gap_of_the_means(batch):
    scores, labels = batch
    positives, negatives = scores[labels == 1], scores[labels == 0]
    gap = 2.0 + negatives.mean() - positives.mean()
    state = losses.AUCMState(positives.mean(), negatives.mean(), gap)
    loss = functools.partial(losses.aucm_loss, scores, labels, margin=2.0)
    value, slope = jax.jit(jax.value_and_grad(loss))(state)
    assert_allclose(value, positives.var() + negatives.var() + gap**2)
    assert_allclose(slope, np.zeros(3), atol=1e-12)


@exactly
def test_with_as_many_examples_a_class_each_is_the_rest(rng):
    scores, labels = rng.normal(size=(12, 4)), np.arange(12) % 4

    @jax.jit
    def both():
        names = ("auc_squared_hinge_loss", "auc_logistic_loss", "partial_auc_loss")
        return [
            [ours(name)(scores, labels, against=word) for name in names]
            for word in ("rest", "each")
        ]

    assert_allclose(*both())


def test_what_to_rank_against_is_one_of_two_words():
    with pytest.raises(ValueError, match='against must be "rest" or "each"'):
        losses.auc_squared_hinge_loss(np.ones(2), np.array([0, 1]), against="all")
