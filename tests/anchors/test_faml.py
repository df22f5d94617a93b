"""The FAML rule against Eq. 10 to 12 written out, over long windows and in the corners."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import anchors
from tests import reference

CLASSES, DIM = 3, 4
START = np.arange(CLASSES * DIM, dtype=np.float32).reshape(CLASSES, DIM) / 10


def draw_steps(rng, num_steps, batch=5, skew=(0.7, 0.2, 0.1)):
    """Features `[steps, batch, dim]`, labels and a mask of valid examples."""
    features = rng.normal(size=(num_steps, batch, DIM)).astype(np.float32)
    labels = rng.choice(CLASSES, size=(num_steps, batch), p=skew).astype(np.int32)
    return features, labels, rng.random((num_steps, batch)) < 0.8


@functools.partial(jax.jit, static_argnums=0)
def run(rule, state, features, labels, where):
    def step(state, batch):
        features, labels, where = batch
        return rule.update(features, labels, state, where=where), None

    return jax.lax.scan(step, state, (features, labels, where))[0]


def all_valid(labels):
    return np.ones(labels.shape, bool)


@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.3])
@pytest.mark.parametrize(
    "rate",
    [0.999, 1.0, 0.0, anchors.paper_decay(6)],
    ids=["constant", "replace", "never", "decay"],
)
@pytest.mark.usefixtures("x64")
def test_agrees_with_the_window_written_out(rng, ratio, rate):
    features, labels, where = draw_steps(rng, 50)
    features, start = features.astype(np.float64), START.astype(np.float64)
    rule = anchors.faml(CLASSES, DIM, ratio=ratio, every=8, rate=rate)
    state = run(rule, rule.init(start), features, labels, where)
    expected = reference.faml_reference(
        list(zip(features, labels, where, strict=True)), start, ratio, 8, rate
    )
    # The decay's horizon is a float32 number, as all schedules' are.
    tolerance = 1e-6 if callable(rate) else 1e-12
    np.testing.assert_allclose(state.anchors, expected, rtol=tolerance, atol=tolerance)
    assert (int(state.num_steps), int(state.num_updates)) == (50, 6)


def test_equal_weights_and_full_rate_give_the_windows_plain_means(rng):
    features, labels, _ = draw_steps(rng, 20)
    rule = anchors.faml(CLASSES, DIM, ratio=1.0, every=20, rate=1.0)
    state = run(rule, rule.init(START), features, labels, all_valid(labels))
    for k in range(CLASSES):
        mean = features[labels == k].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(state.anchors[k], mean, rtol=1e-5, atol=1e-6)


def test_an_unseen_class_keeps_its_anchor_to_the_bit(rng):
    features, labels, where = draw_steps(rng, 30, skew=(0.6, 0.4, 0.0))
    rule = anchors.faml(CLASSES, DIM, every=3, rate=0.37)
    state = run(rule, rule.init(START), features, labels, where)
    assert int(state.num_updates) == 10
    np.testing.assert_array_equal(state.anchors[2], START[2])
    assert not np.any(np.asarray(state.anchors[:2]) == START[:2])


def test_a_class_only_in_masked_rows_is_unseen(rng):
    features, labels, _ = draw_steps(rng, 4)
    features[labels == 2] = np.nan
    rule = anchors.faml(CLASSES, DIM, every=2)
    state = run(rule, rule.init(START), features, labels, labels != 2)
    np.testing.assert_array_equal(state.anchors[2], START[2])
    assert np.isfinite(state.anchors).all()


def test_ten_thousand_steps_neither_overflow_nor_underflow(rng):
    """Class 2 is seen once a window, 900 steps before its end, and moves to exactly that mean."""
    every = 1000
    features, labels, _ = draw_steps(rng, 10_000, batch=2, skew=(0.5, 0.5, 0.0))
    seen_at = np.arange(100, 10_000, every)
    labels[seen_at] = 2
    rule = anchors.faml(CLASSES, DIM, ratio=1.3, every=every, rate=1.0)
    state = run(rule, rule.init(START), features, labels, all_valid(labels))
    assert int(state.num_updates) == 10
    assert np.isfinite(state.anchors).all()
    last = features[seen_at[-1]]
    # Not the float64 mean rounded: the sum of two float32 numbers, halved, is exact in float32.
    np.testing.assert_array_equal(state.anchors[2], (last[0] + last[1]) / np.float32(2))


def test_a_shrinking_ratio_over_a_long_window_agrees_with_float64(rng):
    """r = 0.7 over 1,000 steps: weights span 155 decades, and class 2 appears at step 900."""
    features, labels, _ = draw_steps(rng, 1000, batch=2, skew=(0.5, 0.5, 0.0))
    labels[900:] = 2
    rule = anchors.faml(CLASSES, DIM, ratio=0.7, every=1000, rate=1.0)
    state = run(rule, rule.init(START), features, labels, all_valid(labels))
    steps = list(zip(features, labels, strict=True))
    expected = reference.faml_reference(steps, START, 0.7, 1000, 1.0)
    np.testing.assert_allclose(state.anchors, expected, rtol=2e-6, atol=2e-6)


def test_a_step_without_valid_examples_counts_and_changes_no_mean(rng):
    features, labels, _ = draw_steps(rng, 1)
    rule = anchors.faml(CLASSES, DIM, every=100)
    before = run(rule, rule.init(START), features, labels, all_valid(labels))
    nothing = np.zeros(labels[0].shape, bool)
    after = rule.update(np.full_like(features[0], np.nan), labels[0] - 9, before, where=nothing)
    assert int(after.num_steps) == 2
    np.testing.assert_array_equal(after.window_means, before.window_means)
    np.testing.assert_array_equal(after.window_seen, before.window_seen)


def test_the_window_is_cleared_after_an_update_and_a_partial_one_dropped(rng):
    features, labels, where = draw_steps(rng, 12)
    rule = anchors.faml(CLASSES, DIM, every=10)
    at_update = run(rule, rule.init(START), features[:10], labels[:10], where[:10])
    assert not at_update.window_seen.any()
    assert not at_update.window_weights.any()
    assert not at_update.window_means.any()
    later = run(rule, at_update, features[10:], labels[10:], where[10:])
    np.testing.assert_array_equal(later.anchors, at_update.anchors)
    assert later.window_seen.any()


def test_gradients_stop_inside(rng):
    features, labels, _ = draw_steps(rng, 1)
    rule = anchors.faml(CLASSES, DIM, every=1)

    def moved(features):
        return rule.update(features, labels[0], rule.init(START)).anchors.sum()

    assert moved(features[0]) != START.sum()
    np.testing.assert_array_equal(jax.grad(moved)(features[0]), np.zeros_like(features[0]))


@pytest.mark.parametrize("label", [-1, CLASSES])
def test_an_out_of_range_label_makes_the_anchors_nan(rng, label):
    features, labels, _ = draw_steps(rng, 1)
    labels[0, 2] = label
    rule = anchors.faml(CLASSES, DIM, every=1)
    assert np.isnan(rule.update(features[0], labels[0], rule.init(START)).anchors).all()


def test_any_batch_rank(rng):
    features, labels, _ = draw_steps(rng, 6)
    rule = anchors.faml(CLASSES, DIM, every=1)
    nested = rule.update(features, labels, rule.init(START)).anchors
    flat = rule.update(features.reshape(-1, DIM), labels.ravel(), rule.init(START)).anchors
    np.testing.assert_allclose(nested, flat, rtol=1e-6)


def test_hyper_parameters_may_be_traced_and_vmapped(rng):
    features, labels, where = draw_steps(rng, 12)

    def train(ratio, every, rate):
        rule = anchors.faml(CLASSES, DIM, ratio=ratio, every=every, rate=rate)

        def step(state, batch):
            return rule.update(batch[0], batch[1], state, where=batch[2]), None

        return jax.lax.scan(step, rule.init(START), (features, labels, where))[0].anchors

    settings = np.array([0.7, 1.3]), np.array([3, 5]), np.array([0.2, 0.9])
    together = jax.jit(jax.vmap(train))(*settings)
    for i in range(2):
        alone = train(*(float(value[i]) for value in settings))
        np.testing.assert_allclose(together[i], alone, rtol=1e-5, atol=1e-6)


def test_bfloat16_features_are_summed_in_the_states_dtype(rng):
    features, labels, _ = draw_steps(rng, 1)
    rule = anchors.faml(CLASSES, DIM, every=1)
    half = jnp.asarray(features[0], jnp.bfloat16)
    state = rule.update(half, labels[0], rule.init(START))
    assert state.anchors.dtype == jnp.float32
    exact = rule.update(half.astype(jnp.float32), labels[0], rule.init(START))
    np.testing.assert_array_equal(state.anchors, exact.anchors)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((1, 4), {}, "num_classes"),
        ((3, 0), {}, "dim"),
        ((3, 4), {"ratio": 0.0}, "ratio must be above 0"),
        ((3, 4), {"ratio": -1.0}, "ratio"),
        ((3, 4), {"ratio": np.nan}, "ratio"),
        ((3, 4), {"every": 0}, "every must be at least 1"),
        ((3, 4), {"every": 1.5}, "every must be a whole number"),
        ((3, 4), {"rate": 1.5}, "rate must be at least 0 and at most 1"),
        ((3, 4), {"ratio": np.ones(2)}, "ratio must be a scalar"),
    ],
)
def test_bad_hyper_parameters(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        anchors.faml(*arguments, **options)


def test_bad_arrays():
    rule = anchors.faml(CLASSES, DIM)
    state = rule.init(START)
    features, labels = np.ones((2, DIM), np.float32), np.zeros(2, np.int32)
    with pytest.raises(ValueError, match=r"anchors must have shape \(3, 4\).*got shape \(3, 5\)"):
        rule.init(np.ones((3, 5), np.float32))
    with pytest.raises(TypeError, match="anchors must have a floating dtype, got int"):
        rule.init(np.ones((3, 4), np.int32))
    with pytest.raises(ValueError, match=r"features must .* dim = 4.* got shape \(2, 5\)"):
        rule.update(np.ones((2, 5), np.float32), labels, state)
    with pytest.raises(ValueError, match=r"labels must have shape \(2,\).*got shape \(3,\)"):
        rule.update(features, np.zeros(3, np.int32), state)
    with pytest.raises(TypeError, match="labels must have an integer dtype or bool, got float32"):
        rule.update(features, labels.astype(np.float32), state)
    with pytest.raises(TypeError, match="where must have dtype bool, got int32"):
        rule.update(features, labels, state, where=np.ones(2, np.int32))


def test_a_nan_feature_spoils_its_own_class_alone(rng):
    features, labels, _ = draw_steps(rng, 1)
    labels[0] = [0, 1, 1, 2, 0]
    features[0, 0] = np.nan
    state = anchors.faml(CLASSES, DIM, every=1).update(
        features[0], labels[0], anchors.faml(CLASSES, DIM).init(START)
    )
    assert np.isnan(state.anchors[0]).all()
    assert np.isfinite(state.anchors[1:]).all()


def test_few_updates_warn():
    assert anchors.num_anchor_updates(1000, 200) == 5
    with pytest.warns(UserWarning, match="only 4 anchor updates in a run of 999 steps"):
        assert anchors.num_anchor_updates(999, 200) == 4
