"""Ten million rows from disk: how fast they are made, read and trained on, in how much memory.

    python -m experiments.benchmarks.streaming
    python -m experiments.benchmarks.streaming --rows 100000 --epochs 1

Each round simulates transactions, measures and decodes them, and trains cross-entropy on them for
some epochs, each in a process of its own. In one more, an epoch of the same steps is timed three
times by turns on rows in memory, from the memory-mapped cache and from Parquet: the medians. Rows
in memory are those of some parts, each in one array, made before, again and again: nothing but the
steps is timed. From the cache they are slices of it, from Parquet they come through pools.
"""

import argparse
import itertools
import pathlib
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from experiments import command, records
from fal_jax import data, training
from fal_jax.estimators import METHODS, middle_settings
from fal_jax.training import _placing, _streaming

_REPEATS = 3
_PARTS = 64  # held in memory, of some 131,072 rows each


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of the record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    started = time.perf_counter()
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            found = measure(pathlib.Path(folder), options)
        memory = found["steps on rows in memory"]["rows_per_second"]
        for stage, told in found.items():
            share = round(told["rows_per_second"] / memory, 3)
            rounds.append({"round": number, "stage": stage, **told, "of_memory": share})
            console.print(f"{stage}: {told['rows_per_second']:,} rows/s, {share} of memory's")
    record = {
        "experiment": "benchmark_streaming",
        "simulated": True,
        "rows": options.rows,
        "epochs": options.epochs,
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "rounds": rounds,
    }
    path = options.out / "benchmark_streaming.json"
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.streaming", __doc__)
    add, positive = parser.add_argument, command.positive
    add("--rounds", type=positive, default=3, help="default: 3")
    add("--rows", type=positive, default=10_000_000, help="default: 10,000,000")
    add("--epochs", type=positive, default=10, help="of the training (default: 10)")
    add("--batch-size", type=positive, default=4096, help="default: 4096")
    add("--lanes", type=positive, default=4, help="default: 4")
    add("--folder", type=pathlib.Path, help="with room for 2 GB (default: the system's)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def measure(folder: pathlib.Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What each stage of a round took."""
    run, rows = command.in_a_new_process, options.rows
    made = {"simulating": run(simulate, folder, rows, options.lanes)}
    made["measuring and decoding"] = run(decode, folder, rows)
    made["training"] = run(train, folder, options.batch_size, options.lanes, options.epochs)
    for source, found in run(steps, folder, options.batch_size, options.lanes).items():
        made[f"steps on rows {source}"] = found
    return made


def simulate(folder: pathlib.Path, rows: int, files: int) -> dict[str, Any]:
    """Writes the rows to Parquet."""

    def work() -> None:
        chunk = -(-rows // (2 * files))
        data.simulate_transactions(folder / "rows", rows=rows, ratio=99, seed=0, chunk_rows=chunk)

    return timed(work, rows)


def decode(folder: pathlib.Path, rows: int) -> dict[str, Any]:
    """Measures the rows in one pass and decodes them in another."""
    shards = data.open_shards(folder / "rows")

    def work() -> None:
        fitted = data.preprocessing_of(training.measure_shards(shards), shards.columns)
        data.decode_shards(shards, fitted, folder / "decoded")
        (folder / "fitted").write_bytes(pickle.dumps(fitted))

    return timed(work, rows)


def train(folder: pathlib.Path, batch_size: int, lanes: int, epochs: int) -> dict[str, Any]:
    """Trains from the cache, compilation included."""
    stream, _ = streams(folder, batch_size, lanes)
    trainer = made_trainer(stream)
    start = trainer.init(jax.random.key(0))
    rows = int(stream.rows.sizes.sum()) * epochs
    return timed(lambda: training.fit_stream(trainer, start, stream, num_epochs=epochs), rows)


def steps(folder: pathlib.Path, batch_size: int, lanes: int) -> dict[str, dict[str, Any]]:
    """Times an epoch of steps by source of the rows, by turns; the programs are compiled before."""
    cache, parquet = streams(folder, batch_size, lanes)
    trainer, mesh = made_trainer(cache), training.device_mesh()
    start = trainer.init(jax.random.key(0))
    parts = _placing.placed_parts(cache, range(lanes), mesh, range(cache.num_steps))
    held = [in_one_array(placed) for _, placed in itertools.islice(parts, _PARTS)]
    num_parts = -(-cache.num_steps // cache.part_steps)
    program = _streaming._program(trainer, mesh)

    def in_memory(num_parts: int = num_parts) -> None:
        state, before = training.on_all_devices(jax.tree.map(np.array, start), mesh), None
        for part in itertools.islice(itertools.cycle(held), num_parts):
            state, losses = program(state, part)
            jax.block_until_ready(before)  # one part waits while one runs, as in fit_stream
            before = losses
        jax.block_until_ready(state)

    def streamed(stream: data.Stream) -> None:
        training.fit_stream(trainer, start, stream, num_epochs=1)

    in_memory(1)
    streamed(cache)
    rows = int(cache.rows.sizes.sum())
    sources: dict[str, Callable[[], None]] = {
        "in memory": in_memory,
        "from the cache": lambda: streamed(cache),
        "from Parquet": lambda: streamed(parquet),
    }
    found = [{name: timed(work, rows) for name, work in sources.items()} for _ in range(_REPEATS)]
    return {
        name: sorted((one[name] for one in found), key=lambda one: one["seconds"])[_REPEATS // 2]
        for name in sources
    }


def in_one_array(placed: _placing.Placed) -> _placing.Placed:
    """Some steps' batches in memory, the inputs not in pieces."""
    pieces, labels = placed
    return (jnp.concatenate(pieces, axis=1) + 0,), labels


def streams(folder: pathlib.Path, batch_size: int, lanes: int) -> tuple[data.Stream, data.Stream]:
    """The stream from the cache and that from Parquet."""
    shards = data.open_shards(folder / "rows")
    fitted = pickle.loads((folder / "fitted").read_bytes())
    cache = data.decoded_rows(shards, fitted, folder / "decoded")
    parquet = data.parquet_rows(shards, fitted)
    one, other = (
        data.open_stream(rows, batch_size=batch_size, seed=0, lanes=lanes)
        for rows in (cache, parquet)
    )
    return one, other


def made_trainer(stream: data.Stream) -> training.Trainer:
    """Cross-entropy on a multi-layer perceptron of 16 and 8 units."""
    method = METHODS["CE"]
    settings = {name: jnp.float32(value) for name, value in middle_settings(method).items()}
    inputs = stream.rows.dim
    return method.build(settings, num_inputs=inputs, num_classes=2, hidden=(16, 8))[1]


def timed(work: Callable[[], Any], rows: int) -> dict[str, Any]:
    """How long some work on some rows takes, and the process's peak of memory."""
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return {
        "seconds": round(seconds, 2),
        "rows_per_second": round(rows / seconds),
        "peak_memory_gib": round(command.peak_memory_gib(), 2),
    }


if __name__ == "__main__":
    main()
