"""How a sweep is cut into chunks that all run through one program."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import jax
import numpy as np

_ROWS_A_STEP = {"cpu": 16384, "gpu": 1 << 20}  # models x batch on a device, what fits its caches


class Plan(NamedTuple):
    """A chunk's problems and trials, and which of the two is split over how many devices."""

    problems: int
    trials: int
    over: Literal["problems", "trials"]
    devices: int


def make_plan(num_problems: int, num_trials: int, batch_size: int, models: int | None) -> Plan:
    """Chunks of equal size, as large as suits the device, with as little padding as may be."""
    if models is not None and models < 1:
        raise ValueError(f"models_per_program must be at least 1, got {models}.")
    devices = min(jax.device_count(), max(num_problems, num_trials))  # no device for filling
    per_step = _ROWS_A_STEP.get(jax.default_backend(), _ROWS_A_STEP["gpu"])
    models = models or max(1, per_step // batch_size) * devices

    def even(number: int, most: int, multiple: int) -> int:
        size = -(-number // -(-number // max(1, most)))
        return -(-size // multiple) * multiple

    if num_trials >= devices:
        trials = even(num_trials, models, devices)
        return Plan(even(num_problems, models // trials, 1), trials, "trials", devices)
    problems = even(num_problems, models // num_trials, devices)
    return Plan(problems, num_trials, "problems", devices)


def parts(number: int, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """0 to number - 1 in parts of one size, the last filled up, with how many are no filling."""
    for start in range(0, number, size):
        stop = min(start + size, number)
        yield np.minimum(np.arange(start, start + size), stop - 1), stop - start
