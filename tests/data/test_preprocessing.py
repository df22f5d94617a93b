import numpy as np
import pytest
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)

from fal_jax import data
from fal_jax.data import Column

LEVELS = ("red", "green", "blue")
COLUMNS = (
    Column("age", "number"),
    Column("income", "number", missing=True),
    Column("amount", "log"),
    Column("debt", "log", missing=True),
    Column("colour", "category", levels=LEVELS),
    Column("job", "category", missing=True, levels=("clerk", "smith")),
    Column("time", "hour"),
    Column("balance", "quantile"),
    Column("past due", "quantile", missing=True),
)
FIRST_QUANTILE = 14


@pytest.fixture
def features(rng):
    """3,000 rows, a fifth of what may be missing missing, the last column mostly zeros."""
    rows = 3000
    table = np.stack(
        [
            rng.normal(50, 10, rows),
            rng.lognormal(8, 1, rows),
            rng.lognormal(5, 2, rows) * rng.choice([-1, 1], rows),
            rng.lognormal(9, 1, rows),
            rng.integers(0, 3, rows),
            rng.integers(0, 2, rows),
            rng.uniform(0, 24, rows),
            rng.standard_cauchy(rows),
            rng.poisson(0.1, rows),
        ],
        axis=1,
    )
    may_miss = [column.missing for column in COLUMNS]
    table[:, may_miss] = np.where(rng.random((rows, 4)) < 0.2, np.nan, table[:, may_miss])
    return table.astype(np.float32)


def scikit_learn():
    """The same in scikit-learn, but for the quantiles."""
    log = FunctionTransformer(lambda x: np.sign(x) * np.log1p(np.abs(x)))
    median = SimpleImputer(strategy="median")
    missing = FunctionTransformer(np.isnan)
    angle = FunctionTransformer(
        lambda x: np.hstack([np.sin(np.pi * x / 12), np.cos(np.pi * x / 12)])
    )
    one_hot = [
        OneHotEncoder(categories=[range(n)], handle_unknown="ignore", sparse_output=False)
        for n in (3, 2)
    ]
    steps = [
        (StandardScaler(), [0]),
        (make_pipeline(median, StandardScaler()), [1]),
        (missing, [1]),
        (make_pipeline(log, StandardScaler()), [2]),
        (make_pipeline(median, log, StandardScaler()), [3]),
        (missing, [3]),
        (one_hot[0], [4]),
        (one_hot[1], [5]),
        (missing, [5]),
        (angle, [6]),
    ]
    return ColumnTransformer([(str(place), *step) for place, step in enumerate(steps)])


def test_agrees_with_scikit_learn(features):
    train, test = features[:2000].astype(np.float64), features[2000:].astype(np.float64)
    fitted = data.fit_preprocessing(train, COLUMNS)
    result = data.preprocess(test, fitted)
    expected = scikit_learn().fit(train).transform(test)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result[:, :FIRST_QUANTILE], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(result[:, 16], np.isnan(test[:, -1]))


def test_names_say_what_the_columns_are(features):
    fitted = data.fit_preprocessing(features, COLUMNS)
    assert fitted.names == (
        *("age", "income", "income missing", "amount", "debt", "debt missing"),
        *("colour=red", "colour=green", "colour=blue", "job=clerk", "job=smith", "job missing"),
        *("time sine", "time cosine", "balance", "past due", "past due missing"),
    )
    assert fitted.dim == len(fitted.names) == data.preprocess(features, fitted).shape[1]


def test_quantiles_agree_with_scikit_learn_between_the_extremes(features):
    train, test = features[:2000, [7]], features[2000:, [7]]
    fitted = data.fit_preprocessing(train, COLUMNS[7:8])
    oracle = QuantileTransformer(output_distribution="normal", n_quantiles=1000).fit(train)
    expected = oracle.transform(test)
    inside = np.abs(expected) < 2
    assert inside.mean() > 0.9
    np.testing.assert_allclose(data.preprocess(test, fitted)[inside], expected[inside], atol=0.02)


