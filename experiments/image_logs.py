"""Curves of a run for TensorBoard."""

import contextlib
import importlib.util
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from experiments.image_runs import scores

Log = Callable[[dict[str, Any], np.ndarray], None]


@contextlib.contextmanager
def tensorboard(folder: pathlib.Path | None) -> Iterator[Log]:
    """What logs the report of an epoch into a folder; nothing without one, or in process 1 on."""
    if folder is None or jax.process_index() > 0:
        yield lambda _, __: None
        return
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:

        def log(epoch: dict[str, Any], class_counts: np.ndarray) -> None:
            for name, value in _scalars(epoch, class_counts).items():
                writer.add_scalar(name, value, epoch["step"])
            writer.flush()

        yield log


def check(folder: pathlib.Path | None) -> None:
    """Refuses a folder for curves, before any work is done, where nothing can write them."""
    if folder is not None and importlib.util.find_spec("tensorboardX") is None:
        raise ImportError("--logdir needs tensorboardX: pip install tensorboardX")


def _scalars(epoch: dict[str, Any], class_counts: np.ndarray) -> dict[str, float]:
    """By name: loss, learning rate and, where scored, the error and the accuracies."""
    found = {name: epoch[name] for name in ("epoch", "loss", "learning_rate")}
    if epoch["confusion"] is not None:
        scored = scores(epoch["confusion"], class_counts)
        for label, accuracy in enumerate(scored.pop("accuracy")):
            found[f"accuracy/class_{label}"] = accuracy
        found |= {f"test/{name}": value for name, value in scored.items()}
    return {name: value for name, value in found.items() if value is not None}
