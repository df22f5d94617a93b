"""One training step: pinned, against doing it by hand, saved and resumed."""

import functools

import chex
import jax
import numpy as np
import optax
import pytest
from flax import nnx, serialization

from fal_jax import anchors, data, losses, models, training

FAL = {"margin": 0.5, "gamma": 2.0, "alpha": 0.75, "beta": 0.1}
# 4 epochs; the last batch of each is padded.
BATCHES = data.epoch_batches(32, batch_size=10, num_epochs=4, seed=0).reshape(-1, 10)
NAMES = ("CE", "FAL", "FAML")
# Loss, and Euclidean norms, of the first step.
GOLDEN = {
    "CE": {"loss": 0.904908, "gradient": 1.801114, "update": 0.4970338, "params": 7.030891},
    "FAL": {"loss": 2.776361, "gradient": 2.550694, "update": 0.4569411, "params": 8.957267},
    "FAML": {
        "loss": 2.776361,
        "gradient": 1.399791,
        "update": 0.3695957,
        "params": 6.832671,
        "anchors": 1.739209,
    },
}
GOLDEN_HELP = """
The first training step has changed. If that is not meant, it is a bug: some loss, gradient, start
or optimiser differs. If it is meant, put the figures below in place of GOLDEN[{name!r}], and say
in the changelog why every result after it differs.
{found}"""


def fal(outputs, head, batch):
    loss = functools.partial(losses.fal_loss_from_features, **FAL, where=batch.where)
    return loss(outputs.features, batch.labels, head["anchors"])


def cross_entropy(outputs, _, batch):
    values = losses.softmax_cross_entropy(outputs.logits, batch.labels)
    return values.mean(where=batch.where)


def make(name, every=5, optimizer=None):
    """The model, the trainer and the anchor rule of one method, independent of what is tuned."""
    head = models.linear_head if name == "CE" else models.anchored_head
    model = models.mlp(36, 2, head=head)
    rule = anchors.faml(2, 8, every=every, rate=0.9) if name == "FAML" else None
    loss = cross_entropy if name == "CE" else fal
    return model, training.trainer(model, loss, optimizer or optax.adagrad(0.1), rule), rule


@functools.cache
def rows():
    """The first 32 rows of SatImage, scaled."""
    table = data.load_satimage()
    inputs = data.scale(table.features, data.fit_scaler(table.features))
    return inputs[:32], table.labels[:32]


def batch_of(picked):
    inputs, labels = rows()
    return training.Batch(inputs[picked], labels[picked], picked >= 0)


def first_batch():
    return batch_of(np.arange(32))


def record():
    """An optax transformation that passes updates on and keeps them as its state."""
    return optax.GradientTransformation(
        lambda params: jax.tree.map(np.zeros_like, params), lambda updates, *_: (updates, updates)
    )


@pytest.mark.parametrize("name", NAMES)
def test_golden_first_step(key, name):
    optimizer = optax.chain(record(), optax.adagrad(0.1), record())
    _, trainer, _ = make(name, every=1, optimizer=optimizer)
    state, loss = jax.jit(trainer.update)(trainer.init(key), first_batch())
    gradients, _, updates = state.opt_state
    trees = {"gradient": gradients, "update": updates, "params": state.params}
    if state.anchors is not None:
        trees["anchors"] = state.anchors.anchors
    norms = {name: float(optax.tree.norm(tree)) for name, tree in trees.items()}
    found = {"loss": float(loss), **norms}
    message = GOLDEN_HELP.format(name=name, found=found)
    assert found == pytest.approx(GOLDEN[name], rel=1e-5), message


