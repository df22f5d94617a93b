"""The convolution's own gradient equals the plain one's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fal_jax.models._conv import convolution


def plain(inputs, kernel, *, stride, padding):
    return jax.lax.conv_general_dilated(
        inputs, kernel, (stride,) * 2, [(padding,) * 2] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("shape", "size", "stride", "padding"),
    [
        ((16, 6, 6, 2), 3, 1, 1),  # two chunks
        ((3, 6, 6, 2), 3, 2, 1),
        ((5, 7, 5, 2), 3, 2, 1),
        ((4, 9, 9, 1), 5, 1, 0),
        ((2, 6, 6, 3), 2, 2, 0),
        ((2, 7, 7, 1), 2, 2, 0),  # a row and a column that no output sees
        ((2, 8, 8, 2), 4, 2, 1),
    ],
)
def test_gradients(rng, shape, size, stride, padding):
    inputs, kernel = rng.normal(size=shape), rng.normal(size=(size, size, shape[-1], 3))
    options = {"stride": stride, "padding": padding}
    results = []
    for function in (convolution, plain):
        outputs, pull = jax.vjp(lambda *a, f=function: f(*a, **options), inputs, kernel)
        results.append((outputs, *pull(jnp.cos(outputs))))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    check_grads(lambda *a: convolution(*a, **options), (inputs, kernel), 1, modes=["rev"])
