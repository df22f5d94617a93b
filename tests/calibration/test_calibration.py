"""Calibrators against scikit-learn and SciPy in float64; decisions and priors by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special
from sklearn import calibration as sklearn_calibration
from sklearn import isotonic

from fal_jax import calibration


def draw(rng, size=400):
    scores = np.round(rng.normal(-1, 2, size), 1).astype(np.float32)
    return scores, (rng.random(size) < special.expit(0.5 * scores - 0.5)).astype(np.int32)


def fitted(make, scores, labels, rng):
    """The params of the valid rows, among others that are not."""
    where = np.append(np.ones(scores.shape[0], bool), np.zeros(7, bool))
    padding = rng.normal(size=(7, *scores.shape[1:])).astype(np.float32)
    labels = np.append(labels, np.ones(7, np.int32))
    fit = jax.jit(lambda s, y, v: make().fit(s, y, where=v))
    return fit(np.concatenate([scores, padding]), labels, where)


def test_isotonic_is_scikit_learns(rng):
    for _ in range(10):
        scores, labels = draw(rng)
        theirs = isotonic.IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
        grid = np.linspace(-9, 9, 333).astype(np.float32)
        ours = calibration.isotonic().apply(fitted(calibration.isotonic, scores, labels, rng), grid)
        np.testing.assert_allclose(ours, theirs.predict(grid), atol=1e-5)


def test_platt_is_scikit_learns(rng):
    scores, labels = draw(rng)
    params = fitted(calibration.platt, scores, labels, rng)
    theirs = sklearn_calibration._SigmoidCalibration().fit(scores.astype(np.float64), labels)
    ours = calibration.platt().apply(params, scores)
    np.testing.assert_allclose(ours, theirs.predict(scores.astype(np.float64)), atol=2e-4)


def test_beta_is_the_constrained_maximum(rng):
    for curve in (lambda s: 0.5 * s - 0.5, lambda s: -0.3 * special.log_expit(-s) + 0.2):
        scores, _ = draw(rng, 2000)
        labels = (rng.random(2000) < special.expit(curve(scores))).astype(np.int32)
        columns = np.stack(
            [special.log_expit(scores), -special.log_expit(-scores), np.ones(2000)], axis=1
        ).astype(np.float64)

        def loss(params, columns=columns, labels=labels):
            logits = columns @ params
            return np.mean(np.logaddexp(0, logits) - labels * logits)

        truth = optimize.minimize(
            loss, [1, 1, 0], bounds=[(0, None), (0, None), (None, None)], tol=1e-12
        )
        params = fitted(calibration.beta, scores, labels, rng)
        assert (params[:2] >= 0).all()
        assert loss(np.asarray(params, np.float64)) <= truth.fun + 1e-6


def test_temperature_is_the_maximum(rng):
    logits = rng.normal(size=(500, 3)).astype(np.float32) * 4
    labels = np.array([rng.choice(3, p=special.softmax(row / 2.5)) for row in logits])

    def loss(inverse):
        return -special.log_softmax(logits * inverse, axis=1)[np.arange(500), labels].mean()

    truth = optimize.minimize_scalar(loss, bounds=(0.01, 5), method="bounded").x
    inverse = fitted(calibration.temperature, logits, labels, rng)
    assert inverse == pytest.approx(truth, rel=1e-3)
    np.testing.assert_allclose(
        calibration.temperature().apply(inverse, logits),
        special.softmax(logits * float(inverse), axis=1),
        atol=1e-6,
    )


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
