"""Calibrators against scikit-learn and SciPy in float64; decisions and priors by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special
from sklearn import calibration as sklearn_calibration
from sklearn import isotonic

from fal_jax import calibration


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def weigh(request, rng):
    """Makes weights for so many examples, some of them 0; None where there are none."""

    def make(size):
        return rng.uniform(0.2, 3, size).astype(np.float32) * (rng.random(size) < 0.9)

    return make if request.param else lambda _: None


def draw(rng, size=400):
    scores = np.round(rng.normal(-1, 2, size), 1).astype(np.float32)
    return scores, (rng.random(size) < special.expit(0.5 * scores - 0.5)).astype(np.int32)


def fitted(make, scores, labels, weights, rng):
    """The params of the valid rows, among others that are not."""
    where = np.append(np.ones(scores.shape[0], bool), np.zeros(7, bool))
    padding = rng.normal(size=(7, *scores.shape[1:])).astype(np.float32)
    labels = np.append(labels, np.ones(7, np.int32))
    weights = None if weights is None else np.append(weights, np.ones(7, np.float32))
    fit = jax.jit(lambda s, y, w, v: make().fit(s, y, weights=w, where=v))
    return fit(np.concatenate([scores, padding]), labels, weights, where)


def test_isotonic_is_scikit_learns(rng, weigh):
    for _ in range(5):
        scores, labels = draw(rng)
        weights = weigh(400)
        theirs = isotonic.IsotonicRegression(out_of_bounds="clip")
        theirs.fit(*map(np.float64, (scores, labels)), sample_weight=weights)
        grid = np.linspace(-9, 9, 333).astype(np.float32)
        params = fitted(calibration.isotonic, scores, labels, weights, rng)
        ours = calibration.isotonic().apply(params, grid)
        np.testing.assert_allclose(ours, theirs.predict(grid.astype(np.float64)), atol=1e-5)


def test_platt_is_scikit_learns(rng, weigh):
    scores, labels = draw(rng)
    weights = weigh(400)
    params = fitted(calibration.platt, scores, labels, weights, rng)
    theirs = sklearn_calibration._SigmoidCalibration()
    exact = None if weights is None else weights.astype(np.float64)
    theirs.fit(scores.astype(np.float64), labels, sample_weight=exact)
    ours = calibration.platt().apply(params, scores)
    np.testing.assert_allclose(ours, theirs.predict(scores.astype(np.float64)), atol=2e-4)


def test_beta_is_the_constrained_maximum(rng, weigh):
    for curve in (lambda s: 0.5 * s - 0.5, lambda s: -0.3 * special.log_expit(-s) + 0.2):
        scores, _ = draw(rng, 2000)
        labels = (rng.random(2000) < special.expit(curve(scores))).astype(np.int32)
        weights = weigh(2000)
        columns = np.stack(
            [special.log_expit(scores), -special.log_expit(-scores), np.ones(2000)], axis=1
        ).astype(np.float64)

        def loss(params, columns=columns, labels=labels, weights=weights):
            logits = columns @ params
            return np.average(np.logaddexp(0, logits) - labels * logits, weights=weights)

        truth = optimize.minimize(
            loss, [1, 1, 0], bounds=[(0, None), (0, None), (None, None)], tol=1e-12
        )
        params = fitted(calibration.beta, scores, labels, weights, rng)
        assert (params[:2] >= 0).all()
        assert loss(np.asarray(params, np.float64)) <= truth.fun + 1e-6


def test_temperature_is_the_maximum(rng, weigh):
    logits = rng.normal(size=(500, 3)).astype(np.float32) * 4
    labels = np.array([rng.choice(3, p=special.softmax(row / 2.5)) for row in logits])
    weights = weigh(500)

    def loss(inverse):
        own = special.log_softmax(logits * inverse, axis=1)[np.arange(500), labels]
        return -np.average(own, weights=weights)

    truth = optimize.minimize_scalar(loss, bounds=(0.01, 5), method="bounded").x
    inverse = fitted(calibration.temperature, logits, labels, weights, rng)
    assert inverse == pytest.approx(truth, rel=1e-3)
    np.testing.assert_allclose(
        calibration.temperature().apply(inverse, logits),
        special.softmax(logits * float(inverse), axis=1),
        atol=1e-6,
    )


@pytest.mark.parametrize("make", [calibration.isotonic, calibration.platt, calibration.beta])
def test_wrong_labels_where_they_count_spoil_a_fit_and_wrong_arguments_are_named(make):
    fit, scores = make().fit, np.array([0.5, 1.0, 2.0], np.float32)
    spoiled = fit(scores, np.array([0, 2, 1]))
    assert any(np.isnan(leaf).any() for leaf in jax.tree.leaves(spoiled))
    ignored = fit(scores, np.array([0, 2, 1]), weights=np.array([1.0, 0.0, 1.0]))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(ignored))
    with pytest.raises(ValueError, match="weights must be at least 0"):
        fit(scores, np.array([0, 1, 1]), weights=[1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match=r"weights must have shape \(3,\), as scores"):
        fit(scores, np.array([0, 1, 1]), weights=[1.0])


def test_a_temperature_of_wrong_labels_is_nan():
    fit = calibration.temperature().fit
    assert np.isnan(fit(np.eye(2, dtype=np.float32), np.array([0, 2])))


@pytest.mark.parametrize(
    ("alarms", "threshold"), [(0, np.inf), (1, 0.8), (2, 0.8), (3, 0.4), (9, 0.1)]
)
def test_alarms_keep_to_the_budget_ties_included(alarms, threshold):
    scores = np.array([0.1, 0.4, 0.8, 0.4, 9.0], np.float32)
    where = np.arange(5) < 4
    assert calibration.alarm_threshold(scores, alarms=alarms, where=where) == np.float32(threshold)


def test_the_bayes_threshold_makes_both_decisions_cost_the_same():
    costs = np.array([[1.0, 3.0], [12.0, 2.0]])
    p = float(calibration.bayes_threshold(costs))
    np.testing.assert_allclose(*np.array([1 - p, p]) @ costs, rtol=1e-6)
    with pytest.raises(ValueError, match="above those of being right"):
        calibration.bayes_threshold([[1.0, 0.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        calibration.bayes_threshold([1.0, 0.0])


def test_priors_are_corrected_by_bayes_rule(rng):
    joint = rng.dirichlet(np.ones(4), 3)  # p(x | class)
    old, new = np.array([0.5, 0.3, 0.2]), np.array([0.9, 0.09, 0.01])
    trained, true = (joint * prior[:, None] for prior in (old, new))
    found = calibration.correct_priors(np.log(trained).T.astype(np.float32), old, new)
    np.testing.assert_allclose(special.softmax(found, axis=1), (true / true.sum(0)).T, rtol=1e-5)
    odds = calibration.correct_undersampling(jnp.array([0.3, -2.0]), kept=0.1)
    p = special.expit(np.array([0.3, -2.0]))
    np.testing.assert_allclose(jax.nn.sigmoid(odds), 0.1 * p / (0.1 * p - p + 1), rtol=1e-5)
    with pytest.raises(ValueError, match="trained_priors must be"):
        calibration.correct_priors(np.zeros(2, np.float32), [0.0, 1.0], [0.5, 0.5])
    with pytest.raises(ValueError, match="kept must be above 0"):
        calibration.correct_undersampling(jnp.zeros(1), kept=0.0)


def test_priors_are_found_where_the_likelihood_of_unlabelled_examples_is_highest(rng):
    """EM by hand in float64, and the maximum that it climbs to; masked rows hold nonsense."""
    trained, true = np.array([0.4, 0.4, 0.2]), np.array([0.7, 0.05, 0.25])
    classes = rng.choice(3, 3000, p=true)
    likelihood = np.exp(
        -0.5 * (rng.normal(size=3000) + 2 * classes - np.arange(3)[:, None] * 2) ** 2
    )
    logits = np.log(likelihood.T * trained).astype(np.float32)
    estimate = jax.jit(calibration.estimate_priors, static_argnames="num_steps")
    where = np.append(np.ones(3000, bool), np.zeros(5, bool))
    padded = np.concatenate([logits, np.full((5, 3), np.nan, np.float32)])
    for num_steps in (1, 4):
        priors = trained
        for _ in range(num_steps):
            shares = special.softmax(logits + np.log(priors / trained), axis=1)
            priors = shares.mean(axis=0)
        found = estimate(padded, trained, num_steps=num_steps, where=where)
        np.testing.assert_allclose(found, priors, rtol=1e-5)

    def loss(free):
        return -np.log(special.softmax(np.append(free, 0)) @ likelihood).mean()

    best = special.softmax(np.append(optimize.minimize(loss, [0.0, 0.0], tol=1e-10).x, 0))
    found = estimate(padded, trained, where=where)
    np.testing.assert_allclose(found, best, atol=2e-4)
    np.testing.assert_allclose(found, true, atol=0.05)
    np.testing.assert_allclose(estimate(padded[-5:], trained, where=where[-5:]), trained, rtol=1e-6)
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        calibration.estimate_priors(logits, trained, num_steps=0)


@pytest.mark.parametrize("make", [calibration.isotonic, calibration.platt, calibration.temperature])
def test_bool_labels_are_0_and_1(make, rng):
    scores, labels = draw(rng, 60)
    scores = np.stack([-scores, scores], axis=1) if make is calibration.temperature else scores
    fit = jax.jit(make().fit)
    given, expected = (jax.tree.leaves(fit(scores, y)) for y in (labels == 1, labels))
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_array_equal(one, other)
