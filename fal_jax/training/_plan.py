"""How a sweep is cut into chunks that all run through one program."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import jax
import numpy as np

_ROWS_A_STEP = {"cpu": 16384, "gpu": 1 << 20}  # models x batch on a device, what fits its caches
# The models of one problem share its first product; those of several are batches of products,
# which XLA has no fast path for on a CPU.
_PROBLEMS_A_DEVICE = {"cpu": 1}
_MODELS_A_DEVICE = {"cpu": 64}  # at least as many share the batches that the host gathers


class Plan(NamedTuple):
    """A chunk's problems and trials, and which of the two is split over how many devices.

    A device trains `group` of a problem's trials side by side, and then the next as many.
    """

    problems: int
    trials: int
    group: int
    over: Literal["problems", "trials"]
    devices: int


def make_plan(num_problems: int, num_trials: int, batch_size: int, models: int | None) -> Plan:
    """Chunks of equal size, as large as suits the device, with as little padding as may be."""
    if models is not None and models < 1:
        raise ValueError(f"models_per_program must be at least 1, got {models}.")
    devices = min(jax.device_count(), max(num_problems, num_trials))  # no device for filling
    backend = jax.default_backend()
    if models is None:
        side_by_side = max(1, _ROWS_A_STEP.get(backend, _ROWS_A_STEP["gpu"]) // batch_size)
        in_turn = max(side_by_side, _MODELS_A_DEVICE.get(backend, 1))
    else:
        devices = min(devices, models)
        side_by_side = in_turn = models // devices
    over = "problems" if num_problems >= devices else "trials"
    trials = _even(num_trials if over == "problems" else -(-num_trials // devices), in_turn)
    group = _even(trials, side_by_side)
    trials = _whole(trials, group)
    most = min(side_by_side // group, _PROBLEMS_A_DEVICE.get(backend, num_problems))
    if over == "trials":
        return Plan(_even(num_problems, most), trials * devices, group, over, devices)
    return Plan(_whole(_even(num_problems, most * devices), devices), trials, group, over, devices)


def _even(number: int, most: int) -> int:
    """The size of the fewest parts of about equal size."""
    return -(-number // -(-number // most))


def _whole(number: int, multiple: int) -> int:
    """The number or the next multiple."""
    return -(-number // multiple) * multiple


def parts(number: int, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """0 to number - 1 in parts of one size, the last filled up, with how many are no filling."""
    for start in range(0, number, size):
        stop = min(start + size, number)
        yield np.minimum(np.arange(start, start + size), stop - 1), stop - start
