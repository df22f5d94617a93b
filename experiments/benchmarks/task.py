"""What every contestant trains, and how its speed is taken."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ROWS, DIM, POSITIVES = 284_807, 30, 0.00173  # as many as CreditCard has
HIDDEN, CLASSES = (16, 8), 2
LEARNING_RATE = 0.05


class Data(NamedTuple):
    """Training data.

    Attributes:
      features: `[rows, dim]`, float32.
      labels: `[rows]`, int64, 0 or 1.
    """

    features: np.ndarray
    labels: np.ndarray


class Training(NamedTuple):
    """One contestant at work on some data.

    Attributes:
      train: goes on training for a piece of an epoch, an epoch or more; returns for how many
        samples, counted once for each model.
      loss: the mean cross-entropy of the models on the first `scored_rows` of the data.
      models: how many are trained at a time.
      optimizer: its name.
    """

    train: Callable[[], int]
    loss: Callable[[], float]
    models: int = 1
    optimizer: str = "adagrad"


def generate(rows: int = ROWS, seed: int = 0) -> Data:
    """Makes rows of normal numbers, those of the rare class a little off the others."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < POSITIVES).astype(np.int64)
    labels[:2] = 0, 1  # both classes, however few the rows
    features = generator.standard_normal((rows, DIM), dtype=np.float32)
    features += np.float32(0.5) * labels[:, None].astype(np.float32)
    return Data(features, labels)


def scored_rows(data: Data) -> Data:
    """The rows that the loss is taken on: few enough for many models at once."""
    return Data(data.features[:4096], data.labels[:4096])


def throughput(train: Callable[[], int], *, seconds: float, repeats: int) -> list[float]:
    """Model-samples a second in each of some slots of time, after one slot to warm up.

    Args:
      train: trains on and returns for how many samples; called until the slot is full.
      seconds: the least length of a slot.
      repeats: number of slots, at least 1.

    Returns:
      One figure a slot.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}.")
    return [_one_slot(train, seconds) for _ in range(repeats + 1)][1:]


def _one_slot(train: Callable[[], int], seconds: float) -> float:
    """Samples a second over one slot, which ends with the first call that fills it."""
    samples, started = 0, time.perf_counter()
    while True:
        samples += train()
        elapsed = time.perf_counter() - started
        if elapsed >= seconds:
            return samples / elapsed
