"""What the losses beside the paper's are to each other, and to those of optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fal_jax import losses
from tests.losses.case import assert_close, assert_same

exactly = pytest.mark.usefixtures("x64")
COUNTS = np.array([500, 40, 90, 7])


@pytest.fixture
def logits(rng):
    return 3 * rng.normal(size=(6, 4))


@pytest.fixture
def cosines(rng):
    return rng.uniform(-1, 1, (6, 4))


@pytest.fixture
def labels(rng):
    return rng.integers(0, 4, 6)


def value_and_slope(loss):
    return lambda scores: (loss(scores), jax.grad(lambda z: jnp.sum(loss(z) ** 2))(scores))


def same(scores, first, second):
    assert_same(lambda z: [value_and_slope(f)(z) for f in (first, second)], scores)


@exactly
def test_the_stages_one_after_the_other_are_the_loss(logits, labels):
    margin, alpha = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 1.0, 2.0, 0.5])

    def staged(z):
        odds = losses.with_margin(losses.class_log_odds(z), margin=margin)
        each = losses.weigh(losses.modulate(odds, gamma=1.5, epsilon=0.4), alpha=alpha)
        return losses.of_labels(each, labels)

    def whole(z):
        return losses.softmax_loss(z, labels, margin=margin, gamma=1.5, epsilon=0.4, alpha=alpha)

    same(logits, staged, whole)


@exactly
def test_log_odds_are_those_of_the_softmax(logits):
    def naive(z):
        log_p = jax.nn.log_softmax(z)
        return log_p - jnp.log1p(-jnp.exp(log_p))

    assert_same(lambda z: (losses.class_log_odds(z), naive(z)), logits)


@exactly
def test_fal_is_the_softmax_loss_of_minus_distances_and_a_pull(rng, labels):
    def fal(d):
        return losses.fal_loss(d, labels, margin=0.7, gamma=1.5, beta=0.3)

    def composed(d):
        loss = losses.softmax_loss(-d, labels, margin=0.7, gamma=1.5)
        return jnp.mean(loss) + 0.3 * losses.class_mean_distance(d, labels)

    same(rng.uniform(0, 10, (6, 4)), fal, composed)


@exactly
def test_lgm_is_a_margin_that_is_a_multiple_of_the_distance(rng, labels):
    def lgm(d):
        return losses.lgm_loss(d, labels, margin=0.4, likelihood_weight=0.0)

    same(
        rng.uniform(0, 10, (6, 4)),
        lgm,
        lambda d: jnp.mean(losses.softmax_loss(-d, labels, margin=0.4 * d)),
    )


@exactly
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (losses.poly_loss, {"epsilon": 0.0}),
        (losses.logit_adjusted_loss, {"log_prior": losses.class_log_prior(COUNTS), "tau": 0.0}),
        (losses.balanced_softmax_loss, {"class_counts": np.full(4, 30)}),
        (losses.vs_loss, {"class_counts": COUNTS, "tau": 0.0, "exponent": 0.0}),
        (losses.cdt_loss, {"class_counts": COUNTS, "exponent": 0.0}),
        (losses.cosface_loss, {"margin": 0.0, "scale": 1.0}),
        (losses.arcface_loss, {"margin": 0.0, "scale": 1.0}),
        (losses.ldam_loss, {"margins": np.zeros(4), "scale": 1.0}),
        (losses.single_label_asymmetric_loss, {"smoothing": 0.0}),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_its_neutral_setting_is_cross_entropy(loss, options, cosines, labels):
    same(
        cosines,
        lambda z: loss(z, labels, **options),
        lambda z: losses.softmax_cross_entropy(z, labels),
    )


@exactly
def test_vector_scaling_has_logit_adjustment_and_temperatures_as_its_corners(logits, labels):
    prior = losses.class_log_prior(COUNTS)

    def vs(**options):
        return lambda z: losses.vs_loss(z, labels, class_counts=COUNTS, **options)

    same(
        logits,
        vs(tau=1.3, exponent=0.0),
        lambda z: losses.logit_adjusted_loss(z, labels, log_prior=prior, tau=1.3),
    )
    same(
        logits,
        vs(tau=0.0, exponent=0.2),
        lambda z: losses.cdt_loss(z, labels, class_counts=COUNTS, exponent=0.2),
    )


@exactly
def test_balanced_softmax_is_logit_adjustment_of_strength_1(logits, labels):
    prior = losses.class_log_prior(COUNTS)
    same(
        logits,
        lambda z: losses.balanced_softmax_loss(z, labels, class_counts=COUNTS),
        lambda z: losses.logit_adjusted_loss(z, labels, log_prior=prior),
    )


@exactly
def test_adjusting_after_training_undoes_adjusting_in_training(logits):
    prior = losses.class_log_prior(COUNTS)
    equal = losses.class_log_prior(np.full(4, 5))

    def round_trip(z):
        shifted = losses.shift_prior(z, trained_log_prior=equal, log_prior=prior)
        post_hoc = losses.adjust(shifted, shift=-prior)
        return jax.nn.log_softmax(post_hoc)

    assert_same(lambda z: (round_trip(z), jax.nn.log_softmax(z)), logits)


@exactly
def test_ldam_of_equal_counts_is_cosface_and_clouds_of_no_strength_too(cosines, labels):
    margins = losses.ldam_margins(np.full(4, 30), max_margin=0.3)

    def cosface(c):
        return losses.cosface_loss(c, labels, margin=0.3, scale=30.0)

    def clouded(c):
        noise = jnp.ones_like(c)
        return losses.gcl_loss(c, labels, noise, class_counts=COUNTS, strength=0.0, margin=0.3)

    same(cosines, cosface, lambda c: losses.ldam_loss(c, labels, margins=margins))
    same(cosines, cosface, clouded)


@exactly
def test_equal_exponents_without_a_clip_are_focal_loss(logits, rng):
    bits = rng.integers(0, 2, (6, 4))

    def asymmetric(z):
        return losses.asymmetric_loss(z, bits, gamma_positive=2.0, gamma_negative=2.0, clip=0.0)

    same(logits, asymmetric, lambda z: losses.sigmoid_focal_loss(z, bits))


@exactly
def test_nothing_ignored_or_nothing_to_make_up_for_is_cross_entropy(logits, labels):
    def entropy(z):
        return losses.softmax_cross_entropy(z, labels)

    nothing = np.zeros((6, 4), bool)
    same(logits, entropy, lambda z: losses.equalization_loss(z, labels, nothing))
    same(
        logits,
        entropy,
        lambda z: losses.seesaw_loss(z, labels, np.full(4, 9), compensation=0.0),
    )


@exactly
def test_seesaw_without_compensation_takes_log_count_ratios_of_frequent_true_classes(
    logits, labels
):
    rarer = np.minimum(np.log(COUNTS)[None] - np.log(COUNTS[labels])[:, None], 0)

    def adjusted(z):
        return losses.softmax_cross_entropy(z + 0.8 * rarer, labels)

    same(logits, lambda z: losses.seesaw_loss(z, labels, COUNTS, compensation=0.0), adjusted)


@exactly
def test_the_gradient_of_seesaw_takes_its_compensation_for_a_constant(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    own = np.take_along_axis(np.asarray(log_p), labels[:, None], 1)
    shift = 2.0 * np.maximum(log_p - np.maximum(own, np.log(0.01)), 0)
    shift[np.arange(6), labels] = 0
    same(
        logits,
        lambda z: losses.seesaw_loss(z, labels, COUNTS, mitigation=0.0),
        lambda z: losses.softmax_cross_entropy(z + shift, labels),
    )


@exactly
def test_influence_weights_are_constants_that_grow_as_examples_get_easy(logits, labels):
    norms = np.ones(6)

    def weighted(z):
        return losses.influence_balanced_weights(z, labels, norms)

    assert np.all(jax.grad(lambda z: jnp.sum(weighted(z)))(logits) == 0)
    hard = np.argsort(losses.softmax_cross_entropy(logits, labels))
    assert np.all(np.diff(weighted(logits)[hard]) < 0)


@exactly
def test_cac_is_the_distance_softmax_pulled_to_its_anchor(rng, labels):
    distances = rng.uniform(0, 5, (6, 4))
    own = np.take_along_axis(distances, labels[:, None], 1)[:, 0]
    fal = losses.softmax_cross_entropy(losses.distance_logits(distances), labels)
    assert_close(losses.cac_loss(distances, labels, weight=0.3), fal + 0.3 * own)


@exactly
def test_the_gradient_of_center_loss_is_the_way_to_the_center(rng, labels):
    features, centers = rng.normal(size=(6, 5)), rng.normal(size=(4, 5))
    slope = jax.grad(lambda f: jnp.sum(losses.center_loss(f, labels, centers)))(features)
    assert_close(slope, features - centers[labels])


@exactly
def test_one_prototype_and_no_margin_rank_as_distances_do(rng):
    features, anchors = rng.normal(size=(6, 5)), rng.normal(size=(4, 5))
    affinities = losses.gaussian_affinities(features, anchors[:, None], sigma=3.0)
    assert_close(affinities, np.exp(-losses.squared_distances(features, anchors) / 3))


@exactly
def test_of_equal_prototypes_the_first_alone_moves(rng):
    features, prototypes = rng.normal(size=(6, 5)), rng.normal(size=(4, 1, 5))
    slope = jax.grad(lambda p: jnp.sum(losses.gaussian_affinities(features, p)))
    alone, twice = slope(prototypes), slope(np.repeat(prototypes, 2, axis=1))
    assert_close(twice, np.concatenate([alone, np.zeros_like(alone)], axis=1))


def test_optax_has_the_same_poly_loss(logits, labels):
    ours = losses.poly_loss(logits, labels, epsilon=2.0)
    assert_close(ours, optax.losses.poly_loss_cross_entropy(logits, np.eye(4)[labels]))


def test_optax_has_the_same_smoothing_and_soft_cross_entropy(logits, labels):
    soft = optax.losses.smooth_labels(jnp.eye(4)[labels], 0.2)
    assert_close(losses.smooth_labels(labels, num_classes=4, smoothing=0.2), soft)
    ours = losses.softmax_cross_entropy(logits, soft)
    assert_close(ours, optax.losses.softmax_cross_entropy(logits, soft))
