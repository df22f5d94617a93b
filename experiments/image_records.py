"""Records of the image study: opened, added to, and told as a table."""

import argparse
import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import jax
from rich.console import Console
from rich.table import Table as Grid

from experiments import image_runs, tables
from experiments.image_runs import Setup
from experiments.parts import Parts
from experiments.recording import earlier

Record = dict[str, Any]
_GROWING = ("environment", "made", "tuning", "results")


def open_record(
    setup: Setup, options: argparse.Namespace, factor: float, environment: dict[str, Any]
) -> tuple[pathlib.Path, Record]:
    """The path of a factor's record, and the record as it is or as it begins."""
    description = describe(setup, options, factor)
    path = options.out / f"{stem(description)}.json"
    folder, rows = checkpoint_folder(path), sum(description["class_counts"])
    if setup.recipe.batch_size > rows:
        raise ValueError(
            f"--batch-size must be at most {rows}, the training images of --factor {factor:g}, "
            f"got {setup.recipe.batch_size}."
        )
    if not options.resume and (path.exists() or folder.exists()):
        raise ValueError(
            f"{path} has been begun: --resume goes on with it; or move it and {folder.name}, or "
            "choose another --out."
        )
    if (folder / "run.json").exists():
        Parts(folder, description)  # refuses those of other options
    before = earlier(path, description, _GROWING)
    before["environment"] = before["environment"] or environment
    return path, description | before


@contextlib.contextmanager
def begun(path: pathlib.Path, record: Record) -> Iterator[None]:
    """Keeps beside the checkpoints what they are of, until none is there; only process 0 does.

    Raises:
      OSError: nothing can be written there, which is known before any work is done.
    """
    if jax.process_index() > 0:
        yield
        return
    description = {key: value for key, value in record.items() if key not in _GROWING}
    try:
        parts = Parts(checkpoint_folder(path), description)
    except OSError as error:
        raise OSError(
            f"{path.parent} can't be written ({error}): choose another --out, or make room."
        ) from error
    try:
        yield
    finally:
        if not any(parts.folder.glob("*/*")):
            parts.remove()


def describe(setup: Setup, options: argparse.Namespace, factor: float) -> Record:
    """What tells one record of the study from another."""
    task = image_runs.long_tailed(setup.images, factor, options.kind, 0)
    tuned = {"trials": options.tune, "epochs": tune_epochs(setup, options)}
    return {
        "experiment": "long_tailed_images",
        "dataset": options.dataset,
        "imbalance_factor": factor,
        "kind": options.kind,
        "class_counts": task.class_counts.tolist(),
        "test_images": task.scored.size,
        "network": options.network,
        "dtype": options.dtype,
        "recipe": {"name": options.recipe, **dataclasses.asdict(setup.recipe)},
        "tune": tuned if options.tune > 1 else None,
    }


def stem(record: Record) -> str:
    """The name of a record's file, without its ending."""
    kind = "" if record["kind"] == "exponential" else f"_{record['kind']}"
    dtype = "" if record["dtype"] == "float32" else f"_{record['dtype']}"
    factor = f"{record['imbalance_factor']:g}"
    recipe = record["recipe"]["name"]
    return f"{record['dataset']}_lt_{record['network']}_{recipe}{dtype}{kind}_{factor}"


def checkpoint_folder(path: pathlib.Path) -> pathlib.Path:
    """Where the checkpoints of a record's runs are."""
    return path.with_suffix(".checkpoints")


def tune_epochs(setup: Setup, options: argparse.Namespace) -> int:
    """Epochs of a run that settings are chosen by."""
    return options.tune_epochs or max(1, setup.recipe.epochs // 2)


def seeds(record: Record, method: str) -> list[int]:
    """The seeds that a record has of a method."""
    return [run["seed"] for run in record["results"].get(method, [])]


def label(record: Record) -> str:
    """What a record is of."""
    return (
        f"{record['dataset']}, imbalance {record['imbalance_factor']:g}, {record['network']}, "
        f"{record['recipe']['epochs']} epochs of {record['recipe']['name']}"
    )


def report(path: pathlib.Path, console: Console) -> None:
    """Prints a record's errors."""
    record = json.loads(path.read_text())
    header, _, *rows = tables.long_tailed(record).splitlines()
    grid = Grid(title=f"{label(record)}, mean ± std")
    for title in _cells(header):
        grid.add_column(title, justify="left" if title == "method" else "right")
    for row in rows:
        grid.add_row(*_cells(row))
    console.print(grid)
    console.print(f"Record: {path}")


def _cells(line: str) -> list[str]:
    """The cells of one line of a Markdown table."""
    return [cell.strip() for cell in line.strip("|").split("|")]
