"""What an order of the rows costs: the ways to shuffle a stream against shuffling all rows anew.

    python -m experiments.shuffling
    python -m experiments.shuffling --rows 200000 --seeds 5 --methods CE

Each seed simulates transactions in ten files by time. On the first 80% of them it trains the same
networks in the orders

    full     all rows shuffled anew in each epoch, in memory: what the others are held against
    again    the same by other random numbers: what chance alone makes
    slices   decoded files: rows shuffled once, slices of the files in another order in each epoch
    pools    Parquet: row groups in random order, shuffled in pools, in each epoch
    blocks   the same in blocks of 8,192 rows
    file     as the files are, by time, in each epoch

with as many steps, and scores the last 20% once. Streams have as many lanes as `--lanes` says, and
no positives added. The record has ROC AUC and average precision by order and seed, and the paired
differences from full shuffling: their mean, with a 95% interval of Student's t, and a p-value.
"""

import argparse
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from rich.console import Console

from experiments import command, records, statistics
from fal_jax import data, metrics, models, training
from fal_jax.estimators import METHODS, middle_settings

ORDERS = ("full", "again", "slices", "pools", "blocks", "file")
FILES, HELD_OUT = 10, 2
_BLOCK = 2**13
_SCORES = {"roc_auc": metrics.roc_auc, "average_precision": metrics.average_precision}


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Trains in all orders; returns the path of the record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    started = time.perf_counter()
    found: dict[str, dict[str, list[dict[str, float]]]] = {
        name: {order: [] for order in ORDERS} for name in options.methods
    }
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            for name, by_order in scored(pathlib.Path(folder), seed, options).items():
                for order, scores in by_order.items():
                    found[name][order].append(scores)
                    console.print(f"seed {seed}, {name}, {order}: {scores}")
    record = {
        "experiment": "shuffling",
        "simulated": True,
        "rows": options.rows,
        "ratio": options.ratio,
        "seeds": options.seeds,
        "options": {key: getattr(options, key) for key in ("epochs", "batch_size", "lanes")},
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "results": found,
        "differences": {name: differences(by_order) for name, by_order in found.items()},
    }
    path = options.out / "shuffling.json"
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.shuffling", __doc__)
    add, positive = parser.add_argument, command.positive
    add("--rows", type=positive, default=1_000_000, help="of each table (default: 1,000,000)")
    add("--ratio", type=float, default=99.0, help="labels 0 for one 1 (default: 99)")
    add("--methods", nargs="+", choices=("CE", "FAL", "FAML"), default=["CE", "FAML"],
        metavar="METHOD", help="of CE, FAL, FAML (default: CE FAML)")  # fmt: skip
    add("--seeds", type=command.several, default=10, help="tables (default: 10)")
    add("--epochs", type=positive, default=5, help="default: 5")
    add("--batch-size", type=positive, default=1024, help="default: 1024")
    add("--lanes", type=positive, default=4, help="parts of a batch (default: 4)")
    add("--folder", type=pathlib.Path, help="for the tables (default: the system's)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def scored(
    folder: pathlib.Path, seed: int, options: argparse.Namespace
) -> dict[str, dict[str, dict[str, float]]]:
    """The scores on one table, by method and order."""
    chunk = -(-options.rows // FILES)
    data.simulate_transactions(
        folder / "rows", rows=options.rows, ratio=options.ratio, seed=seed, chunk_rows=chunk
    )
    shards = data.open_shards(folder / "rows")
    train = shards.only(range(FILES - HELD_OUT))
    fitted = data.preprocessing_of(training.measure_shards(train), shards.columns)
    table = data.load_transactions(folder / "rows").table
    inputs, split = data.preprocess(table.features, fitted), chunk * (FILES - HELD_OUT)
    rows = jnp.asarray(inputs[:split]), jnp.asarray(table.labels[:split], jnp.int32)
    found = orders(folder, train, fitted, seed, options)
    results: dict[str, dict[str, dict[str, float]]] = {name: {} for name in options.methods}
    for name in options.methods:
        model, fit = built(name, rows, len(found["full"]))
        for order, batches in found.items():
            state = fit(jax.random.key(seed), batches)
            logits = model.apply(training.model_params(state), state.stats, inputs[split:])[
                0
            ].logits
            scores = np.asarray(logits[:, 1] - logits[:, 0])
            results[name][order] = {
                key: round(float(score(scores, table.labels[split:])), 6)
                for key, score in _SCORES.items()
            }
    return results


def orders(
    folder: pathlib.Path,
    train: data.Shards,
    fitted: data.Preprocessing,
    seed: int,
    options: argparse.Namespace,
) -> dict[str, np.ndarray]:
    """The batches of all epochs in each order, `[steps, batch]`; all have as many steps."""
    data.decode_shards(train, fitted, folder / "decoded", seed=seed)
    pooled = data.parquet_rows(train, fitted)
    opened = {
        "slices": data.decoded_rows(train, fitted, folder / "decoded", seed=seed),
        "pools": pooled,
        "blocks": in_blocks(pooled),
    }
    epochs, size = range(options.epochs), options.batch_size
    found = {}
    for name, rows in opened.items():
        stream = data.open_stream(rows, batch_size=size, seed=seed, lanes=options.lanes)
        found[name] = np.concatenate([data.stream_order(stream, epoch) for epoch in epochs])
    num_rows = int(pooled.counts.sum())
    for name, drawn in (("full", seed), ("again", (seed, 1))):
        drawn = data.epoch_batches(num_rows, batch_size=size, num_epochs=len(epochs), seed=drawn)
        found[name] = drawn.reshape(-1, size)
    by_time = np.full(-(-num_rows // size) * size, -1)
    by_time[:num_rows] = np.arange(num_rows)
    found["file"] = np.tile(by_time.reshape(-1, size), (len(epochs), 1))
    steps = max(len(batches) for batches in found.values())
    return {name: padded(found[name], steps).astype(np.int32) for name in ORDERS}


def in_blocks(rows: data.BlockRows) -> data.BlockRows:
    """The same rows, whose order only is asked for, in smaller blocks."""
    sizes, files = [], []
    for file, num in enumerate(rows.counts.sum(axis=1).tolist()):
        cuts = [*range(0, num, _BLOCK), num]
        sizes += np.diff(cuts).tolist()
        files += [file] * (len(cuts) - 1)
    return rows._replace(sizes=np.array(sizes), files=np.array(files))


def padded(batches: np.ndarray, steps: int) -> np.ndarray:
    """Batches followed by empty ones, which are no steps: one program serves all orders."""
    return np.pad(batches, ((0, steps - len(batches)), (0, 0)), constant_values=-1)


def built(
    name: str, rows: tuple[jax.Array, jax.Array], steps: int
) -> tuple[models.Model, Callable[[jax.Array, np.ndarray], training.TrainState]]:
    """A method's model in the middle of its ranges, and what trains it from a key on batches."""
    method = METHODS[name]
    known = {"num_steps": steps, "class_counts": np.bincount(rows[1], minlength=2)}
    settings = {**method.fixed, **middle_settings(method), **known}
    arrays = {key: jnp.asarray(value, jnp.float32) for key, value in settings.items()}
    dim = rows[0].shape[1]
    model, trainer = method.build(arrays, num_inputs=dim, num_classes=2, hidden=(16, 8))

    @jax.jit
    def fit(key: jax.Array, batches: jax.Array) -> training.TrainState:
        return training.fit(trainer, trainer.init(key), *rows, batches)[0]

    return model, fit


def differences(by_order: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, Any]]:
    """Each order's scores less those of full shuffling, paired by seed."""
    told: dict[str, dict[str, Any]] = {}
    for order in ORDERS[1:]:
        told[order] = {}
        for key in _SCORES:
            pairs = zip(by_order[order], by_order["full"], strict=True)
            found = statistics.paired(np.array([one[key] - other[key] for one, other in pairs]))
            half = found.error * float(scipy.stats.t.ppf(0.975, found.freedom))
            told[order][key] = {
                "mean": round(found.difference, 6),
                "low": round(found.difference - half, 6),
                "high": round(found.difference + half, 6),
                "p_value": round(found.p_value(), 6),
            }
    return told


if __name__ == "__main__":
    main()
