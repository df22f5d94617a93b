"""Networks for images: their size, their twin in PyTorch, batch norm, precision and errors."""

import functools
import pathlib

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from fal_jax import models, training
from fal_jax.models._layers import max_pool
from tests.compiling import jit_as_users

FIXTURE = pathlib.Path(__file__).with_name("resnet8.npz")
TINY = functools.partial(models.resnet, 8, 5, width=4)
MESH = training.device_mesh(4)
NETWORKS = {
    "resnet": (TINY, (8, 8, 3)),
    "small_convnet": (functools.partial(models.small_convnet, 5, width=4), (16, 16, 3)),
    "lenet": (functools.partial(models.lenet, 5, image_size=16), (16, 16, 1)),
}
each_network = pytest.mark.parametrize(("build", "shape"), NETWORKS.values(), ids=NETWORKS)


def size(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def from_fixture(names):
    """The fixture's network: nested dicts of its layers' leaves, and the arrays beside them."""
    tree, arrays = {}, np.load(FIXTURE)
    for path in arrays:
        *parents, leaf = path.split("/")
        if leaf in names and parents[0] not in ("head", "eval", "train"):
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = arrays[path]
    return tree


@pytest.fixture(scope="module")
def twin():
    arrays = np.load(FIXTURE)
    head = {name: arrays[f"head/{name}"] for name in ("kernel", "bias")}
    params = {"body": from_fixture(("kernel", "scale", "bias")), "head": head}
    return params, from_fixture(("mean", "variance")), arrays


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)],
)
def test_number_of_parameters(key, depth, parameters):
    params, _ = jax.eval_shape(models.resnet(depth, 10).init, key)
    assert size(params) == parameters


@pytest.mark.parametrize("depth", [2, 18, 21, 34])
def test_another_depth_is_refused(depth):
    with pytest.raises(ValueError, match=rf"depth must be 6n \+ 2 \(20, 32.*got {depth}"):
        models.resnet(depth, 10)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_agrees_with_a_twin_in_pytorch(twin, mode):
    params, stats, arrays = twin
    outputs, moved = TINY().apply(params, stats, arrays["inputs"], train=mode == "train")
    for name, value in outputs._asdict().items():
        np.testing.assert_allclose(value, arrays[f"{mode}/{name}"], rtol=1e-4, atol=1e-4)
    mean = arrays["moved_mean"] if mode == "train" else stats["stem"]["mean"]
    np.testing.assert_allclose(moved["stem"]["mean"], mean, rtol=1e-4, atol=1e-5)


def test_a_step_over_devices_equals_one_on_one_device(twin, rng):
    params, stats, _ = twin
    model = TINY()
    inputs = rng.normal(0.5, 2, size=(16, 8, 8, 3)).astype(np.float32)
    inputs[:4] += 3  # so that the devices' own statistics would differ

    def gradient(params, inputs, axis_name=None):
        def loss(params):
            outputs, moved = model.apply(params, stats, inputs, train=True, axis_name=axis_name)
            value = jnp.sum(jnp.tanh(outputs.logits) ** 2)
            return value if axis_name is None else jax.lax.psum(value, axis_name), moved

        (value, moved), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        return value, moved, gradients

    split, everywhere = PartitionSpec("batch"), PartitionSpec()
    over_devices = jax.shard_map(
        functools.partial(gradient, axis_name="batch"),
        mesh=MESH,
        in_specs=(everywhere, split),
        out_specs=everywhere,
    )
    one, other = jax.jit(gradient)(params, inputs), jax.jit(over_devices)(params, inputs)
    chex.assert_trees_all_close(one, other, rtol=1e-3, atol=1e-4)
    own = jax.jit(lambda part: gradient(params, part)[1])(inputs[:4])
    difference = np.abs(own["stem"]["mean"] - one[1]["stem"]["mean"])
    assert difference.max() > 0.01  # so a device's own statistics would not have passed


@each_network
def test_training_moves_statistics_and_evaluation_uses_them(key, rng, build, shape):
    model = build()
    params, stats = model.init(key)
    inputs = rng.normal(size=(6, *shape)).astype(np.float32)
    trained, moved = jax.jit(functools.partial(model.apply, train=True))(params, stats, inputs)
    before, kept = jax.jit(model.apply)(params, stats, inputs)
    chex.assert_trees_all_equal(kept, stats)
    assert all(len(leaf) == 6 for leaf in (*trained, *before))
    if not jax.tree.leaves(stats):
        chex.assert_trees_all_close(trained, before, rtol=1e-5)
        return
    for old, new in zip(jax.tree.leaves(stats), jax.tree.leaves(moved), strict=True):
        assert not np.any(np.asarray(old) == new)
    after, _ = jax.jit(model.apply)(params, moved, inputs)
    assert np.abs(after.logits - before.logits).max() > 1e-3


