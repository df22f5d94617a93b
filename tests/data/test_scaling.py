import numpy as np
import pytest

from fal_jax import data


def test_training_rows_get_zero_mean_and_unit_variance():
    features = data.load_satimage().features
    scaled = data.scale(features, data.fit_scaler(features))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0, dtype=float), 0, atol=1e-7)
    np.testing.assert_allclose(scaled.std(axis=0, dtype=float), 1, atol=1e-6)


def test_test_rows_are_scaled_by_the_statistics_of_the_training_rows():
    scaler = data.fit_scaler([[0, 10], [2, 30]])
    np.testing.assert_array_equal(scaler.mean, [1, 20])
    np.testing.assert_array_equal(scaler.scale, [1, 10])
    np.testing.assert_array_equal(data.scale([[4, 0], [1, 20]], scaler), [[3, -2], [0, 0]])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -7.3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_column_becomes_zero(value, dtype):
    features = np.full((1001, 1), value, dtype)
    scaler = data.fit_scaler(features)
    assert scaler.scale.tolist() == [1]
    np.testing.assert_allclose(data.scale(features, scaler), 0, atol=1e-6)


def test_float32_columns_far_from_zero_keep_their_digits():
    features = np.float32(2**24 - 8) + np.arange(8, dtype=np.float32)[:, None]
    scaler = data.fit_scaler(features)
    assert scaler.mean.dtype == scaler.scale.dtype == np.float64
    assert scaler.mean.item() == 2**24 - 4.5
    expected = (np.arange(8) - 3.5) / np.arange(8).std()
    np.testing.assert_allclose(data.scale(features, scaler)[:, 0], expected, rtol=1e-6)


def test_leading_axes_are_kept():
    scaler = data.fit_scaler(np.eye(3))
    assert data.scale(np.ones((4, 5, 3)), scaler).shape == (4, 5, 3)
    assert data.scale(np.ones(3), scaler).shape == (3,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    with pytest.raises(ValueError, match=r"features must be finite; columns \[1\] hold"):
        data.fit_scaler([[1.0, value], [1.0, 2.0], [1.0, np.inf]])


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0), (2, 3, 4)])
def test_fit_of_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"features must be \[rows, dim\]"):
        data.fit_scaler(np.zeros(shape))


@pytest.mark.parametrize("shape", [(), (2,), (5, 2), (3, 1)])
def test_other_number_of_columns_than_the_scaler(shape):
    with pytest.raises(ValueError, match=r"features must be \[\.\.\., 3\] as the scaler"):
        data.scale(np.zeros(shape), data.fit_scaler(np.eye(3)))
