# %% [markdown]
# # A tour of fal_jax
#
# What you learn here, in some two minutes on any runtime:
#
# - losses are plain functions of scores and labels, and what their gradients look like;
# - nearly every loss for imbalanced classes is one pipeline of small stages;
# - Focused Anchors Loss (FAL) on two moons, one point of the rare class to fifty of the other;
# - how the anchors move in FAML, the variant that follows class means.

# %% tags=["varies"]
import base64
import io
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from IPython.display import HTML, display
from PIL import Image

from fal_jax import anchors, data, losses, models, training

SMOKE = os.environ.get("FAL_JAX_SMOKE") == "1"  # for tests: smaller, and nothing else
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
plt.rcParams["axes.spines.top"] = plt.rcParams["axes.spines.right"] = False
print(f"Runs on {jax.device_count()} x {jax.devices()[0].platform.upper()}")


def short(numbers):
    """Numbers to three digits."""
    return np.round(np.float64(numbers), 3)


# %% [markdown]
# ## A loss is a function
#
# Scores are `[..., classes]`, labels `[...]`; you get one value an example and take the mean
# yourself. Two examples of class 1: the first is easy, the second is taken for class 0.

# %%
logits, labels = jnp.array([[0.0, 2.2], [0.0, -1.0]]), jnp.array([1, 1])
print("probability of class 1", short(jax.nn.softmax(logits)[:, 1]))
print("cross-entropy         ", short(losses.softmax_cross_entropy(logits, labels)))
print("focal, gamma = 1      ", short(losses.softmax_focal_loss(logits, labels, gamma=1.0)))
print("focal, gamma = 2      ", short(losses.softmax_focal_loss(logits, labels, gamma=2.0)))

# %% [markdown]
# With many easy examples and few hard ones, the easy ones' small costs add up. Focal loss shrinks
# them: `(1 - p)^gamma (-log p)`. The paper's Figures 2 and 3 draw that over the probability `p` of
# the true class. Beside them are the gradients that training sees, over the log-odds of the true
# class.

# %%
log_odds = jnp.linspace(-6.0, 6.0, 241)


def focal(u, gamma):
    """The focal loss of one example of class 1 of two, by its log-odds."""
    return losses.softmax_focal_loss(jnp.stack([jnp.zeros_like(u), u]), 1, gamma=gamma)


curve = jax.jit(jax.vmap(focal, (0, None)))
slope = jax.jit(jax.vmap(jax.grad(focal), (0, None)))
probability = jax.nn.sigmoid(log_odds)
figure, (values, slopes) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
gammas = {
    0.0: (BLACK, "-"),
    0.5: (BLUE, "--"),
    1.0: (GREEN, "-."),
    2.0: (ORANGE, "-"),
    5.0: ("#CC79A7", ":"),
}
for gamma, (color, line) in gammas.items():
    style = {"color": color, "linestyle": line, "label": f"gamma = {gamma:g}"}
    values.plot(probability, curve(log_odds, gamma), **style)
    slopes.plot(log_odds, slope(log_odds, gamma), **style)
values.set(title="loss (Figures 2 and 3)", xlabel="probability of the true class", ylim=(0, 4))
slopes.set(title="its gradient", xlabel="log-odds of the true class")
values.legend(frameon=False)
plt.show()

# %% [markdown]
# Figure 2 says that at `p = 0.9` focal loss costs .01 where cross-entropy costs .1. Which gamma
# is that?

# %%
at = jnp.log(0.9 / 0.1)
for gamma in gammas:
    print(f"gamma = {gamma:g}: {focal(at, gamma):.2g}")

# %% [markdown]
# Gamma 1, then. The price of looking at hard examples: the probabilities that a focal loss teaches
# are not calibrated.
#
# ## One pipeline
#
# adjust, margin, modulate, weigh, labels: each stage is a public function, and a named loss is a
# corner of the pipeline. Here is the long way and the short way to a loss that nobody named:
# logit adjustment, a margin of 0.5, a focal term and class weights.

# %%
counts = jnp.array([950, 50])
log_prior = losses.class_log_prior(counts)
weights = losses.effective_number_weights(counts, one_minus_beta=1e-3)
logits, labels = jax.random.normal(jax.random.key(0), (6, 2)), jnp.array([0, 1, 0, 1, 1, 0])

