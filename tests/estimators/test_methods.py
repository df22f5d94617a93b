"""The named methods: what their losses compute, and how their settings are drawn."""

import dataclasses
import itertools

import chex
import jax
import numpy as np
import pytest

from fal_jax.estimators import IMAGE_METHODS, METHODS, draw_settings, paper_grid
from fal_jax.models import Outputs
from fal_jax.training import Batch
from tests import reference

each_method = pytest.mark.parametrize("name", METHODS)


def expected_loss(name, outputs, head, batch, settings):
    """By the equations in float64, from the settings as a method's row names them."""
    options = {"gamma": settings.get("gamma", 0.0), "alpha": None}
    if "alpha_odds" in settings:
        options["alpha"] = settings["alpha_odds"] / (1 + settings["alpha_odds"])
    if name.startswith("CB"):
        options["alpha"] = reference.effective_number_weights(
            settings["class_counts"], one_minus_beta=settings["one_minus_beta"]
        )
    where, weights = batch.where, batch.weights
    if name.endswith("LGM"):
        distances = reference.half_mahalanobis(outputs.features, head["anchors"])
        options |= {"likelihood_weight": settings["likelihood_weight"]}
        options |= {"weights": weights, "where": where}
        margin = settings["relative_margin"]
        return reference.lgm_loss(distances, batch.labels, margin=margin, **options)
    if "FAL" in name or "FAML" in name:
        options |= {"margin": settings["margin"], "beta": settings["beta"]}
        options |= {"weights": weights, "where": where}
        return reference.fal_loss_from_features(
            outputs.features, batch.labels, head["anchors"], **options
        )
    logits = outputs.logits
    if name.endswith("CE-fixed"):  # a linear classifier of the start's anchors
        anchors = head["anchors"]
        logits = 2 * outputs.features @ anchors.T - (anchors**2).sum(1)
    each = reference.softmax_focal_loss(logits, batch.labels, **options)
    return (each if weights is None else weights * each)[where].mean()


@each_method
def test_losses_are_the_papers_equations_by_their_settings(rng, name):
    method = METHODS[name]
    labels, where = rng.integers(0, 2, 12), rng.random(12) < 0.7
    batch = Batch(np.zeros((12, 3)), labels, where, weights=rng.uniform(0, 2, 12))
    outputs = Outputs(rng.normal(size=(12, 3)), 3 * rng.normal(size=(12, 2)))
    head = {"anchors": rng.normal(size=(2, 3))}
    for trial in range(3):
        drawn = {n: v[trial] for n, v in draw_settings(method, 3, seed=0).items()}
        settings = {**method.fixed, **drawn, "class_counts": np.array([4000, 30])}
        found = jax.jit(method.loss)(outputs, head, batch, settings)
        expected = expected_loss(name, outputs, head, batch, settings)
        assert float(found) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("name", IMAGE_METHODS)
def test_losses_for_many_classes_are_the_equations_by_a_rows_own_and_drawn_settings(rng, name):
    method = IMAGE_METHODS[name]
    batch = Batch(np.zeros((12, 3)), rng.integers(0, 4, 12), rng.random(12) < 0.7)
    outputs = Outputs(rng.normal(size=(12, 3)), 3 * rng.normal(size=(12, 4)))
    head = {"anchors": rng.normal(size=(4, 3))}
    assert set(method.search) <= set(method.fixed)
    drawn = {n: v[0] for n, v in draw_settings(method, 1, seed=0).items()}
    for changed in ({}, drawn):
        settings = {**method.fixed, **changed, "class_counts": np.array([4000, 300, 30, 5])}
        found = jax.jit(method.loss)(outputs, head, batch, settings)
        expected = expected_loss(name, outputs, head, batch, settings)
        assert float(found) == pytest.approx(expected, rel=2e-5)


