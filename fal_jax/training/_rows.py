"""The rows of a problem as its programs take them, and their batches."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fal_jax.training._step import Batch


class Rows(NamedTuple):
    """The rows of one problem on the device, padded; -1 labels what fills up the validation rows.

    Attributes:
      inputs: `[rows, ...]`, to train on; None where the host gathers batches.
      labels: `[rows]`, integer; likewise.
      validation_inputs: `[blocks, rows, ...]`.
      validation_labels: `[blocks, rows]`.
      test_inputs: `[blocks, rows, ...]`.
    """

    inputs: jax.Array | np.ndarray | None
    labels: jax.Array | np.ndarray | None
    validation_inputs: jax.Array | np.ndarray
    validation_labels: jax.Array | np.ndarray
    test_inputs: jax.Array | np.ndarray


class Gathered(NamedTuple):
    """Batches of one problem that the host gathered.

    Attributes:
      inputs: `[steps, batch, ...]`.
      labels: `[steps, batch]`, integer.
      where: `[steps, batch]`, bool, False for padding.
    """

    inputs: jax.Array | np.ndarray
    labels: jax.Array | np.ndarray
    where: jax.Array | np.ndarray


def to_batch(rows: Rows, batch: jax.Array | Gathered) -> Batch:
    """One batch that the host gathered, or the rows of these numbers; -1 is padding."""
    if isinstance(batch, Gathered):
        return Batch(*map(jnp.asarray, batch))
    inputs, labels = jnp.asarray(rows.inputs), jnp.asarray(rows.labels)
    return Batch(inputs[batch], labels[batch], batch >= 0)
