"""The memory that streams of real files take, which does not grow with the files."""

import concurrent.futures
import ctypes
import gc
import multiprocessing
import pathlib
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from fal_jax import data

ROWS, DIM, GROUP = 2**16, 16, 2**12
COLUMNS = tuple(data.Column(f"c{number}", "number") for number in range(DIM))
STATUS = pathlib.Path("/proc/self/status")
needs_linux = pytest.mark.skipif(not STATUS.is_file(), reason="only Linux tells RssAnon")


@pytest.fixture(scope="module")
def fitted():
    values = np.random.default_rng(0).normal(size=(999, DIM)).astype(np.float32)
    return data.fit_preprocessing(values, COLUMNS)


@pytest.fixture(scope="module")
def folders(fitted, tmp_path_factory):
    """Two files of some rows, and two of four times as many, decoded too."""
    rng, made = np.random.default_rng(0), []
    for rows in (ROWS // 2, ROWS * 2):
        made.append(tmp_path_factory.mktemp("rows"))
        for number in range(2):
            table = {column.name: rng.random(rows, np.float32) for column in COLUMNS}
            table["label"] = (rng.random(rows) < 0.1).astype(np.int8)
            file = made[-1] / f"{number}.parquet"
            pyarrow.parquet.write_table(pa.table(table), file, row_group_size=GROUP)
        data.decode_shards(opened(made[-1]), fitted, made[-1] / "decoded")
    return made


@pytest.fixture(scope="module")
def fresh():
    """A process that has held nothing before."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as process:
        yield process


def opened(folder):
    return data.open_shards(folder, label="label", columns=COLUMNS)


def anonymous():
    """The bytes that this process holds and no file does."""
    return int(re.search(r"RssAnon:\s+(\d+)", STATUS.read_text()).group(1)) * 2**10


def most_held(folder, fitted, *, is_decoded):
    """What an epoch adds to this process's anonymous memory at most, by what it holds at a part."""
    shards = opened(folder)
    if is_decoded:
        rows = data.decoded_rows(shards, fitted, folder / "decoded")
    else:
        rows = data.parquet_rows(shards, fitted)
    options = {"pool_rows": 2 * GROUP, "part_rows": GROUP}
    made = data.open_stream(rows, batch_size=256, seed=0, lanes=2, **options)
    gc.collect()
    pa.default_memory_pool().release_unused()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)  # or what was freed before would hide what is taken
    before, parts = anonymous(), data.prefetched(data.stream_parts(made, epoch=0))
    return max(anonymous() for _ in parts) - before


@needs_linux
@pytest.mark.parametrize("is_decoded", [True, False], ids=["decoded", "parquet"])
def test_an_epoch_over_four_times_the_rows_takes_no_more_memory(folders, fitted, is_decoded, fresh):
    """It may take a quarter of what the rows do that are more; an epoch before warms up."""
    few, more = folders
    _, before, after = (
        fresh.submit(most_held, folder, fitted, is_decoded=is_decoded).result()
        for folder in (few, few, more)
    )
    assert after - before < 3 * ROWS * (DIM + 1) * 4 / 4
