"""The classifiers of tables: what they learn, repeat, weigh, go on from and tell of doubt."""

import pickle
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, recall_score

from fal_jax.estimators import (
    FAMILY,
    METHODS,
    FocusedAnchorsClassifier,
    ImbalancedMLPClassifier,
    draw_settings,
    middle_settings,
)
from fal_jax.estimators._calibrating import fit_scaling
from fal_jax.estimators._fitting import mean_average_precision
from fal_jax.training import Batch
from tests.estimators.tables import rows

X, Y = rows()
FAST = {"epochs": 10, "random_state": 0}


@pytest.fixture(scope="module")
def ensemble():
    return FocusedAnchorsClassifier(members=3, **FAST).fit(X, Y)


@pytest.mark.parametrize("loss", ["FAL", "CB-FAL", "LDAM-DRW", "GCL", "Affinity"])
def test_any_loss_learns_three_classes_with_string_labels(loss):
    features, labels = rows(300, classes=3)
    names = np.array(["fair", "fraud", "waste"])[labels]
    classifier = ImbalancedMLPClassifier(loss, **FAST).fit(features, names)
    assert classifier.classes_.tolist() == ["fair", "fraud", "waste"]
    assert classifier.score(features, names) > 0.8
    probabilities = classifier.predict_proba(features)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (names == classifier.classes_[probabilities.argmax(axis=1)]).mean() > 0.8


def test_every_loss_of_the_library_but_resampling_goes_by_its_name():
    resampled = {name for name, method in METHODS.items() if method.resample}
    for name in {*METHODS, *FAMILY} - resampled:
        ImbalancedMLPClassifier(name)._method()
    for name in ("CE+SMOTE", "best"):
        with pytest.raises(ValueError, match=r"loss must be one of .* in a pipeline"):
            ImbalancedMLPClassifier(name).fit(X, Y)


def test_moving_anchors_and_other_scalings_learn_too():
    for options in ({"anchors": "mean"}, {"scaling": "quantile"}, {"scaling": "log"}):
        classifier = FocusedAnchorsClassifier(**options, **FAST).fit(X, Y)
        assert average_precision_score(Y, classifier.decision_function(X)) > 0.85


