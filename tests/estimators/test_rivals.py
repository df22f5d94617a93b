"""The rivals of extreme imbalance, beside their libraries and equations in NumPy."""

import sys

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from fal_jax.estimators import RIVALS, balance_cascade, baselines, draw_settings, rivals

ENSEMBLE = {"members": 4.0, "rounds": 5.0, "learning_rate": 1.0, "max_depth": 2.0}
SETTINGS = {
    "Tree": {"max_depth": 4.0, "min_samples_leaf": 5.0, "positive_weight": 4.0},
    "Tree+SMOTE": {"max_depth": 4.0, "min_samples_leaf": 5.0, "balance": 0.5},
    "BAGAN+XGBoost": {
        "learning_rate": 0.1,
        "max_depth": 3.0,
        "min_child_weight": 1.0,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_lambda": 1.0,
        "balance": 0.5,
        "gan_learning_rate": 1e-3,
        "exponent": 0.0,
    },
    "LightGBM": {
        "learning_rate": 0.1,
        "num_leaves": 8.0,
        "min_child_samples": 10.0,
        "bagging_fraction": 0.8,
        "feature_fraction": 0.8,
        "lambda_l2": 1.0,
        "scale_pos_weight": 4.0,
    },
    "EasyEnsemble": ENSEMBLE,
    "BalanceCascade": ENSEMBLE,
}
CHEAP = [name for name in RIVALS if name != "BAGAN+XGBoost"]

each_rival = pytest.mark.parametrize("name", RIVALS)


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr(rivals, "_GAN_STEPS", 300)
    monkeypatch.setattr(rivals, "_GAN_BATCH", 32)