@pytest.mark.parametrize("rows", [1, 5, 999, 2000])
def test_training_rows_get_the_normal_score_of_their_middle_rank(rng, rows):
    values = rng.poisson(2, (rows, 1)).astype(float)
    fitted = data.fit_preprocessing(values, [Column("count", "quantile")])
    scores = stats.norm.ppf((stats.rankdata(values[:, 0]) - 0.5) / rows)
    result = data.preprocess(values, fitted)[:, 0]
    common = np.bincount(values[:, 0].astype(int))[values[:, 0].astype(int)] > 2
    np.testing.assert_allclose(result[common], scores[common], atol=1e-6)
    assert fitted.knots[0].shape[1] <= 1000


def test_quantiles_are_bounded_and_keep_the_order(rng):
    train = rng.standard_cauchy((50_000, 1))
    fitted = data.fit_preprocessing(train, [Column("x", "quantile")])
    result = data.preprocess(np.sort(np.append(train, [-1e30, 1e30]))[:, None], fitted)[:, 0]
    assert (np.diff(result) >= 0).all()
    assert (result[0], result[-1]) == (-4, 4)
    assert result.std() == pytest.approx(1, abs=0.02)
    assert fitted.knots[0].shape == (2, 1000)


def test_a_missing_value_is_the_median_of_the_training_rows():
    columns = [Column(kind, kind, missing=True) for kind in ("number", "log", "quantile")]
    train = np.array([[1.0], [9.0], [np.nan], [2.0]]) * np.ones(3)
    fitted = data.fit_preprocessing(train, columns)
    assert fitted.fill.tolist() == [2, 2, 2]
    result = data.preprocess(train, fitted)
    np.testing.assert_array_equal(result[2, ::2], result[3, ::2])
    assert result[2, 1::2].tolist() == [1, 1, 1]
    assert result[3, 1::2].tolist() == [0, 0, 0]


def test_the_fit_knows_the_training_rows_only(features):
    copy = features.copy()
    copy[2000:] *= 3
    for fitted, again in zip(
        data.fit_preprocessing(features[:2000], COLUMNS)[1:],
        data.fit_preprocessing(copy[:2000], COLUMNS)[1:],
        strict=True,
    ):
        for array, other in zip(fitted, again, strict=True):
            np.testing.assert_array_equal(array, other)
    fitted = data.fit_preprocessing(features[:2000], COLUMNS)
    whole = data.fit_preprocessing(features, COLUMNS)
    assert fitted.scaler.mean[0] != whole.scaler.mean[0]
    rows = data.preprocess(features, fitted)
    np.testing.assert_array_equal(rows[2100:2200], data.preprocess(features[2100:2200], fitted))


def test_width_is_the_columns_whatever_the_rows(features):
    few = features[np.flatnonzero(~np.isnan(features).any(axis=1))[:2]]
    assert data.fit_preprocessing(few, COLUMNS).dim == 17
    assert data.preprocess(few[:0], data.fit_preprocessing(few, COLUMNS)).shape == (0, 17)


