"""The variants of the ablations: each a method that leaves the table of methods in one point."""

import dataclasses
from collections.abc import Hashable, Mapping

import jax
import jax.numpy as jnp
import optax

from fal_jax import anchors, losses, models
from fal_jax.estimators import METHODS, Method, Range
from fal_jax.models import Outputs, Params
from fal_jax.training import Batch, Settings

QUESTIONS = (
    *("methods", "embedding", "start", "pull", "margin", "focus", "window", "scale"),
    *("anchors a class", "prior", "covariance", "width", "light"),
)
WIDTHS = {
    "CE, 64-32": (64, 32),
    "FAL-light, 64-32": (64, 32),
    "CE, 16-32": (16, 32),
    "FAL-light, 16-32": (16, 32),
    "FAL-light, 16-2": (16, 2),
}
"""By variant, the widths of the network's layers where they are not the protocol's."""


def fixed(method: Method, **values: float) -> Method:
    """The method with hyper-parameters fixed, and so not searched."""
    search = {name: range_ for name, range_ in method.search.items() if name not in values}
    return dataclasses.replace(method, search=search, fixed={**method.fixed, **values})


def searched(method: Method, **ranges: Range) -> Method:
    """The method with more hyper-parameters to search."""
    kept = {name: value for name, value in method.fixed.items() if name not in ranges}
    return dataclasses.replace(method, search={**method.search, **ranges}, fixed=kept)


def variants() -> Mapping[str, Mapping[str, Method]]:
    """For each question, the methods that answer it."""
    methods = {name: method for name, method in METHODS.items() if not method.resample}
    return {"methods": methods} | _of_fal() | _of_distances() | _of_light()


def _of_fal() -> dict[str, dict[str, Method]]:
    """What FAL and FAML set."""
    fal, faml, constant = (METHODS[name] for name in ("FAL", "FAML", "FAML-0.999"))
    windows = (
        (0.999, 50, 1.3),
        (0.999, 200, 1.0),
        (0.05, 200, 1.3),
        (0.05, 10, 1.3),
        (0.9, 10, 1.3),
    )
    return {
        "embedding": {
            "FAL, linear embedding": dataclasses.replace(fal, embedding_activation=None),
            "FAML, linear embedding": dataclasses.replace(faml, embedding_activation=None),
        },
        "start": {
            f"FAL, spread {s:g}": fixed(fal, anchor_spread=s) for s in (1e-6, 1.0, 4.0, 25.0)
        },
        "pull": {f"FAL, beta {beta:g}": fixed(fal, beta=beta) for beta in (0.0, 0.01, 1.0)}
        | {"FAL, beta searched": searched(fal, beta=_BETA)},
        "margin": {f"FAL, margin {m:g}": fixed(fal, margin=m) for m in (0.0, 1.0, 10.0)},
        "focus": {
            "FAL, gamma 0": fixed(fal, gamma=0.0),
            "FAL, gamma 0, equal classes": fixed(fal, gamma=0.0, alpha_odds=1.0),
        },
        "window": {
            f"FAML, rate {rate:g} every {every}, ratio {ratio:g}": fixed(
                constant, rate=rate, every=every, ratio=ratio
            )
            for rate, every, ratio in windows
        }
        | {"FAML, decay every 50": fixed(faml, every=50)},
    }


def _of_distances() -> dict[str, dict[str, Method]]:
    """What the distances are, and how logits are made of them."""
    fal, lgm, light = (METHODS[name] for name in ("FAL", "FL+LGM", "FAL-light"))
    return {
        "scale": {
            "FAL, temperature": searched(
                dataclasses.replace(fal, loss=tempered_fal), temperature=Range(0.3, 10.0, log=True)
            ),
            "FAL, own anchor learning rate": searched(
                dataclasses.replace(fal, optimizer=own_anchor_rate), anchor_rate_ratio=_RATIO
            ),
        },
        "anchors a class": {
            f"FAL, {number} anchors a class": several_anchors(fal, number) for number in (2, 4)
        },
        "prior": {"FAL, logits adjusted by the prior": adjusted(fal)},
        "covariance": {
            "FL+LGM, learned variances": with_variances(lgm),
            "FAL-light, learned variances and offsets": with_offsets(light),
        },
    }


def _of_light() -> dict[str, dict[str, Method]]:
    """Widths, and what FAL-light leaves in."""
    light = METHODS["FAL-light"]
    return {
        "width": {name: METHODS[name.partition(",")[0]] for name in WIDTHS},
        "light": {
            "FAL-light, no margin": fixed(light, margin=0.0),
            "FAL-light, no pull": fixed(light, beta=0.0),
            "FAL-light, 4 anchors a class": several_anchors(light, 4),
            "FAL-light, own anchor learning rate": searched(
                dataclasses.replace(light, optimizer=own_anchor_rate), anchor_rate_ratio=_RATIO
            ),
        },
    }


_RATIO = Range(0.03, 10.0, log=True)
_BETA = Range(1e-4, 1.0, log=True)


