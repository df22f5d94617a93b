# %% [markdown]
# # Fraud: from a raw CSV to a decision
#
# What you learn here, in some five minutes on any runtime:
#
# - to load a raw table and split it so that the test rows are new;
# - to compare FAL, cross-entropy and XGBoost with equal budgets, and to say how sure you are;
# - to turn scores into probabilities, probabilities into a threshold by what mistakes cost, and a
#   threshold into money.
#
# The table that comes with the package stands in for frauds: SatImage, real rows, of which one in
# ten is the rare class. Set `CREDIT_CARDS = True` for 284,807 card payments with 492 frauds; OpenML
# has them and asks for no account.

# %% tags=["varies"]
import functools
import os
import pathlib

import jax
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from fal_jax import calibration, data, metrics
from fal_jax.estimators import (
    BASELINES,
    FocusedAnchorsClassifier,
    ImbalancedMLPClassifier,
    draw_settings,
)

CREDIT_CARDS = False
SMOKE = os.environ.get("FAL_JAX_SMOKE") == "1"  # for tests: smaller, and nothing else
MEMBERS, EPOCHS, SPLITS = (1, 2, 2) if SMOKE else (4, 50, 5)
COLORS = {"CE": "#000000", "FAL": "#0072B2", "XGBoost": "#D55E00"}
plt.rcParams["axes.spines.top"] = plt.rcParams["axes.spines.right"] = False
print(f"Runs on {jax.device_count()} x {jax.devices()[0].platform.upper()}")

# %% [markdown]
# ## The raw file
#
# A CSV with one line of names. `load_csv` reads it once, checks each value, and keeps what it read
# in a cache. Rows that are copies of one another get the same number in `groups`.

# %%
if CREDIT_CARDS:
    from sklearn.datasets import fetch_openml

    raw = fetch_openml(data_id=1597, as_frame=True, parser="auto").frame
    raw = raw.assign(Class=raw["Class"].astype(int)).drop(columns="Time", errors="ignore")
    label, positive = "Class", 1
else:
    scene = data.load_satimage(positive=None)
    raw = pd.DataFrame(scene.features.astype(int), columns=[c.name for c in scene.columns])
    raw["soil"] = np.array(["red", "cotton", "grey", "damp grey", "stubble", "very damp grey"])[
        scene.labels
    ]
    label, positive = "soil", "damp grey"

raw.to_csv("raw.csv", index=False)
print(pathlib.Path("raw.csv").read_text()[:60].replace("\n", " "), "...")
table = data.load_csv("raw.csv", label=label, positive=positive)
copies = 0 if table.groups is None else len(table.groups) - len(np.unique(table.groups))
print(f"{len(table.labels):,} rows, {table.labels.sum():,} positive, {len(table.columns)} columns")
print(f"{copies} rows are copies of an earlier one")

# %% [markdown]
# ## A split that is honest
#
# Test rows must be as new as the rows that the model will meet. Copies must stay on one side. And
# SatImage's rows are windows of one image that overlap: after a random split nearly every test row
# shares pixels with a row that was trained on, so its result is too good. `block_holdout` cuts the
# image into rectangles instead and drops the training rows that reach across an edge.


# %%
def split(rows, seed):
    """Rows cut in two, some four fifths to train on and one fifth to hold out."""
    labels = table.labels[rows]
    if CREDIT_CARDS:
        groups = None if table.groups is None else table.groups[rows]
        cut = data.stratified_holdout(labels, seed=seed, groups=groups)
    else:
        blocks, places = data.satimage_blocks()[rows], data.satimage_positions()[rows]
        cut = data.block_holdout(blocks, labels, positions=places, seed=seed)
    return rows[cut.train], rows[cut.test]


everything = np.arange(len(table.labels))
rest, test = split(everything, seed=0)
train, validation = split(rest, seed=0)
for name, rows in {"train": train, "validation": validation, "test": test}.items():
    print(f"{name:10} {len(rows):5} rows, {table.labels[rows].sum():4} positive")
