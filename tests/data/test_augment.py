"""Augmentation: what may happen to an image happens, as often as it should, and nothing else."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fal_jax import data

BATCH = 400


@pytest.fixture
def images(rng):
    return jnp.asarray(rng.integers(1, 256, (BATCH, 6, 5, 2)), jnp.uint8)


def test_a_crop_is_a_window_of_the_padded_image_and_each_is_as_likely(key, images):
    cropped = np.asarray(data.pad_and_crop(key, images, padding=1))
    padded = np.pad(np.asarray(images), [(0, 0), (1, 1), (1, 1), (0, 0)])
    found = np.zeros((3, 3), int)
    for image, window in zip(padded, cropped, strict=True):
        (place,) = (
            (i, j)
            for i, j in np.ndindex(3, 3)
            if np.array_equal(window, image[i : i + 6, j : j + 5])
        )
        found[place] += 1
    assert cropped.dtype == np.uint8
    assert abs(found - BATCH / 9).max() < 5 * np.sqrt(BATCH / 9)
    np.testing.assert_array_equal(data.pad_and_crop(key, images, padding=0), images)


def test_half_of_the_images_are_flipped_from_left_to_right(key, images):
    flipped = np.asarray(data.flip(key, images))
    is_same = (flipped == images).all(axis=(1, 2, 3))
    is_mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (is_same ^ is_mirrored).all()
    assert abs(is_mirrored.sum() - BATCH / 2) < 5 * np.sqrt(BATCH / 4)
    np.testing.assert_array_equal(data.flip(key, images, probability=0.0), images)


def test_normalised_by_channel_or_for_all(images):
    mean, std = np.array([100.0, 50.0]), np.array([2.0, 4.0])
    expected = (np.asarray(images, np.float64) - mean) / std
    found = data.normalise(images, mean=mean, std=std)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(
        data.normalise(images, mean=128.0, std=128.0), np.asarray(images) / 128 - 1, atol=1e-6
    )


@pytest.mark.parametrize("size", [0, 2, 3])
def test_a_square_is_cut_out_around_any_pixel(key, size):
    cut = np.asarray(data.cutout(key, jnp.ones((BATCH, 6, 5, 2)), size=size)) == 0
    assert (cut[..., 0] == cut[..., 1]).all()
    assert (cut.any(axis=(1, 2, 3)) == (size > 0)).all()
    centres = np.zeros((6, 5), int)
    for mask in cut[..., 0]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == rows.size * columns.size  # a rectangle
        if size:
            assert 1 <= rows.size <= size
            assert 1 <= columns.size <= size
            centres[rows[-1], columns[-1]] += 1
    if size == 2:  # from one pixel above and left of the centre to the centre
        assert abs(centres - BATCH / 30).max() < 5 * np.sqrt(BATCH / 30)


def test_mixed_images_are_pairs_in_one_proportion(key, images):
    pictures = images.astype(jnp.float32)
    mixed = data.mixup(key, pictures, alpha=0.5)
    weight = float(mixed.weight)
    assert 0 < weight < 1
    assert sorted(mixed.partners.tolist()) == list(range(BATCH))
    expected = weight * pictures + (1 - weight) * pictures[mixed.partners]
    np.testing.assert_allclose(mixed.inputs, expected, rtol=1e-5)
    weights = [data.mixup(k, pictures[:2], alpha=0.5).weight for k in jax.random.split(key, 200)]
    assert np.mean(weights) == pytest.approx(0.5, abs=0.13)
    assert np.var(weights) == pytest.approx(1 / 8, abs=0.04)  # of Beta(1/2, 1/2)


RANDOM = {
    "pad_and_crop": data.pad_and_crop,
    "flip": data.flip,
    "cutout": functools.partial(data.cutout, size=2),
    "mixup": lambda key, images: data.mixup(key, images).inputs,
}


@pytest.mark.parametrize("function", RANDOM.values(), ids=RANDOM)
def test_batches_of_batches_are_those_one_by_one_and_keys_differ(key, images, function):
    batches = images.astype(jnp.float32).reshape(4, BATCH // 4, 6, 5, 2)
    keys = jax.random.split(key, 4)
    expected = jnp.stack([function(k, batch) for k, batch in zip(keys, batches, strict=True)])
    np.testing.assert_allclose(jax.vmap(function)(keys, batches), expected, rtol=1e-6)
    assert not np.array_equal(function(keys[0], batches[0]), function(keys[1], batches[0]))


def test_what_is_no_batch_of_images_is_refused(key):
    refused = [functools.partial(function, key) for function in RANDOM.values()]
    for function in (*refused, functools.partial(data.normalise, mean=0.0, std=1.0)):
        with pytest.raises(ValueError, match=r"\[batch, height, width, channels\].*\(6, 5, 2\)"):
            function(jnp.ones((6, 5, 2)))
    with pytest.raises(ValueError, match="padding must be at least 0, got -1"):
        data.pad_and_crop(key, jnp.ones((1, 6, 5, 2)), padding=-1)
    with pytest.raises(ValueError, match="size must be at least 0, got -1"):
        data.cutout(key, jnp.ones((1, 6, 5, 2)), size=-1)
    with pytest.raises(TypeError, match="floating"):
        data.mixup(key, jnp.ones((1, 6, 5, 2), jnp.uint8))
