# %% [markdown]
# # CIFAR-10-LT on a TPU, a GPU or a CPU
#
# What you learn here, in less than ten minutes on a free runtime:
#
# - to train one network on all cores: the data on every core, each batch split over them;
# - to go on after a kill, to the bit as if nothing had happened;
# - to put your errors beside the paper's Table 4, and what it takes to have its rows in an hour.
#
# In Colab, choose *Runtime > Change runtime type > TPU* (or GPU). The same cells run on a CPU, with
# a smaller network and fewer images.

# %% tags=["varies"]
import dataclasses
import os
import pathlib
import shutil
import time

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from fal_jax import data, models, training
from fal_jax.estimators import IMAGE_METHODS

SMOKE = os.environ.get("FAL_JAX_SMOKE") == "1"  # for tests: smaller, and nothing else
if not SMOKE:
    jax.config.update("jax_num_cpu_devices", 2)  # on a CPU alone: two halves to split a batch over
TABLE_4 = False  # True, on a TPU or a GPU: the paper's 200 epochs and all of its rows
print(f"Runs on {jax.device_count()} x {jax.devices()[0].platform.upper()}")

# %% [markdown]
# What is trained depends on what there is. On a TPU the convolutions compute in bfloat16;
# parameters, logits and losses stay float32.

# %% tags=["varies"]
PLATFORM = jax.default_backend()
DTYPE = jnp.bfloat16 if PLATFORM == "tpu" else jnp.float32
FACTOR, BATCH, RATE = 100, 128, 0.1
if SMOKE:
    NETWORK, MOST, EPOCHS, FACTOR, BATCH = models.small_convnet, 24, 2, 4, 16
    options = {"width": 2}
elif PLATFORM == "cpu":
    NETWORK, MOST, EPOCHS, BATCH, options = models.small_convnet, 1000, 12, 64, {"width": 16}
else:
    NETWORK, MOST, EPOCHS, options = models.resnet, 5000, 200 if TABLE_4 else 30, {}
METHODS = ("CE", "FL", "CB-CE", "FAL", "FAML") if TABLE_4 else ("CE", "CB-CE", "FAL")
METHODS = METHODS[-1:] if SMOKE else METHODS


def network(head):
    """ResNet-32, or a small network for a CPU."""
    depth = (32,) if NETWORK is models.resnet else ()
    return NETWORK(*depth, 10, head=head, dtype=DTYPE, **options)


# %% [markdown]
# ## The long tail (Figure 5)
#
# Class k keeps `floor(n / factor^(k / 9))` of its images. The test set stays balanced.


# %%
def made_images():
    """Noise around a grey of its own for each class: for tests, without a download."""
    rng = np.random.default_rng(0)

    def part(each):
        labels = np.repeat(np.arange(10, dtype=np.int32), each)
        noise = rng.integers(-20, 21, (len(labels), 32, 32, 3))
        return np.clip(25 * labels[:, None, None, None] + noise, 0, 255).astype(np.uint8), labels

    return data.Images("made", *part(24), *part(8), tuple("0123456789"))


def cifar10():
    """CIFAR-10, prepared here by tensorflow-datasets if it is not there yet."""
    try:
        return data.load_images("cifar10")
    except FileNotFoundError:
        import tensorflow_datasets as tfds

        tfds.builder("cifar10", file_format="array_record").download_and_prepare()
        return data.load_images("cifar10")


images = made_images() if SMOKE else cifar10()
counts = data.long_tail_counts(MOST, 10, imbalance_factor=FACTOR)
train = data.long_tail_indices(images.labels, counts, seed=0)
figure, panel = plt.subplots(figsize=(7, 2.6), layout="constrained")
panel.bar(images.class_names, counts, color="#0072B2")
for place, count in enumerate(counts):
    panel.text(place, count, str(count), ha="center", va="bottom", fontsize=8)
panel.set(ylabel="training images", title=f"1:{FACTOR}")
panel.tick_params(axis="x", labelrotation=30)
panel.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## All cores
#
# `device_mesh` puts all devices in a row. The images go to each of them once, as bytes; in a step
# every core takes its part of the batch, crops and flips it at random, and the gradients, batch
# norm's statistics and what FAL averages over a class are those of the whole batch. So the result
# does not depend on the number of cores, but for rounding.


# %% tags=["varies"]
def augment(key, inputs):
    """Images from -1 to 1; with a key, cropped and flipped at random."""
    if key is not None:
        crop_key, flip_key = jax.random.split(key)
        inputs = data.flip(flip_key, data.pad_and_crop(crop_key, inputs))
    return data.normalise(inputs, mean=128.0, std=128.0)


