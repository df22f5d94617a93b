"""Long tails: how many examples each class keeps, and which."""

from typing import Literal

import numpy as np
import numpy.typing as npt


def long_tail_counts(
    max_per_class: int,
    num_classes: int,
    *,
    imbalance_factor: float,
    kind: Literal["exponential", "step"] = "exponential",
) -> np.ndarray:
    """How many examples each class of a long-tailed data set has.

    "exponential": `n_k = floor(max_per_class * imbalance_factor^(-k / (num_classes - 1)))`, from
    the largest class 0 to the smallest. "step": the first half of the classes has
    `max_per_class`, the other the smallest number, `floor(max_per_class / imbalance_factor)`; of an
    odd number of classes the middle one is large.

    Args:
      max_per_class: examples of the largest class, at least 1: 5000 for CIFAR-10, 500 for
          CIFAR-100 and 5421, its rarest class, for MNIST.
      num_classes: at least 2.
      imbalance_factor: the largest class over the smallest, from 1 to `max_per_class`.
      kind: the shape of the tail.

    Returns:
      `[num_classes]`, int32, at least 1 each.

    Raises:
      ValueError: an argument is out of range.

    References:
      Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, Sec. 5.1;
      "step": Buda et al., Neural Networks 2018, Sec. 3.1.

    Example:
      >>> long_tail_counts(5000, 10, imbalance_factor=100).tolist()
      [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    """
    if max_per_class < 1:
        raise ValueError(f"max_per_class must be at least 1, got {max_per_class}.")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}.")
    if not 1 <= imbalance_factor <= max_per_class:
        raise ValueError(
            "imbalance_factor must be from 1 (no imbalance) to max_per_class = "
            f"{max_per_class} (one example in the smallest class), got {imbalance_factor}."
        )
    place = np.arange(num_classes) / (num_classes - 1)
    if kind == "step":
        place = (np.arange(num_classes) >= (num_classes + 1) // 2).astype(float)
    elif kind != "exponential":
        raise ValueError(f'kind must be "exponential" or "step", got {kind!r}.')
    # What is a whole number but for rounding counts as one: 5000 * 10^-1 is 500, not 499.
    return np.floor(max_per_class * float(imbalance_factor) ** -place + 1e-9).astype(np.int32)


def long_tail_indices(
    labels: npt.ArrayLike, class_counts: npt.ArrayLike, *, seed: int
) -> np.ndarray:
    """Draws so many examples of each class, without replacement.

    Of one seed, a smaller number of a class is the beginning of a larger one: the training sets of
    rising imbalance lie within one another.

    Args:
      labels: `[rows]`, integers from 0.
      class_counts: `[classes]`, integers, at least 0 each; see `long_tail_counts`.
      seed: seed of `np.random.default_rng`; each class draws by itself.

    Returns:
      `[sum of class_counts]`, int32 row numbers, ascending.

    Raises:
      TypeError: labels or counts are not integers.
      ValueError: labels not `[rows]`, a count below 0, or above the examples that its class has.

    Example:
      >>> labels = np.array([0, 0, 0, 1, 1, 1])
      >>> labels[long_tail_indices(labels, [3, 1], seed=0)]
      array([0, 0, 0, 1])
    """
    labels, counts = np.asarray(labels), np.asarray(class_counts)
    for name, values in (("labels", labels), ("class_counts", counts)):
        if values.dtype.kind not in "iu":
            raise TypeError(f"{name} must be integers, got {values.dtype}.")
        if values.ndim != 1 or not values.size:
            raise ValueError(f"{name} must be of one axis, not empty, got shape {values.shape}.")
    if counts.min() < 0:
        raise ValueError(f"class_counts must be at least 0, got {counts.tolist()}.")
    rows = []
    for label, count in enumerate(counts.tolist()):
        members = np.flatnonzero(labels == label)
        if count > members.size:
            raise ValueError(
                f"class_counts must be at most what each class has; class {label} has "
                f"{members.size} examples, got {count}."
            )
        rows.append(np.random.default_rng((seed, label)).permutation(members)[:count])
    return np.sort(np.concatenate(rows)).astype(np.int32)
