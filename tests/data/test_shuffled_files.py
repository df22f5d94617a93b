"""Files whose rows are shuffled once, as they are decoded, and used as they lie on disk."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from fal_jax import data, training
from fal_jax.data import _shuffling
from fal_jax.training import _placing


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Two files of three columns, and what is made of them."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    columns = [data.Column(name, "number") for name in "abc"]
    for number, rows in enumerate((700, 900)):
        found = {column.name: rng.normal(size=rows) for column in columns}
        found["label"] = (rng.random(rows) < 0.1).astype(np.int8)
        pyarrow.parquet.write_table(pa.table(found), folder / f"{number}.parquet")
    shards = data.open_shards(folder, label="label", columns=columns)
    found = data.merge_measured(data.measure_shard(shards, number) for number in range(2))
    return shards, data.preprocessing_of(found, columns)


def test_decoded_rows_are_shuffled_by_the_seed_within_whatever_memory(table, tmp_path, monkeypatch):
    data.decode_shards(*table, tmp_path / "at once")
    monkeypatch.setattr(_shuffling, "_AT_ONCE", 5)
    data.decode_shards(*table, tmp_path / "again")
    data.decode_shards(*table, tmp_path / "again", seed=1)
    found = [
        data.decoded_rows(*table, tmp_path / name, seed=seed).mapped(1).features[:]
        for name, seed in (("at once", 0), ("again", 0), ("again", 1))
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[1] != found[2]).any(axis=1).mean() > 0.99
    assert data.decoded_rows(*table, tmp_path / "again", seed=1).seed == 1
    assert not list((tmp_path / "again").glob("*/scattered"))
    with pytest.raises(FileNotFoundError, match="is missing: decode its file first"):
        data.decoded_rows(*table, tmp_path / "at once", seed=1)


def test_every_row_comes_to_every_place_alike():
    orders = np.array([_shuffling.random_order("a", 4, seed) for seed in range(4800)])
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert ((counts - 200) ** 2 / 200).sum() < 49.7  # chi-squared, 23 degrees of freedom, p = .001


def test_mapped_rows_are_given_to_jax_without_a_copy(table, tmp_path):
    data.decode_shards(*table, tmp_path)
    rows = data.decoded_rows(*table, tmp_path)
    stream = data.open_stream(rows, batch_size=32, seed=0, lanes=2, part_rows=96)
    mesh = training.device_mesh(2)
    parts = _placing.placed_parts(stream, range(2), mesh, range(stream.num_steps))
    _, ((inputs,), labels) = next(parts)
    for lane, shard in enumerate(inputs.addressable_shards):
        first = stream.runs(lane, 0)[0][0]
        file = int(np.searchsorted(np.cumsum(rows.sizes), first, side="right"))
        place = slice(first - rows.starts[file], first - rows.starts[file] + 48)
        features, own = rows.mapped(file).features[place], rows.mapped(file).labels[place]
        assert shard.data.unsafe_buffer_pointer() == features.ctypes.data
        before = features.copy()
        rows.mapped(file).give_back(place.start, place.stop)  # too early: they are read again
        np.testing.assert_array_equal(np.asarray(shard.data).reshape(before.shape), before)
        np.testing.assert_array_equal(labels[:, lane * 16 : (lane + 1) * 16].ravel(), own)
    parts.close()
