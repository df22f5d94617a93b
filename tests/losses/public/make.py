"""Runs public implementations of the losses on small inputs and stores what they return.

    python -m tests.losses.public.make CHECKOUTS tests/losses/public/outputs.json

CHECKOUTS is a folder with clones of the repositories in `originals.OWNERS`. The packages: jax,
kornia, libauc and mmdet (these two without their dependencies), optax, pillow,
pytorch-metric-learning, tensorflow-cpu, torch, torchvision; an environment of its own serves best.
The modules `*_rows` hold one function an implementation. `outputs.json` holds the inputs by name,
and of each implementation its source, which inputs and options it took, its value, and the
gradients of the sum of its value.

Where the library differs on purpose, `tests/losses/test_public.py` holds the reason, a call that
shows that it does, and one that gives what the other gives: `DIFFERS` there and in `family`. Among
them are the alpha of LibAUC, which is reversed; class weights inside the focal exponent in
LDAM-DRW; the mean of PyTorch, which divides by the sum of the weights; gradients through weights
that are constants by their papers (IB-Loss, BagofTricks); and naive focal losses, which are NaN at
saturation (`SATURATED`).
"""

import argparse
import importlib
import json
import math
import multiprocessing
from pathlib import Path

import numpy as np

from tests.losses.public import originals
from tests.losses.public.row import ROWS, SAVED

BATCH, CLASSES, DIM, PROTOTYPES = 8, 5, 3, 2


def inputs():
    """The inputs, written with three decimals so that they are read back as they were."""
    rng = np.random.default_rng(5)
    made = {
        "logits": rng.normal(0, 2, (BATCH, CLASSES)),
        "cosines": rng.uniform(-0.9, 0.9, (BATCH, CLASSES)),
        "distances": rng.uniform(0, 4, (BATCH, CLASSES)),
        "features": rng.normal(0, 1, (BATCH, DIM)),
        "anchors": rng.normal(0, 1, (CLASSES, DIM)),
        "log_variances": rng.normal(0, 0.5, (CLASSES, DIM)),
        "prototypes": rng.normal(0, 1, (CLASSES, PROTOTYPES, DIM)),
        "scores": rng.normal(0, 1, BATCH),
        "a": np.array(0.7),
        "b": np.array(-0.4),
        "alpha": np.array(0.6),
        "class_a": rng.normal(0.7, 0.2, CLASSES),
        "class_b": rng.normal(-0.4, 0.2, CLASSES),
        "class_alpha": rng.uniform(0, 1, CLASSES),
        "saturated": np.array([[100.0, 0, 0, 0, 0], [0, 100, 0, 0, 0], [0, 0, 0, 0, 100]]),
    }
    made = {name: np.round(array, 3) for name, array in made.items()}
    return made | {
        "labels": np.array([0, 0, 0, 1, 1, 2, 3, 4]),
        "halves": np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        "binary": np.array([1, 0, 0, 1, 0, 0, 1, 0]),
        "targets": rng.integers(0, 2, (BATCH, CLASSES)),
        "saturated_labels": np.array([0, 1, 4]),
        "class_counts": np.array([500, 120, 40, 9, 3]),
    }


def plain(value):
    """Nested lists with nine digits; NaN, which JSON lacks, is None."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, int):
        return value
    return None if math.isnan(value) else float(f"{value:.9g}")


def outputs_in(framework, checkouts):
    """The stored form of all rows of one framework, and the random numbers that they drew."""
    originals.use_checkouts(checkouts)
    importlib.import_module(f"tests.losses.public.{framework}_rows")
    arrays, outputs = inputs(), {}
    for row in ROWS:
        value, gradients = row.run({name: arrays[name] for name in row.arrays})
        outputs[row.name] = {
            "source": originals.described(row.source),
            "arrays": list(row.arrays),
            "options": row.options,
            "value": plain(np.asarray(value).tolist()),
            "gradients": {k: plain(np.asarray(g).tolist()) for k, g in gradients.items()},
        }
    return outputs, SAVED


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkouts")
    parser.add_argument("outputs", type=Path)
    arguments = parser.parse_args()
    stored, outputs = inputs(), {}
    context = multiprocessing.get_context("spawn")
    for framework in ("feature", "auc", "jax", "tensorflow"):  # each alone: two at once may crash
        with context.Pool(1) as pool:
            made, saved = pool.apply(outputs_in, (framework, arguments.checkouts))
        outputs |= made
        stored |= saved
    arrays = {name: plain(array.tolist()) for name, array in stored.items()}
    lines = [f"{json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in outputs.items()]
    text = f'{{"inputs": {json.dumps(arrays)},\n"outputs": {{\n' + ",\n".join(lines) + "\n}}\n"
    arguments.outputs.write_text(text)


if __name__ == "__main__":
    main()