def test_a_seed_gives_the_same_bits_again_and_another_one_others():
    first, second, other = (
        FocusedAnchorsClassifier(epochs=10, random_state=seed).fit(X, Y).predict_proba(X)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()


def test_members_are_drawn_the_best_kept_and_averaged(ensemble):
    members = ensemble.ensemble_
    rates = draw_settings(METHODS["FAL-light"], 6, seed=0)["learning_rate"].astype(np.float32)
    assert len(members.epoch) == 3
    assert set(members.settings["learning_rate"].tolist()) <= set(rates.tolist())
    assert np.all(np.diff(members.metric) <= 0)
    logits = ensemble._scores(X).logits
    assert logits.shape == (3, len(X), 2)
    log_odds = (logits[..., 1] - logits[..., 0]).mean(axis=0)
    np.testing.assert_allclose(ensemble.decision_function(X), log_odds)
    mean, spread = ensemble.predict_proba(X, return_std=True)
    np.testing.assert_allclose(mean[:, 1], 1 / (1 + np.exp(-log_odds)))
    each = 1 / (1 + np.exp(logits[..., 0] - logits[..., 1]))
    np.testing.assert_allclose(spread[:, 1], each.std(axis=0), atol=1e-12)
    assert spread.max() > 1e-2
    assert ensemble.transform(X).shape == (len(X), 3 * 8)


def test_members_without_a_validation_part_differ_by_their_seeds_alone():
    classifier = FocusedAnchorsClassifier(members=2, early_stopping=False, **FAST).fit(X, Y)
    rates = classifier.ensemble_.settings["learning_rate"]
    middle = middle_settings(METHODS["FAL-light"])["learning_rate"]
    np.testing.assert_allclose(rates, [middle] * 2, rtol=1e-6)
    first, second = classifier._scores(X).logits
    assert not np.allclose(first, second)
    assert np.isnan(classifier.ensemble_.metric).all()


def test_the_best_epoch_is_kept_where_there_is_a_validation_part():
    stopped = FocusedAnchorsClassifier(random_state=0, epochs=30).fit(X, Y).ensemble_
    last = FocusedAnchorsClassifier(random_state=0, epochs=30, early_stopping=False).fit(X, Y)
    assert stopped.epoch[0] < 30
    assert last.ensemble_.epoch[0] == 30
    assert last.ensemble_.slope[0] == 1


def test_weights_of_classes_move_the_decision_and_those_of_rows_what_counts():
    recalls = [
        recall_score(Y, FocusedAnchorsClassifier(class_weight=weight, **FAST).fit(X, Y).predict(X))
        for weight in ({0: 20.0, 1: 1.0}, None, "balanced", {0: 1.0, 1: 50.0})
    ]
    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[-1]
    # Rows of the wrong label at a weight of nearly zero are as if they were not there.
    flipped, weights = np.r_[Y, 1 - Y], np.r_[np.ones(len(Y)), np.full(len(Y), 1e-6)]
    doubled = np.r_[X, X]
    weighted = FocusedAnchorsClassifier(**FAST).fit(doubled, flipped, sample_weight=weights)
    assert average_precision_score(Y, weighted.decision_function(X)) > 0.85


RANKING = {name for name, method in FAMILY.items() if method.ranks}


@pytest.mark.parametrize("name", sorted(RANKING))
def test_a_loss_that_ranks_a_batch_takes_no_row_weights(name):
    with pytest.raises(ValueError, match="ranks the rows of a batch: it takes no row weights"):
        ImbalancedMLPClassifier(name, **FAST).fit(X, Y, sample_weight=np.linspace(1, 2, len(Y)))


# Eq. 8 is no mean over rows, that of prototypes is of none; and noise is another in a batch.
NO_MEAN = {name for name in METHODS if "beta" in {*METHODS[name].fixed, *METHODS[name].search}}
NO_MEAN |= {"Affinity", "GCL", "EQL"}


@pytest.mark.parametrize("name", sorted({*METHODS, *FAMILY} - RANKING - NO_MEAN))
def test_a_weighted_loss_is_the_mean_of_weight_times_loss(name):
    method = {**METHODS, **FAMILY}[name]
    settings = {**method.fixed, **middle_settings(method)}
    settings |= {"num_steps": 10.0, "class_counts": np.array([90.0, 10.0], np.float32)}
    settings = jax.tree.map(np.float32, settings)
    inputs, labels = X[:8].astype(np.float32), Y[:8]
    weights = np.array([2, 0, 1, 1, 3, 0.5, 7, 1], np.float32)

    @jax.jit
    def loss(inputs, where, weighted_inputs):
        shape = {"num_inputs": 3, "num_classes": 2, "hidden": (4,)}
        values = []
        for given, weighted in ((inputs, False), (weighted_inputs, True)):
            trainer = method.build(settings, **shape, weighted=weighted)[1]
            state = trainer.init(jax.random.key(0))
            values.append(trainer.update(state, Batch(given, labels, where))[1])
        return values

    def alone(row):
        return loss(inputs, np.arange(8) == row, np.c_[inputs, weights])

    pairs = np.array([alone(row) for row in range(8)])
    np.testing.assert_allclose(pairs[:, 1], weights * pairs[:, 0], rtol=1e-4, atol=1e-6)
    where = np.arange(8) < 6
    _, batch = loss(inputs, where, np.c_[inputs, weights])
    np.testing.assert_allclose(batch, (weights * pairs[:, 0])[:6].mean(), rtol=1e-4)


def test_partial_fit_learns_and_goes_on_with_the_optimiser():
    stream = FocusedAnchorsClassifier(random_state=0)
    with pytest.raises(ValueError, match="classes must be passed"):
        stream.partial_fit(X, Y)
    for start in range(0, 6 * len(X), 100):
        rows = np.arange(start, start + 100) % len(X)
        stream.partial_fit(X[rows], Y[rows], classes=[0, 1])
    assert average_precision_score(Y, stream.decision_function(X)) > 0.85
    # Adagrad's steps shrink by all that it has seen; a new one's are long.
    restarted = pickle.loads(pickle.dumps(stream))
    restarted._stream = None
    before = stream.ensemble_.params["head"]["anchors"]
    moves = [
        np.abs(each.partial_fit(X, Y).ensemble_.params["head"]["anchors"] - before).max()
        for each in (stream, restarted)
    ]
    assert 0 < moves[0] < 0.8 * moves[1]
    with pytest.raises(ValueError, match="labels of the classes"):
        stream.partial_fit(X, Y + 1)


def test_a_warm_start_goes_on_from_the_weights_and_the_settings():
    still = FocusedAnchorsClassifier(warm_start=True, members=2, **FAST).fit(X, Y)
    rates = still.ensemble_.settings["learning_rate"].copy()
    before = np.sort(still._scores(X).features.sum(axis=(1, 2)))
    again = pickle.loads(pickle.dumps(still)).fit(X, Y)
    assert sorted(again.ensemble_.settings["learning_rate"]) == sorted(rates)
    assert not np.allclose(np.sort(again._scores(X).features.sum(axis=(1, 2))), before)
    still.ensemble_.settings["learning_rate"][:] = 1e-9
    after = np.sort(still.fit(X, Y)._scores(X).features.sum(axis=(1, 2)))
    np.testing.assert_allclose(after, before, rtol=1e-4)
    with pytest.raises(ValueError, match="classes of the first fit"):
        still.fit(X, Y + 1)


def test_going_on_takes_what_is_set_by_then():
    options = {"warm_start": True, "members": 2, "margin": 1.0, "scaling": "log", **FAST}
    classifier = FocusedAnchorsClassifier(**options).fit(X, Y)
    before = classifier.ensemble_.params
    classifier.set_params(margin=2.0, gamma=1.0, learning_rate=1e-9).fit(X, Y)
    settings = classifier.ensemble_.settings
    for name, value in {"margin": 2.0, "gamma": 1.0, "learning_rate": 1e-9}.items():
        np.testing.assert_allclose(settings[name], value, rtol=1e-6)
    moved = jax.tree.map(
        lambda a, b: np.abs(np.sort(a, 0) - np.sort(b, 0)).max(),
        *(before, classifier.ensemble_.params),
    )
    assert max(jax.tree.leaves(moved)) < 1e-5
    classifier.set_params(margin=3.0, learning_rate=None).partial_fit(X, Y)
    np.testing.assert_array_equal(classifier.ensemble_.settings["margin"], 3.0)
    np.testing.assert_allclose(classifier.ensemble_.settings["learning_rate"], 1e-9, rtol=1e-6)


@pytest.mark.parametrize(
    "other", [{"anchors": "mean"}, {"hidden": (16, 4)}, {"members": 2}, {"scaling": "log"}]
)
def test_going_on_as_something_else_is_refused(other):
    ((name, value),) = other.items()
    fitted = FocusedAnchorsClassifier(warm_start=True, epochs=2, random_state=0).fit(X, Y)
    old = getattr(fitted, name)
    message = re.escape(f"{name} must stay {old!r}, as it was fitted, to go on from it, got")
    with pytest.raises(ValueError, match=message + ".* or set warm_start=False"):
        fitted.set_params(**other).fit(X, Y)
    with pytest.raises(ValueError, match=message + ".* or start with a new classifier"):
        fitted.partial_fit(X, Y)
    assert value == getattr(fitted.set_params(warm_start=False).fit(X, Y), name)


def test_the_metric_of_several_classes_is_the_mean_average_precision():
    rng = np.random.default_rng(0)
    labels, where = rng.integers(0, 3, 300), rng.random(300) < 0.8
    logits = (rng.normal(size=(300, 3)) + 2 * np.eye(3)[labels]).astype(np.float32)
    shares = np.exp(logits[where]) / np.exp(logits[where]).sum(axis=1, keepdims=True)
    expected = average_precision_score(np.eye(3)[labels[where]], shares)
    found = mean_average_precision(*map(jax.numpy.asarray, (logits, labels, where)))
    assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_calibration_is_that_of_logistic_regression(weighted):
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=2000) * 3
    labels = (rng.random(2000) < 1 / (1 + np.exp(2 - 0.5 * log_odds))).astype(int)
    weights = rng.random(2000) if weighted else None
    logits = np.stack([np.zeros(2000), log_odds], axis=1)
    slope, shift = fit_scaling(logits, labels, weights)
    platt = LogisticRegression(C=1e6, tol=1e-8).fit(log_odds[:, None], labels, weights)
    assert slope == pytest.approx(platt.coef_[0, 0], rel=1e-3)
    assert shift[1] - shift[0] == pytest.approx(platt.intercept_[0], rel=1e-3)


def test_calibrated_probabilities_beat_raw_ones_on_new_rows():
    features, labels = rows(2000)
    others, truth = rows(2000, seed=1)
    losses = []
    for calibrate in (True, False):
        options = {"settings": {"exponent": 0.5, "tau": 2.0}, "calibrate": calibrate}
        classifier = ImbalancedMLPClassifier("VS", **options, **FAST).fit(features, labels)
        share = classifier.predict_proba(others)[:, 1]
        losses.append(-np.log(np.where(truth == 1, share, 1 - share)).mean())
    assert losses[0] < 0.9 * losses[1]


def test_without_scikit_learn_there_are_the_methods_and_a_message():
    code = """
import sys
import fal_jax.estimators as estimators
assert not [name for name in ("sklearn", "narwhals", "safetensors") if name in sys.modules]
sys.modules["sklearn"] = None
assert len(estimators.METHODS) and len(estimators.FAMILY)
try:
    estimators.FocusedAnchorsClassifier
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install fal-jax[estimators]" in run.stdout
