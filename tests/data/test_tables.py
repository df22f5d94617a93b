import numpy as np
import pytest

from fal_jax import data

FEATURES = np.zeros((4, 3), np.float32)
LABELS = np.array([0, 1, 1, 0])


def test_the_embedded_table_passes():
    binary, six = data.load_satimage(), data.load_satimage(positive=None)
    data.check_table(binary.features, binary.labels, num_classes=2)
    data.check_table(six.features, six.labels, num_classes=6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8, bool])
def test_every_kind_of_real_number_passes(dtype):
    data.check_table(FEATURES.astype(dtype), LABELS.astype(np.uint8), num_classes=2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_features_that_float32_can_not_hold(value):
    features = FEATURES.astype(np.float64)
    features[2, 1] = features[3] = value
    message = rf"4 of 12 values in 2 rows are not, the first {value} at row 2, column 1\. Impute"
    message = message.replace("+", r"\+")
    with pytest.raises(ValueError, match=f"features must be finite in float32; {message}"):
        data.check_table(features, LABELS, num_classes=2)


@pytest.mark.parametrize("label", [-1, 2, 7])
def test_labels_outside_the_classes(label):
    message = rf"labels must be from 0 to 1; 2 of 4 are not, the first {label} at row 1"
    with pytest.raises(ValueError, match=message):
        data.check_table(FEATURES, [0, label, 1, label], num_classes=2)


@pytest.mark.parametrize("labels", [[0.0, 1.0, 1.0, 0.0], [True, False, True, False], list("abab")])
def test_labels_that_are_not_integers(labels):
    with pytest.raises(TypeError, match=r"labels must be integers, got .*astype\(np.int32\)"):
        data.check_table(FEATURES, labels, num_classes=2)


@pytest.mark.parametrize("dtype", [object, str, complex, "datetime64[s]"])
def test_features_that_are_not_numbers(dtype):
    with pytest.raises(TypeError, match="features must be real numbers, got"):
        data.check_table(np.zeros((4, 3), int).astype(dtype), LABELS, num_classes=2)


@pytest.mark.parametrize("shape", [(), (4,), (4, 3, 1), (0, 3), (4, 0)])
def test_features_of_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"features must be \[rows, dim\] .* got shape"):
        data.check_table(np.zeros(shape), LABELS, num_classes=2)


@pytest.mark.parametrize("shape", [(), (3,), (5,), (4, 1), (4, 2)])
def test_labels_of_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"labels must be \[rows\] = \(4,\) .* got shape"):
        data.check_table(FEATURES, np.zeros(shape, int), num_classes=2)


@pytest.mark.parametrize("num_classes", [1, 0, -2])
def test_fewer_than_two_classes(num_classes):
    with pytest.raises(ValueError, match=f"num_classes must be at least 2, got {num_classes}"):
        data.check_table(FEATURES, LABELS * 0, num_classes=num_classes)
