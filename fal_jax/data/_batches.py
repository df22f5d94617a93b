"""The order in which training sees its rows."""

from collections.abc import Sequence

import numpy as np


def epoch_batches(
    num_rows: int, *, batch_size: int, num_epochs: int, seed: int | Sequence[int]
) -> np.ndarray:
    """Draws the batches of all epochs: every epoch visits every row once, in a new order.

    The permutations are drawn on the host because `jax.random.permutation` sorts, which on a CPU
    takes longer than the training step that it feeds. An epoch's order depends on the seed and
    the epochs before it, not on `num_epochs`: a longer run starts with the shorter one.

    Args:
      num_rows: number of training rows.
      batch_size: rows a batch.
      num_epochs: number of epochs; the result holds them all, 4 bytes a row and epoch.
      seed: a seed of `np.random.default_rng`; `(seed, epoch)` draws epochs one at a time.

    Returns:
      `[num_epochs, steps, batch_size]`, int32 row numbers, with steps = ceil(num_rows /
      batch_size). The last batch of an epoch is filled up with -1: train with
      `where = rows >= 0`.

    Raises:
      TypeError: a number is not an integer.
      ValueError: a number is less than 1 or does not fit int32.

    Example:
      >>> batches = epoch_batches(5, batch_size=3, num_epochs=2, seed=0)
      >>> batches.shape, sorted(batches[0].ravel().tolist())
      ((2, 2, 3), [-1, 0, 1, 2, 3, 4])
    """
    _check_positive("num_rows", num_rows)
    _check_positive("batch_size", batch_size)
    _check_positive("num_epochs", num_epochs)
    rng = np.random.default_rng(seed)
    steps = -(-num_rows // batch_size)
    batches = np.full((num_epochs, steps * batch_size), -1, np.int32)
    for epoch in batches:
        epoch[:num_rows] = rng.permutation(num_rows)
    return batches.reshape(num_epochs, steps, batch_size)


def stream_batches(
    num_rows: int, *, batch_size: int, num_steps: int, seed: int | Sequence[int]
) -> np.ndarray:
    """Draws full batches from one epoch after the other, as one stream.

    No batch is padded, as batch norm wants it: the rows that end an epoch share a batch with those
    that begin the next. A longer run starts with the shorter one.

    Args:
      num_rows: number of training rows.
      batch_size: rows a batch.
      num_steps: number of batches; `num_rows * num_epochs // batch_size` of so many epochs.
      seed: a seed of `np.random.default_rng`.

    Returns:
      `[num_steps, batch_size]`, int32 row numbers.

    Raises:
      TypeError: a number is not an integer.
      ValueError: a number is less than 1 or does not fit int32.

    Example:
      >>> batches = stream_batches(3, batch_size=2, num_steps=3, seed=0)
      >>> np.bincount(batches.ravel())
      array([2, 2, 2])
    """
    _check_positive("num_rows", num_rows)
    _check_positive("batch_size", batch_size)
    _check_positive("num_steps", num_steps)
    epochs = -(-num_steps * batch_size // num_rows)
    rows = epoch_batches(num_rows, batch_size=num_rows, num_epochs=epochs, seed=seed)
    return rows.ravel()[: num_steps * batch_size].reshape(num_steps, batch_size)


def _check_positive(name: str, value: int) -> None:
    """Refuses all but the integers from 1 to the largest int32."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if not 1 <= value <= np.iinfo(np.int32).max:
        raise ValueError(f"{name} must be from 1 to 2**31 - 1, got {value}.")
