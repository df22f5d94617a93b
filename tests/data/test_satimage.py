import hashlib
import importlib.resources
import lzma
import os
import pathlib
import time

import numpy as np
import pytest

from fal_jax import data
from fal_jax.data._satimage import read_rows, satimage_rows

PACKAGED = pathlib.Path(str(importlib.resources.files(data) / "satimage.txt.xz"))


@pytest.fixture(scope="module")
def windows():
    return data.load_satimage(positive=None).features.reshape(-1, 3, 3, 4)


def test_binary_task_is_class_4_against_the_rest():
    table = data.load_satimage()
    assert table.name == "SatImage"
    assert table.features.shape == (6435, 36)
    assert table.features.dtype == np.float32
    assert (table.features.min(), table.features.max()) == (27, 157)
    assert table.labels.dtype == np.int32
    assert np.bincount(table.labels).tolist() == [5809, 626]
    assert table.rows_expected == len(table.labels)
    assert not table.is_sample


def test_six_classes_keep_the_order_of_the_original_labels():
    labels = data.load_satimage(positive=None).labels
    assert np.bincount(labels).tolist() == [1533, 703, 1358, 626, 707, 1508]
    np.testing.assert_array_equal(
        np.array([1, 2, 3, 4, 5, 7])[labels], satimage_rows()[:, -1].astype(int)
    )


@pytest.mark.parametrize(("positive", "count"), [(1, 1533), (5, 707), (7, 1508)])
def test_any_class_can_be_the_positive_one(positive, count):
    assert data.load_satimage(positive=positive).labels.sum() == count


@pytest.mark.parametrize("positive", [0, 6, 8])
def test_class_that_does_not_exist(positive):
    with pytest.raises(ValueError, match=rf"positive must be one of .* got {positive}"):
        data.load_satimage(positive=positive)


def test_a_caller_can_not_alter_the_next_callers_table():
    table = data.load_satimage()
    table.features[:], table.labels[:] = 0, 0
    data.satimage_positions()[:] = 0
    assert data.load_satimage().features.min() == 27
    assert data.load_satimage().labels.sum() == 626
    assert data.satimage_positions().max() == 97
    assert not satimage_rows().flags.writeable


def test_equals_the_original_files():
    folder = os.environ.get("FAL_JAX_DATA")
    if not folder:
        pytest.skip("FAL_JAX_DATA does not point to a folder with tabular/sat.trn and sat.tst")
    training, test = (np.loadtxt(f"{folder}/tabular/{name}") for name in ("sat.trn", "sat.tst"))
    table, split = data.load_satimage(positive=None), data.satimage_official_split()
    for rows, original in ((split.train, training), (split.test, test)):
        np.testing.assert_array_equal(table.features[rows], original[:, :-1])
        np.testing.assert_array_equal(
            np.array([1, 2, 3, 4, 5, 7])[table.labels[rows]], original[:, -1]
        )


def test_official_split():
    split = data.satimage_official_split()
    assert np.concatenate(split).tolist() == list(range(6435))
    labels = data.load_satimage().labels
    assert (labels[split.train].sum(), labels[split.test].sum()) == (415, 211)


def test_is_small_and_loads_fast():
    assert PACKAGED.stat().st_size < 100_000
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        read_rows(PACKAGED)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


def altered(text):
    return text.replace(b"92 115", b"92 116", 1)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file[:-100],
        lambda file: file[:100],
        lambda file: file[:0],
        lambda file: file[:1000] + bytes([file[1000] ^ 1]) + file[1001:],
        lambda file: b"<!DOCTYPE html>" + file,
        lambda file: lzma.compress(altered(lzma.decompress(file))),
        lambda file: lzma.compress(lzma.decompress(file).partition(b"\n")[2]),
    ],
    ids=["truncated", "head", "empty", "bit flip", "not xz", "altered value", "row missing"],
)
def test_damaged_file(tmp_path, damage):
    file = tmp_path / "satimage.txt.xz"
    file.write_bytes(damage(PACKAGED.read_bytes()))
    with pytest.raises(ValueError, match=r"satimage\.txt\.xz is .*reinstall fal-jax"):
        read_rows(file)


