"""Models as pairs of pure functions over plain dicts, and heads that stand in for each other."""

import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from fal_jax import anchors, losses, models

INPUTS, CLASSES, DIM = 5, 3, 4
HEADS = {"linear": models.linear_head, "anchored": models.anchored_head}
each_head = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)


class Normed(nnx.Module):
    """A layer with batch norm: parameters and statistics."""

    def __init__(self, rngs):
        self.linear = nnx.Linear(INPUTS, DIM, rngs=rngs)
        self.norm = nnx.BatchNorm(DIM, rngs=rngs)

    def __call__(self, inputs):
        return self.norm(self.linear(inputs))


def assert_plain(tree):
    """Every node is a dict and nothing but a dict, every leaf an array."""
    if type(tree) is not dict:
        assert isinstance(tree, jax.Array)
        return
    for child in tree.values():
        assert_plain(child)


def test_variables_of_a_module_are_carried_as_plain_dicts(key, rng):
    model = models.from_nnx(Normed)
    params, stats = model.init(key)
    assert (set(params), set(stats)) == ({"linear", "norm"}, {"norm"})
    _, after = model.apply(params, stats, rng.normal(size=(6, INPUTS)), train=True)
    for tree in (params, stats, after):
        assert_plain(tree)
    assert jax.tree.structure(after) == jax.tree.structure(stats)


def test_only_training_changes_statistics(key, rng):
    model = models.from_nnx(Normed)
    params, stats = model.init(key)
    inputs, before = rng.normal(2, 1, size=(64, INPUTS)), jax.tree.map(np.array, stats)
    trained, moved = model.apply(params, stats, inputs, train=True)
    evaluated, kept = model.apply(params, stats, inputs)
    chex.assert_trees_all_equal(stats, before)
    chex.assert_trees_all_equal(kept, before)
    assert not np.any(np.asarray(moved["norm"]["mean"]) == before["norm"]["mean"])
    # In training the batch's own statistics normalise, to the rounding of float32.
    np.testing.assert_allclose(np.mean(trained, axis=0), np.zeros(DIM), atol=1e-5)
    assert np.abs(np.mean(evaluated, axis=0)).max() > 0.1


def test_gradients_and_statistics_come_out_of_one_jitted_call(key, rng):
    model = models.from_nnx(Normed)
    params, stats = model.init(key)
    inputs = rng.normal(size=(8, INPUTS))

    def loss(params, stats):
        outputs, stats = model.apply(params, stats, inputs, train=True)
        return jnp.sum(jnp.tanh(outputs) ** 2), stats

    step = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (_, moved), gradients = step(params, stats)
    (_, again), _ = step(params, moved)
    assert jax.tree.structure(gradients) == jax.tree.structure(params)
    assert np.abs(gradients["linear"]["kernel"]).max() > 1e-4
    assert_plain(moved)
    assert not np.array_equal(again["norm"]["mean"], moved["norm"]["mean"])


def test_another_kind_of_variable_is_refused(key):
    class Stateful(nnx.Module):
        def __init__(self, rngs):
            self.linear = nnx.Linear(INPUTS, DIM, rngs=rngs)
            self.calls = nnx.Cache(jnp.zeros(()))

    with pytest.raises(ValueError, match=r"(?i)filter"):
        models.from_nnx(Stateful).init(key)


@each_head
def test_vmapped_init_equals_single_inits(key, head):
    model = models.mlp(INPUTS, CLASSES, head=head)
    keys = jax.random.split(key, 3)
    params, _ = jax.vmap(model.init)(keys)
    for i in range(3):
        alone, _ = model.init(keys[i])
        # The scale of the anchors is a sum, which a batch may add in another order.
        chex.assert_trees_all_close(jax.tree.map(lambda p, i=i: p[i], params), alone, rtol=1e-6)
    assert len(np.unique(params["body"]["layers"][0]["kernel"][:, 0, 0])) == 3


@pytest.mark.parametrize("hidden", [(16, 8), (7,), (6, 5, 4)])
@each_head
def test_shapes_and_names(key, rng, hidden, head):
    model = models.mlp(INPUTS, CLASSES, hidden=hidden, head=head)
    params, stats = model.init(key)
    outputs, after = model.apply(params, stats, rng.normal(size=(9, INPUTS)))
    assert jax.tree.map(np.shape, outputs) == ((9, hidden[-1]), (9, CLASSES))
    assert (stats, after) == ({}, {})
    pairs = enumerate(itertools.pairwise((INPUTS, *hidden)))
    layers = {i: {"kernel": pair, "bias": pair[1:]} for i, pair in pairs}
    linear = {"kernel": (hidden[-1], CLASSES), "bias": (CLASSES,)}
    heads = {models.linear_head: linear, models.anchored_head: {"anchors": (CLASSES, hidden[-1])}}
    assert jax.tree.map(np.shape, params) == {"body": {"layers": layers}, "head": heads[head]}
    if hidden == (16, 8):  # the paper's, and the default
        chex.assert_trees_all_equal(models.mlp(INPUTS, CLASSES, head=head).init(key)[0], params)


