"""Soft labels: the mean of what each class would cost as the true one, in all that take them.

The reference has it so: it calls itself with each class as the true one.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fal_jax import losses
from tests.losses.case import assert_close, floats
from tests.losses.cases import CASES, over

# Why these take integer labels alone.
STREAMS = "it streams over classes: nothing of the size of soft labels is held"
RANKS = "an example is on one side of a pair"
INTEGER_ONLY = {  # with the reason
    "distance_logits": "the margin is on the logit of one class",
    "fal_loss_from_features": STREAMS,
    "lgm_loss_from_features": STREAMS,
    "auc_squared_hinge_loss": RANKS,
    "auc_logistic_loss": RANKS,
    "partial_auc_loss": RANKS,
    "aucm_loss": RANKS,
    "smooth_ap_loss": RANKS,
    "smooth_labels": "it makes soft labels",
}


def takes_labels(case):
    return "labels" in case.arrays


def takes_soft_labels(case):
    return takes_labels(case) and str(case) not in INTEGER_ONLY


def shares_of(case, batch=(6,), seed=4):
    return np.random.default_rng(seed).dirichlet(np.ones(case.classes), batch)


@pytest.mark.usefixtures("x64")
@over(takes_soft_labels)
def test_soft_labels_agree_with_the_reference(case):
    arrays = case.draw() | {"labels": shares_of(case)}
    assert_allclose(jax.jit(case)(arrays), case.expected(arrays), rtol=1e-12)


@over(takes_soft_labels)
def test_soft_labels_that_are_hard_are_integer_labels_with_their_gradient(case):
    arrays = floats(case.draw(), np.float32)
    hard = arrays["labels"].astype(np.float32)
    hard = hard if case.elementwise else jax.nn.one_hot(arrays["labels"], case.classes)

    @jax.jit
    def both(first):
        def value_and_slope(labels):
            def total(first):
                result = case(arrays | {case.first: first, "labels": labels})
                return jnp.sum(result**2), result

            return jax.grad(total, has_aux=True)(first)

        return value_and_slope(hard), value_and_slope(arrays["labels"])

    jax.tree.map(assert_close, *both(arrays[case.first]))


@over(lambda case: takes_soft_labels(case) and "where" in case.parameters)
def test_masked_rows_of_soft_labels_may_hold_anything(case):
    arrays, shares = floats(case.draw(), np.float32), shares_of(case).astype(np.float32)
    keep = np.arange(6) != 2
    shares[2] = np.nan
    first = np.array(arrays[case.first])
    first[2] = np.inf

    def total(first, shares):
        where = case.mask(keep)
        result = case(arrays | {case.first: first, "labels": shares, "where": where})
        return jnp.sum(result), result

    slope, result = jax.jit(jax.grad(total, has_aux=True))(first, shares)
    assert case.reduces or np.all(result[2] == 0)
    assert np.isfinite(result).all()
    assert_array_equal(slope[2], 0)
    assert np.isfinite(slope).all()


@over(lambda case: takes_labels(case) and str(case) in INTEGER_ONLY)
def test_other_losses_refuse_soft_labels(case):
    arrays = case.draw()
    arrays["labels"] = shares_of(case)
    # One score an example gives labels no axis for classes: their shape is wrong already.
    with pytest.raises((TypeError, ValueError), match=r"\blabels\b"):
        case(arrays)


@over(takes_soft_labels)
def test_negative_shares_and_shares_of_the_wrong_shape_are_refused(case):
    arrays, shares = case.draw(), shares_of(case)
    with pytest.raises(ValueError, match=rf"\blabels\b.*\(6, {case.classes - 1}\)"):
        case(arrays | {"labels": shares[:, :-1]})
    with pytest.raises(ValueError, match=r"\blabels must be at least 0\b"):
        case(arrays | {"labels": -shares})


def test_every_loss_with_labels_is_one_or_the_other():
    names = {str(case) for case in CASES if takes_labels(case)}
    assert names > set(INTEGER_ONLY)


def test_smoothing_of_an_out_of_range_label_is_nan_and_of_floats_is_refused():
    smoothed = losses.smooth_labels(jnp.array([0, 2, -1]), num_classes=2)
    assert_array_equal(np.isnan(smoothed), [[False] * 2, [True] * 2, [True] * 2])
    with pytest.raises(TypeError, match="labels"):
        losses.smooth_labels(np.array([0.5]), num_classes=2)
    with pytest.raises(ValueError, match="num_classes"):
        losses.smooth_labels(np.array([0]), num_classes=1)


def test_smoothing_a_cross_entropy_mixes_in_the_mean_over_the_classes(rng):
    logits, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    soft = losses.smooth_labels(labels, num_classes=4, smoothing=0.2)
    each = -jax.nn.log_softmax(logits)
    expected = 0.8 * each[np.arange(6), labels] + 0.2 * each.mean(-1)
    assert_close(losses.softmax_cross_entropy(logits, soft), expected)


def test_an_unknown_shape_of_label_aware_smoothing_is_refused():
    with pytest.raises(ValueError, match=r"shape must be one of .*concave.*'round'"):
        losses.label_aware_smoothing([3, 2], most=0.3, least=0.1, shape="round")
