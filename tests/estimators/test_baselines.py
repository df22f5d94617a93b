"""The outside baselines, beside their libraries called directly and an equation in NumPy."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fal_jax.estimators import BASELINES, baselines, draw_settings

SETTINGS = {
    "LR": {"C": 0.5, "positive_weight": 4.0},
    "XGBoost": {
        "learning_rate": 0.1,
        "max_depth": 3.0,
        "min_child_weight": 1.0,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_lambda": 1.0,
        "scale_pos_weight": 4.0,
    },
}
NAMES = [(name, setting) for name, baseline in BASELINES.items() for setting in baseline.search]

each_baseline = pytest.mark.parametrize("name", BASELINES)


def rows(num_rows, seed, gap=1.2):
    """Standard normal inputs, a twentieth of them positives that are shifted in two columns."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(num_rows) % 20 == 0).astype(np.int32)
    inputs = rng.normal(size=(num_rows, 4)) + gap * labels[:, None] * [1, 1, 0, 0]
    return inputs.astype(np.float32), labels


TRAIN, VALIDATION, TEST = rows(1500, 1), rows(800, 2), rows(800, 3)


def fit(name, train=TRAIN, validation=VALIDATION, seed=0, **changed):
    return BASELINES[name].fit(SETTINGS[name] | changed, *train, *validation, seed=seed)


def scores(name, **options):
    return fit(name, **options)(TEST[0])


@each_baseline
def test_it_ranks_what_is_easy_to_part(name):
    score = fit(name, rows(3000, 4, gap=3.0), rows(1000, 5, gap=3.0))
    inputs, labels = rows(2000, 6, gap=3.0)
    assert roc_auc_score(labels, score(inputs)) > 0.98


@each_baseline
def test_scores_are_one_number_a_row_whatever_rows_are_scored_together(name):
    score = fit(name)
    whole = score(TEST[0])
    assert whole.shape == TEST[1].shape
    assert whole.dtype == np.float64
    np.testing.assert_allclose(score(TEST[0][5:9]), whole[5:9], rtol=1e-6)


def test_logistic_regression_is_where_its_objective_is_flat():
    """C * sum of weight * cross-entropy + half the squared weights, the bias not counted."""
    score = fit("LR")
    inputs, labels = TRAIN[0].astype(np.float64), TRAIN[1]
    bias = score(np.zeros((1, 4)))
    coefficients = score(np.eye(4)) - bias
    error = (expit(inputs @ coefficients + bias) - labels) * np.where(labels == 1, 4.0, 1.0)
    size = np.abs(error).sum()
    np.testing.assert_allclose(error.sum() / size, 0, atol=1e-4)
    np.testing.assert_allclose((coefficients + 0.5 * inputs.T @ error) / size, 0, atol=1e-4)


def test_scores_of_logistic_regression_are_log_odds():
    model = LogisticRegression(C=0.5, class_weight={0: 1, 1: 4}).fit(*TRAIN)
    expected = model.predict_proba(TEST[0])[:, 1]
    np.testing.assert_allclose(expit(scores("LR")), expected, rtol=1e-3)


def xgboost_directly():
    """The native interface: a booster that ran on, the best round, and the rows to score."""
    import xgboost

    settings = SETTINGS["XGBoost"] | {"max_depth": 3, "seed": 0, "nthread": 1}
    fixed = {"objective": "binary:logistic", "eval_metric": "aucpr", "tree_method": "hist"}
    curve = {}
    booster = xgboost.train(
        settings | fixed,
        xgboost.QuantileDMatrix(*TRAIN, nthread=1),
        num_boost_round=200,
        evals=[(xgboost.DMatrix(*VALIDATION, nthread=1), "validation")],
        evals_result=curve,
        verbose_eval=False,
    )
    curve = np.array(curve["validation"]["aucpr"])
    best = next(i for i in range(150) if (curve[i] >= curve[i + 1 : i + 51]).all())
    return booster, best, xgboost.DMatrix(TEST[0], nthread=1)


def test_scores_of_xgboost_are_log_odds_of_the_best_round():
    booster, best, test = xgboost_directly()
    assert 10 < best < 140
    expected = booster.predict(test, iteration_range=(0, best + 1))
    np.testing.assert_allclose(expit(scores("XGBoost")), expected, rtol=1e-5)
    assert np.abs(expit(scores("XGBoost")) - booster.predict(test)).max() > 0.01