adjusted = losses.adjust(logits, shift=log_prior)
odds = losses.with_margin(losses.class_log_odds(adjusted), margin=0.5)
of_each_class = losses.weigh(losses.modulate(odds, gamma=2.0), alpha=weights)
long_way = losses.of_labels(of_each_class, labels)
short_way = losses.softmax_loss(adjusted, labels, margin=0.5, gamma=2.0, alpha=weights)
print(short(long_way))
print(short(short_way))

# %% [markdown]
# ## Identities
#
# So losses that papers introduce one by one turn out equal at their corners. Each line compares two
# of them on the same random scores.

# %%
distances = jnp.abs(logits)
same = losses.softmax_cross_entropy(logits, labels)
fal = losses.fal_loss(distances, labels, margin=0.5, gamma=2.0, beta=0.0)
of_distances = losses.softmax_loss(-distances, labels, margin=0.5, gamma=2.0)
balanced = losses.balanced_softmax_loss(logits, labels, class_counts=counts)
identities = {
    "focal, gamma = 0           = cross-entropy": (
        losses.softmax_focal_loss(logits, labels, gamma=0.0),
        same,
    ),
    "logit adjustment, tau = 0  = cross-entropy": (
        losses.logit_adjusted_loss(logits, labels, log_prior=log_prior, tau=0.0),
        same,
    ),
    "logit adjustment, tau = 1  = balanced softmax": (
        losses.logit_adjusted_loss(logits, labels, log_prior=log_prior, tau=1.0),
        balanced,
    ),
    "FAL without its pull       = focal over -distances": (fal, of_distances.mean()),
}
for name, (left, right) in identities.items():
    print(f"{name}: {bool(jnp.allclose(left, right, atol=1e-6))}")

# %% [markdown]
# ## Two moons, 1:50
#
# FAL's scores are minus the squared distances to one anchor a class. The anchors are parameters
# like any others. We train the same small network twice, with cross-entropy on a linear layer and
# with FAL on anchors, and draw which class each point of the plane is given.


