"""Tables of every kind become the same numbers; bad ones get a message with a way out."""

import jax
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import KFold, cross_validate

from fal_jax.estimators import FocusedAnchorsClassifier
from fal_jax.estimators._encoding import encode, fit_encoding
from tests.estimators.tables import columns, rows

COLUMNS, LABELS = columns()
FAST = {"epochs": 5, "random_state": 0}
each_frame = pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])


@each_frame
def test_frames_of_all_kinds_encode_alike(frame):
    encoding, encoded = fit_encoding(frame(COLUMNS), "standard")
    assert encoding.levels == (None, ("app", "card", "cash"), None)
    amount = np.array(COLUMNS["amount"], np.float64)
    missing = np.isnan(amount)
    filled = np.where(missing, np.nanmedian(amount), amount)
    flag = np.array(COLUMNS["flag"], np.float64)
    kind = np.array([str(value) for value in COLUMNS["kind"]])
    expected = [
        (filled - filled.mean()) / filled.std(),
        missing,
        *(kind == level for level in ("app", "card", "cash", "None")),
        (flag - flag.mean()) / flag.std(),
        np.zeros(len(flag)),  # of a width that other tables have too
    ]
    np.testing.assert_allclose(encoded, np.stack(expected, axis=1), atol=1e-6)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encode(frame(COLUMNS), encoding), encoded)


@each_frame
def test_what_training_never_saw_becomes_zeros_and_the_median(frame):
    encoding, _ = fit_encoding(frame(COLUMNS), "standard")
    new = {"amount": [None, 1.0], "kind": ["cheque", None], "flag": [None, True]}
    unseen, absent = encode(frame(new), encoding)
    assert unseen[2:6].tolist() == [0, 0, 0, 1]  # as if it were missing
    assert absent[2:6].tolist() == [0, 0, 0, 1]
    median = (np.median(COLUMNS["flag"]) - np.mean(COLUMNS["flag"])) / np.std(COLUMNS["flag"])
    assert unseen[6] == pytest.approx(median, rel=1e-6)  # flags had no indicator to learn


@each_frame
def test_a_frame_is_fitted_and_predicted_by_its_names(frame):
    table = frame(COLUMNS)
    classifier = FocusedAnchorsClassifier(**FAST).fit(table, LABELS)
    assert classifier.feature_names_in_.tolist() == list(COLUMNS)
    assert classifier.score(table, LABELS) > 0.8
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame({"total": COLUMNS["amount"], **COLUMNS}))
    weights = np.ones(len(LABELS))
    weights[:50] = 0
    classifier.fit(table, LABELS, sample_weight=weights)
    assert classifier.score(table, LABELS) > 0.8


def test_categories_of_pandas_may_be_numbers_and_rare_values_are_pooled():
    category = pd.DataFrame({"code": pd.Categorical([3, 1, None, 3])})
    encoding, encoded = fit_encoding(category, "standard")
    assert encoding.levels == ((1, 3),)
    assert encoded.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    many = pd.DataFrame({"id": [f"n{number}" for number in range(300)] + ["n299"] * 5})
    assert len(fit_encoding(many, "standard")[0].levels[0]) == 256
    assert "n299" in fit_encoding(many, "standard")[0].levels[0]


def test_an_unknown_category_is_all_zeros_where_training_rows_missed_none():
    encoding, _ = fit_encoding(pd.DataFrame({"kind": ["a", "b"] * 5}), "standard")
    unseen = encode(pd.DataFrame({"kind": ["b", "c", None]}), encoding)
    assert unseen.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_missing_numbers_in_an_array_get_an_indicator():
    features, labels = rows()
    features[::7, 1] = np.nan
    classifier = FocusedAnchorsClassifier(**FAST).fit(features, labels)
    assert classifier.encoding_.kept.tolist() == [0, 2, 3, 4]
    assert np.isfinite(classifier.predict_proba(np.full((2, 3), np.nan))).all()


X, Y = rows(60)


def with_column(values):
    return pd.DataFrame({"good": X[:, 0], "bad": values})