def test_faml_moves_anchors_by_the_features_of_the_same_forward_pass(key):
    model, trainer, rule = make("FAML", every=1)
    optimizer, batch = optax.adagrad(0.1), first_batch()
    state = trainer.init(key)
    params, opt_state, anchored = state.params, optimizer.init(state.params), state.anchors

    def objective(params, current):
        head = {"anchors": current}
        outputs, _ = model.apply({**params, "head": head}, {}, batch.inputs, train=True)
        return fal(outputs, head, batch), outputs.features

    gradient = jax.value_and_grad(objective, has_aux=True)
    for step in range(2):
        state, loss = trainer.update(state, batch)
        (value, features), gradients = gradient(params, anchored.anchors)
        updates, opt_state = optimizer.update(gradients, opt_state)
        params = optax.apply_updates(params, updates)
        _, late = objective(params, anchored.anchors)
        wrong = rule.update(late, batch.labels, anchored)
        anchored = rule.update(features, batch.labels, anchored)
        np.testing.assert_allclose(loss, value, rtol=1e-6)
        chex.assert_trees_all_close(state.params, params, rtol=1e-5, atol=1e-6)
        chex.assert_trees_all_close(state.anchors, anchored, rtol=1e-5, atol=1e-6)
        assert int(state.anchors.num_updates) == step + 1
        assert np.abs(wrong.anchors - anchored.anchors).max() > 1e-2  # the order does matter


def test_fals_anchors_are_parameters_and_famls_are_not(key):
    _, fal_trainer, _ = make("FAL")
    _, faml_trainer, _ = make("FAML")
    of_fal, of_faml = fal_trainer.init(key), faml_trainer.init(key)
    assert of_fal.anchors is None
    assert set(of_fal.params) == {"body", "head"}
    assert set(of_faml.params) == {"body"}
    sizes = [sorted(map(np.shape, jax.tree.leaves(s.opt_state))) for s in (of_fal, of_faml)]
    assert (2, 8) in sizes[0]
    assert (2, 8) not in sizes[1]
    np.testing.assert_array_equal(of_faml.anchors.anchors, of_fal.params["head"]["anchors"])
    chex.assert_trees_all_equal(training.model_params(of_faml), of_fal.params)


def test_statistics_are_carried(key):
    class Normed(nnx.Module):
        def __init__(self, rngs):
            self.linear = nnx.Linear(36, 8, rngs=rngs)
            self.norm = nnx.BatchNorm(8, rngs=rngs)

        def __call__(self, inputs):
            return self.norm(self.linear(inputs))

    model = models.classifier(models.from_nnx(Normed), models.linear_head(2, 8))
    trainer = training.trainer(model, cross_entropy, optax.sgd(0.1))
    state, batch = trainer.init(key), first_batch()
    for _ in range(2):
        _, expected = model.apply(state.params, state.stats, batch.inputs, train=True)
        before, (state, _) = state.stats, trainer.update(state, batch)
        chex.assert_trees_all_close(state.stats, expected, rtol=1e-6)
        assert not np.array_equal(state.stats["norm"]["mean"], before["norm"]["mean"])


@pytest.mark.parametrize("name", NAMES)
def test_fit_is_a_loop_of_updates(key, name):
    _, trainer, _ = make(name)
    fitted, values = jax.jit(functools.partial(training.fit, trainer))(
        trainer.init(key), *rows(), BATCHES
    )
    state, step = trainer.init(key), jax.jit(trainer.update)
    for i, picked in enumerate(BATCHES):
        state, loss = step(state, batch_of(picked))
        np.testing.assert_allclose(values[i], loss, rtol=1e-5)
    # Two programs: XLA may fuse, and so round, a scan's body in its own way.
    chex.assert_trees_all_close(fitted, state, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_saved_killed_and_resumed_is_the_same_to_the_bit(key, tmp_path, name):
    _, trainer, rule = make(name)
    step, file = jax.jit(trainer.update), tmp_path / "state"

    def train(state, batches):
        for picked in batches:
            state, _ = step(state, batch_of(picked))
        return state

    whole = train(trainer.init(key), BATCHES)
    half = train(trainer.init(key), BATCHES[:7])
    file.write_bytes(serialization.to_bytes(half))
    fresh = trainer.init(jax.random.key(9))
    restored = serialization.from_bytes(fresh, file.read_bytes())
    chex.assert_trees_all_equal(train(restored, BATCHES[7:]), whole)
    if rule is not None:  # step 7 lies within a window, without which the run goes another way
        assert half.anchors.window_seen.all()
        emptied = half._replace(anchors=rule.init(half.anchors.anchors))
        assert not np.array_equal(
            train(emptied, BATCHES[7:]).anchors.anchors, whole.anchors.anchors
        )