def rows(num_rows, seed, gap=2.0):
    """Normal inputs and a flag; a fiftieth of them positives, shifted in two columns."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(num_rows) % 50 == 0).astype(np.int32)
    inputs = rng.normal(size=(num_rows, 4)) + gap * labels[:, None] * [1, 1, 0, 0]
    return np.column_stack([inputs, rng.random(num_rows) < 0.3]).astype(np.float32), labels


TRAIN, VALIDATION, TEST = rows(1500, 1), rows(1000, 2), rows(1000, 3)
PROBLEM = baselines.Problem(*TRAIN, *VALIDATION)


def scores(name, seed=0, test=TEST[0], **changed):
    return RIVALS[name].fit(SETTINGS[name] | changed, *TRAIN, *VALIDATION, seed=seed)(test)


@pytest.mark.parametrize("name", CHEAP)
def test_it_ranks_better_than_chance_and_again_the_same(name):
    found = scores(name)
    assert found.shape == TEST[1].shape
    assert np.isfinite(found).all()
    assert roc_auc_score(TEST[1], found) > 0.7
    np.testing.assert_array_equal(found, scores(name))


@pytest.mark.parametrize(
    ("name", "setting"), [(name, setting) for name in CHEAP for setting in RIVALS[name].search]
)
def test_every_setting_counts(name, setting):
    low, high, _ = RIVALS[name].search[setting]
    assert np.abs(scores(name, **{setting: low}) - scores(name, **{setting: high})).max() > 0.01


@each_rival
def test_settings_that_are_drawn_are_those_searched(name):
    assert draw_settings(RIVALS[name], 2, seed=0).keys() == SETTINGS[name].keys()


def test_scores_of_a_tree_are_log_odds_of_its_leaves():
    tree = DecisionTreeClassifier(
        max_depth=4, min_samples_leaf=5, class_weight={0: 1, 1: 4}, random_state=0
    ).fit(*TRAIN)
    expected = tree.predict_proba(TEST[0])[:, 1]
    assert expected.min() == 0
    np.testing.assert_allclose(expit(scores("Tree")), expected, atol=1e-11)


@pytest.mark.parametrize(("balance", "number"), [(0.0, 30), (0.5, 210), (1.0, 1470)])
def test_smote_adds_rows_by_the_balance(monkeypatch, balance, number):
    """30 of 1,500: the geometric mean with 1,470 is 210."""
    monkeypatch.setattr(rivals, "_tree", lambda *given: given[1])
    problem = rivals._tree_with_smote({"balance": balance}, PROBLEM, 0)
    assert np.bincount(problem.labels).tolist() == [1470, number]
    np.testing.assert_array_equal(problem.inputs[:1500], TRAIN[0])
    added, positives = problem.inputs[1500:], TRAIN[0][TRAIN[1] == 1]
    assert (added >= positives.min(axis=0)).all()
    assert (added <= positives.max(axis=0)).all()


def test_xgboost_gets_rows_of_bagan_near_the_positives(monkeypatch):
    monkeypatch.setattr(rivals, "train_xgboost", lambda *given: given[:2])
    settings, problem = rivals._bagan_xgboost(SETTINGS["BAGAN+XGBoost"], PROBLEM, 0)
    assert settings.keys() == baselines.BASELINES["XGBoost"].search.keys() - {"scale_pos_weight"}
    assert np.bincount(problem.labels).tolist() == [1470, 210]
    np.testing.assert_array_equal(problem.inputs[:1500], TRAIN[0])
    added = problem.inputs[1500:]
    assert added[:, :2].mean() > 1  # of 2 and 0
    assert set(np.unique(added[:, 4])) <= {0, 1}
    assert len(np.unique(added[:, 0])) == 180
    monkeypatch.undo()
    score = baselines.train_xgboost(settings, problem, 0)
    assert roc_auc_score(TEST[1], score(TEST[0])) > 0.9


def test_lightgbm_stops_at_its_best_round():
    import lightgbm

    model = lightgbm.LGBMClassifier(
        n_estimators=150,
        learning_rate=0.1,
        num_leaves=8,
        min_child_samples=10,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.8,
        reg_lambda=1.0,
        scale_pos_weight=4.0,
        n_jobs=1,
        verbosity=-1,
        seed=0,
        deterministic=True,
        force_row_wise=True,
    )
    booster = model.fit(*TRAIN).booster_
    curve = [
        average_precision_score(VALIDATION[1], booster.predict(VALIDATION[0], num_iteration=number))
        for number in range(1, 100)
    ]
    best = int(np.argmax(curve)) + 1
    assert 1 < best < 50
    expected = booster.predict(TEST[0], num_iteration=best)
    np.testing.assert_allclose(expit(scores("LightGBM")), expected, rtol=1e-6)


def test_lightgbm_that_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ImportError, match=r"LightGBM needs lightgbm: pip install fal-jax\[exp"):
        scores("LightGBM")


def test_boosted_trees_are_adaboost():
    """Weights of rows that were taken for the other class grow by exp(a), a = log((1 - e) / e)."""
    labels = TRAIN[1][:600]
    weights, expected = np.full(600, 1 / 600), np.zeros(len(TEST[0]))
    for _ in range(5):
        tree = DecisionTreeClassifier(max_depth=2, random_state=0)
        tree.fit(TRAIN[0][:600], labels, sample_weight=weights)
        wrong = tree.predict(TRAIN[0][:600]) != labels
        error = weights[wrong].sum()
        vote = np.log((1 - error) / error)
        weights = weights * np.exp(vote * wrong)
        weights /= weights.sum()
        expected += vote * (2 * tree.predict(TEST[0]) - 1)
    score = balance_cascade._adaboost(ENSEMBLE, TRAIN[0][:600], labels, np.random.default_rng(0))
    np.testing.assert_allclose(score(TEST[0]), expected, rtol=1e-6)


def test_the_cascade_goes_on_with_the_negatives_that_pass(monkeypatch):
    """30 positives and 1,470 negatives: of three members, each passes a seventh of what is left."""
    drawn = []

    def member(_, inputs, labels, __):
        drawn.append((inputs, labels))
        column = len(drawn) - 1
        return lambda inputs: inputs[:, column].astype(np.float64)

    monkeypatch.setattr(balance_cascade, "_adaboost", member)
    found = balance_cascade.train_balance_cascade(ENSEMBLE | {"members": 3.0}, PROBLEM, 0)
    negatives, least = TRAIN[0][TRAIN[1] == 0], []
    for column, (inputs, labels) in enumerate(drawn):
        assert np.bincount(labels).tolist() == [30, 30]
        np.testing.assert_array_equal(inputs[labels == 1], TRAIN[0][TRAIN[1] == 1])
        there = {tuple(row) for row in negatives.tolist()}
        assert {tuple(row) for row in inputs[labels == 0].tolist()} <= there
        negatives = negatives[np.argsort(-negatives[:, column])[: round(len(negatives) / 7)]]
        least.append(negatives[:, column].min())
    assert len(drawn) == 3
    np.testing.assert_allclose(found(TEST[0]), (TEST[0][:, :3] - least).mean(axis=1), rtol=1e-5)