def test_rows_are_read_in_pieces(features, monkeypatch):
    fitted = data.fit_preprocessing(features, COLUMNS)
    at_once = data.preprocess(features, fitted)
    monkeypatch.setattr("fal_jax.data._preprocessing._ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(data.preprocess(features, fitted), at_once)
    features[1000, 0] = np.nan
    with pytest.raises(ValueError, match=r"column 'age' .* row 1000 has none"):
        data.preprocess(features, fitted)


@pytest.mark.parametrize("kind", ["number", "log", "quantile"])
def test_a_constant_column_becomes_zero(kind):
    fitted = data.fit_preprocessing(np.full((5, 1), 0.1), [Column("x", kind)])
    np.testing.assert_allclose(data.preprocess(np.full((2, 1), 0.1), fitted), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (Column("x", "number"), np.nan, "must have no missing values, but row 1 has none"),
        (Column("x", "category", levels=LEVELS), np.nan, "must have no missing values"),
        (Column("x", "hour"), np.nan, "must have no missing values"),
        (Column("x", "log"), np.inf, "must hold finite numbers, got inf at row 1"),
        (Column("x", "quantile", missing=True), -np.inf, "must hold finite numbers, got -inf"),
        (Column("x", "number"), 1e39, "must hold finite numbers"),
        (
            Column("x", "category", levels=LEVELS),
            3,
            "must hold codes from 0 to 2, got 3.0 at row 1",
        ),
        (Column("x", "category", levels=LEVELS), 0.5, "must hold codes from 0 to 2, got 0.5"),
        (Column("x", "hashed", buckets=2), 2, "must hold codes from 0 to 1, got 2.0 at row 1"),
        (Column("x", "category", True, LEVELS), -1, "must hold codes from 0 to 2, got -1.0"),
        (Column("x", "hour"), 24, r"must hold hours of the day, in \[0, 24\), got 24.0 at row 1"),
    ],
)
def test_values_that_a_column_can_not_hold(column, value, message):
    fitted = data.fit_preprocessing([[0.0], [1.0]], [column])
    for call in (
        lambda rows: data.fit_preprocessing(rows, [column]),
        lambda rows: data.preprocess(rows, fitted),
    ):
        with pytest.raises(ValueError, match=f"column 'x' {message}"):
            call(np.array([[1.0], [value], [value]]))


def test_buckets_are_one_hot_and_a_missing_value_is_in_none():
    fitted = data.fit_preprocessing([[0.0]], [Column("x", "hashed", True, buckets=3)])
    assert fitted.names == ("x#0", "x#1", "x#2", "x missing")
    found = data.preprocess([[2.0], [np.nan], [0.0]], fitted)
    assert found.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]


def test_a_column_without_any_value():
    columns = [Column("x", "number", missing=True)]
    with pytest.raises(ValueError, match="column 'x' has no value in any of the 2 training rows"):
        data.fit_preprocessing([[np.nan], [np.nan]], columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "at least one Column"),
        ([Column("x", "ordinal")], r"column 'x' must be of a kind in .*, got 'ordinal'"),
        ([Column("x", "category")], r"column 'x' of kind 'category' must have levels"),
        ([Column("x", "log", levels=LEVELS)], r"column 'x' of kind 'log' must not have levels"),
        ([Column("x", "hashed", buckets=1)], r"of kind 'hashed' must have at least 2 buckets"),
        ([Column("x", "log", buckets=4)], r"of kind 'log' must have no buckets, got 4"),
        ([Column("x", "hashed", levels=LEVELS, buckets=4)], "must not have levels"),
        ([Column("x", "log"), Column("x", "hour")], r"\['x'\] appear more than once"),
    ],
)
def test_columns_that_can_not_be(columns, message):
    with pytest.raises(ValueError, match=message):
        data.fit_preprocessing(np.zeros((2, len(columns))), columns)


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 3), (2, 2, 1)])
def test_features_of_wrong_shape(shape):
    columns = [Column("x", "number"), Column("y", "number")]
    fitted = data.fit_preprocessing(np.zeros((2, 2)), columns)
    with pytest.raises(ValueError, match=r"features must be \[rows, 2\], .* got shape"):
        data.fit_preprocessing(np.zeros(shape), columns)
    with pytest.raises(ValueError, match=r"features must be \[rows, 2\], .* got shape"):
        data.preprocess(np.zeros(shape), fitted)
    with pytest.raises(ValueError, match="at least one row to fit on"):
        data.fit_preprocessing(np.zeros((0, 2)), columns)
    with pytest.raises(TypeError, match="features must be real numbers, got"):
        data.preprocess(np.full((2, 2), "a"), fitted)