BAD = {
    "no rows": (pd.DataFrame({"a": []}), [], "at least one row"),
    "no rows in an array": (X[:0], Y[:0], "0 sample"),
    "one class": (X, np.zeros(60), r"at least 2 classes .* Take rows of both"),
    "all missing": (np.full((60, 2), np.nan), Y, "no column has a value .*'x0', 'x1'"),
    "all null text": (with_column([None] * 60)[["bad"]], Y, "no column has a value .*'bad'"),
    "infinite": (with_column([np.inf, *X[1:, 1]]), Y, "'bad' must hold finite numbers.* at row 0"),
    "infinite in an array": (np.where(X > 2, np.inf, X), Y, "infinity"),
    "mixed": (with_column(["a", 1] * 30), Y, "'bad' mixes text and other values.*make it all text"),
    "same names": (pd.DataFrame(X, columns=["a", "b", "a"]), Y, "differ by name.*rename"),
    "text in an array": (np.full((60, 2), "a"), Y, "Convert your data to numeric"),
    "labels missing": (X, None, "requires y"),
    "labels with NaN": (X, np.where(Y, Y, np.nan), "NaN"),
    "fewer labels": (X, Y[:-1], "inconsistent numbers of samples"),
    "labels of numbers": (X, X[:, 0], "Unknown label type"),
}


@pytest.mark.parametrize(("table", "labels", "message"), BAD.values(), ids=BAD)
def test_bad_tables_get_a_message(table, labels, message):
    with pytest.raises(ValueError, match=message):
        FocusedAnchorsClassifier().fit(table, labels)


@pytest.mark.parametrize("none", [np.nan, None])
@pytest.mark.parametrize("scaling", ["standard", "log", "quantile"])
def test_a_column_without_any_value_is_left_out_with_a_warning(none, scaling):
    table = with_column([none] * 60)
    with pytest.warns(UserWarning, match="left out, as no training row has a value .* 'bad'"):
        encoding, encoded = fit_encoding(table, scaling)
    alone = fit_encoding(table[["good"]], scaling)[1]
    np.testing.assert_array_equal(encoded, alone)
    for later in (["a"] * 60, [np.inf] * 60, [3, None] * 30):
        np.testing.assert_array_equal(encode(with_column(later), encoding), alone)


def test_a_nearly_empty_column_survives_cross_validation(tmp_path):
    features, labels = rows(200)
    features = np.c_[features, np.full(200, np.nan)]
    features[150:, 3] = 1.0
    text = pd.DataFrame(features[:, :3]).assign(rare=[None] * 150 + ["a"] * 50)
    text.columns = list("abcd")
    classifier = FocusedAnchorsClassifier(**FAST)
    for table in (features, text):
        with pytest.warns(UserWarning, match="left out"):
            scores = cross_validate(classifier, table, labels, cv=KFold(4), error_score="raise")
        assert scores["test_score"].min() > 0.5
    with pytest.warns(UserWarning, match="left out"):
        classifier.fit(features[:150], labels[:150])
    classifier.save(tmp_path / "model")
    expected = classifier.predict_proba(features)
    loaded = FocusedAnchorsClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(features), expected)
    program = jax.export.deserialize(bytearray(loaded.export()))
    np.testing.assert_allclose(program.call(features.astype(np.float32)), expected, atol=1e-5)
    with pytest.raises(ValueError, match="infinity"):
        classifier.predict(np.where(features > 1, np.inf, features))


def test_a_lazy_frame_is_to_be_collected_first():
    lazy = pl.DataFrame(COLUMNS).lazy()
    classifier = FocusedAnchorsClassifier(**FAST)
    for call in (classifier.fit, classifier.partial_fit):
        with pytest.raises(TypeError, match=r"got a LazyFrame: collect it first"):
            call(lazy, LABELS)
    classifier.fit(lazy.collect(), LABELS)
    with pytest.raises(TypeError, match="collect it first"):
        classifier.predict(lazy)


def test_columns_of_other_types_get_a_message():
    for values in (pd.date_range("2020", periods=60), [{}] * 60):
        with pytest.raises(TypeError, match=r"'bad' .* leave it out"):
            FocusedAnchorsClassifier().fit(with_column(values), Y)


def test_a_label_with_one_example_is_learned_or_refused():
    labels = np.where(np.arange(60) == 7, 2, Y)
    assert FocusedAnchorsClassifier(**FAST).fit(X, labels).classes_.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"class .*2.* has 1 example.*early_stopping=False"):
        FocusedAnchorsClassifier(early_stopping=True).fit(X, labels)


def test_text_where_numbers_were_gets_a_message():
    classifier = FocusedAnchorsClassifier(**FAST).fit(with_column(X[:, 1]), Y)
    with pytest.raises(ValueError, match=r"'bad' must hold numbers.*'a' at row 0"):
        classifier.predict(with_column(["a"] * 60))
