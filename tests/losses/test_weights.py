"""Class weights: the published figures, limits, errors, and float32 where they are traced."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from fal_jax.losses import effective_number_weights, inverse_frequency_weights, softmax_focal_loss
from tests import reference

# Long-tailed CIFAR-10 and its class-balanced weights at beta = 0.9999, to four digits.
IF_100 = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
WEIGHTS_100 = [0.0506, 0.0769, 0.1211, 0.195, 0.3188, 0.5246, 0.8683, 1.4426, 2.4092, 3.9927]
IF_10 = [5000, 3871, 2997, 2320, 1796, 1391, 1077, 834, 645, 500]
WEIGHTS_10 = [0.2923, 0.3584, 0.4442, 0.5555, 0.6997, 0.8858, 1.1266, 1.4375, 1.8415, 2.3585]


@pytest.mark.parametrize(("counts", "weights"), [(IF_100, WEIGHTS_100), (IF_10, WEIGHTS_10)])
def test_reproduces_the_published_weights(counts, weights):
    assert_allclose(effective_number_weights(counts, beta=0.9999), weights, atol=5.1e-5, rtol=0)


def test_beta_0_gives_ones_and_beta_1_inverse_frequency():
    for zero in ({"beta": 0}, {"beta": 0.0}, {"one_minus_beta": 1.0}):
        assert_allclose(effective_number_weights(IF_100, **zero), 1, rtol=1e-6)
    for one in ({"beta": 1}, {"beta": 1.0}, {"one_minus_beta": 0.0}):
        weights = effective_number_weights(IF_100, **one)
        assert_allclose(weights, inverse_frequency_weights(IF_100), rtol=1e-6)
    assert_allclose(inverse_frequency_weights([300, 100]), [0.5, 1.5], rtol=1e-6)


@pytest.mark.usefixtures("x64")
def test_concrete_weights_are_exact_in_float64_and_sum_to_the_number_of_classes():
    counts = np.array([1, 7, 10**4, 10**7])
    for beta in (0.0, 0.5, 0.9, 0.9999, 1 - 1e-7, np.float64(0.99)):
        weights = effective_number_weights(counts, beta=beta)
        assert weights.dtype == np.float64
        assert_allclose(weights, reference.effective_number_weights(counts, beta=beta), rtol=1e-12)
        assert_allclose(weights.sum(), 4, rtol=1e-14)


def test_counts_may_exceed_32_bits():
    counts = np.array([3_000_000_000, 1_000_000_000])
    assert_allclose(inverse_frequency_weights(counts), [0.5, 1.5], rtol=1e-6)


def test_traced_weights_agree_with_those_of_the_host():
    counts = np.array([1, 2, 30, 10**3, 10**5, 10**7])
    traced = jax.jit(lambda n, rest: effective_number_weights(n, one_minus_beta=rest))
    for rest in [0.0, *np.float32(np.logspace(-7, 0, 15))]:
        expected = reference.effective_number_weights(counts, one_minus_beta=rest)
        assert_allclose(traced(counts, rest), expected, rtol=1e-5)
        assert_allclose(effective_number_weights(counts, one_minus_beta=rest), expected, rtol=1e-6)
    expected = reference.inverse_frequency_weights(counts)
    assert_allclose(jax.jit(inverse_frequency_weights)(counts), expected, rtol=1e-5)


def test_a_concrete_beta_serves_traced_counts():
    weights = jax.jit(lambda n: effective_number_weights(n, beta=0.9999))(np.array(IF_100))
    assert_allclose(weights, WEIGHTS_100, atol=6e-5, rtol=0)


def test_weights_serve_as_alpha():
    weights = effective_number_weights([90, 10], beta=0.99)
    run = jax.jit(functools.partial(softmax_focal_loss, gamma=0.0, alpha=weights))
    assert_allclose(run(np.zeros((2, 2)), np.array([0, 1])), weights * np.log(2), rtol=1e-6)


@pytest.mark.parametrize("counts", [[3, 0], [3, -1], [3, np.nan]])
def test_a_class_without_examples_has_no_weight(counts):
    with pytest.raises(ValueError, match="class_counts"):
        inverse_frequency_weights(counts)
    with pytest.raises(ValueError, match="class_counts"):
        effective_number_weights(counts, beta=0.9)


@pytest.mark.parametrize("options", [{}, {"beta": 0.9, "one_minus_beta": 0.1}])
def test_exactly_one_of_the_two_parameters_is_taken(options):
    with pytest.raises(ValueError, match=r"one of beta and one_minus_beta"):
        effective_number_weights([3, 2], **options)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
@pytest.mark.parametrize("name", ["beta", "one_minus_beta"])
def test_a_parameter_outside_0_to_1_is_refused_by_its_name(name, wrong):
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        effective_number_weights([3, 2], **{name: wrong})


def test_a_beta_that_float32_has_rounded_is_refused():
    for beta in (np.float32(0.9999), jnp.float32(0.9999)):
        with pytest.raises(TypeError, match="one_minus_beta"):
            effective_number_weights([3, 2], beta=beta)
    with pytest.raises(TypeError, match="one_minus_beta"):
        jax.jit(lambda beta: effective_number_weights([3, 2], beta=beta))(0.9)
