# %% [markdown]
# # Your own loss
#
# What you learn here, in some three minutes on any runtime:
#
# - to write a loss of the stages that are there, in two lines;
# - to test it as the library tests its own: against a twin in NumPy, by its gradients, at extremes;
# - to give it a name and ranges, and to run it in a sweep beside cross-entropy and FAL, with equal
#   budgets.

# %% tags=["varies"]
import dataclasses
import functools
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jax.test_util import check_grads

from fal_jax import data, losses, metrics, training
from fal_jax.estimators import METHODS, Method, Range, draw_settings

SMOKE = os.environ.get("FAL_JAX_SMOKE") == "1"  # for tests: smaller, and nothing else
print(f"Runs on {jax.device_count()} x {jax.devices()[0].platform.upper()}")

# %% [markdown]
# ## 1. Write it
#
# Say you want logit adjustment (rare classes get a higher bar in training, so a lower one in use),
# a focal term, and a margin that grows as a class gets rarer, `strength * (1 - share)`. That is
# two stages and `softmax_loss`, which is the rest of the pipeline in one call.


# %%
def roomy_loss(logits, labels, *, log_prior, strength=0.5, gamma=1.0, where=None):
    """Focal loss of logits with the prior added, and a margin that is larger for rare classes.

    `u = z + log pi`, `m_k = strength (1 - pi_k)`, then `(1 - p_y)^gamma (-log p_y)` with the
    softmax p of u less the true class' margin.
    """
    adjusted = losses.adjust(logits, shift=log_prior)
    margin = strength * (1 - jnp.exp(jnp.asarray(log_prior)))
    return losses.softmax_loss(adjusted, labels, margin=margin, gamma=gamma, where=where)


log_prior = losses.class_log_prior(jnp.array([900, 90, 10]))
value = roomy_loss(jnp.zeros((3, 3)), jnp.arange(3), log_prior=log_prior)
print("loss of each class at equal logits", np.float64(value).round(3))

# %% [markdown]
# ## 2. Test it
#
# First a twin: the same equation in float64 NumPy, written from the paper or from your notes, not
# from the code above.


# %%
def twin(logits, labels, *, log_prior, strength=0.5, gamma=1.0):
    """The equation, one example at a time."""
    found = []
    for row, label in zip(np.float64(logits), np.asarray(labels), strict=True):
        prior = np.exp(np.float64(log_prior))
        z = row + np.log(prior)
        z[label] -= strength * (1 - prior[label])
        p = np.exp(z[label]) / np.exp(z).sum()
        found.append((1 - p) ** gamma * -np.log(p))
    return np.array(found)


rng = np.random.default_rng(0)
logits = rng.normal(scale=2, size=(12, 3)).astype(np.float32)
labels = rng.integers(0, 3, 12).astype(np.int32)
loss = jax.jit(functools.partial(roomy_loss, log_prior=log_prior, strength=0.7, gamma=1.5))
np.testing.assert_allclose(
    loss(logits, labels),
    twin(logits, labels, log_prior=log_prior, strength=0.7, gamma=1.5),
    rtol=1e-5,
    atol=1e-6,
)
print("equal to its twin")

# %% [markdown]
# Then the contract that every loss of the library is held to, in miniature. Each line is one
# behaviour, and an assertion that can fail: write the loss above with probabilities and a logarithm
# in place of `softmax_loss`, and the extremes break.

# %%
whole = loss(logits, labels)
close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)


def contract():
    """Yields each behaviour after it was checked."""
    close(loss(logits.reshape(3, 4, 3), labels.reshape(3, 4)).ravel(), whole)
    yield "any leading batch shape"
    close(jax.vmap(loss)(logits, labels), whole)
    yield "vmap is the batch"
    options = {"log_prior": log_prior, "strength": 0.7, "gamma": 1.5}
    close(roomy_loss(logits, labels, **options), whole)
    yield "jit is the same as without it"
    close(jax.jit(roomy_loss)(logits, labels, **options), whole)
    yield "hyper-parameters may be traced"
    order = np.array([2, 0, 1])
    permuted = {**options, "log_prior": log_prior[order]}
    moved = np.argsort(order)[labels].astype(np.int32)
    close(jax.jit(roomy_loss)(logits[:, order], moved, **permuted), whole)
    yield "the order of the classes does not matter"
    with jax.enable_x64(True):
        exact = functools.partial(loss, labels=labels)
        check_grads(exact, (logits.astype(np.float64),), order=2, modes=["rev"])
        assert exact(logits.astype(np.float64)).dtype == jnp.float64
    yield "gradients of first and second order, against differences"
    assert loss(logits.astype(jnp.bfloat16), labels).dtype == jnp.float32
    yield "bfloat16 in, float32 out"
    extremes = jnp.array([[1e4, 0, -1e4], [-1e4, 0, 1e4], [0, 0, 0]], jnp.float32)
    for derived in (loss, jax.grad(loss), jax.hessian(loss)):
        assert jnp.isfinite(jax.jit(jax.vmap(derived, (0, None)))(extremes, 0)).all()
    yield "finite to the second derivative at logits of 10,000"
    mask = np.arange(12) < 6
    spoiled = np.where(mask[:, None], logits, np.nan)
    close(loss(spoiled, labels, where=mask), np.where(mask, whole, 0))
    yield "masked examples may hold anything and cost nothing"
    try:
        loss(logits, labels[:3])
        raise AssertionError("no error")
    except ValueError as error:
        yield f"wrong shapes are refused: {error}"


