"""One method on more rows than fit into memory, on one machine or several.

    python -m experiments.streaming simulated --simulate 10000000       # makes them first
    python -m experiments.streaming simulated --methods FAML FAL CE --epochs 10
    python -m experiments.streaming simulated --from-parquet            # on a GPU: decoded again
    python -m experiments.streaming simulated --distributed             # on each host of a pod

Several processes without a cluster that JAX knows, here two on one machine, each with its number:

    python -m experiments.streaming simulated --coordinator localhost:1234 --processes 2 --process 0

The folder holds simulated transactions, see `fal_jax.data.simulate_transactions`, in order of time:
the last files are held out and scored once. Each process measures and decodes files of its own,
then reads those of its lanes. A run that has ended, as it does when one of its processes has, goes
on from its latest checkpoint when it is started again, with any number of processes that divides
the lanes. The record has ROC AUC and average precision beside those of the Bayes-optimal score, the
most memory that a process has held by the end of each training and of everything, and the seconds
of training, which add up over all starts, less what was done after a checkpoint and again. Those of
measuring and preparing are of the last start: what it finds decoded takes no time.
"""

import argparse
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow.parquet
import scipy.special
from jax.experimental import multihost_utils
from rich.console import Console

from experiments import command, processes, records
from fal_jax import data, metrics, training
from fal_jax.estimators import METHODS, middle_settings

_OPTIONS = "epochs", "batch_size", "positives", "lanes", "held_out", "seed", "from_parquet"
METHODS_OF_BATCHES = [name for name, method in METHODS.items() if method.resample is None]


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Trains and scores the methods; returns the path of the record."""
    options = parse(arguments)
    processes.join(options)
    console = Console(quiet=jax.process_index() > 0)
    with processes.ending_in_a_line():
        if options.simulate and jax.process_index() == 0:
            data.simulate_transactions(
                options.folder, rows=options.simulate, ratio=options.ratio, seed=options.seed,
                chunk_rows=-(-options.simulate // options.files),
            )  # fmt: skip
        multihost_utils.sync_global_devices("simulated")
        return run(options, console)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.streaming", __doc__)
    add, positive = parser.add_argument, command.positive
    add("folder", type=pathlib.Path, help="of simulated transactions")
    add("--simulate", type=positive, metavar="ROWS", help="makes so many, if they are not there")
    add("--ratio", type=float, default=2222.0, help="labels 0 for one 1 (default: 2222)")
    add("--files", type=positive, default=10, help="to simulate (default: 10)")
    add("--methods", nargs="+", choices=METHODS_OF_BATCHES, default=["FAML"], metavar="METHOD",
        help=f"of {', '.join(METHODS_OF_BATCHES)} (default: FAML)")  # fmt: skip
    add("--epochs", type=positive, default=10, help="default: 10")
    add("--batch-size", type=positive, default=4096, help="default: 4096")
    add("--positives", type=int, default=64, help="added to each batch (default: 64)")
    add("--lanes", type=positive, default=4, help="parts of a batch (default: 4)")
    add("--held-out", type=positive, default=2, metavar="FILES", help="the last (default: 2)")
    add("--seed", type=int, default=0, help="default: 0")
    add("--from-parquet", action="store_true", help="decode in every epoch, not once")
    add("--checkpoint-every", type=positive, default=1000, metavar="STEPS", help="default: 1000")
    add("--work", type=pathlib.Path, help="for decoded rows and checkpoints, seen by all "
        "processes, of one seed and stream (default: work beside the record)")  # fmt: skip
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    add("--name", default="streaming", help="of the record (default: streaming)")
    processes.add_options(parser)
    options = parser.parse_args(arguments)
    processes.check_options(parser, options)
    return options


def run(options: argparse.Namespace, console: Console) -> pathlib.Path:
    """Prepares the rows, then trains and scores each method."""
    shards, environment = data.open_shards(options.folder), records.environment()
    work = options.work or options.out / "work"
    train, test = divided(shards, options.held_out)
    started = time.perf_counter()
    fitted = data.preprocessing_of(training.measure_shards(train), train.columns)
    measured = time.perf_counter()
    rows, scored = (opened(part, fitted, work, options) for part in (train, test))
    decoded = time.perf_counter()
    made = data.open_stream(
        rows, batch_size=options.batch_size, seed=options.seed, positives=options.positives,
        lanes=options.lanes,
    )  # fmt: skip
    asked = data.open_stream(  # a file for each process at least
        scored, batch_size=options.batch_size, seed=0, lanes=jax.process_count()
    )
    results = {name: trained(name, made, asked, work, options, console) for name in options.methods}
    record = {
        "experiment": "streaming",
        "simulated": True,
        "rows": int(rows.counts.sum()),
        "positives": int(rows.counts[:, 1].sum()),
        "held_out_rows": int(scored.counts.sum()),
        "processes": jax.process_count(),
        "files": len(shards.files),
        "options": {name: getattr(options, name) for name in _OPTIONS},
        "measuring_seconds": round(measured - started, 1),
        "decoding_seconds": round(decoded - measured, 1),
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "bayes": bayes(test),
        "peak_memory_gib": peak_memory_gib(),
        "results": results,
    }
    path = options.out / f"{options.name}.json"
    if jax.process_index() == 0:
        records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def divided(shards: data.Shards, held_out: int) -> tuple[data.Shards, data.Shards]:
    """The files to train on and the last ones, to score; each process needs one of both."""
    files, each = len(shards.files), jax.process_count()
    if not each <= held_out <= files - each:
        raise ValueError(
            f"--held-out must be from {each} to {files - each}, so that of the {files} "
            f"files {each} at least are scored and trained on, one a process, got {held_out}."
        )
    return shards.only(range(files - held_out)), shards.only(range(files - held_out, files))


def opened(
    shards: data.Shards, fitted: data.Preprocessing, work: pathlib.Path, options: argparse.Namespace
) -> data.BlockRows:
    """The files' rows, decoded by the processes between them, or from Parquet."""
    if options.from_parquet:
        return data.parquet_rows(shards, fitted)
    own = {"process": jax.process_index(), "processes": jax.process_count()}
    numbers = data.files_of_process(len(shards.files), **own).tolist()
    data.decode_shards(shards, fitted, work / "decoded", numbers=numbers)
    multihost_utils.sync_global_devices("decoded")
    return data.decoded_rows(shards, fitted, work / "decoded")


