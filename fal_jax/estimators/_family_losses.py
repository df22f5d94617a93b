"""What the methods of `family` minimise: the public losses, called with a method's settings."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fal_jax import losses, training
from fal_jax.estimators._averages import mean
from fal_jax.estimators.methods import Loss
from fal_jax.models import Outputs, Params
from fal_jax.training import Batch, Settings

PerExample = Callable[[Outputs, Params, Batch, Settings], jax.Array]


def averaged(per_example: PerExample) -> Loss:
    """The mean over the valid examples."""

    def loss(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
        return mean(per_example(outputs, head, batch, settings), batch)

    return loss


def on_logits(loss: Callable[..., jax.Array], *names: str) -> Loss:
    """A loss of logits and labels with some of the settings, by the names of its arguments."""

    def per_example(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
        return loss(outputs.logits, batch.labels, **{name: settings[name] for name in names})

    return averaged(per_example)


def on_cosines(loss: Callable[..., jax.Array], *names: str) -> Loss:
    """The same on the cosines of a `cosine_head`."""

    def per_example(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
        cosines = outputs.logits / settings["scale"]
        return loss(cosines, batch.labels, **{name: settings[name] for name in ("scale", *names)})

    return averaged(per_example)


def on_scores(loss: Callable[..., jax.Array], *names: str) -> Loss:
    """A loss of the batch that ranks: by the log-odds of class 1, or of more classes by each."""

    def of_batch(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
        options = {name: settings[name] for name in names}
        return loss(ranking_scores(outputs.logits), batch.labels, where=batch.where, **options)

    return of_batch


def aucm(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
    """Of sigmoids of the scores, as its source has them."""
    scores = jax.nn.sigmoid(ranking_scores(outputs.logits))
    return losses.aucm_loss(
        scores, batch.labels, head["state"], margin=settings["margin"], where=batch.where
    )


def ranking_scores(logits: jax.Array) -> jax.Array:
    """`[...]` of two classes, `[..., classes]` of more."""
    return logits[..., 1] - logits[..., 0] if logits.shape[-1] == 2 else logits


def logit_adjusted(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    prior = losses.class_log_prior(settings["class_counts"])
    return losses.logit_adjusted_loss(
        outputs.logits, batch.labels, log_prior=prior, tau=settings["tau"]
    )


def anchored_logit_adjusted(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    """Logit adjustment on minus distances, with FAL's margin."""
    prior = settings["tau"] * losses.class_log_prior(settings["class_counts"])
    adjusted = losses.adjust(outputs.logits, shift=prior)
    return losses.softmax_loss(adjusted, batch.labels, margin=settings["margin"])


def ldam(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    """With deferred re-weighting where a row says from which share of the steps on."""
    counts, scale = settings["class_counts"], settings["scale"]
    margins = losses.ldam_margins(counts, max_margin=settings["max_margin"])
    return losses.ldam_loss(
        outputs.logits / scale,
        batch.labels,
        margins=margins,
        scale=scale,
        alpha=_deferred_weights(batch, settings),
    )


def deferred_cross_entropy(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    alpha = _deferred_weights(batch, settings)
    return losses.softmax_loss(outputs.logits, batch.labels, alpha=alpha)


def _deferred_weights(batch: Batch, settings: Settings) -> jax.Array:
    counts = settings["class_counts"]
    weights = losses.effective_number_weights(counts, one_minus_beta=settings["one_minus_beta"])
    at = settings["defer"] * settings["num_steps"]
    return training.switched(jnp.ones_like(weights), weights, at=at)(batch.step)


def clouded(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    noise = jax.random.normal(_key(batch), outputs.logits.shape)
    return losses.gcl_loss(
        outputs.logits / settings["scale"],
        batch.labels,
        jnp.clip(noise / 3, -1, 1),
        class_counts=settings["class_counts"],
        strength=settings["strength"],
        scale=settings["scale"],
    )


def equalized(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    """A class is rare that has less than an equal share of the rows."""
    drawn = jax.random.bernoulli(_key(batch), settings["probability"], outputs.logits.shape)
    counts = settings["class_counts"]
    is_rare = (counts < jnp.mean(counts))[None]
    return losses.equalization_loss(outputs.logits, batch.labels, drawn & is_rare)


def seesaw(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    """By the counts of all training rows: the ratios that running counts settle at."""
    return losses.seesaw_loss(
        outputs.logits,
        batch.labels,
        settings["class_counts"],
        mitigation=settings["mitigation"],
        compensation=settings["compensation"],
    )


def influence(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    """Cross-entropy in the first half of the steps, then weighed, each class by 1 / n_k as well."""
    entropy = losses.softmax_cross_entropy(outputs.logits, batch.labels)
    norms = jnp.sum(jnp.abs(outputs.features), axis=-1)
    weights = losses.influence_balanced_weights(
        outputs.logits, batch.labels, norms, strength=settings["strength"]
    )
    of_class = losses.inverse_frequency_weights(settings["class_counts"])
    weights = weights * losses.of_labels(
        jnp.broadcast_to(of_class, outputs.logits.shape), batch.labels
    )
    late = batch.step >= settings["num_steps"] / 2
    return entropy * jnp.where(late, weights, 1)


def sigmoids(loss: Callable[..., jax.Array], *names: str) -> Loss:
    """One sigmoid a class, summed over the classes."""

    def per_example(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
        bits = jax.nn.one_hot(batch.labels, outputs.logits.shape[-1], dtype=jnp.int32)
        each = loss(outputs.logits, bits, **{name: settings[name] for name in names})
        return jnp.sum(each, axis=-1)

    return averaged(per_example)


def smoothed(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    return _smooth_entropy(outputs, batch, settings["smoothing"])


def label_aware(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    smoothing = losses.label_aware_smoothing(
        settings["class_counts"], most=settings["smoothing"], least=0.0
    )
    return _smooth_entropy(outputs, batch, smoothing)


def _smooth_entropy(outputs: Outputs, batch: Batch, smoothing: jax.Array) -> jax.Array:
    num_classes = outputs.logits.shape[-1]
    soft = losses.smooth_labels(batch.labels, num_classes=num_classes, smoothing=smoothing)
    return losses.softmax_cross_entropy(outputs.logits, soft)


def centered(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
    entropy = losses.softmax_cross_entropy(outputs.logits, batch.labels)
    pull = losses.center_loss(outputs.features, batch.labels, head["anchors"])
    return entropy + settings["weight"] * pull


def cac(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    return losses.cac_loss(-outputs.logits, batch.labels, weight=settings["weight"])


def affinity(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
    each = losses.affinity_loss(
        outputs.logits, batch.labels, margin=settings["affinity_margin"], where=batch.where
    )
    return mean(each, batch) + settings["diversity"] * losses.prototype_diversity(
        head["prototypes"]
    )


def _key(batch: Batch) -> jax.Array:
    """A key for the step, the same for all models: what they are compared on is alike."""
    return jax.random.fold_in(jax.random.key(0), batch.step)
