"""BAGAN looked at: images that it makes of rare digits, and what they add on long-tailed MNIST.

    python -m experiments.bagan_images                       # 1,000 images of 0 down to 10 of 9
    python -m experiments.bagan_images --seeds 1 --steps 500

A small convolutional network is trained on the long tail as it is, on copies of its rare images, on
images that BAGAN's autoencoder makes from the Gaussians of the classes, and on those that it makes
after adversarial training, each filling every class up to the largest; all for the same number of
steps, the last weights scored on the balanced test set, which chooses nothing.
"""

import argparse
import functools
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from experiments import command, drawing, processes, records
from fal_jax import data, generation, losses, models, resampling, training
from fal_jax.data import Images

ARMS = ("as it is", "copies", "autoencoder", "BAGAN")
_SHOWN = 6  # images of each kind and digit
_BATCH = 64


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Trains and scores; returns the path of the record."""
    options = parse(arguments)
    environment, started = records.environment(), time.perf_counter()
    with processes.ending_in_a_line():
        images = data.load_images("mnist", data_dir=options.data_dir)
    counts = data.long_tail_counts(options.images, 10, imbalance_factor=options.factor)
    console, grid, results = Console(), [], {arm: [] for arm in ARMS}
    for seed in range(options.seeds):
        rows = data.long_tail_indices(images.labels, counts, seed=seed)
        inputs, labels = scaled(images.inputs[rows]), images.labels[rows]
        filled = fillings(inputs, labels, seed, options)
        for arm, (more, more_labels) in filled.items():
            shown = np.concatenate([inputs, more]), np.concatenate([labels, more_labels])
            results[arm].append({"seed": seed} | accuracies(*shown, images, seed, options))
            console.print(f"seed {seed}, {arm}: error {results[arm][-1]['error']:.2f}%")
        if seed == 0:
            grid = [examples(*part) for part in ((inputs, labels), *list(filled.values())[2:])]
    path = options.out / "bagan_images.json"
    record = {
        "experiment": "bagan_images",
        "environment": environment,
        "seconds": round(time.perf_counter() - started, 1),
        "seeds": options.seeds,
        "class_counts": counts.tolist(),
        "options": {name: getattr(options, name) for name in _OPTIONS},
        "results": results,
    }
    records.write_json(path, record)
    draw(record, grid, path.with_suffix(".png"))
    console.print(f"Record: {path}\nFigure: {path.with_suffix('.png')}")
    return path


_OPTIONS = ("coding_steps", "steps", "learning_rate", "exponent", "classifier_steps")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.bagan_images", __doc__)
    add, positive = parser.add_argument, command.positive
    add("--data-dir", type=pathlib.Path, help="where tfds prepared MNIST (default: FAL_JAX_DATA)")
    add("--images", type=positive, default=1000, help="of the digit 0 (default: 1000)")
    add("--factor", type=float, default=100.0, help="0s for each 9 (default: 100)")
    add("--seeds", type=positive, default=3, help="long tails (default: 3)")
    add("--coding-steps", type=positive, default=2000, help="of the autoencoder (default: 2000)")
    add("--steps", type=positive, default=1000, help="of the adversaries (default: 1000)")
    add("--learning-rate", type=float, default=5e-4, help="of BAGAN (default: 0.0005)")
    add("--exponent", type=float, default=0.0,
        help="of a class's number of real images: 1 is the paper's (default: 0)")  # fmt: skip
    add("--classifier-steps", type=positive, default=1500, help="default: 1500")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def scaled(images: np.ndarray) -> np.ndarray:
    """Bytes to [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1


def fillings(
    inputs: np.ndarray, labels: np.ndarray, seed: int, options: argparse.Namespace
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What each arm adds to the images, up to the largest class."""
    counts = np.bincount(labels)
    missing = np.repeat(np.arange(counts.size, dtype=np.int32), counts.max() - counts)
    networks = _networks()
    key, other = jax.random.split(jax.random.key(seed))
    rows = resampling.random_oversample(key, labels)[labels.size :]
    bagan = generation.fit_bagan(
        key,
        networks,
        inputs,
        labels,
        num_classes=counts.size,
        learning_rate=options.learning_rate,
        exponent=options.exponent,
        batch_size=_BATCH,
        coding_steps=options.coding_steps,
        steps=options.steps,
    )
    made = {
        "autoencoder": bagan.autoencoder["decoder"],
        "BAGAN": bagan.state.generator,
    }
    return {
        "as it is": (inputs[:0], labels[:0]),
        "copies": (inputs[rows], labels[rows]),
    } | {
        arm: (generation.generate(other, networks, params, bagan.gaussians, missing), missing)
        for arm, params in made.items()
    }


@functools.cache
def _networks() -> models.Autoencoder:
    return models.image_autoencoder(28, 1)


def accuracies(
    inputs: np.ndarray, labels: np.ndarray, images: Images, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """The error, in percent, and the accuracy of each digit, of a network trained on images."""
    batches = data.stream_batches(
        len(labels), batch_size=_BATCH, num_steps=options.classifier_steps, seed=seed
    )
    state, _ = _fit(jax.random.key(seed), inputs, labels, batches)
    found = np.concatenate(
        [
            _predict(training.model_params(state), state.stats, scaled(block))
            for block in np.split(images.test_inputs, 10)
        ]
    )
    right = found == images.test_labels
    digits = [float(right[images.test_labels == digit].mean().round(4)) for digit in range(10)]
    return {"error": round(float(100 * (1 - right.mean())), 3), "accuracy": digits}


@functools.cache
def _classifier() -> tuple[models.Model, training.Trainer]:
    def loss(outputs: models.Outputs, head: models.Params, batch: training.Batch) -> jax.Array:
        del head
        found = losses.softmax_cross_entropy(outputs.logits, batch.labels)
        return jnp.mean(found, where=batch.where)

    model = models.small_convnet(10, width=8, channels=1)
    return model, training.trainer(model, loss, optax.adam(1e-3))


@jax.jit
def _fit(key: jax.Array, *rows: jax.Array) -> tuple[training.TrainState, jax.Array]:
    trainer = _classifier()[1]
    return training.fit(trainer, trainer.init(key), *rows)


@jax.jit
def _predict(params: models.Params, stats: models.Stats, inputs: jax.Array) -> jax.Array:
    outputs, _ = _classifier()[0].apply(params, stats, inputs)
    return outputs.logits.argmax(axis=-1)


def examples(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The first images of each digit side by side, one digit below the other; black where none."""
    grid = np.full((10, _SHOWN, 28, 28), -1, np.float32)
    for digit in range(10):
        first = images[labels == digit][:_SHOWN, ..., 0]
        grid[digit, : len(first)] = first
    return grid.transpose(0, 2, 1, 3).reshape(10 * 28, -1)


def draw(record: Mapping[str, Any], grid: Sequence[np.ndarray], path: pathlib.Path) -> None:
    """Real images, the autoencoder's and BAGAN's; beside them each arm's accuracy by digit."""
    figure, panels = drawing.plt.subplots(
        1, 4, figsize=(11, 4.2), width_ratios=[1, 1, 1, 2], layout="constrained"
    )
    counts = record["class_counts"]
    titles = "real", "autoencoder", "BAGAN"
    for panel, title, images in zip(panels, titles, grid, strict=False):
        panel.imshow(images, cmap="gray", vmin=-1, vmax=1)
        panel.set_title(title, fontsize=10)
        panel.set(xticks=[], yticks=[])
    panels[0].set_yticks(np.arange(10) * 28 + 14, [f"{d}: {n:,}" for d, n in enumerate(counts)])
    for arm, runs in record["results"].items():
        mean = np.mean([run["accuracy"] for run in runs], axis=0)
        error = np.mean([run["error"] for run in runs])
        panels[3].plot(mean, ".-", label=f"{arm}: error {error:.1f}%")
    panels[3].set(xlabel="digit, from frequent to rare", ylabel="accuracy on the test set")
    panels[3].set_xticks(range(10))
    panels[3].grid(alpha=0.3)
    panels[3].legend(fontsize=9)
    figure.suptitle("Long-tailed MNIST, training images of each digit; nothing generated for the 0")
    drawing.save(figure, path)


if __name__ == "__main__":
    main()
