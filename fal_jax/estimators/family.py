"""The losses beside the paper's, as named methods: one row each, as in `methods`.

Every row takes the class counts of its training rows, so that it runs on any number of classes.
What the sources set by epochs of a fixed schedule is a share of the training's steps here.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from fal_jax import losses, models, training
from fal_jax.estimators import _family_losses as of
from fal_jax.estimators.methods import Method, anchored, linear
from fal_jax.estimators.search import Range
from fal_jax.training import Settings


def _cosine(num_classes: int, dim: int, settings: Settings) -> models.Head:
    return models.cosine_head(num_classes, dim, scale=settings["scale"])


def _with_centers(num_classes: int, dim: int, _: Settings) -> models.Head:
    """A linear head, and centres of the classes beside it that its logits do not use."""
    head = models.linear_head(num_classes, dim)

    def init(key: jax.Array) -> models.HeadParams:
        return head.init(key) | {"anchors": jnp.zeros((num_classes, dim))}

    return models.Head(init, head.apply)


def _with_aucm_state(num_classes: int, dim: int, _: Settings) -> models.Head:
    """A linear head, and the variables of `aucm_loss` beside it."""
    head = models.linear_head(num_classes, dim)
    shape = () if num_classes == 2 else (num_classes,)

    def init(key: jax.Array) -> models.HeadParams:
        zeros = (jnp.zeros(shape) for _ in losses.AUCMState._fields)
        return head.init(key) | {"state": losses.AUCMState(*zeros)}

    return models.Head(init, head.apply)


def _saddle_point(settings: Settings) -> optax.GradientTransformation:
    return training.min_max(optax.sgd(settings["learning_rate"], momentum=0.9))


def _still(num_classes: int, dim: int, settings: Settings) -> models.Head:
    """Minus the Euclidean distances to anchors that stay where they start."""
    head = anchored(num_classes, dim, settings)

    def apply(params: models.HeadParams, features: jax.Array) -> jax.Array:
        squared = -head.apply(jax.lax.stop_gradient(params), features)
        return -jnp.sqrt(squared + 1e-12)  # its slope at 0 is infinite

    return models.Head(head.init, apply)


def _prototypes(num_classes: int, dim: int, settings: Settings) -> models.Head:
    """Affinities to five prototypes a class."""
    head = anchored(5 * num_classes, dim, settings)

    def init(key: jax.Array) -> models.HeadParams:
        return {"prototypes": head.init(key)["anchors"].reshape(num_classes, 5, dim)}

    def apply(params: models.HeadParams, features: jax.Array) -> jax.Array:
        return losses.gaussian_affinities(features, params["prototypes"], sigma=settings["sigma"])

    return models.Head(init, apply)


_RATE = {"learning_rate": Range(0.03, 3.0, log=True)}
_TAU = {"tau": Range(0.1, 2.0, log=True)}
_EXPONENT = {"exponent": Range(0.01, 0.5, log=True)}
_SCALE = {"scale": Range(3.0, 30.0, log=True)}
_COSINE_MARGIN = {"margin": Range(0.01, 0.5, log=True)}
_LDAM = _RATE | _SCALE | {"max_margin": Range(0.1, 1.0, log=True)}
_WEIGHTS = {"one_minus_beta": Range(1e-6, 1e-2, log=True)}
_DEFER = {"defer": 0.8}
_SMOOTHING = {"smoothing": Range(0.01, 0.4, log=True)}
_SPREAD = {"anchor_spread": Range(2.0, 20.0, log=True)}
_RANKING_MARGIN = {"margin": Range(0.3, 10.0, log=True)}
_PULL = {"weight": Range(0.0003, 0.1, log=True)}

FAMILY: Mapping[str, Method] = {
    "Poly-1": Method(
        of.on_logits(losses.poly_loss, "epsilon"),
        linear,
        _RATE | {"epsilon": Range(0.3, 5.0, log=True)},
    ),
    "LA": Method(of.averaged(of.logit_adjusted), linear, _RATE | _TAU),
    "Balanced softmax": Method(
        of.on_logits(losses.balanced_softmax_loss, "class_counts"), linear, _RATE
    ),
    "VS": Method(
        of.on_logits(losses.vs_loss, "class_counts", "tau", "exponent"),
        linear,
        _RATE | _TAU | _EXPONENT,
    ),
    "CDT": Method(
        of.on_logits(losses.cdt_loss, "class_counts", "exponent"), linear, _RATE | _EXPONENT
    ),
    "CE-DRW": Method(of.averaged(of.deferred_cross_entropy), linear, _RATE | _WEIGHTS, _DEFER),
    "LDAM": Method(of.averaged(of.ldam), _cosine, _LDAM, {"one_minus_beta": 1.0, "defer": 2.0}),
    "LDAM-DRW": Method(of.averaged(of.ldam), _cosine, _LDAM | _WEIGHTS, _DEFER),
    "CosFace": Method(
        of.on_cosines(losses.cosface_loss, "margin"), _cosine, _RATE | _SCALE | _COSINE_MARGIN
    ),
    "ArcFace": Method(
        of.on_cosines(losses.arcface_loss, "margin"), _cosine, _RATE | _SCALE | _COSINE_MARGIN
    ),
    "GCL": Method(
        of.averaged(of.clouded), _cosine, _RATE | _SCALE | {"strength": Range(0.05, 1.0, log=True)}
    ),
    "EQL": Method(of.averaged(of.equalized), linear, _RATE | {"probability": Range(0.1, 0.95)}),
    "Seesaw": Method(
        of.averaged(of.seesaw),
        linear,
        _RATE | {"mitigation": Range(0.1, 1.0), "compensation": Range(0.0, 2.0)},
    ),
    "IB": Method(
        of.averaged(of.influence), linear, _RATE | {"strength": Range(0.1, 10.0, log=True)}
    ),
    "ASL": Method(
        of.sigmoids(losses.asymmetric_loss, "gamma_positive", "gamma_negative", "clip"),
        linear,
        _RATE | {"gamma_negative": Range(0.0, 4.0), "clip": Range(0.0, 0.1)},
        {"gamma_positive": 0.0},
    ),
    "ASL, one label": Method(
        of.on_logits(losses.single_label_asymmetric_loss, "gamma_negative", "smoothing"),
        linear,
        _RATE | _SMOOTHING | {"gamma_negative": Range(0.0, 4.0)},
    ),
    "Sigmoid FL": Method(
        of.sigmoids(losses.sigmoid_focal_loss, "gamma"), linear, _RATE | {"gamma": Range(0.0, 2.0)}
    ),
    "Label smoothing": Method(of.averaged(of.smoothed), linear, _RATE | _SMOOTHING),
    "Label-aware smoothing": Method(of.averaged(of.label_aware), linear, _RATE | _SMOOTHING),
    "CE + center": Method(of.averaged(of.centered), _with_centers, _RATE | _PULL),
    "CAC": Method(of.averaged(of.cac), _still, _RATE | _SPREAD | _PULL),
    "Affinity": Method(
        of.affinity,
        _prototypes,
        _RATE | _SPREAD | {"sigma": Range(1.0, 30.0, log=True)},
        {"affinity_margin": 0.75, "diversity": 1e-4},
    ),
    "AUC hinge": Method(
        of.on_scores(losses.auc_squared_hinge_loss, "margin"),
        linear,
        _RATE | _RANKING_MARGIN,
        ranks=True,
    ),
    "AUC logistic": Method(
        of.on_scores(losses.auc_logistic_loss, "scale"),
        linear,
        _RATE | {"scale": Range(0.3, 3.0, log=True)},
        ranks=True,
    ),
    "pAUC": Method(
        of.on_scores(losses.partial_auc_loss, "margin", "max_fpr"),
        linear,
        _RATE | _RANKING_MARGIN | {"max_fpr": Range(0.03, 1.0, log=True)},
        ranks=True,
    ),
    "Smooth AP": Method(
        of.on_scores(losses.smooth_ap_loss, "temperature"),
        linear,
        _RATE | {"temperature": Range(0.03, 3.0, log=True)},
        ranks=True,
    ),
    "AUCM": Method(
        of.aucm,
        _with_aucm_state,
        _RATE | {"margin": Range(0.3, 1.0)},
        optimizer=_saddle_point,
        ranks=True,
    ),
    "FAL-LA": Method(
        of.averaged(of.anchored_logit_adjusted),
        anchored,
        _RATE | _SPREAD | _TAU | {"margin": Range(0.1, 3.0, log=True)},
    ),
}
"""The family: each loss by its usual name, over the head that its source has.

DRW weighs the classes by effective numbers in the last fifth of the steps, as LDAM-DRW does.
FAL-LA is FAL's distances and margin with adjusted logits in place of its focal term and its pull.
"""
