"""The contract's other half: inputs that are wrong, out of range, or masked."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.losses.case import NON_NEGATIVE, POSITIVE, assert_close, floats, split
from tests.losses.cases import every_case, over


@every_case
def test_a_wrong_shape_is_a_value_error_that_names_the_argument(case):
    for name, arrays in case.wrong_shapes():
        message = assert_refused(case, arrays, ValueError, name)
        came = {str(np.shape(arrays[key])) for key in (name, case.first)}
        assert any(shape in message for shape in came), message


@over(lambda case: case.differentiable)
def test_a_wrong_dtype_is_a_type_error_that_names_the_argument(case):
    arrays = case.draw()
    for name in case.differentiable:
        # One number a class or weights may be integer, as alpha may.
        if case.axes(name) != ["classes"] and name != "weights":
            assert_refused(case, arrays | {name: arrays[name].astype(int)}, TypeError, name)
    if "labels" in arrays and not case.elementwise:  # where floating labels are soft
        labels = arrays["labels"].astype(np.float32)
        assert_refused(case, arrays | {"labels": labels}, TypeError, "labels")
    if "where" in case.parameters:
        assert_refused(case, arrays | {"where": np.ones(6, int)}, TypeError, "where")


@over(lambda case: "labels" in case.arrays[1:])
def test_logits_of_one_column_with_flat_labels_are_refused(case):
    arrays = case.draw(batch=(4,))
    arrays |= {case.first: arrays[case.first].reshape(4, -1)[:, :1], "labels": np.zeros(4, int)}
    assert_refused(case, arrays, ValueError, f"{case.first}|labels")


@over(lambda case: NON_NEGATIVE & set(case.options) - set(case.signed))
def test_a_hyper_parameter_below_zero_or_nan_is_refused(case):
    for name in NON_NEGATIVE & set(case.options) - set(case.signed):
        for wrong in (-0.1, np.nan, *[0.0] * (name in POSITIVE)):
            option = {name: np.full_like(case.options[name], wrong)}
            # Bound rather than passed, so that the value stays concrete under jit.
            bound = functools.partial(case, **option)
            assert_refused(bound, case.draw(), ValueError, name)


def assert_refused(function, arrays, error, name):
    """Refused eagerly and when traced; returns the message, which holds the name."""
    for run in (jax.jit(function), function):
        with pytest.raises(error, match=rf"\b({name})\b") as caught:
            run(arrays)
    return str(caught.value)


@over(lambda case: "labels" in case.arrays[1:])
def test_an_out_of_range_label_gives_nan_for_its_example(case):
    arrays = floats(case.draw(), np.float32)
    position = (2, 1) if case.elementwise else (2,)

    def total(first, arrays):
        result = case(arrays | {case.first: first})
        return (result if case.reduces else jnp.sum(result**2)), result

    def gradient_and_result(arrays):
        return jax.tree.map(np.asarray, run(arrays[case.first], arrays))

    run = jax.jit(jax.grad(total, has_aux=True))
    for wrong in (-1, 2 if case.elementwise else case.classes):
        labels = np.array(arrays["labels"])
        labels[position] = wrong
        spoiled = arrays | {"labels": jnp.asarray(labels)}
        for got, good in zip(
            gradient_and_result(spoiled), gradient_and_result(arrays), strict=True
        ):
            if case.reduces:
                assert np.isnan(got).any()
                continue
            touched = np.zeros(got.shape, bool)
            touched[position] = case.stops != "all" or got.ndim == 1
            assert np.isnan(got[touched]).all()
            assert_close(got[~touched], good[~touched])
        assert_array_equal(np.isnan(case(spoiled)), np.isnan(got))


def junk(case, arrays, keep):
    """The arrays with rows that are not to be kept full of NaN, infinities and wrong labels."""
    arrays = {name: np.array(a) for name, a in arrays.items()}
    for name in case.differentiable:
        if "..." in case.axes(name):
            row = np.resize([np.nan, np.inf, -np.inf], arrays[name].shape[1:])
            arrays[name][~keep] = row
    arrays["labels"][~keep] = np.resize([case.classes, -1], arrays["labels"][~keep].shape)
    return arrays


@functools.partial(jax.jit, static_argnums=0)
def value_and_gradient(case, arrays, where):
    chosen, others = split(case, arrays)

    def total(chosen):
        result = case(chosen | others | {"where": where})
        return jnp.sum(result), result

    slopes, result = jax.grad(total, has_aux=True)(chosen)
    return result, slopes


@over(lambda case: "where" in case.parameters)
def test_masked_rows_may_hold_anything_and_do_not_count_not_even_all_of_them(case):
    keep = np.array([True, False, True, True, False, False])
    arrays = case.draw()
    where = case.mask(keep)
    value, slopes = value_and_gradient(case, junk(case, arrays, keep), where)
    assert_close(value, case.expected(arrays, where=where))
    for name, slope in slopes.items():
        if "..." in case.axes(name):
            assert_array_equal(slope[~keep], 0)

    alone = {name: a[keep] if "..." in case.axes(name) else a for name, a in arrays.items()}
    expected, expected_slopes = value_and_gradient(case, alone, None)
    assert_close(value if case.reduces else value[keep], expected)
    slopes = {n: s[keep] if "..." in case.axes(n) else s for n, s in slopes.items()}
    jax.tree.map(assert_close, slopes, expected_slopes)

    nothing = np.zeros(6, bool)
    value, slopes = value_and_gradient(case, junk(case, arrays, nothing), case.mask(nothing))
    assert_array_equal(value, 0)
    jax.tree.map(lambda slope: assert_array_equal(slope, 0), slopes)
