"""How a sweep is cut into chunks: within the limits of devices, caches and memory."""

import itertools

import jax
import numpy as np
import pytest

from fal_jax import training
from fal_jax.training import _plan

SIZES = [1, 3, 10, 12], [1, 9, 24, 300], [64, 1024, 4096, 65536], [None, 1, 3, 12, 1000], [1, 4]


@pytest.mark.parametrize("num_devices", [1, 2, 8])
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_a_plan_keeps_to_its_limits(monkeypatch, backend, num_devices):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(jax, "device_count", lambda: num_devices)
    for num_problems, num_trials, batch_size, models, most in itertools.product(*SIZES):
        plan = _plan.make_plan(num_problems, num_trials, batch_size, models, most)
        assert plan.devices <= min(num_devices, models or num_devices)
        by_problems = plan.over == "problems"
        problems, left = divmod(plan.problems, plan.devices if by_problems else 1)
        trials, over = divmod(plan.trials, 1 if by_problems else plan.devices)
        assert left == over == trials % plan.group == 0
        assert 1 <= problems <= most
        if models is None:
            assert problems * plan.group <= max(1, _plan._ROWS_A_STEP[backend] // batch_size)
        else:
            assert plan.problems * plan.trials <= models
        if models is not None or backend == "gpu":
            assert trials == plan.group  # nothing waits its turn


FOLDS, TABLE = (10, 24, 1024, None, 1), (1, 64, 4096, None, 1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(FOLDS, (2, 24, 12, "problems", 2), id="a fold a device, in two turns"),
        pytest.param(TABLE, (1, 64, 4, "trials", 2), id="32 models a device, in eight turns"),
        pytest.param((1, 300, 4096, None, 1), (1, 104, 4, "trials", 2), id="three equal chunks"),
        pytest.param((10, 500, 64, None, 1), (2, 250, 250, "problems", 2), id="small batches"),
    ],
)
def test_plans_of_two_devices(monkeypatch, arguments, expected):
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    assert _plan.make_plan(*arguments) == expected


@pytest.mark.parametrize(("memory", "expected"), [(6, 3), (5.9, 2), (0.1, 1), (None, 2)])
def test_an_accelerator_holds_what_half_its_memory_has_room_for(monkeypatch, memory, expected):
    """In multiples of a problem's rows; both problems, of a device that does not tell."""

    class Device:
        def memory_stats(self):
            return None if memory is None else {"bytes_limit": memory * (40 + 24 + 7) * 5 * 4}

    inputs, labels = np.zeros((40, 5), np.float32), np.zeros(40, np.int32)
    problem = training.Problem(inputs, labels, inputs[:24], labels[:24], inputs[:7])
    monkeypatch.setattr(_plan, "_PROBLEMS_A_DEVICE", {})
    monkeypatch.setattr(jax, "local_devices", lambda: [Device()])
    assert _plan.room([problem, problem], training.Capacity(40, 24, 7)) == expected
