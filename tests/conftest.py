"""Settings and fixtures of all tests."""

import os
import pathlib

import jax
import numpy as np
import pytest

_TESTS = pathlib.Path(__file__).parent
_MOSTLY_COMPILING = {"cli", "estimators", "experiments"}

# Before JAX starts its backend: devices to split a batch over, and no silent broadcasting between
# arrays of different rank, which is how logits (4, 1) and labels (4,) make a (4, 4) loss.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Optimises little where most of the time is compiling, in processes that a test starts too.

    What is compared with equations is compiled as users run it.
    """
    path = item.path
    light = path.is_relative_to(_TESTS) and path.relative_to(_TESTS).parts[0] in _MOSTLY_COMPILING
    jax.config.update("jax_disable_most_optimizations", light)
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = str(light)


@pytest.fixture
def x64():
    """Float64 on for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def key():
    """A PRNG key, the same in each test."""
    return jax.random.key(0)


@pytest.fixture
def rng():
    """A NumPy generator, the same in each test."""
    return np.random.default_rng(0)