def test_attribution_travels_with_the_data():
    licence = (PACKAGED.parent / "satimage.LICENSE").read_text()
    for words in ("Ashwin Srinivasan", "10.24432/C55887", "CC BY 4.0", "concatenated"):
        assert words in licence


def test_positions_put_the_image_together_without_contradiction(windows):
    positions = data.satimage_positions()
    assert positions.dtype == np.int32
    assert positions.min(axis=0).tolist() == [0, 0]
    assert positions.max(axis=0).tolist() == [79, 97]
    assert len(np.unique(positions, axis=0)) == 6435
    image, compared = np.full((82, 100, 4), np.nan), 0
    for window, (row, column) in zip(windows, positions, strict=True):
        place = image[row : row + 3, column : column + 3]
        known = ~np.isnan(place[..., 0])
        compared += known.sum()
        np.testing.assert_array_equal(place[known], window[known])
        place[:] = window
    assert compared == 50_185


def test_both_original_files_are_in_raster_order():
    row, column = data.satimage_positions().T
    for rows in data.satimage_official_split():
        assert (np.diff(row[rows] * 98 + column[rows]) > 0).all()


def test_six_equal_pixels_are_never_chance(windows):
    positions = data.satimage_positions()
    place = {tuple(position): window for window, position in enumerate(positions.tolist())}
    beside = {pixels.tobytes(): window for window, pixels in enumerate(windows[:, :, :2])}
    assert len(beside) == 6435
    pairs = [
        (window, beside[pixels.tobytes()])
        for window, pixels in enumerate(windows[:, :, 1:])
        if beside.get(pixels.tobytes(), window) != window
    ]
    by_position = [
        (window, place[row, column + 1])
        for (row, column), window in place.items()
        if (row, column + 1) in place
    ]
    assert pairs == by_position
    assert len(pairs) == 5680


def test_blocks_are_rectangles_that_cover_the_image():
    positions, blocks = data.satimage_positions(), data.satimage_blocks()
    assert blocks.dtype == np.int32
    assert np.unique(blocks).tolist() == list(range(35))
    for block in range(35):
        corner = positions[blocks == block] // (16, 14)
        assert (corner == divmod(block, 7)).all()


def test_block_numbers_have_no_gaps_where_the_image_has():
    blocks = data.satimage_blocks(height=4, width=4)
    assert np.unique(blocks).tolist() == list(range(blocks.max() + 1))


def test_blocks_of_no_size():
    with pytest.raises(ValueError, match="at least 1, got 0 and 14"):
        data.satimage_blocks(height=0)


def test_content_is_pinned():
    digest = hashlib.sha256(satimage_rows().tobytes()).hexdigest()
    assert digest == "3afa976a2b0b35a7227dd42e5834f232eb040d5cc3d0f2beb3052703600fa924"


def test_a_folder_without_the_originals_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"sat\.trn is missing: get it from"):
        data.load_satimage(folder=tmp_path)


def test_altered_originals_are_refused(tmp_path):
    for name in ("sat.trn", "sat.tst"):
        (tmp_path / name).write_text("1 2 3\n")
    with pytest.raises(ValueError, match="not the originals"):
        data.load_satimage(folder=tmp_path)


@pytest.mark.skipif("FAL_JAX_DATA" not in os.environ, reason="FAL_JAX_DATA does not name the data")
def test_a_folder_with_the_originals_gives_the_same_table():
    table = data.load_satimage(folder=pathlib.Path(os.environ["FAL_JAX_DATA"]) / "tabular")
    np.testing.assert_array_equal(table.features, data.load_satimage().features)
    np.testing.assert_array_equal(table.labels, data.load_satimage().labels)