# %%
def moons(seed, frequent, rare):
    """Points `[frequent + rare, 2]` on two half circles with noise, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [frequent, rare])
    angle = np.pi * rng.random(len(labels))
    side = np.where(labels, -1.0, 1.0)
    points = np.stack([side * np.cos(angle) + labels, side * np.sin(angle) + labels / 2], axis=1)
    return (points + 0.18 * rng.normal(size=points.shape)).astype(np.float32), labels


points, labels = moons(0, 1000, 20)
test_points, test_labels = moons(1, 2000, 2000)
STEPS = 200 if SMOKE else 3000
batches = data.stream_batches(len(labels), batch_size=128, num_steps=STEPS, seed=0)


def cross_entropy(outputs, _, batch):
    """The mean cross-entropy of a batch."""
    return losses.softmax_cross_entropy(outputs.logits, batch.labels).mean()


def fal_of_batch(outputs, head, batch):
    """FAL of a batch, from the features and the anchors."""
    return losses.fal_loss_from_features(
        outputs.features, batch.labels, head["anchors"], margin=0.5, gamma=1.0, beta=0.01
    )


def network(head):
    """Two inputs, 16 units, an embedding in the plane, and a head for two classes."""
    return models.mlp(2, 2, hidden=(16, 16, 2), head=head, embedding_activation=None)


def train(trainer):
    """The state after all steps, as one program."""
    fit = jax.jit(lambda state: training.fit(trainer, state, points, labels, batches))
    return fit(trainer.init(jax.random.key(0)))[0]


trained = {}
for name, head, loss in (
    ("cross-entropy", models.linear_head, cross_entropy),
    ("FAL", models.anchored_head, fal_of_batch),
):
    model = network(head)
    trainer = training.trainer(model, loss, optax.adam(3e-3))
    state = train(trainer)
    trained[name] = jax.jit(model.apply), training.model_params(state), state.stats

# %% [markdown]
# The circles are the 20 rare points that were there to learn from. Recall of each class is counted
# on 4,000 new points, half of each class; none of them chose anything.


# %% tags=["varies"]
def embed(name, inputs):
    """Features and logits of a trained network."""
    apply, params, stats = trained[name]
    return apply(params, stats, inputs)[0]


across, up = np.meshgrid(np.linspace(-1.8, 2.8, 150), np.linspace(-1.3, 1.8, 110))
plane = np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32)
figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
for panel, name in zip(panels, trained, strict=True):
    logits = embed(name, plane).logits
    chance = jax.nn.softmax(logits)[:, 1].reshape(across.shape)
    panel.contourf(across, up, chance, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.5)
    panel.contour(across, up, chance, levels=[0.5], colors=BLACK)
    panel.plot(*points[labels == 0].T, ".", color=BLUE, markersize=2)
    panel.plot(*points[labels == 1].T, "o", color=ORANGE, markeredgecolor=BLACK, markersize=5)
    taken = embed(name, test_points).logits.argmax(-1)
    recall = [(taken[test_labels == k] == k).mean() for k in (0, 1)]
    panel.set_title(f"{name}: recall {recall[0]:.3f} and {recall[1]:.3f}")
plt.show()

# %% [markdown]
# This is one seed: read no ranking of the losses from it. What differs is the *embedding*:
# cross-entropy wants the classes on two sides of a line, however far; FAL wants each nearer to its
# own anchor (the crosses), and pulls it there.

# %% tags=["varies"]
figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for panel, name in zip(panels, trained, strict=True):
    features = np.asarray(embed(name, test_points[::4]).features)
    for k, color in enumerate((BLUE, ORANGE)):
        panel.plot(*features[test_labels[::4] == k].T, ".", color=color, markersize=2)
    if "anchors" in trained[name][1]["head"]:
        panel.plot(*trained[name][1]["head"]["anchors"].T, "x", color=BLACK, markersize=10, mew=3)
    panel.set_title(f"{name}: embedding of new points")
plt.show()

# %% [markdown]
# ## FAML: anchors that follow class means
#
# FAML has no gradient for its anchors. A rule moves them, every so many steps, to a weighted mean
# of the features that the class had lately. The rule's state is one more field of the training
# state. Each frame below is one move, with the features of that moment.

# %% tags=["varies"]
EVERY, MOVES = 40, 4 if SMOKE else 20
rule = anchors.faml(2, 2, every=EVERY, rate=anchors.paper_decay(MOVES))
model = network(models.anchored_head)
trainer = training.trainer(model, fal_of_batch, optax.adam(3e-3), rule)
batches = data.stream_batches(len(labels), batch_size=128, num_steps=EVERY * MOVES, seed=0)
state, moments = trainer.init(jax.random.key(0)), []
fit = jax.jit(lambda state, batches: training.fit(trainer, state, points, labels, batches))
apply = jax.jit(model.apply)
for window in batches.reshape(MOVES, EVERY, -1):
    outputs, _ = apply(training.model_params(state), state.stats, points)
    moments.append((np.asarray(outputs.features), np.asarray(state.anchors.anchors)))
    state, _ = fit(state, window)
print(f"{state.anchors.num_updates} moves, one every {EVERY} steps")


# %% tags=["varies"]
def frame(number):
    """One moment as a small picture."""
    features, crosses = moments[number]
    figure, panel = plt.subplots(figsize=(3.6, 3), dpi=80, layout="constrained")
    for k, color in enumerate((BLUE, ORANGE)):
        panel.plot(*features[labels == k].T, ".", color=color, markersize=3)
        path = np.array([each[1][k] for each in moments[: number + 1]])
        panel.plot(*path.T, "-", color=color, linewidth=1)
        panel.plot(*crosses[k], "x", color=BLACK, markersize=10, mew=3)
    panel.set(xlim=limits[:, 0], ylim=limits[:, 1], title=f"after {number} moves")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    plt.close(figure)
    return Image.open(drawn).convert("RGB").quantize(16)


shown = np.concatenate([*(f for f, _ in moments), *(a for _, a in moments)])
limits = np.quantile(shown, [0.002, 0.998], axis=0) + np.array([[-1.0], [1.0]])
frames, film = [frame(number) for number in range(MOVES)], io.BytesIO()
frames[0].save(film, "GIF", save_all=True, append_images=frames[1:], duration=400, loop=0)
encoded = base64.b64encode(film.getvalue()).decode()
display(HTML(f'<img src="data:image/gif;base64,{encoded}" alt="anchors follow their classes">'))

# %% [markdown]
# The rate falls from .9 to 0 (`paper_decay`), so the anchors come to rest; `anchors.faml` explains
# why they should. Where to go from here: *Fraud* for a table, *Embeddings* for digits,
# *CIFAR-10-LT* for images on many cores, *Your own loss* to add one.
