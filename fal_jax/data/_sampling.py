"""Samplers by class that run inside a jitted step: pure functions of a key and a step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _keys


class ClassRows(NamedTuple):
    """The rows of each class, one class after the other.

    Attributes:
      rows: `[rows]`, int32, row numbers sorted by class.
      starts: `[classes]`, int32, where each class begins in `rows`.
      counts: `[classes]`, int32, its number of rows.
    """

    rows: jax.Array
    starts: jax.Array
    counts: jax.Array


def class_rows(labels: np.ndarray, num_classes: int) -> ClassRows:
    """Sorts the rows by class, on the host, once before training.

    Args:
      labels: `[rows]`, integer in `[0, num_classes)` or bool; every class must have a row.
      num_classes: at least 2.

    Returns:
      A `ClassRows`, for `sample_rows` and `class_aware_rows`.

    Raises:
      TypeError: labels are neither integer nor bool.
      ValueError: labels are not one number a row or out of range, or a class has no row.

    Example:
      >>> class_rows(np.array([1, 0, 1]), 2).rows.tolist()
      [1, 0, 2]
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        raise TypeError(f"labels must have an integer dtype or bool, got {labels.dtype}.")
    if labels.ndim != 1:
        raise ValueError(f"labels must have shape [rows], got shape {labels.shape}.")
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"labels must be in [0, {num_classes}), got {labels.min()} to {labels.max()}."
        )
    counts = np.bincount(labels, minlength=num_classes)
    if not counts.all():
        raise ValueError(
            f"labels must hold every class to sample by class, got no row of classes "
            f"{np.flatnonzero(counts == 0).tolist()}."
        )
    rows = np.argsort(labels, kind="stable")
    starts = np.cumsum(counts) - counts
    return ClassRows(*(jnp.asarray(part, jnp.int32) for part in (rows, starts, counts)))


def sample_rows(
    key: jax.Array, rows: ClassRows, batch_size: int, *, exponent: ArrayLike
) -> jax.Array:
    """Draws rows with replacement, a class with probability `~ n_k^exponent`.

    Deferred re-sampling (DRS) is an exponent of 1 at first and of 0 late in training.

    Args:
      key: a PRNG key.
      rows: of `class_rows`.
      batch_size: how many to draw.
      exponent: scalar; 1 draws rows alike, 0.5 by square roots, 0 classes alike. May be traced.

    Returns:
      `[batch_size]`, int32 row numbers.

    Raises:
      TypeError: key is no PRNG key.

    References:
      Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020,
      Eq. 1; Cao et al., NeurIPS 2019, Sec. 3.3, for the deferral.

    Example:
      >>> rows = class_rows(np.array([0, 0, 0, 1]), 2)
      >>> sample_rows(jax.random.key(0), rows, 1000, exponent=0.0).shape
      (1000,)
    """
    _keys.checked(key)
    of_class, of_row = jax.random.split(key)
    logits = jnp.asarray(exponent, jnp.float32) * jnp.log(rows.counts.astype(jnp.float32))
    # Not by Gumbel numbers, which would be one an example and class.
    shares = jax.nn.softmax(logits)
    classes = jax.random.choice(of_class, len(shares), (batch_size,), p=shares)
    draws = jax.random.bits(of_row, (batch_size,))
    within = (draws % rows.counts[classes].astype(jnp.uint32)).astype(jnp.int32)
    return rows.rows[rows.starts[classes] + within]


def class_aware_rows(
    key: jax.Array, rows: ClassRows, batch_size: int, *, step: ArrayLike
) -> jax.Array:
    """Rows by turns of the classes: each turn has one row of every class, in a random order.

    A class hands out all of its rows in a random order before it starts anew in another. The batch
    is a function of key and step alone, so that training can go on from any step.

    Args:
      key: a PRNG key, the same for all steps.
      rows: of `class_rows`.
      batch_size: how many rows a batch.
      step: scalar, integer, the batch's number, from 0; may be traced. The order repeats after
        2^32 rows.

    Returns:
      `[batch_size]`, int32 row numbers.

    Raises:
      TypeError: key is no PRNG key.

    References:
      Shen et al., Relay Backpropagation for Effective Learning of Deep Convolutional Neural
      Networks, ECCV 2016, Sec. 4.1, class-aware sampling.

    Example:
      >>> rows = class_rows(np.array([0, 0, 0, 1]), 2)
      >>> sorted(class_aware_rows(jax.random.key(0), rows, 6, step=0).tolist())
      [0, 1, 2, 3, 3, 3]
    """
    _keys.checked(key)
    seed, step = jax.random.bits(key), jnp.asarray(step).astype(jnp.uint32)
    num_classes = jnp.uint32(len(rows.counts))
    position = step * jnp.uint32(batch_size) + jnp.arange(batch_size, dtype=jnp.uint32)
    turn, place = position // num_classes, position % num_classes
    classes = _shuffled(place, num_classes, _mixed(seed ^ _mixed(turn)))
    counts = rows.counts[classes].astype(jnp.uint32)
    key = _mixed(seed ^ _mixed(turn // counts ^ _mixed(classes + jnp.uint32(1))))
    within = _shuffled(turn % counts, counts, key).astype(jnp.int32)
    return rows.rows[rows.starts[classes] + within]


def _shuffled(index: jax.Array, size: jax.Array, key: jax.Array) -> jax.Array:
    """Where a random permutation of `[0, size)` takes an index: a Feistel network, walked.

    The network permutes the next power of 4; what falls outside of the range is sent through it
    again until it falls inside, which keeps it a permutation.
    """
    index, size, key = jnp.broadcast_arrays(index, size, key)
    half = (33 - jax.lax.clz(jnp.maximum(size, 2) - 1)) // 2
    mask = (jnp.uint32(1) << half) - 1

    def network(value: jax.Array) -> jax.Array:
        left, right = value >> half, value & mask
        for number in range(4):
            left, right = right, left ^ (_mixed(right ^ key ^ _mixed(jnp.uint32(number))) & mask)
        return left << half | right

    def walk(value: jax.Array) -> jax.Array:
        return jnp.where(value >= size, network(value), value)

    return jax.lax.while_loop(lambda value: jnp.any(value >= size), walk, network(index))


def _mixed(value: jax.Array) -> jax.Array:
    """Bits spread over all of 32: two rounds of shifts and multiplications."""
    value = (value ^ value >> 16) * jnp.uint32(0x7FEB352D)
    value = (value ^ value >> 15) * jnp.uint32(0x846CA68B)
    return value ^ value >> 16