@each_network
def test_a_gradient_is_that_of_the_same_network_compiled_otherwise(key, rng, build, shape):
    """Where XLA computes one value twice, the roundings differ: no gradient may ask for equals."""
    model = build()
    params, stats = model.init(key)
    inputs = rng.normal(size=(6, *shape)).astype(np.float32)

    def loss(params):
        outputs, _ = model.apply(params, stats, inputs, train=True)
        return jnp.mean(jnp.tanh(outputs.logits) ** 2)

    quick, usual = (jit(jax.grad(loss))(params) for jit in (jax.jit, jit_as_users))
    chex.assert_trees_all_close(quick, usual, rtol=1e-3, atol=1e-5)


def test_pooling_moves_the_first_of_equals_and_hides_no_nan():
    slope = jax.grad(lambda inputs: jnp.sum(max_pool(inputs)))(np.ones((1, 2, 2, 3), np.float32))
    np.testing.assert_array_equal(slope[0, :, :, 0], [[1, 0], [0, 0]])
    one_nan_each = np.where(np.eye(4), np.nan, 1).astype(np.float32).reshape(4, 2, 2, 1)
    assert np.isnan(max_pool(one_nan_each)).all()


@each_network
def test_bfloat16_computes_with_float32_parameters(key, rng, build, shape):
    inputs = rng.normal(size=(6, *shape)).astype(np.float32)
    narrow, wide = build(dtype=jnp.bfloat16), build()
    params, stats = narrow.init(key)

    def loss(model, params):
        outputs, moved = model.apply(params, stats, inputs, train=True)
        return jnp.mean(outputs.logits**2), (outputs, moved)

    def gradient(model):
        return jax.jit(jax.grad(functools.partial(loss, model), has_aux=True))(params)

    (gradients, (outputs, moved)), (_, (exact, _)) = gradient(narrow), gradient(wide)
    for leaf in jax.tree.leaves((params, gradients, outputs, moved)):
        assert leaf.dtype == jnp.float32
        assert np.all(np.isfinite(leaf))
    scale = np.abs(exact.features).max()
    assert 1e-5 * scale < np.abs(outputs.features - exact.features).max() < 0.1 * scale


@each_network
@pytest.mark.parametrize("head", [models.linear_head, models.cosine_head, models.anchored_head])
def test_any_head(key, build, shape, head):
    outputs, _ = jax.eval_shape(
        lambda: build(head=head).apply(*build(head=head).init(key), jnp.ones((2, *shape)))
    )
    assert outputs.logits.shape == (2, 5)


@each_network
def test_inputs_are_checked(key, build, shape):
    model = build()
    params, stats = model.init(key)
    with pytest.raises(TypeError, match=r"inputs must have a floating dtype, got uint8"):
        model.apply(params, stats, np.ones((2, *shape), np.uint8))
    with pytest.raises(ValueError, match=r"inputs must have shape \[batch, height, width, "):
        model.apply(params, stats, np.ones(shape, np.float32))


@pytest.mark.parametrize("image_size", [15, 0])
def test_a_small_image_is_refused_by_lenet(image_size):
    with pytest.raises(ValueError, match=f"image_size must be at least 16, got {image_size}"):
        models.lenet(10, image_size=image_size)


def test_cosine_head_agrees_with_plain_numpy(key, rng):
    head = models.cosine_head(3, 4, scale=7.0)
    params, features = head.init(key), rng.normal(size=(2, 5, 4)).astype(np.float32)
    kernel = np.asarray(params["kernel"], np.float64)
    lengths = np.linalg.norm(features, axis=-1)[..., None] * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(
        head.apply(params, features), 7 * features @ kernel / lengths, rtol=1e-5, atol=1e-5
    )
    gradient = jax.grad(lambda f: jnp.sum(head.apply(params, f)))(jnp.zeros(4))
    assert np.all(np.isfinite(gradient))
    with pytest.raises(ValueError, match=r"scale must be above 0, got 0"):
        models.cosine_head(3, 4, scale=0)
