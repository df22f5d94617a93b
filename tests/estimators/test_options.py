"""Options out of range are refused by their names, with their ranges and what came."""

import re

import numpy as np
import pytest

from fal_jax.estimators import FAMILY, METHODS, FocusedAnchorsClassifier, ImbalancedMLPClassifier
from fal_jax.estimators._checking import with_class_weights
from fal_jax.estimators._ranges import RANGES, check_number
from tests.estimators.tables import rows

X, Y = rows(60)
FAST = {"epochs": 2, "random_state": 0}
NAMES = np.where(Y, "fraud", "fair")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"members": 1.5}, "members must be"),
        ({"batch_size": "big"}, "batch_size must be"),
        ({"hidden": ()}, "hidden must name"),
        ({"hidden": 8}, "hidden must be widths, one a layer, such as (16, 8), got 8."),
        ({"hidden": (8, 0)}, "a width of hidden must be a whole number from 1, got 0."),
        ({"hidden": np.array([8.5])}, "a width of hidden must be a whole number"),
        ({"early_stopping": "no"}, "early_stopping must be"),
        ({"scaling": "none"}, "scaling must be one of"),
        ({"anchors": "fixed"}, "anchors must be one of ['learned', 'mean'], got 'fixed'."),
        ({"anchors": ["mean"]}, "anchors must be one of"),
        ({"margin": -1}, "margin must be a number at least 0, got -1."),
        ({"gamma": -1.0}, "gamma must be a number at least 0, got -1.0."),
        ({"beta": np.inf}, "beta must be a number at least 0, got inf."),
        ({"anchor_spread": 0}, "anchor_spread must be a number above 0, got 0."),
        ({"anchor_spread": -1}, "anchor_spread must be a number above 0, got -1."),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0, got 0.0."),
        ({"learning_rate": np.nan}, "learning_rate must be a number above 0, got nan."),
        ({"learning_rate": "0.1"}, "learning_rate must be a number above 0, got '0.1'."),
        ({"validation_fraction": 1.0}, "validation_fraction must be a number in (0, 1), got 1.0."),
        ({"validation_fraction": "a"}, "validation_fraction must be a number in (0, 1), got 'a'."),
        ({"class_weight": [1, 2]}, 'class_weight must be a dict by label, "balanced" or None'),
        ({"class_weight": {0: 1, 1: -2}}, "class_weight must be finite and at least 0, got -2"),
        ({"class_weight": {1: np.nan}}, "class_weight must be finite and at least 0, got nan"),
        ({"class_weight": {0: 0, 1: 0}}, "class_weight is zero for all rows"),
        ({"class_weight": {2: 5.0}}, "class_weight must name labels of y, [0, 1], got [2] too"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        FocusedAnchorsClassifier(**options).fit(X, Y)


@pytest.mark.parametrize(
    ("loss", "settings", "message"),
    [
        ("CE", {"learning_rate": -1}, "learning_rate must be a number above 0, got -1."),
        ("FL", {"gamma": np.nan}, "gamma must be a number at least 0, got nan."),
        ("ASL", {"clip": 1}, "clip must be a number in [0, 1), got 1."),
        ("CE", {"gamma": 1}, "settings of CE are ['learning_rate'], got ['gamma'] too."),
        ("CE", [0.1], "settings must be a dict by name or None, got [0.1]."),
    ],
)
def test_settings_out_of_range_are_named(loss, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ImbalancedMLPClassifier(loss, settings=settings).fit(X, Y)


def test_every_setting_has_a_range_which_what_is_drawn_and_what_is_fixed_keep():
    for method in {**METHODS, **FAMILY}.values():
        for name, (low, high, _) in method.search.items():
            check_number(name, low)
            check_number(name, high)
        for name, value in method.fixed.items():
            check_number(name, value)
    named = {n for m in {**METHODS, **FAMILY}.values() for n in {*m.search, *m.fixed}}
    assert set(RANGES) == named | {"validation_fraction"}


def test_widths_may_be_an_array_or_a_list(tmp_path):
    for hidden in (np.array([8, 4]), [8, 4]):
        fitted = FocusedAnchorsClassifier(hidden=hidden, **FAST).fit(X, Y)
        fitted.save(tmp_path / "model")
        loaded = FocusedAnchorsClassifier.load(tmp_path / "model")
        assert loaded.transform(X).shape == (60, 4)
        assert loaded.hidden == (8, 4)


def test_weights_go_by_the_labels_and_a_mistyped_one_is_refused():
    classes, labels = np.unique(NAMES, return_inverse=True)

    def weights(given, labels=labels):
        return with_class_weights(given, classes, labels, None)

    np.testing.assert_array_equal(weights({"fraud": 5}), np.where(Y, 5.0, 1.0))
    # A label beside all classes is not mistyped: folds may lack a class that has a weight.
    np.testing.assert_array_equal(weights({"fair": 1, "fraud": 5, "waste": 9}), np.where(Y, 5, 1))
    assert weights({"fraud": 5}, labels[Y == 1]) is None
    assert weights({"fraud": 5}, labels[Y == 0]) is None
    for given in ({"fruad": 5}, {"fair": 1, "Fraud": 5}, {True: 5}):
        with pytest.raises(ValueError, match=r"must name labels of y, .* too: mistyped\?"):
            weights(given)