def no_anchors(params):
    """Which parameters weight decay shrinks: all but anchors."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "anchors" not in jax.tree_util.keystr(path), params
    )


def sgd(settings):
    """SGD with momentum and weight decay."""
    return optax.chain(
        optax.add_decayed_weights(2e-4, mask=no_anchors),
        optax.sgd(settings["learning_rate"], momentum=0.9),
    )


def programs_of(name):
    """The compiled programs of a method, and its settings."""
    method = dataclasses.replace(IMAGE_METHODS[name], optimizer=sgd)

    def build(settings):
        return method.join(lambda head: training.split_batch(network(head), mesh), settings)

    settings = {**method.fixed, "learning_rate": RATE}
    return training.minibatches(build, augment, mesh), settings


def run_of(settings, ends):
    """What to train on: warm-up over a fortieth of the steps, drops at 80% and 90%."""
    steps = ends[-1]
    done = np.arange(steps) / steps
    warm = np.minimum((np.arange(steps) + 1) / max(steps / 40, 1), 1)
    known = {**settings, "num_steps": steps, "class_counts": counts}
    return training.Run(
        rows=rows,
        settings={key: np.asarray(value, np.float32) for key, value in known.items()},
        batches=train[data.stream_batches(len(train), batch_size=BATCH, num_steps=steps, seed=0)],
        rates=warm * np.select([done < 0.8, done < 0.9], [1, 0.01], 0.0001),
        ends=ends,
        scored=np.arange(len(images.labels), len(rows.labels), dtype=np.int32),
        evaluate_every=len(ends),
        seed=0,
    )


mesh = training.device_mesh()
inputs = np.concatenate([images.inputs, images.test_inputs])
labels = np.concatenate([images.labels, images.test_labels])
rows = training.Rows(*training.on_all_devices((inputs, labels), mesh))
programs = {name: programs_of(name) for name in METHODS}
print(f"{BATCH} images a step, {BATCH // mesh.size} on each of {mesh.size} devices")

# %% [markdown]
# ## Killed, and going on
#
# A Colab runtime can go away at any time. `Checkpoints` keeps the latest ones, each written whole
# or not at all; the same call goes on from there. Here a short run is stopped in its second epoch,
# before that is kept, and then called again; beside it is one that was never stopped. To outlive a
# runtime the folder has to be elsewhere, on a mounted drive, say.


# %%
class StoppedError(Exception):
    """What stands for a runtime that went away."""


def stop_after_two(report):
    """Called at the end of each epoch."""
    if report["epoch"] == 2:
        raise StoppedError


chosen = METHODS[-1]
program, settings = programs[chosen]
short_run = run_of(settings, [2, 4, 6, 8])
folder = pathlib.Path("checkpoints")
shutil.rmtree(folder, ignore_errors=True)
checkpoints = training.Checkpoints(folder)
try:
    training.run_epochs(program, short_run, checkpoints=checkpoints, on_epoch=stop_after_two)
except StoppedError:
    print("stopped")
epochs = []
resumed, _ = training.run_epochs(
    program, short_run, checkpoints=checkpoints, on_epoch=lambda r: epochs.append(r["epoch"])
)
checkpoints.close()
whole, _ = training.run_epochs(program, short_run)
same = jax.tree.map(lambda a, b: np.array_equal(np.asarray(a), np.asarray(b)), resumed, whole)
print("epochs told, those before the stop first:", epochs)
print("equal to the run that was not stopped, to the bit:", jax.tree.all(same))

# %% [markdown]
# ## The methods
#
# Error on the balanced test images with the last weights; no test image chooses anything. Few,
# medium and many are means over classes by their number of training images.

# %% tags=["varies"]
ends = [len(train) * epoch // BATCH for epoch in range(1, EPOCHS + 1)]
errors, seconds, recalls = {}, {}, {}
for name, (program, settings) in programs.items():
    started = time.perf_counter()
    _, history = training.run_epochs(program, run_of(settings, ends))
    seconds[name] = time.perf_counter() - started
    confusion = np.array(history[-1]["confusion"])
    recalls[name] = np.diag(confusion) / confusion.sum(axis=1)
    errors[name] = 100 * (1 - np.trace(confusion) / confusion.sum())
    bands = {"many": counts > 100, "medium": (counts >= 20) & (counts <= 100), "few": counts < 20}
    told = [f"{band} {recalls[name][of].mean():.2f}" for band, of in bands.items() if of.any()]
    print(f"{name:6} error {errors[name]:.1f}%; recall: {', '.join(told)}")

figure, panel = plt.subplots(figsize=(7, 2.8), layout="constrained")
colors = {"CE": "#000000", "FL": "#E69F00", "CB-CE": "#CC79A7", "FAL": "#0072B2", "FAML": "#009E73"}
for name, recall in recalls.items():
    panel.plot(images.class_names, recall, "o-", color=colors[name], label=name)
panel.set(ylabel="recall", ylim=(0, 1))
panel.legend(frameon=False, loc="upper center")
panel.tick_params(axis="x", labelrotation=30)
panel.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## Table 4 in an hour?
#
# The paper's figures are for ResNet-32 and 200 epochs of 12,406 images: nothing else can be put
# beside them. How long its rows take, one seed each, follows from the speed of this runtime,
# compilation included.

# %% tags=["varies"]
speed = len(train) * EPOCHS / np.mean(list(seconds.values()))
print(f"{speed:,.0f} images a second in training")
if NETWORK is models.resnet:
    print(f"five rows of Table 4 take {5 * 200 * 12_406 / speed / 3600:.1f} hours")
else:
    print("that is the small network's, and says nothing of ResNet-32: take a TPU or a GPU")
comparable = TABLE_4 and NETWORK is models.resnet
print("error %, 1:100, in the paper" + (" and here" if comparable else ""))
for name, error in {"CE": 29.64, "FL": 30.41, "CB-CE": 25.43, "FAL": 27.02}.items():
    print(f"{name:6} {error:.2f}" + (f" {errors[name]:.2f}" if comparable else ""))

# %% [markdown]
# The paper's rows for cross-entropy, focal loss and class-balanced loss are those of Cui et al.
# (2019), taken over and not run again; CB-CE stands here for their best class-balanced loss. To
# compare methods take three seeds at least, for one method's errors differ too from seed to seed:
# `python -m experiments.cifar10_lt` in the repository does that.