def trained(
    name: str,
    stream: data.Stream,
    test: data.Stream,
    work: pathlib.Path,
    options: argparse.Namespace,
    console: Console,
) -> dict[str, Any]:
    """One method, trained in the middle of its ranges and scored."""
    method, steps = METHODS[name], options.epochs * stream.num_steps
    known = {"num_steps": steps, "class_counts": stream.batch_counts}
    settings = {**method.fixed, **middle_settings(method), **known}
    arrays = {key: jnp.asarray(value, jnp.float32) for key, value in settings.items()}
    model, trainer = method.build(arrays, num_inputs=stream.rows.dim, num_classes=2, hidden=(16, 8))
    checkpoints = training.Checkpoints(work / f"{name}.checkpoints")
    try:
        state, reports = training.fit_stream(
            trainer, trainer.init(jax.random.key(options.seed)), stream, num_epochs=options.epochs,
            checkpoints=checkpoints, checkpoint_every=options.checkpoint_every,
        )  # fmt: skip
    except ValueError as error:
        if str(checkpoints.folder) not in str(error):
            raise
        raise ValueError(f"{error} Another --work starts anew.") from error
    checkpoints.close()
    seconds = sum(report["seconds"] for report in reports)
    found = training.evaluate_stream(model, state, test)
    scores = {key: float(value) for key, value in found._asdict().items()}
    console.print(f"{name}: {scores['average_precision']:.4f} average precision, {seconds:.0f} s")
    losses = [report["loss"] for report in reports]
    return {
        "settings": middle_settings(method),
        "seconds": round(seconds, 1),
        "peak_memory_gib": peak_memory_gib(),
        "losses": losses,
        **scores,
    }


def bayes(shards: data.Shards) -> dict[str, float]:
    """ROC AUC and average precision of the best score there is, of simulated rows, and bounds.

    Counted as `evaluate_stream` does, some rows at a time.
    """
    metric = metrics.streaming_ranking()
    update, counted = jax.jit(metric.update), metric.init()
    for file in shards.files:
        columns = ["label", "bayes_score"]
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(2**17, columns=columns):
            labels, scores = (batch[name].to_numpy() for name in columns)
            log_odds = scipy.special.logit(scores).astype(np.float32)
            counted = update(counted, log_odds, labels.astype(np.int32))
    return {key: float(value) for key, value in metric.compute(counted)._asdict().items()}


def peak_memory_gib() -> float:
    """The most memory that any of the processes has held."""
    held = training.gather_processes(np.array(command.peak_memory_gib()))
    return round(float(max(held)), 2)


if __name__ == "__main__":
    main()
