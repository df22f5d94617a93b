"""The losses against public implementations: stored outputs, made by `tests/losses/public/make.py`.

`AGREES` holds one row an implementation: the call that gives its value and its gradients. `DIFFERS`
holds those that differ on purpose, with the reason, the call that a reader would expect to agree,
and the one that shows wherein the two differ.
"""

import dataclasses
import json
import types
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fal_jax import losses
from fal_jax.losses import AUCMState
from fal_jax.training import min_max
from tests.losses.case import assert_close
from tests.losses.public import family

_STORED = json.loads((Path(__file__).parent / "public" / "outputs.json").read_text())
INPUTS = {name: np.array(value) for name, value in _STORED["inputs"].items()}
OUTPUTS = _STORED["outputs"]


def cross_entropy(x):
    return losses.softmax_cross_entropy(x.logits, x.labels)


def lgm(x, **options):
    settings = {"margin": x.margin, "likelihood_weight": x.likelihood_weight}
    distances = losses.half_mahalanobis(x.features, x.anchors, options.pop("log_variances", None))
    return losses.lgm_loss(distances, x.labels, **settings, **options)


def class_balanced(x, weights):
    """Over all sigmoids of an example the weight of its class; divided by the positives."""
    focal = losses.sigmoid_focal_loss(
        x.logits, jax.nn.one_hot(x.labels, 5, dtype=int), gamma=x.gamma
    )
    return jnp.sum(weights[x.labels][:, None] * focal) / len(x.labels)


def aucm(x):
    return losses.aucm_loss(x.scores, x.binary, AUCMState(x.a, x.b, x.alpha), margin=x.margin)


def smooth_ap(x):
    """The mean over queries, each example one, whose scores are inner products."""

    def of_query(feature, half):
        scores = jnp.sum(x.features * feature[None], -1)
        relevant = (x.halves == half).astype(int)
        return losses.smooth_ap_loss(scores, relevant, temperature=x.temperature)

    return jax.vmap(of_query)(x.features, x.halves).mean()


def pesg_step(x):
    a, b = (jnp.mean(x.scores, where=x.binary == k) for k in (1, 0))
    state, optimiser = AUCMState(a, b, x.alpha), min_max(optax.sgd(x.rate))
    slopes = jax.grad(losses.aucm_loss, argnums=2)(x.scores, x.binary, state, margin=x.margin)
    steps, _ = optimiser.update(slopes, optimiser.init(state), state)
    return jnp.stack(optax.apply_updates(state, steps))


AGREES = {
    "optax_cross_entropy": cross_entropy,
    "optax_sigmoid_focal": lambda x: losses.sigmoid_focal_loss(
        x.logits, x.targets, gamma=x.gamma, alpha=x.alpha
    ),
    "torchvision_sigmoid_focal": lambda x: losses.sigmoid_focal_loss(
        x.logits, x.targets, gamma=x.gamma, alpha=x.alpha
    ),
    "kornia_softmax_focal": lambda x: losses.softmax_focal_loss(x.logits, x.labels, gamma=x.gamma),
    "ldam_drw_focal": lambda x: losses.softmax_focal_loss(x.logits, x.labels, gamma=x.gamma).mean(),
    "class_balanced_focal": lambda x: class_balanced(
        x, losses.effective_number_weights(x.class_counts, beta=x.beta)
    ),
    "class_balanced_official_focal": lambda x: class_balanced(x, jnp.array(x.weights)),
    "lgm": lgm,
    "softmax_variants_lgm": lgm,
    "libauc_squared_hinge": lambda x: losses.auc_squared_hinge_loss(
        x.scores, x.binary, margin=x.margin
    ),
    "libauc_logistic": lambda x: losses.auc_logistic_loss(x.scores, x.binary, scale=x.scale),
    "libauc_partial_cvar": lambda x: losses.partial_auc_loss(
        x.scores, x.binary, max_fpr=x.budget, margin=x.margin
    ),
    "libauc_multi_label_aucm": lambda x: losses.aucm_loss(
        x.logits, x.labels, AUCMState(x.class_a, x.class_b, x.class_alpha), margin=x.margin
    ),
    "libauc_pesg_step": pesg_step,
    "smooth_ap": smooth_ap,
}