if not CREDIT_CARDS:
    random = data.stratified_holdout(table.labels, seed=0)
    for name, cut in {"random split": random, "blocks": data.Split(rest, test)}.items():
        shared = data.shared_pixel_fraction(data.satimage_positions(), cut)
        print(f"{name}: {shared:.0%} of the test rows share pixels with training rows")

# %% [markdown]
# ## Three models, equal budgets
#
# Each draws the same number of settings from its ranges and keeps the half that does best on rows
# that it did not train on: the networks hold out a fifth of the training rows themselves, XGBoost
# stops and chooses by the validation rows. The log-odds of those kept are averaged, for averaging
# helps all of them.


# %% tags=["varies"]
def boosted(train, validation, seed):
    """XGBoost: the mean log-odds of the better half of its trials."""
    fitted = data.fit_preprocessing(table.features[train], table.columns)
    inputs = [data.preprocess(table.features[rows], fitted) for rows in (train, validation)]
    labels = table.labels[train], table.labels[validation]
    drawn = draw_settings(BASELINES["XGBoost"], 2 * MEMBERS, seed=seed)
    scored = []
    for trial in range(2 * MEMBERS):
        settings = {name: values[trial] for name, values in drawn.items()}
        score = BASELINES["XGBoost"].fit(settings, inputs[0], labels[0], inputs[1], labels[1], seed)
        scored.append((float(metrics.average_precision(score(inputs[1]), labels[1])), score))
    best = [score for _, score in sorted(scored, key=lambda pair: -pair[0])[:MEMBERS]]

    def mean_score(rows):
        prepared = data.preprocess(table.features[rows], fitted)
        return np.mean([score(prepared) for score in best], axis=0)

    return mean_score


def fitted_models(train, validation, seed):
    """By name, a function from row numbers to log-odds."""
    options = {"members": MEMBERS, "epochs": EPOCHS, "random_state": seed}
    networks = {
        "CE": ImbalancedMLPClassifier("CE", **options),
        "FAL": FocusedAnchorsClassifier(**options),
    }
    found = {}
    for name, network in networks.items():
        network.fit(table.features[train], table.labels[train])
        found[name] = lambda rows, network=network: network.decision_function(table.features[rows])
    return {**found, "XGBoost": boosted(train, validation, seed)}


models = fitted_models(train, validation, seed=0)
labels = table.labels[test]
scores = {name: np.float32(model(test)) for name, model in models.items()}
key = jax.random.key(0)
samples = functools.partial(metrics.bootstrap_interval, num_samples=50 if SMOKE else 1000)
bootstrap = jax.jit(samples, static_argnums=1)
print("                  average precision     AUC-ROC          (95% intervals)")
for name, score in scores.items():
    found = bootstrap(key, metrics.average_precision, score, labels)
    auc = metrics.delong_interval(score, labels)
    print(
        f"{name:8} {found.value:18.3f} [{found.low:.3f}, {found.high:.3f}]"
        f" {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]"
    )

# %% [markdown]
# Intervals that overlap don't say that two models are alike: they are scored on the same rows. Ask
# for the interval of the *difference*. If it holds 0, these test rows can't tell the two apart.


# %% tags=["varies"]
def gain(pairs, labels, where):
    """Average precision of the first column less that of the second."""
    first, second = (metrics.average_precision(pairs[:, k], labels, where=where) for k in (0, 1))
    return first - second


for name in ("CE", "XGBoost"):
    pairs = np.stack([scores["FAL"], scores[name]], axis=1)
    found = bootstrap(key, gain, pairs, labels)
    holds = "holds 0" if found.low <= 0 <= found.high else "does not hold 0"
    print(f"FAL - {name}: {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}], {holds}")

# %% [markdown]
# That is for *this* training set. Another split asks how the methods do when the training rows
# change as well. Training sets overlap, so the test is corrected for that (Nadeau and Bengio,
# 2003).

# %% tags=["varies"]
by_split = {name: [] for name in models}
for seed in range(SPLITS):
    others, held_out = split(everything, seed)
    fitted = fitted_models(*split(others, seed), seed) if seed else models
    for name, model in fitted.items():
        found = metrics.average_precision(np.float32(model(held_out)), table.labels[held_out])
        by_split[name].append(float(found))