def own_anchor_rate(settings: Settings) -> optax.GradientTransformation:
    """Adagrad whose learning rate for anchors is a multiple of the network's."""
    rate = settings["learning_rate"]
    by_label: dict[Hashable, optax.GradientTransformation] = {
        "anchors": optax.adagrad(rate * settings["anchor_rate_ratio"]),
        "network": optax.adagrad(rate),
    }
    return optax.partition(by_label, anchors.anchor_labels)


def tempered_fal(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
    """FAL whose softmax, not whose pull, sees distances times a temperature."""
    temperature = settings["temperature"]
    scale = jnp.sqrt(temperature)
    outputs = outputs._replace(features=outputs.features * scale)
    settings = {**settings, "beta": settings["beta"] / temperature}
    return METHODS["FAL"].loss(outputs, {"anchors": head["anchors"] * scale}, batch, settings)


def several_anchors(method: Method, number: int) -> Method:
    """The method with some anchors a class: its distance is the soft minimum of theirs."""

    def head(num_classes: int, dim: int, settings: Settings) -> models.Head:
        single = models.anchored_head(num_classes * number, dim, spread=settings["anchor_spread"])

        def apply(params: Params, features: jax.Array) -> jax.Array:
            each = single.apply(params, features)
            each = each.reshape(*each.shape[:-1], num_classes, number)
            return jax.nn.logsumexp(each, axis=-1)

        return models.Head(single.init, apply)

    return dataclasses.replace(method, head=head, loss=fal_of_logits)


def fal_of_logits(outputs: Outputs, _: Params, batch: Batch, settings: Settings) -> jax.Array:
    """FAL of the distances that a head's logits are minus of."""
    return losses.fal_loss(
        -outputs.logits,
        batch.labels,
        margin=settings["margin"],
        gamma=settings["gamma"],
        alpha=settings["alpha_odds"] / (1 + settings["alpha_odds"]),
        beta=settings["beta"],
        where=batch.where,
    )


def adjusted(method: Method) -> Method:
    """FAL whose training logits have a multiple tau of the classes' log frequencies added."""

    def loss(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
        counts = settings["class_counts"]
        shift = settings["tau"] * jnp.log(counts / jnp.sum(counts))
        logits = outputs.logits + shift[None]
        return fal_of_logits(outputs._replace(logits=logits), head, batch, settings)

    adjusted = dataclasses.replace(method, loss=loss)
    return searched(adjusted, tau=Range(0.0, 1.5))


def with_variances(method: Method) -> Method:
    """LGM with a learned diagonal covariance for each class."""

    def head(num_classes: int, dim: int, settings: Settings) -> models.Head:
        single = models.anchored_head(num_classes, dim, spread=settings["anchor_spread"])

        def init(key: jax.Array) -> Params:
            return {**single.init(key), "log_variances": jnp.zeros((num_classes, dim))}

        def apply(params: Params, features: jax.Array) -> jax.Array:
            distances = losses.half_mahalanobis(features, *_gaussians(params))
            return -distances - _gaussians(params)[1].sum(-1)[None] / 2

        return models.Head(init, apply)

    def loss(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
        means, log_variances = _gaussians(head)
        return losses.lgm_loss(
            losses.half_mahalanobis(outputs.features, means, log_variances),
            batch.labels,
            log_det=log_variances.sum(-1),
            margin=settings["relative_margin"],
            likelihood_weight=settings["likelihood_weight"],
            gamma=settings["gamma"],
            alpha=settings["alpha_odds"] / (1 + settings["alpha_odds"]),
            where=batch.where,
        )

    return dataclasses.replace(method, head=head, loss=loss)


def with_offsets(method: Method) -> Method:
    """FAL of Mahalanobis distances: variances for each class are learned, and an offset."""

    def head(num_classes: int, dim: int, settings: Settings) -> models.Head:
        single = models.anchored_head(num_classes, dim, spread=settings["anchor_spread"])

        def init(key: jax.Array) -> Params:
            variances, offsets = jnp.zeros((num_classes, dim)), jnp.zeros(num_classes)
            return {**single.init(key), "log_variances": variances, "offsets": offsets}

        def apply(params: Params, features: jax.Array) -> jax.Array:
            distances = 2 * losses.half_mahalanobis(features, *_gaussians(params))
            return -distances + params["offsets"][None]

        return models.Head(init, apply)

    def loss(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
        distances = head["offsets"][None] - outputs.logits
        shifted = losses.distance_logits(-outputs.logits, batch.labels, margin=settings["margin"])
        alpha = settings["alpha_odds"] / (1 + settings["alpha_odds"])
        focal = losses.softmax_focal_loss(
            shifted, batch.labels, gamma=settings["gamma"], alpha=alpha
        )
        pull = losses.class_mean_distance(distances, batch.labels, where=batch.where)
        mean = jnp.sum(focal, where=batch.where) / jnp.maximum(jnp.sum(batch.where), 1)
        return mean + settings["beta"] * pull

    return dataclasses.replace(method, head=head, loss=loss)


def _gaussians(params: Params) -> tuple[jax.Array, jax.Array]:
    """Means, and log variances kept between e^-3 and e^3."""
    return params["anchors"], 3 * jnp.tanh(params["log_variances"] / 3)
