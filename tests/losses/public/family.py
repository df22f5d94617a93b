"""The calls of the losses beside the paper's that give what public implementations give."""

import jax
import jax.numpy as jnp
import numpy as np

from fal_jax import losses


def smoothed(x, smoothing):
    soft = losses.smooth_labels(x.labels, num_classes=5, smoothing=smoothing)
    return losses.softmax_cross_entropy(x.logits, soft)


def equalization(x):
    shares = np.asarray(x.class_counts) / np.sum(x.class_counts)
    ignored = (x.equalization_drawn < x.probability) & (shares < x.threshold)[None]
    return losses.equalization_loss(x.logits, x.labels, ignored).mean()


def influence_weights(x):
    norms = jnp.sum(jnp.abs(x.features), -1)
    return losses.influence_balanced_weights(x.logits, x.labels, norms, strength=x.scale)


def weighted_entropy(x, by_class):
    """Cross-entropy, if by class with the classes weighed by 1 / n_k."""
    alpha = losses.inverse_frequency_weights(x.class_counts) if by_class else None
    return losses.softmax_loss(x.logits, x.labels, alpha=alpha)


def influence_balanced(by_class):
    def call(x):
        return jnp.mean(influence_weights(x) * weighted_entropy(x, by_class))

    return call


def influence_balanced_with_slope(by_class):
    """The weights spelled out, and so with their gradient."""

    def call(x):
        wrong = jnp.abs(jax.nn.softmax(x.logits) - jax.nn.one_hot(x.labels, 5)).sum(-1)
        weights = x.scale / (wrong * jnp.abs(x.features).sum(-1) + 1e-3)
        return jnp.mean(weights * weighted_entropy(x, by_class))

    return call


def asymmetric(x):
    return losses.asymmetric_loss(
        x.logits,
        x.targets,
        gamma_positive=x.gamma_positive,
        gamma_negative=x.gamma_negative,
        clip=x.clip,
    ).sum()


def asymmetric_without_slope(x):
    """The focus spelled out, and taken as a constant."""
    p = jax.nn.sigmoid(x.logits)
    shifted = jnp.maximum(p - x.clip, 0)
    focus = jnp.where(x.targets == 1, (1 - p) ** x.gamma_positive, shifted**x.gamma_negative)
    surprisal = -jnp.where(x.targets == 1, jnp.log(p), jnp.log(1 - shifted))
    return jnp.sum(jax.lax.stop_gradient(focus) * surprisal)


def affinity(x):
    affinities = losses.gaussian_affinities(x.features, x.prototypes, sigma=x.sigma)
    each = losses.affinity_loss(affinities, x.labels, margin=x.margin)
    return each + losses.prototype_diversity(x.prototypes)


def face(loss):
    return lambda x: loss(
        losses.cosines(x.features, x.anchors), x.labels, margin=x.margin, scale=x.scale
    ).mean()


def adjusted(x):
    prior = losses.class_log_prior(x.class_counts)
    return losses.logit_adjusted_loss(x.logits, x.labels, log_prior=prior, tau=x.tau).mean()


def balanced(x):
    return losses.balanced_softmax_loss(x.logits, x.labels, class_counts=x.class_counts).mean()


AGREES = {
    "logit_adjustment": adjusted,
    "vs_loss_as_logit_adjustment": adjusted,
    "balanced_softmax": balanced,
    "bag_of_tricks_balanced_softmax": balanced,
    "vs_loss": lambda x: losses.vs_loss(
        x.logits, x.labels, class_counts=x.class_counts, tau=x.tau, exponent=x.gamma
    ).mean(),
    "bag_of_tricks_cdt": lambda x: losses.cdt_loss(
        x.logits, x.labels, class_counts=x.class_counts, exponent=x.gamma
    ).mean(),
    "ldam_drw_ldam": lambda x: losses.ldam_loss(
        x.cosines,
        x.labels,
        margins=losses.ldam_margins(x.class_counts, max_margin=x.max_margin),
        scale=x.scale,
    ).mean(),
    "metric_learning_arcface": face(losses.arcface_loss),
    "metric_learning_cosface": face(losses.cosface_loss),
    "gcl": lambda x: losses.gcl_loss(
        x.cosines,
        x.labels,
        jnp.clip(x.gcl_noise, -1, 1),
        class_counts=x.class_counts,
        strength=x.noise_scale,
        margin=x.margin,
        scale=x.scale,
    ).mean(),
    "bag_of_tricks_equalization": equalization,
    "mmdet_seesaw": lambda x: losses.seesaw_loss(
        x.logits, x.labels, x.counts, mitigation=x.p, compensation=x.q, floor=x.eps
    ).mean(),
    "poly1": lambda x: losses.poly_loss(x.logits, x.labels, epsilon=x.epsilon),
    "optax_poly": lambda x: losses.poly_loss(x.logits, x.labels, epsilon=x.epsilon),
    "asl": asymmetric,
    "asl_single_label": lambda x: losses.single_label_asymmetric_loss(
        x.logits,
        x.labels,
        gamma_positive=x.gamma_positive,
        gamma_negative=x.gamma_negative,
        smoothing=x.label_smoothing,
    ).mean(),
    "optax_label_smoothing": lambda x: smoothed(x, x.label_smoothing),
    "label_aware_smoothing": lambda x: smoothed(
        x, losses.label_aware_smoothing(x.class_counts, most=x.head, least=x.tail)
    ).mean(),
    "cac": lambda x: losses.cac_loss(x.distances, x.labels, weight=x.weight).mean(),
    "affinity": affinity,
}

DIFFERS = {
    "asl_with_focus_detached": (
        "ASL takes its focus for a constant unless told otherwise; the paper differentiates it.",
        asymmetric,
        asymmetric_without_slope,
    ),
    "ib_loss": (
        "IB-Loss takes gradients through its weights; by the paper they are weights.",
        influence_balanced(by_class=False),
        influence_balanced_with_slope(by_class=False),
    ),
    "bag_of_tricks_influence_balanced": (
        "BagofTricks takes gradients through its weights; by the paper they are weights.",
        influence_balanced(by_class=True),
        influence_balanced_with_slope(by_class=True),
    ),
    "center_loss": (
        "pytorch-center-loss leaves out the half of Eq. 2.",
        lambda x: losses.center_loss(x.features, x.labels, x.anchors).mean(),
        lambda x: 2 * losses.center_loss(x.features, x.labels, x.anchors).mean(),
    ),
}