def test_the_embedding_is_rectified_or_linear(key, rng):
    inputs = rng.normal(size=(50, INPUTS)).astype(np.float32)
    rectified, linear = (
        models.mlp(INPUTS, CLASSES, embedding_activation=f) for f in (jax.nn.relu, None)
    )
    params, stats = linear.init(key)
    signed = np.asarray(linear.apply(params, stats, inputs)[0].features)
    assert (signed < 0).any()
    positive = rectified.apply(params, stats, inputs)[0].features
    np.testing.assert_array_equal(positive, np.maximum(signed, 0))


def test_no_hidden_layer_is_refused():
    with pytest.raises(ValueError, match=r"hidden must name at least one layer.*got none"):
        models.mlp(INPUTS, CLASSES, hidden=())


@each_head
def test_agrees_with_plain_numpy(key, rng, head):
    model = models.mlp(INPUTS, CLASSES, hidden=(16, 8), head=head)
    params, stats = model.init(key)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # so that biases count
    inputs = rng.normal(size=(20, INPUTS)).astype(np.float32)
    outputs, _ = model.apply(params, stats, inputs)
    exact = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    features = inputs.astype(np.float64)
    for layer in exact["body"]["layers"].values():
        features = np.maximum(features @ layer["kernel"] + layer["bias"], 0)
    np.testing.assert_allclose(outputs.features, features, rtol=1e-5, atol=1e-5)
    top = exact["head"]
    if head is models.linear_head:
        logits = features @ top["kernel"] + top["bias"]
    else:
        logits = -((features[:, None] - top["anchors"]) ** 2).sum(-1)
    np.testing.assert_allclose(outputs.logits, logits, rtol=1e-5, atol=1e-5)


@each_head
def test_the_same_training_code_runs_with_either_head(key, rng, head):
    model = models.mlp(INPUTS, CLASSES, head=head)
    inputs = rng.normal(size=(60, INPUTS)).astype(np.float32)
    labels = np.argmax(inputs[:, :CLASSES], axis=1).astype(np.int32)
    optimizer = optax.adagrad(0.3)

    def loss(params):
        outputs, _ = model.apply(params, {}, inputs, train=True)
        return losses.softmax_cross_entropy(outputs.logits, labels).mean()

    def step(carry, _):
        params, opt_state = carry
        value, gradients = jax.value_and_grad(loss)(params)
        updates, opt_state = optimizer.update(gradients, opt_state)
        return (optax.apply_updates(params, updates), opt_state), value

    params, _ = model.init(key)
    (trained, _), values = jax.lax.scan(step, (params, optimizer.init(params)), length=100)
    assert values[-1] < 0.5 * values[0]
    accuracy = np.mean(model.apply(trained, {}, inputs)[0].logits.argmax(-1) == labels)
    assert accuracy > 0.9


def test_an_anchored_head_takes_the_anchors_of_a_rule(rng):
    start = rng.normal(size=(CLASSES, DIM)).astype(np.float32)
    state = anchors.faml(CLASSES, DIM).init(start)
    features = rng.normal(size=(7, DIM))
    logits = models.anchored_head(CLASSES, DIM).apply({"anchors": state.anchors}, features)
    expected = -((features[:, None] - start) ** 2).sum(-1)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch", [(), (6,), (2, 3), (2, 1, 3)])
@each_head
def test_any_batch_rank(key, rng, head, batch):
    model = models.mlp(INPUTS, CLASSES, head=head)
    params, stats = model.init(key)
    inputs = rng.normal(size=(*batch, INPUTS)).astype(np.float32)
    nested, flat = (model.apply(params, stats, x)[0] for x in (inputs, inputs.reshape(-1, INPUTS)))
    for one, other in zip(nested, flat, strict=True):
        assert one.shape == (*batch, other.shape[-1])
        np.testing.assert_allclose(one.reshape(other.shape), other, rtol=1e-5, atol=1e-6)
