"""Many classes, streamed: what the dense form gives, without ever holding `[batch, classes]`."""

import dataclasses
import functools

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P
from numpy.testing import assert_array_equal

from fal_jax import losses
from fal_jax.losses import _nearest, _streaming
from tests import reference
from tests.losses import test_contract, test_contract_inputs
from tests.losses.case import assert_close
from tests.losses.cases import CASES

BATCH, CLASSES, DIM = 40, 150, 6
STREAMED = [
    case for case in CASES if (case.first == "features" and case.reduces) or case.part is not None
]
CONTRACT = [
    test_contract.test_agrees_with_the_reference_in_float32_eagerly_and_jitted,
    test_contract.test_takes_any_batch_rank,
    test_contract.test_vmap_is_the_batch_or_for_scalars_a_stack_of_calls,
    test_contract.test_permuting_the_classes_permutes_the_result,
    test_contract.test_is_finite_up_to_the_hessian_at_extremes,
    test_contract.test_computes_in_at_least_float32,
    test_contract.test_hyper_parameters_may_be_traced_and_a_sweep_compiles_once,
    test_contract_inputs.test_a_wrong_shape_is_a_value_error_that_names_the_argument,
    test_contract_inputs.test_an_out_of_range_label_gives_nan_for_its_example,
    test_contract_inputs.test_masked_rows_may_hold_anything_and_do_not_count_not_even_all_of_them,
]


def stream(monkeypatch, tile):
    """Streams whatever the size, over tiles of so many classes."""
    for name, value in {"_FEWEST": tile, "_MOST": tile, "_DENSE_CLASSES": 0}.items():
        monkeypatch.setattr(_streaming, name, value)
    monkeypatch.setattr(_streaming, "_DENSE_SCORES", 0)
    monkeypatch.setattr(_streaming, "_KEPT", 0)
    monkeypatch.setattr(_nearest, "_FEW", 0)


def dense(monkeypatch):
    monkeypatch.setattr(_streaming, "_DENSE_CLASSES", 10**9)


def draw(rng, name, offset=0.0, batch=BATCH, classes=CLASSES, dim=DIM):
    """Features, anchors, the loss's hyper-parameters, labels and mask."""
    scale = 1 / np.sqrt(dim)
    features, anchors = (
        np.float32(offset + scale * rng.normal(size=(n, dim))) for n in (batch, classes)
    )
    vector = functools.partial(rng.uniform, 0.1, 1.0, classes)
    options = {
        "fal": {"margin": vector(), "gamma": 1.7, "alpha": vector(), "beta": 0.3},
        "lgm": {
            "margin": 0.4, "likelihood_weight": 0.2, "gamma": 1.7, "alpha": vector(),
            "log_prior": np.log(vector()), "log_variances": rng.normal(size=(classes, dim)) / 3,
        },
    }  # fmt: skip
    where = np.arange(batch) % 5 != 2
    return features, anchors, options[name], rng.integers(0, classes, batch), where


LOSSES = {"fal": losses.fal_loss_from_features, "lgm": losses.lgm_loss_from_features}
each_loss = pytest.mark.parametrize("name", LOSSES)
kept_or_not = pytest.mark.parametrize("kept", [0, 2**20])


def total(name, features, anchors, options, labels, where, **axes):
    """In the order that `gradients` differentiates by."""
    return LOSSES[name](features, labels, anchors, where=where, **options, **axes)


def gradients(name, **axes):
    return jax.value_and_grad(functools.partial(total, name, **axes), argnums=(0, 1, 2))


@pytest.mark.parametrize("test", CONTRACT, ids=lambda test: test.__name__[5:])
@pytest.mark.parametrize("case", STREAMED, ids=str)
def test_the_contract_holds_of_the_streaming_form(case, test, monkeypatch):
    """In tiles of 3 classes of 4, so that the last overlaps the first.

    Differences of expanded distances of 1e4 are on float32's grid there, 1e-3, and a loss of 0.6
    can't be held to 2e-6.
    """
    applies = next(mark for mark in test.pytestmark if mark.name == "parametrize").args[1]
    if case not in applies:
        return
    stream(monkeypatch, 3)
    if "extremes" in test.__name__:
        rough = functools.partial(assert_close, tolerance=1e-4)
        monkeypatch.setattr(test_contract, "assert_close", rough)
    test(case)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("tile", [1, 7, 10, 30])
