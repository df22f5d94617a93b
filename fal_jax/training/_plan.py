"""How a sweep is cut into chunks that all run through one program."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import jax
import numpy as np

_ROWS_A_STEP = {"cpu": 16384, "gpu": 1 << 20}  # models x batch on a device, what fits its caches
# The models of one problem share its first product; those of several are batches of products,
# which XLA has no fast path for on a CPU.
_PROBLEMS_A_DEVICE = {"cpu": 1}


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
    backend = jax.default_backend()
    per_step = _ROWS_A_STEP.get(backend, _ROWS_A_STEP["gpu"])
    if models is None:
        models = max(1, per_step // batch_size) * devices
    devices = min(devices, models)
    most = devices * _PROBLEMS_A_DEVICE.get(backend, num_problems)

    def even(number: int, most: int, multiple: int) -> int:
        size = -(-number // -(-number // max(1, most)))
        return -(-size // multiple) * multiple

    if num_problems >= devices:
        trials = even(num_trials, models // devices, 1)
        problems = even(num_problems, min(most, models // trials), devices)
        return Plan(problems, trials, "problems", devices)
    trials = even(num_trials, models, devices)
    problems = even(num_problems, min(most // devices, models // trials), 1)
    return Plan(problems, trials, "trials", devices)


def parts(number: int, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """0 to number - 1 in parts of one size, the last filled up, with how many are no filling."""
    for start in range(0, number, size):
        stop = min(start + size, number)
        yield np.minimum(np.arange(start, start + size), stop - 1), stop - start
