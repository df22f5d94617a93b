"""What the models of a sweep are trained on, and its checks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """What models are trained, validated and tested on, prepared on the host.

    Attributes:
      inputs: `[rows, ...]`, floating, to train on.
      labels: `[rows]`, integer from 0.
      validation_inputs: `[validation rows, ...]`, what weights and settings are chosen by.
      validation_labels: `[validation rows]`.
      test_inputs: `[test rows, ...]`, scored once, with the weights that were kept.
    """

    inputs: np.ndarray
    labels: np.ndarray
    validation_inputs: np.ndarray
    validation_labels: np.ndarray
    test_inputs: np.ndarray


class Capacity(NamedTuple):
    """Rows that a program has room for: the most of any problem of a sweep."""

    rows: int
    validation_rows: int
    test_rows: int


def most_rows(problems: Sequence[Problem]) -> Capacity:
    """The capacity that fits all problems."""
    rows = [(len(p.inputs), len(p.validation_inputs), len(p.test_inputs)) for p in problems]
    return Capacity(*(max(sizes) for sizes in zip(*rows, strict=True)))


def checked(problem: Problem, order: int, capacity: Capacity, shape: tuple[int, ...]) -> Problem:
    """The problem, if its arrays belong together, rows have the shape and labels are classes."""
    inputs, labels, validation_inputs, validation_labels, test_inputs = problem
    sizes = Capacity(len(inputs), len(validation_inputs), len(test_inputs))
    if len(labels) != sizes.rows or len(validation_labels) != sizes.validation_rows:
        raise ValueError(
            f"problem {order} must have one label a row, got {len(labels)} labels for {sizes.rows} "
            f"training rows and {len(validation_labels)} for {sizes.validation_rows} to validate."
        )
    if not sizes.rows or not sizes.validation_rows:
        raise ValueError(
            f"problem {order} must have rows to train and to validate on, got {sizes}."
        )
    shapes = {array.shape[1:] for array in (inputs, validation_inputs, test_inputs)}
    if shapes != {shape}:
        raise ValueError(
            f"problem {order} must have rows of the width of problem 0, {shape}, in all its parts, "
            f"got {sorted(shapes)}."
        )
    if any(size > room for size, room in zip(sizes, capacity, strict=True)):
        raise ValueError(f"problem {order} must fit the capacity {capacity}, got {sizes}.")
    for name, values in (("labels", labels), ("validation_labels", validation_labels)):
        if values.dtype.kind not in "iu" or values.min() < 0 or (values == values[0]).all():
            raise ValueError(
                f"problem {order} must have integer {name} from 0 and at least two classes in "
                f"them, got {values.dtype} with {np.unique(values)[:5].tolist()}."
            )
    return problem


def known(
    problems: Sequence[Problem], num_trials: int, num_epochs: int, batch_size: int
) -> dict[str, np.ndarray]:
    """What a method may want to know of the run and its training rows, as settings."""
    num_classes = max(2, *(int(problem.labels.max()) + 1 for problem in problems))
    steps = [-(-len(problem.labels) // batch_size) * num_epochs for problem in problems]
    counts = [np.bincount(problem.labels, minlength=num_classes) for problem in problems]
    return {
        name: np.repeat(np.asarray(value, np.float32)[:, None], num_trials, axis=1)
        for name, value in (("num_steps", steps), ("class_counts", counts))
    }