for name, values in by_split.items():
    print(f"{name:8} mean {np.mean(values):.3f}, from {min(values):.3f} to {max(values):.3f}")
for name in ("CE", "XGBoost"):
    found = metrics.corrected_t_test(np.array(by_split["FAL"]), np.array(by_split[name]), 0.25)
    print(f"FAL - {name}: {found.difference:+.3f} ± {found.error:.3f}, p = {found.p_value():.2f}")

# %% [markdown]
# ## Probabilities
#
# A threshold by cost needs probabilities that mean what they say: of the rows that get .3, three in
# ten should be positive. Calibrators learn that on the validation rows. Beside each curve stand the
# expected calibration error and the Brier score on the test rows, before and after.

# %% tags=["varies"]
calibrator, chances = calibration.platt(), {}
fit = jax.jit(calibrator.fit)
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
edges = np.linspace(0, 1, 9)
for name, model in models.items():
    params = fit(np.float32(model(validation)), table.labels[validation])
    raw_chance = np.asarray(jax.nn.sigmoid(scores[name]))
    chances[name] = np.asarray(calibrator.apply(params, scores[name]))
    for panel, chance in zip(panels, (raw_chance, chances[name]), strict=True):
        bins = np.digitize(chance, edges[1:-1])
        filled = [k for k in range(len(edges) - 1) if (bins == k).sum() >= 5]
        means = [(chance[bins == k].mean(), labels[bins == k].mean()) for k in filled]
        error = metrics.binary_calibration_error(chance, labels)
        brier = metrics.brier_score(chance, labels)
        text = f"{name}: {error:.3f}, {brier:.3f}"
        panel.plot(*zip(*means, strict=True), "o-", color=COLORS[name], label=text)
for panel, title in zip(panels, ("as they come", "calibrated on validation rows"), strict=True):
    panel.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    panel.legend(title="calibration error, Brier", frameon=False, fontsize=8)
    panel.set(title=title, xlabel="probability", ylabel="share of positives")
plt.show()

# %% [markdown]
# A calibrator takes the rows that it learns on to be like those it is used on. Here they are
# another part of the image, and few of them are positive: it can do harm, and where it does the
# numbers on the right are the larger ones. The two networks had scaled their own logits before, by
# the rows that they held out.
#
# ## Cost
#
# Say a missed positive costs 20 and a false alarm 1. With calibrated probabilities the threshold
# follows, whatever the model: alarm from `1 / (1 + 20)` on.

# %% tags=["varies"]
MISS, FALSE_ALARM = 20.0, 1.0
threshold = float(calibration.bayes_threshold([[0.0, FALSE_ALARM], [MISS, 0.0]]))


def cost(alarms):
    """Cost of 1,000 rows of the test part."""
    missed, false = (~alarms & (labels == 1)).sum(), (alarms & (labels == 0)).sum()
    return 1000 * (MISS * missed + FALSE_ALARM * false) / len(labels)


print(f"threshold {threshold:.3f}")
print(f"no alarm at all: {cost(np.zeros(len(labels), bool)):.0f} for 1,000 rows")
print(f"always an alarm: {cost(np.ones(len(labels), bool)):.0f}")
for name, chance in chances.items():
    print(
        f"{name:8} at 0.5: {cost(chance >= 0.5):.0f}, at the threshold: "
        f"{cost(chance >= threshold):.0f}"
    )

# %% [markdown]
# Compare what the threshold is worth with what the choice of the model is worth. Where a team can
# look at only so many cases a day, the budget sets the threshold instead.

# %% tags=["varies"]
budget = len(labels) // 10
for name, chance in chances.items():
    at = float(calibration.alarm_threshold(chance, alarms=budget))
    caught = (labels[chance >= at] == 1).sum()
    print(
        f"{name:8} {(chance >= at).sum()} alarms from {at:.3f} on catch {caught} of {labels.sum()}"
    )

# %% [markdown]
# The threshold of a budget is chosen on the rows that it is used on, which is fair, for it looks at
# no label. The README's table has this comparison on three whole data sets, with 10 seeds.