def test_what_tells_one_method_for_images_from_another():
    gamma = {name: method.fixed.get("gamma") for name, method in IMAGE_METHODS.items()}
    plain = {name for name, value in gamma.items() if not value}
    assert plain == {"CE", "CB-CE", "CB-CE-fixed", "LGM"}
    balanced = {name for name, m in IMAGE_METHODS.items() if "one_minus_beta" in m.search}
    assert balanced == {name for name in IMAGE_METHODS if name.startswith("CB-")}
    assert {name for name, m in IMAGE_METHODS.items() if m.rule} == {"FAML", "CB-FAML"}


@pytest.mark.parametrize("name", ["FAL", "FAL-fixed", "CB-FAL", "CB-FAL-fixed", "CB-CE-fixed"])
def test_fixed_anchors_alone_get_no_gradient(rng, name):
    method = IMAGE_METHODS[name]
    batch = Batch(np.zeros((12, 3)), rng.integers(0, 4, 12), np.ones(12, bool))
    settings = {**method.fixed, "class_counts": np.array([4000, 300, 30, 5])}

    def loss(features, anchors):
        outputs = Outputs(features, np.zeros((12, 4)))
        return method.loss(outputs, {"anchors": anchors}, batch, settings)

    found = jax.grad(loss, argnums=(0, 1))(rng.normal(size=(12, 3)), rng.normal(size=(4, 3)))
    assert np.abs(found[0]).min() > 0
    assert np.any(found[1]) == (not name.endswith("-fixed"))


def test_resampling_alone_tells_its_methods_from_cross_entropy():
    resampled = {name: method.resample for name, method in METHODS.items() if method.resample}
    assert resampled == {"CE+SMOTE": "smote", "CE+NearMiss": "nearmiss-3"}
    for name in resampled:
        assert vars(METHODS[name]) | {"resample": None} == vars(METHODS["CE"])


def test_a_method_is_the_key_of_what_is_built_for_it():
    """By identity: its fields hold dicts, which have no hash."""
    twin = dataclasses.replace(METHODS["CE"])
    assert twin != METHODS["CE"]
    assert len({METHODS["CE"], METHODS["CE"], twin}) == 2


@each_method
def test_settings_are_drawn_within_their_ranges_and_distinct(name):
    method = METHODS[name]
    drawn = draw_settings(method, 50, seed=1)
    assert set(drawn) == set(method.search)
    assert not set(drawn) & set(method.fixed)
    for parameter, (low, high, log) in method.search.items():
        values = drawn[parameter]
        assert values.shape == (50,)
        assert len(set(values.tolist())) == 50
        assert (values >= low).all()
        assert (values <= high).all()
        # One draw in each fiftieth of the range, on the scale that it is drawn on.
        scaled = np.log(values / low) / np.log(high / low) if log else (values - low) / (high - low)
        np.testing.assert_array_equal(np.sort((scaled * 50).astype(int)), np.arange(50))


def test_settings_are_the_same_again_and_the_learning_rates_for_all_methods():
    first = draw_settings(METHODS["FAL"], 8, seed=1)
    chex.assert_trees_all_equal(draw_settings(METHODS["FAL"], 8, seed=1), first)
    other = draw_settings(METHODS["FAL"], 8, seed=2)
    assert not any(np.array_equal(first[name], other[name]) for name in first)
    for method in METHODS.values():
        rates = draw_settings(method, 8, seed=1)["learning_rate"]
        np.testing.assert_array_equal(rates, first["learning_rate"])
    # Parameters of one method do not move together.
    assert abs(np.corrcoef(first["gamma"], first["margin"])[0, 1]) < 0.9


@each_method
def test_the_papers_grid_is_every_combination_once(name):
    grid = paper_grid(METHODS[name])
    assert list(grid) == list(METHODS[name].search)
    trials = list(zip(*(values.tolist() for values in grid.values()), strict=True))
    levels = [sorted(set(values.tolist())) for values in grid.values()]
    assert sorted(trials) == sorted(itertools.product(*levels))
    owners = "FAL", "FL+LGM", "CB-CE", "FAL-light"
    full = {key: values for owner in owners for key, values in paper_grid(METHODS[owner]).items()}
    for parameter, values in grid.items():
        assert set(values) == set(full[parameter])  # one grid for all methods
