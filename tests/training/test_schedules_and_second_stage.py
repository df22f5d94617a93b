"""Schedules as data of the step, and heads trained or rescaled anew."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from numpy.testing import assert_allclose, assert_array_equal

from fal_jax import data, losses, models, training

WEIGHTS = np.array([0.2, 1.8], np.float32)


def problem(rng, rows=64):
    labels = (np.arange(rows) % 4 == 0).astype(np.int32)
    inputs = rng.normal(size=(rows, 3)).astype(np.float32) + labels[:, None]
    batches = data.epoch_batches(rows, batch_size=16, num_epochs=3, seed=0)
    return inputs, labels, batches.reshape(-1, 16)


def weighted(alpha):
    def loss(outputs, _, batch):
        return jnp.mean(
            losses.softmax_focal_loss(
                outputs.logits, batch.labels, gamma=0.0, alpha=alpha(batch.step)
            )
        )

    return loss


def trained(alpha, problem, state=None):
    inputs, labels, batches = problem
    trainer = training.trainer(models.mlp(3, 2), weighted(alpha), optax.sgd(0.1))
    state = trainer.init(jax.random.key(0)) if state is None else state
    return training.fit(trainer, state, inputs, labels, batches)


def test_deferred_weights_are_two_trainings_one_after_the_other(rng):
    inputs, labels, batches = problem(rng)

    @jax.jit
    def run(at):
        deferred = training.switched(jnp.ones(2), WEIGHTS, at=at)
        return trained(deferred, (inputs, labels, batches))

    for at in (0, 5, 99):
        state, values = run(at)
        first, before = trained(lambda _: jnp.ones(2), (inputs, labels, batches[:at]))
        last, after = trained(lambda _: WEIGHTS, (inputs, labels, batches[at:]), first)
        assert_allclose(values, np.concatenate([before, after]), rtol=1e-6)
        jax.tree.map(lambda a, b: assert_allclose(a, b, rtol=1e-5), state.params, last.params)
        assert state.step == len(batches)
    assert run._cache_size() == 1


def test_deferred_resampling_is_two_samplers_one_after_the_other(rng):
    """Rows drawn alike up to a step, and classes alike from it on."""
    inputs, labels, batches = problem(rng)
    rows, num_steps = data.class_rows(labels, 2), len(batches)

    def draw(step, at):
        exponent = training.switched(1.0, 0.0, at=at)(step)
        key = jax.random.fold_in(jax.random.key(3), step)
        return data.sample_rows(key, rows, 16, exponent=exponent)

    @jax.jit
    def run(at):
        given = jax.vmap(lambda step: draw(step, at))(jnp.arange(num_steps))
        trainer = training.trainer(models.mlp(3, 2), weighted(lambda _: WEIGHTS), optax.sgd(0.1))
        state = trainer.init(jax.random.key(0))
        drawn = training.fit(
            trainer, state, inputs, labels, lambda step: draw(step, at), num_steps=num_steps
        )
        return given, drawn, training.fit(trainer, state, inputs, labels, given)

    for at in (0, 6, num_steps):
        given, drawn, expected = run(at)
        jax.tree.map(lambda a, b: assert_allclose(a, b, rtol=1e-5, atol=1e-7), drawn, expected)
        rare = labels[given].mean(axis=-1)
        # A quarter of the rows is of class 1.
        assert rare[:at].sum() <= 0.33 * at
        assert rare[at:].sum() >= 0.4 * (num_steps - at)
    assert run._cache_size() == 1


def test_drawn_batches_need_a_number_of_steps():
    trainer = training.trainer(models.mlp(3, 2), weighted(lambda _: WEIGHTS), optax.sgd(0.1))
    with pytest.raises(ValueError, match="num_steps must be given"):
        training.fit(trainer, None, np.ones((4, 3)), np.zeros(4, int), lambda step: step)


def test_counts_seen_are_those_of_all_batches_on_all_devices_and_compile_once(rng):
    labels = rng.integers(-1, 5, (3, 8, 6))  # -1 and 4 are no classes
    where = rng.random((3, 8, 6)) < 0.7

    def count(labels, counts, where):
        return training.counts_seen(labels, counts, where=where, axis_name="batch")

    mesh = jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Auto,))
    split = jax.P("batch")
    run = jax.jit(
        jax.shard_map(count, mesh=mesh, in_specs=(split, jax.P(), split), out_specs=jax.P())
    )
    for start in (np.zeros(4, np.int32), np.full(4, 0.5, np.float32)):
        counts = jax.device_put(start, NamedSharding(mesh, jax.P()))
        for step in range(3):
            counts = run(labels[step], counts, where[step])
        valid = labels[where & (labels >= 0) & (labels < 4)]
        assert_array_equal(counts, start + np.bincount(valid, minlength=4))
        assert counts.dtype == start.dtype
        one = training.counts_seen(labels, start, where=where)
        assert_array_equal(one, counts)
    assert run._cache_size() == 2  # one a dtype
    with pytest.raises(ValueError, match=r"counts must have shape \[classes\], got shape \(\)"):
        training.counts_seen(labels, 0)


def test_a_ramp_of_a_tree_is_exact_at_both_ends():
    ends = {"a": jnp.array([jnp.inf, 1.0]), "b": 3.0}, {"a": jnp.array([2.0, 0.1]), "b": jnp.nan}
    ramp = training.ramped(*ends, start=4, stop=8)
    for step, expected in ((4, ends[0]), (8, ends[1])):
        jax.tree.map(assert_array_equal, ramp(step), expected)
    assert_allclose(ramp(6)["a"][1], 0.55)
    switch = training.switched(0, 1, at=2**24 + 1)
    assert (switch(2**24), switch(2**24 + 1)) == (0, 1)
    assert switch(0).dtype == jnp.int32
    with jax.numpy_rank_promotion("raise"):
        assert training.switched(0, 1, at=3)(jnp.arange(5)).tolist() == [0, 0, 0, 1, 1]


def test_only_the_head_moves(rng):
    inputs, labels, batches = problem(rng)
    model = models.mlp(3, 2)
    params, _ = model.init(jax.random.key(0))
    head = models.linear_head(2, 8)
    params = training.fresh_head(jax.random.key(1), params, head)
    assert_array_equal(params["head"]["kernel"], head.init(jax.random.key(1))["kernel"])

    optimizer = training.head_only(optax.sgd(0.1, momentum=0.9))
    trainer = training.trainer(model, weighted(lambda _: WEIGHTS), optimizer)
    state = trainer.init(jax.random.key(0))._replace(params=params)
    moved, values = training.fit(trainer, state, inputs, labels, batches)
    assert values[-1] < values[0]
    for name in params:
        same = jax.tree.map(np.array_equal, params[name], moved.params[name])
        assert all(jax.tree.leaves(same)) == (name != "head")
    kept = [leaf.size for leaf in jax.tree.leaves(state.opt_state)]
    assert sum(kept) == sum(leaf.size for leaf in jax.tree.leaves(params["head"]))


def test_statistics_stay_where_the_network_runs_as_at_inference():
    model = models.small_convnet(2)
    loss = weighted(lambda _: WEIGHTS)
    images, labels = jnp.ones((4, 32, 32, 3)), jnp.array([0, 1, 0, 1])
    batch = training.Batch(images, labels, jnp.ones(4, bool))
    for train in (True, False):
        trainer = training.trainer(model, loss, training.head_only(optax.sgd(0.1)), train=train)
        state = trainer.init(jax.random.key(0))
        moved, _ = trainer.update(state, batch)
        same = jax.tree.map(np.array_equal, state.stats, moved.stats)
        assert all(jax.tree.leaves(same)) == (not train)


def test_tau_divides_by_a_power_of_the_length_and_drops_the_bias(rng):
    kernel = rng.normal(size=(5, 3))
    kernel[:, 1] = 0
    head = {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.ones(3)}
    for tau in (0.0, 0.7, 1.0):
        lengths = np.linalg.norm(kernel, axis=0) ** tau
        expected = np.divide(kernel, lengths, out=np.zeros_like(kernel), where=lengths > 0)
        normalised = training.tau_normalised(head, tau=tau)
        assert_allclose(normalised["kernel"], expected, rtol=1e-5)
        assert_array_equal(normalised["bias"], 0)
    slope = jax.grad(lambda t: training.tau_normalised(head, tau=t)["kernel"].sum())(0.5)
    assert np.isfinite(slope)


def test_scales_multiply_the_logits(rng):
    head, scales = models.linear_head(3, 5), np.array([0.5, 1.0, 2.0], np.float32)
    params = head.init(jax.random.key(0)) | {"bias": jnp.arange(3.0)}
    features = rng.normal(size=(4, 5)).astype(np.float32)
    scaled = head.apply(training.scaled_head(params, scales), features)
    assert_allclose(scaled, losses.adjust(head.apply(params, features), scale=scales), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training.tau_normalised({"anchors": jnp.ones((2, 3))}), r"head .*\['anchors'\]"),
        (lambda: training.scaled_head({"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}, [1.0]),
         r"scales must have shape \(2,\), got shape \(1,\)"),
    ],
)  # fmt: skip
def test_heads_and_scales_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
