"""Each method of the family against its source: what a step of training costs, and where it leads.

`EXPECTED` has one row a method, in float64 and by the references alone. The gradient of a step is
that of the reference by finite differences.
"""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import models
from fal_jax.estimators import FAMILY, draw_settings
from fal_jax.training import Batch
from tests import reference, reference_family, reference_ranking

ROWS, CLASSES, DIM, STEPS = 12, 3, 4, 10
COUNTS = np.array([800.0, 150.0, 50.0])
PRIOR = reference_family.class_log_prior(COUNTS)


def mean(x, each):
    return np.sum(each * x.weights * x.where) / x.where.sum()


def on_logits(loss, *names, **fixed):
    twin = getattr(reference_family, loss)
    return lambda x: mean(
        x, twin(x.logits, x.labels, **fixed, **{name: x.settings[name] for name in names})
    )


def on_cosines(loss, *names):
    twin = getattr(reference_family, loss)

    def row(x):
        options = {name: x.settings[name] for name in ("scale", *names)}
        return mean(x, twin(x.logits / x.settings["scale"], x.labels, **options))

    return row


def ranking(loss, *names):
    twin = getattr(reference_ranking, loss)
    return lambda x: twin(
        x.logits, x.labels, where=x.where, **{name: x.settings[name] for name in names}
    )


def sigmoids(twin, *names):
    """Over all classes, of which the true one has label 1."""
    return lambda x: mean(
        x, twin(x.logits, one_hot(x), **{name: x.settings[name] for name in names}).sum(-1)
    )


def one_hot(x):
    return np.eye(CLASSES, dtype=int)[x.labels]


def late_weights(x):
    """The last fifth of the steps weighs the classes by effective numbers."""
    if x.step < 0.8 * STEPS:
        return None
    rest = x.settings["one_minus_beta"]
    return reference.effective_number_weights(COUNTS, one_minus_beta=rest)


def ldam(weights):
    def row(x):
        margins = reference_family.ldam_margins(COUNTS, max_margin=x.settings["max_margin"])
        options = {"scale": x.settings["scale"], "alpha": weights(x), "margins": margins}
        cosines = x.logits / options["scale"]
        return mean(x, reference_family.ldam_loss(cosines, x.labels, **options))

    return row


def clouded(x):
    noise = np.clip(jax.random.normal(x.key, (ROWS, CLASSES)) / 3, -1, 1)
    options = {"strength": x.settings["strength"], "scale": x.settings["scale"]}
    cosines = x.logits / options["scale"]
    losses = reference_family.gcl_loss(cosines, x.labels, noise, class_counts=COUNTS, **options)
    return mean(x, losses)


def equalized(x):
    drawn = jax.random.bernoulli(x.key, np.float32(x.settings["probability"]), (ROWS, CLASSES))
    ignored = np.asarray(drawn) & (COUNTS.mean() > COUNTS)
    return mean(x, reference_family.equalization_loss(x.logits, x.labels, ignored))


def influence(x):
    """From half of the steps on, and then by 1 / n_k as well."""
    entropy = reference.softmax_cross_entropy(x.logits, x.labels)
    if x.step < STEPS / 2:
        return mean(x, entropy)
    weights = reference_family.influence_balanced_weights(
        x.logits, x.labels, np.abs(x.features).sum(-1), strength=x.settings["strength"]
    )
    return mean(x, entropy * weights * reference.inverse_frequency_weights(COUNTS)[x.labels])


def smoothed(x, smoothing):
    soft = reference_family.smooth_labels(x.labels, num_classes=CLASSES, smoothing=smoothing)
    return mean(x, reference.softmax_cross_entropy(x.logits, soft))


def label_aware(x):
    most = x.settings["smoothing"]
    return smoothed(x, reference_family.label_aware_smoothing(COUNTS, most=most, least=0.0))


def centered(x):
    pull = reference_family.center_loss(x.features, x.labels, x.head["anchors"])
    entropy = reference.softmax_cross_entropy(x.logits, x.labels)
    return mean(x, entropy + x.settings["weight"] * pull)


def cac(x):
    distances = np.sqrt(reference.squared_distances(x.features, x.head["anchors"]))
    return mean(x, reference_family.cac_loss(distances, x.labels, weight=x.settings["weight"]))


def affinity(x):
    prototypes = x.head["prototypes"]
    affinities = reference_family.gaussian_affinities(
        x.features, prototypes, sigma=x.settings["sigma"]
    )
    each = reference_family.affinity_loss(affinities, x.labels, margin=0.75)
    return mean(x, each) + 1e-4 * reference_family.prototype_diversity(prototypes)


def aucm(x):
    scores = 1 / (1 + np.exp(-x.logits))
    margin = x.settings["margin"]
    return reference_ranking.aucm_loss(
        scores, x.labels, x.head["state"], margin=margin, where=x.where
    )


def fal_with_prior(x):
    adjusted = x.logits + x.settings["tau"] * PRIOR
    margin = x.settings["margin"]
    return mean(x, reference_family.softmax_loss(adjusted, x.labels, margin=margin))


