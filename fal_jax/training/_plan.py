"""How a sweep is cut into chunks that all run through one program."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import jax
import numpy as np

from fal_jax.training._problems import Capacity, Problem

_ROWS_A_STEP = {"cpu": 16384, "gpu": 1 << 20}  # models x batch on a device, what fits its caches
# The models of one problem share its first product; those of several are batches of products,
# which XLA has no fast path for on a CPU.
_PROBLEMS_A_DEVICE = {"cpu": 1}
_MODELS_A_DEVICE = {"cpu": 64}  # so many or more share the batches that the host gathers
_SHARE_OF_MEMORY = 0.5  # for rows; the rest is for models, activations and scores


class Plan(NamedTuple):
    """A chunk's problems and trials, and which of the two is split over how many devices.

    A device trains `group` of a problem's trials side by side, and then the next as many.
    """

    problems: int
    trials: int
    group: int
    over: Literal["problems", "trials"]
    devices: int


def room(problems: Sequence[Problem], capacity: Capacity) -> int:
    """How many problems a device holds at a time: one on a CPU, elsewhere what its memory fits."""
    backend = jax.default_backend()
    if backend in _PROBLEMS_A_DEVICE:
        return _PROBLEMS_A_DEVICE[backend]
    memory = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" not in memory:
        return len(problems)
    problem_bytes = sum(capacity) * problems[0].inputs[:1].nbytes
    return max(1, int(_SHARE_OF_MEMORY * memory["bytes_limit"]) // problem_bytes)


def make_plan(
    num_problems: int, num_trials: int, batch_size: int, models: int | None, most: int
) -> Plan:
    """Chunks of equal size, as large as suits the devices, with little padding.

    A device holds `most` problems at a time. A call trains `models`, all side by side, or what
    suits the devices.
    """
    if models is not None and models < 1:
        raise ValueError(f"models_per_program must be at least 1, got {models}.")
    devices = min(jax.device_count(), max(num_problems, num_trials))  # no device for filling
    backend = jax.default_backend()
    if models is None:
        side_by_side = max(1, _ROWS_A_STEP.get(backend, _ROWS_A_STEP["gpu"]) // batch_size)
        a_call = max(side_by_side, _MODELS_A_DEVICE.get(backend, 1))
    else:
        devices = min(devices, models)
        side_by_side = a_call = models // devices
    over = "problems" if num_problems >= devices else "trials"
    by_problems, by_trials = (devices, 1) if over == "problems" else (1, devices)
    trials = _even(-(-num_trials // by_trials), a_call)
    group = _even(trials, side_by_side)
    trials = -(-trials // group) * group
    problems = _even(-(-num_problems // by_problems), min(side_by_side // group, most))
    return Plan(problems * by_problems, trials * by_trials, group, over, devices)


def _even(number: int, most: int) -> int:
    """The size of the fewest parts of about equal size."""
    return -(-number // -(-number // most))


def parts(number: int, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """0 to number - 1 in parts of one size, the last filled up, with how many are no filling."""
    for start in range(0, number, size):
        stop = min(start + size, number)
        yield np.minimum(np.arange(start, start + size), stop - 1), stop - start
