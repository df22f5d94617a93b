"""The table of losses that the contract runs over: one row a public function of `fal_jax.losses`.

To add a loss, add its row here and a function of the same name and arguments to
`tests/reference.py`. `case.Case` says what a row may hold.
"""

import numpy as np
import pytest

from fal_jax import losses
from tests.losses.case import Case

_PER_CLASS = np.array([0.3, 0.9, 0.1, 0.6])

# Each with two classes by one score, and with a score a class.
RANKINGS = {
    losses.auc_squared_hinge_loss: {
        "options": {"margin": 0.7},
        "variants": ({"margin": 0.0}, {"against": "each"}),
    },
    losses.auc_logistic_loss: {"options": {"scale": 2.5}, "variants": ({"against": "each"},)},
    losses.partial_auc_loss: {
        "options": {"max_fpr": 0.35, "margin": 0.7},
        "variants": ({"max_fpr": 1.0}, {"max_fpr": 0.01}, {"against": "each"}),
    },
    losses.smooth_ap_loss: {"options": {"temperature": 0.3}, "variants": ({"temperature": 3.0},)},
    losses.aucm_loss: {"options": {"margin": 0.7}},
}

CASES = [
    Case(losses.squared_distances, returns="... classes"),
    Case(losses.half_mahalanobis, returns="... classes", variants=({"log_variances": None},)),
    Case(
        losses.distance_logits,
        returns="... classes",
        options={"margin": _PER_CLASS},
        variants=({"labels": None}, {"margin": 0.7}),
    ),
    Case(losses.class_log_probabilities, returns="... classes"),
    Case(losses.ranking_score, returns="...", classes=2, permutable=False),
    Case(losses.softmax_cross_entropy, returns="..."),
    Case(
        losses.softmax_focal_loss,
        returns="...",
        options={"gamma": 1.7, "alpha": _PER_CLASS},
        variants=({"gamma": 0.0}, {"gamma": 0.5, "alpha": None}, {"gamma": 5.0}),
    ),
    Case(  # two classes have a form of their own, and a scalar alpha
        losses.softmax_focal_loss,
        returns="...",
        options={"gamma": 1.7, "alpha": 0.2},
        variants=({"gamma": 0.0, "alpha": None}, {"gamma": 5.0}),
        classes=2,
        permutable=False,
    ),
    Case(
        losses.sigmoid_focal_loss,
        returns="... classes",
        options={"gamma": 1.7, "alpha": _PER_CLASS},
        variants=({"gamma": 0.0, "alpha": None}, {"gamma": 0.5, "alpha": 0.2}, {"gamma": 5.0}),
        elementwise=True,
    ),
    Case(losses.class_mean_distance, returns="", variants=({"over": "all"},)),
    Case(
        losses.fal_loss,
        returns="",
        options={"margin": _PER_CLASS, "gamma": 1.7, "alpha": 2 * _PER_CLASS, "beta": 0.3},
        variants=({"margin": 0.7, "gamma": 0.0, "alpha": None}, {"gamma": 0.5}, {"beta": 0.0}),
    ),
    Case(
        losses.fal_loss_from_features,
        returns="",
        options={"margin": _PER_CLASS, "gamma": 1.7, "alpha": 2 * _PER_CLASS, "beta": 0.3},
        variants=({"margin": 0.7, "gamma": 0.0, "alpha": None}, {"gamma": 0.5}, {"beta": 0.0}),
    ),
    Case(  # two classes have a form of their own
        losses.fal_loss_from_features,
        returns="",
        options={"margin": 0.7, "gamma": 1.7, "alpha": 0.2, "beta": 0.3},
        variants=(
            {"gamma": 0.0, "alpha": None},
            {"gamma": 0.5, "margin": np.array([0.2, 0.9]), "alpha": np.array([0.3, 1.2])},
            {"beta": 0.0},
        ),
        classes=2,
        permutable=False,
    ),
    Case(
        losses.lgm_loss,
        returns="",
        options={"margin": 0.4, "likelihood_weight": 0.2, "gamma": 1.7, "alpha": _PER_CLASS},
        variants=(
            {"log_det": None, "log_prior": None},
            {"gamma": 0.0, "alpha": None},
            {"margin": 0.0},
        ),
    ),
    Case(
        losses.lgm_loss_from_features,
        returns="",
        options={"margin": 0.4, "likelihood_weight": 0.2, "gamma": 1.7, "alpha": _PER_CLASS},
        variants=({"log_variances": None}, {"log_prior": None, "alpha": None}, {"margin": 0.0}),
    ),
    Case(losses.nearest_anchors, returns="... k", variants=({"k": 3},), part=0),
    Case(
        losses.adjust,
        returns="... classes",
        options={"scale": _PER_CLASS, "shift": 2.0},
        signed=("scale",),
    ),
    Case(losses.class_log_odds, returns="... classes"),
    Case(losses.class_log_odds, returns="... classes", classes=2),
    Case(losses.with_margin, returns="... classes", options={"margin": _PER_CLASS}),
    Case(losses.modulate, returns="... classes", options={"gamma": 1.7, "epsilon": 0.8}),
    Case(losses.weigh, returns="... classes", options={"alpha": _PER_CLASS}),
    Case(losses.of_labels, returns="..."),
    Case(
        losses.softmax_loss,
        returns="...",
        options={"margin": _PER_CLASS, "gamma": 1.7, "epsilon": 0.8, "alpha": 2 * _PER_CLASS},
        variants=({"margin": 0.7, "gamma": 0.0, "epsilon": 0.0, "alpha": None},),
    ),
    Case(
        losses.poly_loss,
        returns="...",
        options={"epsilon": 0.7, "gamma": 1.7, "alpha": _PER_CLASS},
        variants=({"epsilon": -1.0, "gamma": 0.0},),
    ),
    Case(
        losses.asymmetric_loss,
        returns="... classes",
        options={"gamma_positive": 0.5, "gamma_negative": 1.5, "clip": 0.1},
        variants=({"clip": 0.0},),
        elementwise=True,
    ),
    Case(
        losses.single_label_asymmetric_loss,
        returns="...",
        options={"gamma_positive": 0.5, "gamma_negative": 1.5, "smoothing": 0.2},
    ),
    Case(losses.logit_adjusted_loss, returns="...", options={"tau": 1.5}),
    Case(losses.balanced_softmax_loss, returns="..."),
    Case(
        losses.vs_loss,
        returns="...",
        options={"tau": 1.5, "exponent": 0.2, "alpha": _PER_CLASS},
        variants=({"tau": 0.0, "alpha": None},),
    ),
    Case(losses.cdt_loss, returns="...", options={"exponent": 0.2}),
    Case(losses.shift_prior, returns="... classes"),
    Case(losses.cosines, returns="... classes"),
    Case(
        losses.ldam_loss,
        returns="...",
        options={"margins": _PER_CLASS / 2, "scale": 10.0, "alpha": _PER_CLASS},
    ),
    Case(
        losses.cosface_loss,
        returns="...",
        options={"margin": 0.2, "scale": 10.0, "alpha": _PER_CLASS},
    ),
    Case(
        losses.arcface_loss,
        returns="...",
        options={"margin": 0.4, "scale": 10.0, "alpha": _PER_CLASS},
        variants=({"margin": 2.0},),
    ),
    Case(
        losses.gcl_loss,
        returns="...",
        options={"strength": 0.4, "margin": 0.1, "scale": 10.0, "alpha": _PER_CLASS},
    ),
    Case(losses.equalization_loss, returns="..."),
    Case(
        losses.seesaw_loss,
        returns="...",
        options={"mitigation": 0.7, "compensation": 1.5, "floor": 0.02},
        variants=({"compensation": 0.0},),
        stops="some",
    ),
    Case(
        losses.influence_balanced_weights,
        returns="...",
        options={"strength": 3.0, "epsilon": 0.01},
        stops="all",
    ),
    Case(losses.center_loss, returns="..."),
    Case(losses.cac_loss, returns="...", options={"weight": 0.3}),
    Case(losses.gaussian_affinities, returns="... classes", options={"sigma": 4.0}),
    Case(losses.affinity_loss, returns="...", options={"margin": 0.6}),
    Case(losses.prototype_diversity, returns=""),
    Case(
        losses.smooth_labels,
        returns="... classes",
        options={"smoothing": _PER_CLASS},
        variants=({"smoothing": 0.2},),
        fixed={"num_classes": 4},
    ),
    Case(
        losses.label_aware_smoothing,
        returns="classes",
        options={"most": 0.4, "least": 0.1},
        variants=({"shape": "linear"}, {"shape": "convex"}),
    ),
    Case(losses.class_log_prior, returns="classes"),
    Case(losses.ldam_margins, returns="classes", options={"max_margin": 0.4}),
    *(
        Case(function, returns="", classes=classes, permutable=classes > 2, **settings)
        for function, settings in RANKINGS.items()
        for classes in (2, 4)
    ),
    Case(losses.inverse_frequency_weights, returns="classes"),
    Case(
        losses.effective_number_weights,
        returns="classes",
        options={"one_minus_beta": 1e-3},
        variants=(
            {"one_minus_beta": 0.0},
            {"one_minus_beta": 1.0},
            {"one_minus_beta": None, "beta": 0.9999},
        ),
    ),
]


def over(applies):
    """Runs a test on each case to which it applies."""
    return pytest.mark.parametrize("case", [c for c in CASES if applies(c)], ids=str)


every_case = over(lambda _: True)