def test_only_xgboost_looks_at_the_validation_rows():
    other = VALIDATION[0], np.random.default_rng(0).permutation(VALIDATION[1])
    np.testing.assert_array_equal(scores("LR"), scores("LR", validation=other))
    assert np.abs(scores("XGBoost") - scores("XGBoost", validation=other)).max() > 0.01


@each_baseline
def test_the_same_seed_gives_the_same(name):
    np.testing.assert_array_equal(scores(name, seed=3), scores(name, seed=3))


def test_only_xgboost_is_random():
    np.testing.assert_array_equal(scores("LR", seed=3), scores("LR", seed=4))
    assert np.abs(scores("XGBoost", seed=3) - scores("XGBoost", seed=4)).max() > 0.01


@pytest.mark.parametrize(("name", "setting"), NAMES, ids=map("-".join, NAMES))
def test_every_setting_counts(name, setting):
    low, high, _ = BASELINES[name].search[setting]
    assert np.abs(scores(name, **{setting: low}) - scores(name, **{setting: high})).max() > 0.01


@pytest.mark.parametrize(
    ("name", "weight"), [("LR", "positive_weight"), ("XGBoost", "scale_pos_weight")]
)
def test_a_weight_of_the_positives_moves_arg_max(name, weight):
    flagged = [(scores(name, **{weight: value}) > 0).mean() for value in (1.0, 100.0)]
    assert flagged[0] < 0.06 < 0.2 < flagged[1]


def test_depth_is_rounded():
    same, other = (scores("XGBoost", max_depth=depth) for depth in (3.4, 3.6))
    np.testing.assert_array_equal(same, scores("XGBoost"))
    np.testing.assert_array_equal(other, scores("XGBoost", max_depth=4.0))
    assert np.abs(same - other).max() > 0.01


@each_baseline
def test_settings_that_are_drawn_fit(name):
    drawn = draw_settings(BASELINES[name], 4, seed=0)
    for trial in range(4):
        settings = {setting: values[trial] for setting, values in drawn.items()}
        assert np.isfinite(scores(name, **settings)).all()


@each_baseline
@pytest.mark.parametrize("settings", [{}, {"C": 1.0}, SETTINGS["LR"] | SETTINGS["XGBoost"]])
def test_other_settings_than_those_searched(name, settings):
    with pytest.raises(ValueError, match=r"settings must be \[.*\], one number each, got \["):
        BASELINES[name].fit(settings, *TRAIN, *VALIDATION, seed=0)


@each_baseline
@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class(name, label):
    one = TRAIN[0], np.full_like(TRAIN[1], label)
    with pytest.raises(ValueError, match=f"training rows .* all 1500 are of class {label}"):
        fit(name, train=one)
    with pytest.raises(ValueError, match=f"validation rows .* all 1500 are of class {label}"):
        fit(name, validation=one)


@each_baseline
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_not_finite(name, value):
    inputs = TRAIN[0].copy()
    inputs[7, 2] = value
    message = f"(?s)must be finite in float32; .* {value} at row 7, column 2.*the {{}} rows"
    with pytest.raises(ValueError, match=message.format("training")):
        fit(name, train=(inputs, TRAIN[1]))
    with pytest.raises(ValueError, match=message.format("validation")):
        fit(name, validation=(inputs, TRAIN[1]))
    with pytest.raises(ValueError, match="inputs must be finite, 1 of 6000 values are not"):
        fit(name)(inputs)


@each_baseline
def test_inputs_of_another_width(name):
    narrow = VALIDATION[0][:, :3]
    with pytest.raises(ValueError, match=r"validation_inputs must be \[rows, 4\] .* \(800, 3\)"):
        fit(name, validation=(narrow, VALIDATION[1]))
    for inputs in (narrow, VALIDATION[0][0]):
        with pytest.raises(ValueError, match=r"inputs must be \[rows, 4\] as the training inputs"):
            fit(name)(inputs)


@each_baseline
def test_labels_that_are_no_classes(name):
    with pytest.raises(TypeError, match=r"(?s)labels must be integers.*the training rows"):
        fit(name, train=(TRAIN[0], TRAIN[1].astype(float)))
    with pytest.raises(ValueError, match=r"(?s)labels must be from 0 to 1.*the validation rows"):
        fit(name, validation=(VALIDATION[0], VALIDATION[1] + 1))


def test_logistic_regression_that_does_not_converge(monkeypatch):
    monkeypatch.setattr(baselines, "_MAX_ITERATIONS", 1)
    with pytest.raises(RuntimeError, match=r"\{'C': 0.5, .*did not converge; inputs must be stand"):
        fit("LR")