@pytest.mark.parametrize("case", [case for case in STREAMED if case.classes > 2], ids=str)
def test_agrees_with_the_reference_for_any_tile(case, tile, monkeypatch):
    def widened(options):
        return {name: np.resize(v, 30) if np.ndim(v) else v for name, v in options.items()}

    stream(monkeypatch, tile)
    variants = tuple(map(widened, case.variants))
    wide = dataclasses.replace(
        case, classes=30, options=widened(case.options), variants=variants[: 1 + (tile == 7)]
    )
    test_contract.test_agrees_with_the_reference_in_float64(wide)


@kept_or_not
@pytest.mark.parametrize("offset", [0.0, 100.0])
@each_loss
def test_float32_agrees_with_the_dense_form_in_float64(name, offset, kept, rng, monkeypatch):
    """Value and gradients to features, anchors and all hyper-parameters."""
    monkeypatch.setattr(_streaming, "_KEPT", kept)
    features, anchors, options, *rest = draw(rng, name, offset)
    found = jax.jit(gradients(name))(features, anchors, jax.tree.map(jnp.float32, options), *rest)
    dense(monkeypatch)
    with jax.enable_x64(True):
        wide = jax.tree.map(np.float64, (features, anchors, options))
        expected = jax.jit(gradients(name))(*wide, *rest)
    jax.tree.map(functools.partial(assert_close, tolerance=1e-5), found, expected)
    value = getattr(reference, LOSSES[name].__name__)(
        features, rest[0], anchors, where=rest[1], **options
    )
    assert_close(found[0], value)


@kept_or_not
@pytest.mark.usefixtures("x64")
@each_loss
def test_a_gradient_has_the_curvature_of_the_dense_form(name, kept, rng, monkeypatch):
    monkeypatch.setattr(_streaming, "_KEPT", kept)
    features, anchors, options, *rest = draw(rng, name)
    points = jax.tree.map(np.float64, (features, anchors, options))
    direction = jax.tree.map(lambda a: rng.normal(size=np.shape(a)), points)

    def curvature():
        slope = jax.jit(jax.grad(lambda points: total(name, *points, *rest)))
        return jax.jvp(slope, (points,), (direction,))[1]

    streamed = curvature()
    dense(monkeypatch)
    jax.tree.map(functools.partial(assert_close, tolerance=1e-12), streamed, curvature())


def arrays_in(jaxpr):
    """The number of elements of everything that a program makes, in its inner programs too."""
    for equation in jaxpr.eqns:
        yield from (out.aval.size for out in equation.outvars)
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from arrays_in(inner)


@each_loss
def test_no_array_of_batch_by_classes_is_held(name, rng):
    batch, classes = 1024, 20_000
    arguments = draw(rng, name, batch=batch, classes=classes)
    run = gradients(name)
    assert max(arrays_in(jax.make_jaxpr(run)(*arguments).jaxpr)) <= batch * classes / 16
    memory = jax.jit(run).lower(*arguments).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 4 * batch * classes / 2


def test_prediction_holds_no_array_of_batch_by_classes(rng):
    features, anchors, *_ = draw(rng, "fal", batch=1024, classes=20_000)
    made = jax.make_jaxpr(functools.partial(losses.nearest_anchors, k=5))(features, anchors)
    assert max(arrays_in(made.jaxpr)) <= 1024 * 20_000 / 16