@dataclasses.dataclass(frozen=True)
class Difference:
    """Why ours differs, the call that one would expect to agree, and the one that gives theirs."""

    reason: str
    ours: Callable
    theirs: Callable


def weighed_inside(x):
    """`(1 - p_y^w)^gamma (-w log p_y)`."""
    costs = jnp.array(x.weights)[x.labels] * cross_entropy(x)
    return jnp.mean((1 - jnp.exp(-costs)) ** x.gamma * costs)


def focal_without_slope(x):
    surprisal = cross_entropy(x)
    return jnp.mean(jax.lax.stop_gradient(1 - jnp.exp(-surprisal)) ** x.gamma * surprisal)


def lgm_with_euclidean_likelihood(x):
    """The squared distances of the features to their means in place of the Mahalanobis ones."""
    of = jax.nn.one_hot(x.labels, 5)
    plain = jnp.sum(losses.squared_distances(x.features, x.anchors) / 2 * of, -1)
    scaled = jnp.sum(losses.half_mahalanobis(x.features, x.anchors, x.log_variances) * of, -1)
    gap = x.likelihood_weight * jnp.mean(plain - scaled)
    return lgm(x, log_variances=x.log_variances, log_det=x.log_variances.sum(-1)) + gap


def with_prior(x):
    rate = jnp.mean(x.binary == 1)
    return rate * (1 - rate) * aucm(x)


def with_negatives_over_the_batch(x):
    """The mean score of the negatives divided by all examples."""
    of_negatives, rate = jnp.mean(x.scores, where=x.binary == 0), jnp.mean(x.binary == 1)
    return aucm(x) - 2 * x.alpha * rate * of_negatives


DIFFERS = {
    "ldam_drw_weighted_focal": Difference(
        "LDAM-DRW weighs the cross-entropy before it takes p from it, so that the weight of the "
        "class enters the focal exponent; alpha here multiplies the loss, as in the paper.",
        lambda x: losses.softmax_focal_loss(
            x.logits, x.labels, gamma=x.gamma, alpha=jnp.array(x.weights)
        ).mean(),
        weighed_inside,
    ),
    "torch_weighted_cross_entropy": Difference(
        "PyTorch divides by the sum of the weights in the batch, which cancels them where the "
        "batch holds one class; means here divide by the number of examples.",
        lambda x: jnp.mean(jnp.array(x.weights)[x.labels] * cross_entropy(x)),
        lambda x: jnp.average(cross_entropy(x), weights=jnp.array(x.weights)[x.labels]),
    ),
    "ib_loss_focal": Difference(
        "The focal loss in IB-Loss is ten times the paper's.",
        lambda x: losses.softmax_focal_loss(x.logits, x.labels, gamma=x.gamma).mean(),
        lambda x: 10 * losses.softmax_focal_loss(x.logits, x.labels, gamma=x.gamma).mean(),
    ),
    "gcl_repository_focal": Difference(
        "The focal loss in GCLLoss takes no gradient through its modulation.",
        lambda x: losses.softmax_focal_loss(x.logits, x.labels, gamma=x.gamma).mean(),
        focal_without_slope,
    ),
    "softmax_variants_lgm_with_variances": Difference(
        "The likelihood term of softmax_variants leaves the variances out of the distance; Eq. 5 "
        "has the Mahalanobis distance there as well.",
        lambda x: lgm(x, log_variances=x.log_variances, log_det=x.log_variances.sum(-1)),
        lgm_with_euclidean_likelihood,
    ),
    "libauc_aucm_with_prior": Difference(
        "Version 1 of LibAUC has the factor p (1 - p) of the batch's own prior, which only scales "
        "the step; left out here, as in its version 2.",
        aucm,
        with_prior,
    ),
    "libauc_aucm_without_prior": Difference(
        "A parenthesis in version 2 of LibAUC subtracts the positives' mean inside the negatives' "
        "one, which is then divided by all examples; its multi-label form has it right.",
        aucm,
        with_negatives_over_the_batch,
    ),
    "libauc_focal": Difference(
        "LibAUC gives alpha to class 0 and 1 - alpha to class 1, the paper the reverse; and its "
        "weights (n,) meet losses (n, 1), so that each example has the mean weight of the batch.",
        lambda x: losses.sigmoid_focal_loss(
            x.scores, x.binary, gamma=x.gamma, alpha=x.alpha
        ).mean(),
        lambda x: (
            jnp.mean(jnp.where(x.binary == 1, 1 - x.alpha, x.alpha))
            * losses.sigmoid_focal_loss(x.scores, x.binary, gamma=x.gamma).mean()
        ),
    ),
}

