"""The contract: every public loss meets every behaviour that applies to it.

The losses are the rows of `cases.CASES`; to add one, add its row there. `test_contract_inputs` has
the inputs that are wrong or masked. Compilation is most of the time that this file takes, and eager
calls compile each operation by itself: each test compiles few programs, and one alone runs eagerly.
What float32 can promise is asked of programs that are compiled as users' are.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

from tests.compiling import jit_as_users
from tests.introspection import public_functions
from tests.losses.case import POSITIVE, assert_close, floats, split
from tests.losses.cases import CASES, every_case, over

GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)


def test_every_public_loss_has_a_row():
    assert {case.function for case in CASES} == set(public_functions("losses").values())


@pytest.mark.usefixtures("x64")
@every_case
def test_agrees_with_the_reference_in_float64(case):
    for seed, variant in enumerate(({}, *case.variants)):
        arrays = case.draw(seed=seed)
        # Counts stay concrete: that is how the weights are computed in float64.
        run = jax.jit(lambda arrays, variant=variant: case(arrays, **variant))
        result = run(arrays) if case.differentiable else case(arrays, **variant)
        assert_allclose(result, case.expected(arrays, **variant), rtol=1e-12)


@every_case
def test_agrees_with_the_reference_in_float32_eagerly_and_jitted(case):
    arrays = floats(case.draw(), np.float32)
    expected = case.expected(jax.tree.map(np.asarray, arrays))
    assert_close(case(arrays), expected)
    assert_close(jit_as_users(case)(arrays), expected)


@over(lambda case: case.batched)
def test_takes_any_batch_rank(case):
    arrays, run = case.draw(), jax.jit(case)
    flat = np.asarray(run(arrays))
    folded, first, none = (
        {name: cut(a) if "..." in case.axes(name) else a for name, a in arrays.items()}
        for cut in (lambda a: a.reshape(2, 3, *a.shape[1:]), lambda a: a[0], lambda a: a[:0])
    )
    if case.reduces:
        assert_close(run(folded), flat)
        assert run(first).shape == ()
        assert run(none) == 0
    else:
        assert_close(run(folded), flat.reshape(2, 3, *flat.shape[1:]))
        assert_close(run(first), flat[0])
        assert run(none).shape == (0, *flat.shape[1:])


@over(lambda case: case.batched)
def test_vmap_is_the_batch_or_for_scalars_a_stack_of_calls(case):
    arrays, run = case.draw(batch=(3, 6) if case.reduces else (6,)), jax.jit(case)
    axes = case.vmap_axes(arrays)
    mapped = jax.jit(jax.vmap(case, in_axes=(axes,)))(arrays)
    if case.reduces:
        calls = [{k: a[i] if axes[k] == 0 else a for k, a in arrays.items()} for i in range(3)]
        assert_close(mapped, np.stack([run(call) for call in calls]))
    else:
        assert_close(mapped, run(arrays))


@over(lambda case: case.permutable)
def test_permuting_the_classes_permutes_the_result(case):
    order = np.random.default_rng(1).permutation(case.classes)
    arrays = case.draw()
    permuted = {name: case.permute(name, a, order) for name, a in arrays.items()}
    options = {name: case.permute(name, a, order) for name, a in case.options.items()}
    run = jax.jit(lambda arrays, options: case(arrays, **options))
    expected = case.permute("returns", np.asarray(run(arrays, case.options)), order)
    assert_close(run(permuted, options), expected)


def weighed(result):
    """A scalar that every entry of a result enters with a weight of its own."""
    return jnp.sum(result * (1 + jnp.arange(result.size)).reshape(result.shape))


@over(lambda case: case.differentiable and case.batched)
def test_is_finite_up_to_the_hessian_at_extremes(case):
    """And right: value, gradient and Hessian in every floating array, of each row alone."""
    arrays = floats(case.extremes(), np.float32)

    def derivatives(row, options):
        chosen, others = split(case, row)
        flat, unravel = ravel_pytree(chosen)

        def total(flat):
            batch = {
                name: a[None] if "..." in case.axes(name) else a
                for name, a in (unravel(flat) | others).items()
            }
            result = case(batch, **options)
            return weighed(result), result

        def gradient(flat):
            slope, result = jax.grad(total, has_aux=True)(flat)
            return slope, (result, slope)

        return jax.jacfwd(gradient, has_aux=True)(flat)

    run = jit_as_users(jax.vmap(derivatives, in_axes=(case.vmap_axes(arrays), None)))
    host = jax.tree.map(np.asarray, arrays)
    for gamma in GAMMAS if "gamma" in case.parameters else (None,):
        options = {} if gamma is None else {"gamma": gamma}
        hessian, (result, slope) = run(arrays, options)
        chex.assert_tree_all_finite((result, slope, hessian))
        for i, value in enumerate(result):
            row = {k: a[i : i + 1] if "..." in case.axes(k) else a for k, a in host.items()}
            assert_close(value, case.expected(row, **options))


@pytest.mark.usefixtures("x64")
@over(lambda case: case.differentiable and not case.stops)
def test_derivatives_are_those_of_the_reference(case):
    """First, in both modes, and second, along random directions, by finite differences.

    `jax.test_util.check_grads` does the same against the loss itself, in ten times the time.
    """
    chosen, others = split(case, case.draw(batch=(3,)))
    origin, unravel = ravel_pytree(chosen)

    def along(direction, result):
        return lambda t: weighed(result(unravel(origin + t * direction) | others))

    @jax.jit
    @jax.vmap
    def derivatives(direction):
        path, zero, one = along(direction, case), jnp.zeros(()), jnp.ones(())
        return jax.jvp(path, (zero,), (one,))[1], *jax.jvp(jax.grad(path), (zero,), (one,))

    def numerical(direction, step=1e-3):
        """Central differences, whose error falls with the fourth power of the step."""
        path = along(direction, lambda arrays: np.asarray(case.expected(arrays)))
        far, near, here, next_, last = (path(n * step) for n in (-2, -1, 0, 1, 2))
        slope = (far - 8 * near + 8 * next_ - last) / (12 * step)
        return slope, (-far + 16 * near - 30 * here + 16 * next_ - last) / (12 * step**2)

    directions = np.random.default_rng(2).normal(size=(3, origin.size))
    forward, reverse, curvature = derivatives(directions)
    expected = np.array([numerical(direction) for direction in directions])
    assert_allclose(forward, expected[:, 0], rtol=1e-7, atol=1e-7)
    assert_allclose(reverse, forward, rtol=1e-10, atol=1e-10)
    assert_allclose(curvature, expected[:, 1], rtol=1e-5, atol=1e-5)


@over(lambda case: case.differentiable)
def test_computes_in_at_least_float32(case):
    arrays = case.draw()
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64):
        with jax.enable_x64(True):
            expected = jnp.promote_types(dtype, jnp.float32)
            assert jax.eval_shape(case, floats(arrays, dtype)).dtype == expected
    half = floats(arrays, jnp.bfloat16)
    assert_close(jax.jit(case)(half), jax.jit(case)(floats(half, np.float32)))


@over(lambda case: case.options)
def test_hyper_parameters_may_be_traced_and_a_sweep_compiles_once(case):
    arrays = jax.tree.map(np.asarray, floats(case.draw(), np.float32))
    swept = jit_as_users(jax.vmap(lambda options: case(arrays, **options)))
    for scales in ((1.0, 0.5), (0.3, 0.0)):
        settings = [
            {name: (s or 0.1 * (name in POSITIVE)) * v for name, v in case.options.items()}
            for s in scales
        ]
        stacked = jax.tree.map(lambda *values: np.stack(values), *settings)
        expected = [case.expected(arrays, **options) for options in settings]
        assert_close(swept(stacked), np.stack(expected))
    assert swept._cache_size() == 1
