"""The classifiers inside scikit-learn's tools."""

import io
import pickle

import jax
import joblib
import numpy as np
import pytest
from imblearn import pipeline as imblearn_pipeline
from imblearn.over_sampling import SMOTE
from sklearn import calibration, model_selection, pipeline, preprocessing
from sklearn.base import clone

from fal_jax.calibration import correct_priors
from fal_jax.estimators import FocusedAnchorsClassifier, ImbalancedMLPClassifier
from tests.estimators.tables import rows

X, Y = rows()
FAST = {"epochs": 10, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    return FocusedAnchorsClassifier(**FAST).fit(X, Y)


def test_in_a_pipeline_and_a_grid_search():
    steps = pipeline.make_pipeline(
        preprocessing.MinMaxScaler(), ImbalancedMLPClassifier("FL", **FAST)
    )
    grid = {"imbalancedmlpclassifier__settings": [{"learning_rate": 1e-9}, {"learning_rate": 0.3}]}
    search = model_selection.GridSearchCV(steps, grid, cv=2, scoring="average_precision").fit(X, Y)
    assert search.best_index_ == 1
    assert search.best_score_ > 0.8


def test_re_sampling_is_a_step_of_a_pipeline_of_imbalanced_learn():
    """As the message on a loss with re-sampling in its name advises."""
    with pytest.raises(ValueError, match="in a pipeline of imbalanced-learn"):
        ImbalancedMLPClassifier("CE+SMOTE", **FAST).fit(X, Y)
    seen = []

    class Seen(ImbalancedMLPClassifier):
        def fit(self, features, labels):
            seen.append(np.bincount(labels))
            return super().fit(features, labels)

    steps = imblearn_pipeline.make_pipeline(
        preprocessing.StandardScaler(), SMOTE(random_state=0), Seen("CE", **FAST)
    )
    found = model_selection.cross_validate(
        steps, X, Y, cv=3, scoring="roc_auc", return_indices=True
    )
    assert found["test_score"].min() > 0.9
    train = [np.bincount(Y[rows]) for rows in found["indices"]["train"]]
    assert [counts.tolist() for counts in seen] == [[counts.max()] * 2 for counts in train]
    fitted = steps.fit(X, Y)
    assert fitted.predict_proba(X).shape == (len(X), 2)  # rows to predict are not re-sampled
    assert clone(steps).fit(X, Y).score(X, Y) == fitted.score(X, Y)


def test_probabilities_after_re_sampling_are_corrected_by_the_priors():
    """The rows that calibrate are re-sampled too: as many of either class."""
    features, labels = rows(1200)
    train, test = slice(0, 800), slice(800, None)
    steps = imblearn_pipeline.make_pipeline(
        SMOTE(random_state=0), ImbalancedMLPClassifier("CE", **FAST)
    )
    raw = steps.fit(features[train], labels[train]).predict_proba(features[test])
    shares = np.bincount(labels[train]) / 800
    log_odds = correct_priors(np.log(raw), [0.5, 0.5], shares)
    corrected = np.asarray(jax.nn.softmax(log_odds))
    truth = labels[test].mean()
    assert raw[:, 1].mean() > truth + 0.03
    assert abs(corrected[:, 1].mean() - truth) < 0.01


def test_in_cross_validation_calibration_and_threshold_choice():
    classifier = FocusedAnchorsClassifier(**FAST)
    scores = model_selection.cross_validate(classifier, X, Y, cv=3, scoring="roc_auc")
    assert scores["test_score"].min() > 0.9
    tuned = model_selection.TunedThresholdClassifierCV(classifier, scoring="f1", cv=2).fit(X, Y)
    assert 0 < tuned.best_threshold_ < 1
    calibrated = calibration.CalibratedClassifierCV(classifier, cv=2).fit(X, Y)
    assert calibrated.score(X, Y) > 0.9


def test_copies_predict_the_same(fitted):
    expected = fitted.predict_proba(X)
    stream = io.BytesIO()
    joblib.dump(fitted, stream)
    stream.seek(0)
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(stream), clone(fitted).fit(X, Y)):
        np.testing.assert_array_equal(copy.predict_proba(X), expected)


@pytest.mark.parametrize("loss", ["LDAM-DRW", "CAC", "FAL"])
def test_options_set_after_a_fit_have_no_say_until_another(loss, tmp_path):
    fitted = ImbalancedMLPClassifier(loss, epochs=2, random_state=0).fit(X, Y)
    expected, program = fitted.predict_proba(X), fitted.export()
    fitted.set_params(loss="CE", hidden=(7, 5), members=3, scaling="log")
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    assert fitted.transform(X).shape[1] == len(fitted.get_feature_names_out()) == 8
    assert len(fitted.export()) == len(program)
    fitted.save(tmp_path / "model")
    loaded = ImbalancedMLPClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert loaded.get_params() == fitted.get_params()
    assert loaded.fit(X, Y).transform(X).shape[1] == 3 * 5


def test_a_fit_that_fails_leaves_what_was_fitted(fitted):
    kept = clone(fitted).set_params(epochs=2).fit(X, Y)
    expected = kept.predict_proba(X)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        kept.set_params(hidden=(4,), learning_rate=1e30).fit(X, np.where(Y, "fraud", "fair"))
    np.testing.assert_array_equal(kept.predict_proba(X), expected)
    assert kept.predict(X).dtype == Y.dtype


def test_the_embedding_has_names_and_becomes_a_frame(fitted):
    names = [f"focusedanchorsclassifier{place}" for place in range(8)]
    assert fitted.get_feature_names_out().tolist() == names
    frame = clone(fitted).set_output(transform="pandas").fit(X, Y).transform(X)
    assert frame.columns.tolist() == names
    np.testing.assert_array_equal(frame.to_numpy(), fitted.transform(X))