AGREES |= family.AGREES
DIFFERS |= {name: Difference(*row) for name, row in family.DIFFERS.items()}
SATURATED = {"ldam_drw_focal_saturated", "class_balanced_official_focal_saturated"}


def value_and_gradients(call, stored):
    """Those of the sum of `call`, by the names of the stored gradients."""
    fixed = INPUTS | {
        k: np.array(v) if isinstance(v, list) else v for k, v in stored["options"].items()
    }

    def total(made):
        value = call(types.SimpleNamespace(**fixed | made))
        return jnp.sum(value), value

    made = {name: jnp.asarray(INPUTS[name], float) for name in stored["gradients"]}
    gradients, value = jax.jit(jax.grad(total, has_aux=True))(made)
    return value, gradients


def theirs(stored):
    """The stored ones; one value a batch is stored with the axes that its framework gave it."""
    gradients = {name: np.array(g, float) for name, g in stored["gradients"].items()}
    value = np.array(stored["value"], float)
    return value.reshape(()) if value.size == 1 else value, gradients


def assert_agrees(call, stored):
    jax.tree.map(
        lambda *sides: assert_close(*sides, tolerance=1e-5),
        value_and_gradients(call, stored),
        theirs(stored),
    )


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", AGREES)
def test_agrees_with(name):
    assert_agrees(AGREES[name], OUTPUTS[name])


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", DIFFERS)
def test_differs_on_purpose_from(name):
    difference, stored = DIFFERS[name], OUTPUTS[name]
    with pytest.raises(AssertionError):
        assert_agrees(difference.ours, stored)
    assert_agrees(difference.theirs, stored)


def test_every_stored_output_is_compared():
    assert AGREES.keys().isdisjoint(DIFFERS)
    assert OUTPUTS.keys() - SATURATED == AGREES.keys() | DIFFERS.keys()


def test_is_finite_where_naive_focal_losses_saturate():
    """Where p rounds to 1, `(1 - p)^gamma` has an infinite slope; in log-space there is none."""
    naive = OUTPUTS["ldam_drw_focal_saturated"]
    assert np.isnan(theirs(naive)[1]["saturated"]).all()
    value, gradients = value_and_gradients(
        lambda x: losses.softmax_focal_loss(x.saturated, x.saturated_labels, gamma=x.gamma).mean(),
        naive,
    )
    assert_close(value, theirs(naive)[0])
    assert_close(gradients["saturated"], np.zeros((3, 5)))


def test_a_hopeless_example_keeps_its_loss_and_its_gradient():
    """The modulator of class-balanced-loss overflows at a logit of -100 and drops the example."""
    official = OUTPUTS["class_balanced_official_focal_saturated"]
    assert np.isnan(theirs(official)[1]["saturated"]).sum() == 3
    value, gradients = value_and_gradients(
        lambda x: (
            losses.sigmoid_focal_loss(
                -x.saturated, jax.nn.one_hot(x.saturated_labels, 5, dtype=int), gamma=x.gamma
            ).sum()
            / 3
        ),
        official,
    )
    assert_close(value, theirs(official)[0] + 100)
    assert_close(gradients["saturated"][0, 0], 1 / 3)
