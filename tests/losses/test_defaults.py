"""Defaults: those of the sources, and the same in the references; and all that may be swept."""

import inspect

import pytest

from tests import reference, reference_family, reference_ranking
from tests.introspection import public_functions
from tests.losses.cases import CASES

FUNCTIONS = public_functions("losses")
NEUTRAL = "leaves the scores as they are"
LDAM, LGM = "kaidic/LDAM-DRW", "WeitaoVan/L-GM-loss"
FOCAL = "Lin et al., 2017, Sec. 3.2: 2 works best"
FAL = "Baloch et al., 2019, Sec. 4.1"
ASL = "Alibaba-MIIL/ASL"
VS, GCL, SEESAW = "orparask/VS-Loss", "Keke921/GCLLoss, on CIFAR", "open-mmlab/mmdetection"
FACES = "KevinMusgrave/pytorch-metric-learning"
AUC, HAYAT = "Optimization-AI/LibAUC", "koshian2/affinity-loss, on MNIST"

# Each number that a call without hyper-parameters uses, and whose it is.
DEFAULTS = {
    "fal_loss": {"gamma": (2.0, FOCAL), "beta": (0.1, FAL)},
    "fal_loss_from_features": {"gamma": (2.0, FOCAL), "beta": (0.1, FAL)},
    "softmax_focal_loss": {"gamma": (2.0, FOCAL)},
    "sigmoid_focal_loss": {"gamma": (2.0, FOCAL)},
    "softmax_loss": dict.fromkeys(("margin", "gamma", "epsilon"), (0.0, NEUTRAL)),
    "distance_logits": {"margin": (0.0, NEUTRAL)},
    "modulate": dict.fromkeys(("gamma", "epsilon"), (0.0, NEUTRAL)),
    "adjust": {"scale": (1.0, NEUTRAL), "shift": (0.0, NEUTRAL)},
    "lgm_loss": {"margin": (0.1, LGM), "likelihood_weight": (0.01, LGM), "gamma": (0.0, NEUTRAL)},
    "poly_loss": {"epsilon": (1.0, "abhuse/polyloss-pytorch"), "gamma": (0.0, NEUTRAL)},
    "asymmetric_loss": {
        "gamma_positive": (1.0, ASL),
        "gamma_negative": (4.0, ASL),
        "clip": (0.05, ASL),
    },
    "single_label_asymmetric_loss": {
        "gamma_positive": (0.0, ASL),
        "gamma_negative": (4.0, ASL),
        "smoothing": (0.1, ASL),
    },
    "logit_adjusted_loss": {"tau": (1.0, "google-research/logit_adjustment")},
    "vs_loss": {"tau": (1.0, VS), "exponent": (0.3, VS)},
    "cdt_loss": {"exponent": (0.3, VS)},
    "ldam_margins": {"max_margin": (0.5, LDAM)},
    "ldam_loss": {"scale": (30.0, LDAM)},
    "cosface_loss": {"margin": (0.35, FACES), "scale": (64.0, FACES)},
    "arcface_loss": {"margin": (0.5, FACES), "scale": (64.0, FACES)},  # 28.6 degrees
    "gcl_loss": {"strength": (0.5, GCL), "margin": (0.0, GCL), "scale": (30.0, GCL)},
    "seesaw_loss": {
        "mitigation": (0.8, SEESAW),
        "compensation": (2.0, SEESAW),
        "floor": (0.01, SEESAW),
    },
    "influence_balanced_weights": {
        "strength": (1000.0, "pseulki/IB-Loss, its script"),
        "epsilon": (1e-3, "pseulki/IB-Loss"),
    },
    "cac_loss": {"weight": (0.1, "dimitymiller/cac-openset")},
    "gaussian_affinities": {"sigma": (10.0, HAYAT)},
    "affinity_loss": {"margin": (0.75, HAYAT)},
    "smooth_labels": {"smoothing": (0.1, "Szegedy et al., 2016, Sec. 7")},
    "auc_squared_hinge_loss": {"margin": (1.0, AUC)},
    "auc_logistic_loss": {"scale": (1.0, AUC)},
    "partial_auc_loss": {"margin": (1.0, AUC)},
    "aucm_loss": {"margin": (1.0, AUC)},
    "smooth_ap_loss": {"temperature": (0.01, "Andrew-Brown1/Smooth_AP")},
}
DEFAULTS["lgm_loss_from_features"] = DEFAULTS["lgm_loss"]
# What a program is compiled for: no numbers to sweep over.
STATIC = {"where", "axis_name", "class_axis_name", "over", "against", "shape", "num_classes", "k"}


def keywords(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def numbers(function):
    """Its defaults that are numbers, without what is counted."""
    found = {
        name: default
        for name, default in keywords(function).items()
        if isinstance(default, int | float)
    }
    return {name: default for name, default in found.items() if name not in STATIC}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_defaults_are_those_of_the_source(name):
    table = {key: value for key, (value, _) in DEFAULTS.get(name, {}).items()}
    assert numbers(FUNCTIONS[name]) == table


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_reference_has_the_same_defaults(name):
    homes = (reference, reference_family, reference_ranking)
    twin = next(getattr(home, name) for home in homes if hasattr(home, name))
    theirs = {p.name: p.default for p in inspect.signature(twin).parameters.values()}
    if "options" in theirs:  # handed on
        return
    for key, default in keywords(FUNCTIONS[name]).items():
        if key not in {"where", "axis_name"} and default is not inspect.Parameter.empty:
            assert theirs[key] == default, key


def test_every_hyper_parameter_is_swept_without_compiling_anew():
    """By the rows' options, which `test_contract` traces all at once."""
    swept = {}
    for case in CASES:
        swept.setdefault(str(case), {"beta"} if "one_minus_beta" in case.options else set())
        swept[str(case)] |= {*case.options, *case.arrays}
    for name, function in FUNCTIONS.items():
        assert keywords(function).keys() - STATIC <= swept[name], name
