"""What the losses are to each other, and to those of optax."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fal_jax import losses
from tests.losses.case import assert_close, assert_same

exactly = pytest.mark.usefixtures("x64")
CLASSES = 4


@pytest.fixture
def labels(rng):
    return rng.integers(0, CLASSES, 6)


@pytest.fixture
def features(rng):
    return rng.normal(size=(6, 5))


@pytest.fixture
def anchors(rng):
    return rng.normal(size=(CLASSES, 5))


@pytest.fixture
def distances(rng):
    return rng.uniform(0, 10, (6, CLASSES))


@pytest.fixture
def pairs(rng):
    """Distances of two classes, with labels."""
    return rng.uniform(0, 10, (6, 2)), rng.integers(0, 2, 6)


def slope(function):
    return jax.grad(lambda *arrays: jnp.sum(function(*arrays)))


# Special cases


@exactly
def test_focal_loss_with_gamma_0_is_cross_entropy(distances, labels):
    def focal(logits):
        return losses.softmax_focal_loss(logits, labels, gamma=0.0)

    def entropy(logits):
        return losses.softmax_cross_entropy(logits, labels)

    assert_same(lambda z: [(f(z), slope(f)(z)) for f in (focal, entropy)], -distances)


@exactly
def test_fal_without_margin_gamma_and_beta_is_the_distance_softmax(distances, labels):
    def sides(distances):
        log_p = losses.class_log_probabilities(distances)[np.arange(6), labels]
        loss = losses.fal_loss(distances, labels, margin=0.0, gamma=0.0, beta=0.0)
        return loss, -log_p.mean()

    assert_same(sides, distances)


@exactly
def test_stages_of_fal_add_up(distances, labels):
    def sides(distances):
        logits = losses.distance_logits(distances, labels, margin=0.7)
        focal = losses.softmax_focal_loss(logits, labels, gamma=1.5)
        pull = losses.class_mean_distance(distances, labels)
        loss = losses.fal_loss(distances, labels, margin=0.7, gamma=1.5, beta=0.3)
        return loss, focal.mean() + 0.3 * pull

    assert_same(sides, distances)


@exactly
def test_fal_from_features_is_fal_of_the_distances(features, labels, anchors):
    def direct(features, anchors):
        return losses.fal_loss_from_features(features, labels, anchors, margin=0.7)

    def composed(features, anchors):
        return losses.fal_loss(losses.squared_distances(features, anchors), labels, margin=0.7)

    def sides(*arrays):
        return [jax.value_and_grad(f, argnums=(0, 1))(*arrays) for f in (direct, composed)]

    assert_same(sides, features, anchors)


@exactly
def test_inference_has_no_margin(distances):
    assert_same(lambda d: (losses.distance_logits(d, margin=0.7), -d), distances)


# Geometry


@exactly
def test_the_distance_softmax_is_a_linear_head(features, anchors):
    """||f||^2 cancels: weights 2 phi, bias -||phi||^2."""

    def sides(features):
        linear = features @ (2 * anchors).T - np.sum(anchors**2, axis=1)[None]
        distances = losses.squared_distances(features, anchors)
        return losses.class_log_probabilities(distances), jax.nn.log_softmax(linear)

    assert_same(sides, features)


@exactly
def test_lgm_distance_is_half_of_fal_under_identity_covariance(features, anchors):
    def sides(features):
        bare = losses.half_mahalanobis(features, anchors)
        identity = losses.half_mahalanobis(features, anchors, np.zeros_like(anchors))
        whole = losses.squared_distances(features, anchors)
        return (2 * bare, 2 * identity), (whole, whole)

    assert_same(sides, features)


@exactly
def test_lgm_margin_is_a_multiple_of_the_distance_and_fal_margin_a_constant(distances, labels):
    def sides(d, label):
        d, label = d[None], label[None]
        lgm = losses.lgm_loss(d, label, margin=0.4, likelihood_weight=0.0, gamma=1.5)
        return lgm, losses.fal_loss(d, label, margin=0.4 * d[0, label[0]], gamma=1.5, beta=0.0)

    assert_same(jax.vmap(sides), distances, labels)


@exactly
def test_lgm_prior_is_a_logit_adjustment_and_log_det_minus_twice_that(distances, labels):
    log_prior = np.log([0.1, 0.2, 0.3, 0.4])
    bare = functools.partial(losses.lgm_loss, margin=0.0, likelihood_weight=0.0)

    def sides(distances):
        expected = losses.softmax_cross_entropy(log_prior[None] - distances, labels).mean()
        prior = bare(distances, labels, log_prior=log_prior)
        return (prior, bare(distances, labels, log_det=-2 * log_prior)), (expected, expected)

    assert_same(sides, distances)


# Alpha

WEIGHTED = [
    losses.softmax_focal_loss,
    losses.lgm_loss,
    functools.partial(losses.fal_loss, margin=1.0),
]


@exactly
def test_alpha_of_ones_is_none(distances, labels):
    def sides(d):
        weighed = [loss(d, labels, alpha=np.ones(CLASSES)) for loss in WEIGHTED]
        return weighed, [loss(d, labels) for loss in WEIGHTED]

    assert_same(sides, distances)


@exactly
def test_scalar_alpha_weighs_class_1_and_its_complement_class_0(pairs):
    def sides(*pairs):
        scalar = [loss(*pairs, alpha=0.2) for loss in WEIGHTED]
        return scalar, [loss(*pairs, alpha=np.array([0.8, 0.2])) for loss in WEIGHTED]

    assert_same(sides, *pairs)


def test_scalar_alpha_out_of_range_or_with_more_than_two_classes_is_refused(
    distances, labels, pairs
):
    for loss in WEIGHTED:
        with pytest.raises(ValueError, match=r"alpha.*\(4,\)"):
            jax.jit(functools.partial(loss, alpha=0.2))(distances, labels)
        with pytest.raises(ValueError, match=r"alpha.*1\.2"):
            jax.jit(functools.partial(loss, alpha=1.2))(*pairs)
    with pytest.raises(ValueError, match=r"alpha.*1\.2"):
        jax.jit(functools.partial(losses.sigmoid_focal_loss, alpha=1.2))(
            distances, np.ones((6, 4), int)
        )


@exactly
def test_the_binary_softmax_is_the_sigmoid_of_the_ranking_score(pairs):
    def sides(distances, labels):
        logits, score = losses.distance_logits(distances), losses.ranking_score(distances)
        settings = ({"gamma": 0.0}, {"gamma": 1.5, "alpha": 0.2})
        softmax = [losses.softmax_focal_loss(logits, labels, **options) for options in settings]
        return softmax, [losses.sigmoid_focal_loss(score, labels, **o) for o in settings]

    assert_same(sides, *pairs)


# Optax


def test_cross_entropy_agrees_with_optax_in_value_and_gradient(rng):
    logits, labels = rng.uniform(-10, 10, (50, 3)), rng.integers(0, 3, 50)

    @jax.jit
    def sides(logits):
        def ours(z):
            return losses.softmax_cross_entropy(z, labels)

        def theirs(z):
            return optax.losses.softmax_cross_entropy_with_integer_labels(z, labels)

        return [(f(logits), slope(f)(logits)) for f in (ours, theirs)]

    jax.tree.map(assert_close, *sides(logits))


@pytest.mark.parametrize("options", [{"gamma": 0.0}, {"gamma": 0.5, "alpha": 0.25}])
def test_sigmoid_focal_loss_agrees_with_optax_in_value_and_gradient(rng, options):
    logits, labels = rng.uniform(-10, 10, (50, 3)), rng.integers(0, 2, (50, 3))

    @jax.jit
    def sides(logits):
        both = []
        for function in (losses.sigmoid_focal_loss, optax.losses.sigmoid_focal_loss):
            bound = functools.partial(function, labels=labels, **options)
            both.append((bound(logits), slope(bound)(logits)))
        return both

    jax.tree.map(assert_close, *sides(logits))
