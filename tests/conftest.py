"""Settings and fixtures of all tests."""

import os

import jax
import numpy as np
import pytest

from tests.compiling import FLAGS

os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}"

# Before JAX starts its backend: devices to split a batch over, and no silent broadcasting between
# arrays of different rank, which is how logits (4, 1) and labels (4,) make a (4, 4) loss.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")


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
