"""One network on all devices: the same losses however many there are, and what it reports."""

import functools

import jax
import numpy as np
import pytest
from flax import nnx

from fal_jax import data, models, training
from fal_jax.estimators import IMAGE_METHODS

STEPS, BATCH, CLASSES = 20, 32, 3
LABELS = np.repeat(np.arange(CLASSES), (60, 20, 16)).astype(np.int32)
SETTINGS = {"num_steps": 20.0, "class_counts": [60.0, 20.0, 16.0], "every": 4.0}


@functools.cache
def images():
    """Noise around a brightness of its class."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 200, (len(LABELS), 8, 8, 3))
    return (noise + 20 * LABELS[:, None, None, None]).astype(np.uint8)


def transform(key, inputs):
    if key is not None:
        crop_key, flip_key = jax.random.split(key)
        inputs = data.flip(flip_key, data.pad_and_crop(crop_key, inputs, padding=1))
    return data.normalise(inputs, mean=128.0, std=128.0)


class Body(nnx.Module):
    """One convolution with batch norm: what is quick to compile."""

    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), strides=2, rngs=rngs)
        self.norm = nnx.BatchNorm(4, momentum=0.9, rngs=rngs)

    def __call__(self, inputs):
        return nnx.relu(self.norm(self.conv(inputs))).mean(axis=(1, 2))


def network(head):
    return models.classifier(models.from_nnx(Body), head(CLASSES, 4))


def programs(method, devices, transform=transform, **options):
    mesh = training.device_mesh(devices)

    def mapped(head):
        return training.split_batch(network(head), mesh)

    def build(settings):
        return IMAGE_METHODS[method].join(mapped, settings)

    return training.minibatches(build, transform, mesh, **options)


def trained(made, method, first=0, state=None, steps=STEPS):
    """State and losses."""
    settings = {**IMAGE_METHODS[method].fixed, **SETTINGS}
    settings = {name: np.asarray(value, np.float32) for name, value in settings.items()}
    rows = training.Rows(*training.on_all_devices((images(), LABELS), made.mesh))
    batches = data.stream_batches(len(LABELS), batch_size=BATCH, num_steps=STEPS, seed=1)
    part = slice(first, steps)
    return made.steps(
        made.start(3, settings) if state is None else state,
        settings, rows, batches[part], np.linspace(0.2, 1, STEPS)[part], 3, first,
    )  # fmt: skip


@pytest.mark.parametrize("method", IMAGE_METHODS)
def test_eight_devices_and_one_give_the_same_losses(method):
    state, losses = trained(programs(method, 8), method)
    one, expected = trained(programs(method, 1), method)
    assert losses.shape == (STEPS,)
    assert expected[-4:].mean() < expected[:4].mean()
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), state.stats, one.stats
    )
    if "FAML" in method:
        assert int(state.anchors.num_updates) == STEPS // 4
        np.testing.assert_allclose(state.anchors.anchors, one.anchors.anchors, rtol=1e-3, atol=1e-4)


def test_one_program_for_all_steps_gives_the_same_losses_and_so_do_two_halves():
    made = programs("FAML", 1)
    _, expected = trained(made, "FAML")
    _, scanned = trained(programs("FAML", 1, scan=True), "FAML")
    np.testing.assert_allclose(scanned, expected, rtol=1e-4, atol=1e-4)
    state, first = trained(made, "FAML", steps=7)
    _, second = trained(made, "FAML", first=7, state=state)
    np.testing.assert_array_equal(np.concatenate([first, second]), expected)


def test_steps_of_other_numbers_share_a_program():
    traced = []

    def told(key, inputs):
        traced.append(key)
        return transform(key, inputs)

    made = programs("FAML", 1, told, scan=True)
    _, expected = trained(made, "FAML")
    number = len(traced)
    _, losses = trained(made, "FAML", steps=STEPS - 1)
    np.testing.assert_array_equal(losses, expected[:-1])
    _, none = trained(made, "FAML", steps=0)
    assert none.shape == (0,)
    assert len(traced) == number


def test_the_confusion_counts_rows_by_class_and_by_what_they_are_taken_for():
    made = programs("CE", 8)
    state, _ = trained(made, "CE", steps=2)
    settings = {"learning_rate": np.float32(1)}
    rows = training.Rows(*training.on_all_devices((images(), LABELS), made.mesh))
    model, _ = IMAGE_METHODS["CE"].join(network, settings)
    places = np.arange(5, 90, 3)
    inputs = transform(None, images()[places])
    outputs, _ = model.apply(state.params, state.stats, inputs)
    expected = np.zeros((CLASSES, CLASSES), int)
    np.add.at(expected, (LABELS[places], np.argmax(outputs.logits, -1)), 1)
    np.testing.assert_array_equal(made.confusion(state, settings, rows, places), expected)


def test_a_batch_that_does_not_split_evenly_is_refused():
    made = programs("CE", 8)
    rows = training.Rows(*training.on_all_devices((images(), LABELS), made.mesh))
    with pytest.raises(ValueError, match="evenly over the 8 devices, got 12 rows"):
        made.steps(None, {}, rows, np.zeros((2, 12), np.int32), np.ones(2), 0, 0)