EXPECTED = {
    "Poly-1": on_logits("poly_loss", "epsilon"),
    "LA": on_logits("logit_adjusted_loss", "tau", log_prior=PRIOR),
    "Balanced softmax": on_logits("balanced_softmax_loss", class_counts=COUNTS),
    "VS": on_logits("vs_loss", "tau", "exponent", class_counts=COUNTS),
    "CDT": on_logits("cdt_loss", "exponent", class_counts=COUNTS),
    "CE-DRW": lambda x: mean(
        x, reference.softmax_focal_loss(x.logits, x.labels, gamma=0.0, alpha=late_weights(x))
    ),
    "LDAM": ldam(lambda _: None),
    "LDAM-DRW": ldam(late_weights),
    "CosFace": on_cosines("cosface_loss", "margin"),
    "ArcFace": on_cosines("arcface_loss", "margin"),
    "GCL": clouded,
    "EQL": equalized,
    "Seesaw": on_logits("seesaw_loss", "mitigation", "compensation", counts=COUNTS),
    "IB": influence,
    "ASL": sigmoids(reference_family.asymmetric_loss, "gamma_positive", "gamma_negative", "clip"),
    "ASL, one label": on_logits("single_label_asymmetric_loss", "gamma_negative", "smoothing"),
    "Sigmoid FL": sigmoids(reference.sigmoid_focal_loss, "gamma"),
    "Label smoothing": lambda x: smoothed(x, x.settings["smoothing"]),
    "Label-aware smoothing": label_aware,
    "CE + center": centered,
    "CAC": cac,
    "Affinity": affinity,
    "AUC hinge": ranking("auc_squared_hinge_loss", "margin"),
    "AUC logistic": ranking("auc_logistic_loss", "scale"),
    "pAUC": ranking("partial_auc_loss", "margin", "max_fpr"),
    "Smooth AP": ranking("smooth_ap_loss", "temperature"),
    "AUCM": aucm,
    "FAL-LA": fal_with_prior,
}
STILL = {"CAC"}  # anchors that no gradient moves
STOPPED = {"Seesaw", "IB"}  # factors that are constants to a gradient, whatever they depend on


def logits_of(head, features, settings):
    """What each kind of head makes of features."""
    if "bias" in head:
        return features @ head["kernel"] + head["bias"]
    if "kernel" in head:
        return settings["scale"] * reference_family.cosines(features, head["kernel"].T)
    if "anchors" in head:
        return -reference.squared_distances(features, head["anchors"])
    return None


def drawn(name):
    """Settings that a trial of the method has, a head off its start, and a batch."""
    rng, method = np.random.default_rng(0), FAMILY[name]
    searched = {n: values[1] for n, values in draw_settings(method, 3, seed=0).items()}
    settings = {**method.fixed, **searched, "num_steps": STEPS, "class_counts": COUNTS}
    settings = {n: np.asarray(value, np.float32) for n, value in settings.items()}
    batch = Batch(
        rng.normal(size=(ROWS, DIM)).astype(np.float32),
        rng.permutation(np.arange(ROWS) % CLASSES),
        np.arange(ROWS) % 4 != 3,
        weights=None if method.ranks else rng.uniform(0.5, 2, ROWS).astype(np.float32),
    )
    return settings, batch


def join(name, settings):
    """The method's trainer of a head alone: features are what is put in."""

    def network(make):
        head = make(CLASSES, DIM)

        def init(key):
            start = head.init(key)
            moved = jax.tree.map(
                lambda a: a + 0.1 * jnp.arange(1, a.size + 1).reshape(a.shape), start
            )
            return {"head": moved}, {}

        def apply(params, stats, inputs, **_):
            return models.Outputs(inputs, head.apply(params["head"], inputs)), stats

        return models.Model(init, apply)

    return FAMILY[name].join(network, settings)[1]


def expected_step(name, head, settings, batch, step):
    """The loss by the reference, and the head after a step down (or up) its gradient."""
    settings = {n: np.asarray(v, np.float64) for n, v in settings.items()}
    leaves, tree = jax.tree.flatten(jax.tree.map(lambda a: np.asarray(a, np.float64), head))

    def loss(leaves):
        head = jax.tree.unflatten(tree, leaves)
        features = np.asarray(batch.inputs, np.float64)
        x = types.SimpleNamespace(
            features=features, head=head, settings=settings, step=step,
            logits=logits_of(head, features, settings), labels=batch.labels, where=batch.where,
            weights=1.0 if batch.weights is None else batch.weights,
            key=jax.random.fold_in(jax.random.key(0), step),
        )  # fmt: skip
        return EXPECTED[name](x)

    def slope(number, place, size=1e-5):
        ends = []
        for sign in (1, -1):
            moved = [leaf.copy() for leaf in leaves]
            moved[number][place] += sign * size
            ends.append(loss(moved))
        return (ends[0] - ends[1]) / (2 * size)

    slopes = [
        np.array([slope(n, place) for place in np.ndindex(leaf.shape)]).reshape(leaf.shape)
        for n, leaf in enumerate(leaves)
    ]
    if name == "AUCM":
        moves = jax.tree.unflatten(tree, slopes)
        moves["state"] = moves["state"]._replace(alpha=-moves["state"].alpha)
    else:  # Adagrad from its start at 0.1
        moves = jax.tree.unflatten(tree, [g / np.sqrt(0.1 + g**2) for g in slopes])
    after = jax.tree.map(lambda a, g: a - settings["learning_rate"] * g, head, moves)
    return loss(leaves), head if name in STILL else after


def test_every_method_is_compared():
    assert EXPECTED.keys() == FAMILY.keys()


@pytest.mark.parametrize("name", FAMILY)
def test_a_step_is_that_of_its_source(name):
    settings, batch = drawn(name)
    trainer = join(name, settings)
    start = trainer.init(jax.random.key(1))
    update = jax.jit(trainer.update)
    head = jax.tree.map(np.asarray, start.params["head"])
    for step in (3, 9):
        state, found = update(start._replace(step=jnp.int32(step)), batch)
        loss, after = expected_step(name, head, settings, batch, step)
        assert float(found) == pytest.approx(loss, rel=2e-5)
        moved = state.params["head"]
        if name in STOPPED:
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(moved))
            continue
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4), moved, after
        )