for behaviour in contract():
    print("ok:", behaviour)

# %% [markdown]
# In a clone of the project all of this is one line, a row in `tests/losses/cases.py`; README says
# how. Identities are the last kind of test: at which corner is your loss another one?

# %%
corner = roomy_loss(logits, labels, log_prior=log_prior, strength=0.0, gamma=0.0)
close(corner, losses.logit_adjusted_loss(logits, labels, log_prior=log_prior))
print("without margin and focal term it is logit adjustment")

# %% [markdown]
# ## 3. Run it in the sweep
#
# A `Method` is a loss, a head, and ranges to draw settings from; what training knows, such as
# `class_counts`, is among the settings. Cross-entropy's row lends us its linear head.


# %%
def roomy_batch(outputs, _, batch, settings):
    """The mean of the loss over the valid examples of a batch."""
    each = roomy_loss(
        outputs.logits,
        batch.labels,
        log_prior=losses.class_log_prior(settings["class_counts"]),
        strength=settings["strength"],
        gamma=settings["gamma"],
        where=batch.where,
    )
    return each.sum() / jnp.maximum(batch.where.sum(), 1)


ranges = {"strength": Range(0.0, 2.0), "gamma": Range(0.0, 2.0)}
ours: Method = dataclasses.replace(
    METHODS["CE"], loss=roomy_batch, search={**METHODS["CE"].search, **ranges}
)
methods = {"CE": METHODS["CE"], "FAL": METHODS["FAL"], "ours": ours}

# %% [markdown]
# The table is SatImage, which is inside the package: 626 of 6,435 rows are class 4. Its rows are
# overlapping windows of one image, so `block_holdout` cuts that image into rectangles and leaves a
# gap between training and test rows. Each method gets the same number of settings, the same splits
# and the same number of epochs; validation rows choose, test rows are scored once.

# %% tags=["varies"]
TRIALS, SPLITS, EPOCHS = (2, 2, 2) if SMOKE else (8, 5, 30)
table = data.load_satimage()
positions, blocks = data.satimage_positions(), data.satimage_blocks()


def held_out(rows, seed):
    """Rows of the table cut in two: to train on, and to hold out."""
    split = data.block_holdout(
        blocks[rows], table.labels[rows], positions=positions[rows], seed=seed
    )
    return rows[split.train], rows[split.test]


def problem(seed):
    """One split: arrays to train, to validate and to test on; and the labels of the test rows."""
    rest, test = held_out(np.arange(len(table.labels)), seed)
    train, validation = held_out(rest, seed)
    fitted = data.fit_preprocessing(table.features[train], table.columns)
    inputs = [data.preprocess(table.features[rows], fitted) for rows in (train, validation, test)]
    labels = [table.labels[rows] for rows in (train, validation, test)]
    return training.Problem(inputs[0], labels[0], inputs[1], labels[1], inputs[2]), labels[2]


problems, test_labels = zip(*map(problem, range(SPLITS)), strict=True)
scores = {}
for name, method in methods.items():
    build = functools.partial(method.build, num_inputs=36, num_classes=2, hidden=(16, 8))
    found = training.sweep(
        build, draw_settings(method, TRIALS, seed=0), problems, num_epochs=EPOCHS, batch_size=64
    )
    best = found.best.metric.argmax(axis=1)  # of the trials, by validation rows
    chosen = [logits[t] for logits, t in zip(found.test_logits, best, strict=True)]
    log_odds = [logits[:, 1] - logits[:, 0] for logits in chosen]
    scores[name] = np.array(list(map(metrics.average_precision, log_odds, test_labels)))
    print(f"{name:4} average precision {scores[name].mean():.3f}, by split", scores[name].round(2))

# %% [markdown]
# Is yours better? The splits share training rows, so an ordinary t-test sees more than there is;
# the corrected one (Nadeau and Bengio, 2003) does not.

# %% tags=["varies"]
for name in ("CE", "FAL"):
    found = metrics.corrected_t_test(scores["ours"], scores[name], 0.2 / 0.8)
    print(f"ours - {name}: {found.difference:+.3f} ± {found.error:.3f}, p = {found.p_value():.2f}")

figure, panel = plt.subplots(figsize=(6, 2.2), layout="constrained")
for row, values in enumerate(scores.values()):
    panel.plot(values, np.full(values.size, row), "o", color="#0072B2", alpha=0.5)
    panel.plot(values.mean(), row, "|", color="#D55E00", markersize=22, markeredgewidth=3)
panel.set(yticks=range(3), yticklabels=list(scores), xlabel="average precision; bar: mean")
panel.margins(y=0.25)
panel.invert_yaxis()
plt.show()

# %% [markdown]
# With this few splits only a large difference would show, and a small one would be no news: read
# the p-value before you read the mean. Logit adjustment moves the *decision*, and a ranking metric
# such as average precision does not see that. Try balanced accuracy at arg-max in its place.
