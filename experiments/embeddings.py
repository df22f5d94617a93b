"""Digits in a plane: two-dimensional embeddings of MNIST with one rare digit (Figures 1 and 4).

    python -m experiments.embeddings                  # CE, FAL and FAML; the 8 is rare
    python -m experiments.figures --records runs      # draws them

A LeNet with an embedding of two dimensions, trained on equally many images of each digit but one.
The record holds the embeddings of some test images and the anchors. The paper names neither
network nor imbalance: both are ours.
"""

import argparse
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from experiments import command, image_runs, processes, records
from experiments.image_recipes import RECIPES, network
from fal_jax import data, training
from fal_jax.data import Images
from fal_jax.estimators import IMAGE_METHODS

_SETTINGS = {"learning_rate": 0.02}


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Trains the networks; returns the path of the record."""
    options = parse(arguments)
    environment, started = records.environment(), time.perf_counter()
    counts = np.full(10, options.images)
    counts[options.minority] = options.rare
    with processes.ending_in_a_line():
        images = data.load_images("mnist", data_dir=options.data_dir)
        train = data.long_tail_indices(images.labels, counts, seed=0)
    scored = np.arange(len(images.test_labels), dtype=np.int32) + len(images.labels)
    task = image_runs.Task(train, scored, counts, seed=0)
    setup = image_runs.setup(images, RECIPES["plane"], "lenet", "float32")
    shown = np.random.default_rng(0).permutation(len(images.test_labels))[: options.shown]
    console, results = Console(), {}
    for method in options.methods:
        console.print(f"{method} ...")
        report, state = image_runs.train(method, _SETTINGS, task, setup, epochs=options.epochs)
        results[method] = plane(method, report, state, images, shown) | {
            "minority": 100 * (1 - report["last"]["accuracy"][options.minority])
        }
    path = options.out / "embeddings.json"
    record = {
        "experiment": "embeddings",
        "environment": environment,
        "seconds": round(time.perf_counter() - started, 1),
        "class_counts": counts.tolist(),
        "minority": options.minority,
        "labels": images.test_labels[shown].tolist(),
        "results": results,
    }
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.embeddings", __doc__)
    add, positive = parser.add_argument, command.positive
    add("--data-dir", type=pathlib.Path, help="where tfds prepared MNIST (default: FAL_JAX_DATA)")
    add("--methods", nargs="+", choices=IMAGE_METHODS, default=["CE", "FAL", "FAML"])
    add("--minority", type=int, choices=range(10), default=8, help="the rare digit (default: 8)")
    add("--images", type=positive, default=1000, help="of each other digit (default: 1000)")
    add("--rare", type=positive, default=20, help="of the rare digit (default: 20)")
    add("--epochs", type=positive, help="default: 10")
    add("--shown", type=positive, default=2000, help="test images in the record (default: 2000)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def plane(
    method: str,
    report: dict[str, Any],
    state: training.TrainState,
    images: Images,
    shown: np.ndarray,
) -> dict[str, Any]:
    """Where a trained network puts test images and anchors, and its error."""
    make = network("lenet", 10, 1, jnp.float32)
    settings = {name: jnp.float32(value) for name, value in report["settings"].items()}
    model, _ = IMAGE_METHODS[method].join(
        make, settings | {"num_steps": jnp.float32(1), "class_counts": jnp.ones(10)}
    )
    params, stats = jax.tree.map(np.asarray, (training.model_params(state), state.stats))
    inputs = RECIPES["plane"].transform(None, jnp.asarray(images.test_inputs[shown]))
    outputs, _ = model.apply(params, stats, inputs)
    anchors = params["head"].get("anchors")
    return {
        "settings": report["settings"],
        "error": report["last"]["error"],
        "features": _rounded(outputs.features),
        "anchors": None if anchors is None else _rounded(anchors),
    }


def _rounded(array: np.ndarray) -> list[list[float]]:
    return np.round(np.asarray(array, np.float64), 3).tolist()


if __name__ == "__main__":
    command.use_all_cores()
    main()