def test_the_form_is_chosen_by_size(rng):
    """Direct differences of few, products of more that are kept, a scan over tiles of many."""

    def form(batch, classes, dim=DIM):
        arguments = draw(rng, "fal", batch=batch, classes=classes, dim=dim)
        program = str(jax.make_jaxpr(functools.partial(total, "fal"))(*arguments))
        return next((name for name in ("scan", "dot_general") if name in program), "direct")

    assert form(8, 200) == "direct"
    assert form(4096, 10) == form(4096, 200) == "dot_general"
    assert form(4096, 1000) == "scan"
    assert form(4096, 1000, dim=512) == "dot_general"
    assert form(4096, 2000, dim=512) == "scan"


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_nearest_anchors_are_those_of_a_full_search(offset, rng):
    features, anchors, *_ = draw(rng, "fal", offset, batch=60, classes=1000, dim=32)
    found, classes = jax.jit(functools.partial(losses.nearest_anchors, k=3))(features, anchors)
    expected, order = reference.nearest_anchors(features, anchors, k=3)
    assert_array_equal(classes, order)
    assert_close(found, expected)


def test_of_equal_distances_the_lower_class_comes_first(monkeypatch):
    anchors = np.float32(np.resize(np.eye(3), (40, 3)))
    features = np.float32([[1, 0, 0], [0, 0, 2]])
    for tile in (1, 4, 7):
        stream(monkeypatch, tile)
        found, classes = losses.nearest_anchors(features, anchors, k=5)
        assert_array_equal(classes, [[0, 3, 6, 9, 12], [2, 5, 8, 11, 14]])
        assert_array_equal(found, [[0] * 5, [1] * 5])


@pytest.mark.parametrize("k", [0, 5])
def test_more_nearest_anchors_than_there_are_is_refused(k):
    with pytest.raises(ValueError, match=rf"k must be 1 to .* 4, got {k}"):
        losses.nearest_anchors(np.ones((2, 3)), np.ones((4, 3)), k=k)


def split(name, shared, rows, **options):
    """The loss over a mesh of 2 by 4 devices: rows by batch, anchors by class, or all on each."""
    classes = P("class") if "class_axis_name" in options.get("axes", {}) else P()
    by = {k: classes if np.ndim(v) else P() for k, v in shared[2].items()}
    mesh = jax.make_mesh((2, 4), ("batch", "class"), axis_types=(AxisType.Auto,) * 2)
    run = gradients(name, axis_name="batch", **options.pop("axes", {}))
    return jax.jit(
        jax.shard_map(
            run,
            mesh=mesh,
            in_specs=(P("batch"), classes, by, P("batch"), P("batch")),
            out_specs=(P(), (P("batch"), classes, by)),
            **options,
        )
    )(*shared, *rows)


def mesh_problem(rng, name):
    """Labels sorted, so that devices differ in the classes that they see."""
    features, anchors, options, labels, where = draw(rng, name, 1.0, classes=152)
    shared = features, anchors, jax.tree.map(jnp.float32, options)
    return shared, (np.sort(labels), where)


@pytest.mark.parametrize(
    ("axes", "kept"),
    [({}, 0), ({}, 2**20), ({"class_axis_name": "class"}, 0)],
    ids=["batch", "batch, kept", "classes"],
)
@each_loss
def test_split_over_devices_it_is_the_same(name, axes, kept, rng, monkeypatch):
    """Split by batch, and by batch and class: value and gradients."""
    monkeypatch.setattr(_streaming, "_KEPT", kept)
    shared, rows = mesh_problem(rng, name)
    expected = jax.jit(gradients(name))(*shared, *rows)
    jax.tree.map(assert_close, split(name, shared, rows, axes=axes), expected)


def test_a_wrong_label_gives_nan_on_all_devices(rng):
    shared, (labels, where) = mesh_problem(rng, "fal")
    for wrong in (-1, 152):
        labels[0] = wrong
        value, _ = split("fal", shared, (labels, where), axes={"class_axis_name": "class"})
        assert np.isnan(value)


def test_classes_split_over_a_map_that_does_not_check_are_refused(rng):
    shared, rows = mesh_problem(rng, "fal")
    axes = {"class_axis_name": "class"}
    with pytest.raises(ValueError, match=r"class_axis_name must be .* check_vma=True"):
        split("fal", shared, rows, axes=axes, check_vma=False)
