"""What makes anchored losses strong or weak on SatImage, on training rows alone.

    python -m experiments.ablation                     # all of it
    python -m experiments.ablation --only start window # two questions, of those below
    python -m experiments.ablation --help

Each seed's test part (of seeds that no other experiment uses) is set aside and not read; other
seeds' test parts, of this or another experiment, hold some of its rows. The rest is split like a
data set of its own: tuned on folds of its training part, scored on its other part. Every variant
has the same number of trials.
"""

import argparse
import dataclasses
import pathlib
import time
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from rich.console import Console

from experiments import holdout, records, tables
from experiments.fraud import positive, run, use_all_cores
from fal_jax import anchors, data, models
from fal_jax.data import Split, Table
from fal_jax.estimators import METHODS, Method, Range
from fal_jax.training import Batch, Settings

FIRST_SEED = 1000
QUESTIONS = (
    "methods",
    "embedding",
    "start",
    "pull",
    "margin",
    "window",
    "width",
    "selection",
    "nearmiss",
    "scale",
)


class Variant(NamedTuple):
    """A method, and where it leaves the common protocol."""

    method: Method
    hidden: tuple[int, ...] = (16, 8)
    validations: int | None = None  # of the folds, how many are looked at


def fixed(method: Method, **values: float) -> Variant:
    """The method with hyper-parameters fixed, and so not searched."""
    search = {name: range_ for name, range_ in method.search.items() if name not in values}
    return Variant(dataclasses.replace(method, search=search, fixed={**method.fixed, **values}))


def searched(method: Method, **ranges: Range) -> Variant:
    """The method with more hyper-parameters to search."""
    return Variant(dataclasses.replace(method, search={**method.search, **ranges}))


def own_anchor_rate(settings: Settings) -> optax.GradientTransformation:
    """Adagrad whose learning rate for anchors is a multiple of the network's."""
    rate = settings["learning_rate"]
    by_label: dict[Hashable, optax.GradientTransformation] = {
        "anchors": optax.adagrad(rate * settings["anchor_rate_ratio"]),
        "network": optax.adagrad(rate),
    }
    return optax.partition(by_label, anchors.anchor_labels)


def tempered_fal(
    outputs: models.Outputs, head: models.Params, batch: Batch, settings: Settings
) -> jax.Array:
    """FAL whose softmax, not whose pull, sees distances times a temperature."""
    temperature = settings["temperature"]
    scale = jnp.sqrt(temperature)
    outputs = outputs._replace(features=outputs.features * scale)
    settings = {**settings, "beta": settings["beta"] / temperature}
    return METHODS["FAL"].loss(outputs, {"anchors": head["anchors"] * scale}, batch, settings)


def signed_head(num_classes: int, dim: int, settings: Settings) -> models.Head:
    """An anchored head whose anchors start at signed normal numbers, not at their magnitudes."""
    head = models.anchored_head(num_classes, dim, spread=settings["anchor_spread"])

    def init(key: jax.Array) -> dict[str, jax.Array]:
        anchors = jax.random.normal(key, (num_classes, dim))
        distance = jnp.sum((anchors[0] - anchors[1]) ** 2)
        return {"anchors": anchors * jnp.sqrt(settings["anchor_spread"] / distance)}

    return models.Head(init, head.apply)


def variants() -> dict[str, dict[str, Variant]]:
    """For each question, the variants that answer it."""
    fal, faml, constant = METHODS["FAL"], METHODS["FAML"], METHODS["FAML-0.999"]
    anchored = {"FAL": fal, "FAML": faml}
    windows = ((0.999, 50, 0.1), (0.05, 200, 0.1), (0.05, 10, 0.1), (0.9, 10, 0.1), (0.9, 10, 0.01))
    return {
        "methods": {
            name: Variant(method) for name, method in METHODS.items() if not method.resample
        },
        "embedding": {
            f"{name}, linear embedding": Variant(
                dataclasses.replace(method, embedding_activation=None)
            )
            for name, method in anchored.items()
        },
        "start": {
            f"{name}, spread {spread:g}": fixed(method, anchor_spread=spread)
            for name, method in anchored.items()
            for spread in (1e-6, 1.0, 4.0, 16.0)
        }
        | {
            f"{name}, signed": Variant(dataclasses.replace(method, head=signed_head))
            for name, method in anchored.items()
        },
        "pull": {f"FAL, beta {beta:g}": fixed(fal, beta=beta) for beta in (0.0, 0.01, 1.0)},
        "margin": {f"FAL, margin {m:g}": fixed(fal, margin=m) for m in (0.0, 1.0, 10.0)},
        "window": {
            f"FAML, rate {rate:g} every {every}, beta {beta:g}": fixed(
                constant, rate=rate, every=every, beta=beta
            )
            for rate, every, beta in windows
        }
        | {"FAML, decay every 10": fixed(faml, every=10)},
        "width": {
            f"{name}, 64-32": Variant(METHODS[name], hidden=(64, 32)) for name in ("CE", "FAL")
        },
        "selection": {
            f"{name}, one validation part": Variant(METHODS[name], validations=1)
            for name in ("CE", "FAL")
        },
        "scale": {
            "FAL, own anchor learning rate": searched(
                dataclasses.replace(fal, optimizer=own_anchor_rate),
                anchor_rate_ratio=Range(0.03, 10.0, log=True),
            ),
            "FAL, temperature": searched(
                dataclasses.replace(fal, loss=tempered_fal),
                temperature=Range(0.3, 10.0, log=True),
            ),
        },
        "nearmiss": {
            f"CE+{version}": Variant(dataclasses.replace(METHODS["CE+NearMiss"], resample=version))
            for version in ("nearmiss-1", "nearmiss-2", "nearmiss-3")
        },
    }


def development_task(table: Table, seed: int, folds: int) -> holdout.Task:
    """The paper's split within the training part of the paper's split."""
    rows = data.stratified_holdout(table.labels, test_fraction=0.2, seed=FIRST_SEED + seed).train
    part = table._replace(features=table.features[rows], labels=table.labels[rows])
    task = holdout.random_task(part, FIRST_SEED + seed, folds)

    def back(split: Split) -> Split:
        return Split(rows[split.train], rows[split.test])

    return holdout.Task(task.seed, back(task.split), tuple(map(back, task.validations)))


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the ablations; returns the path of their record."""
    options = parse(arguments)
    started = time.perf_counter()
    console = Console(width=120)
    table = data.load_satimage()
    protocol = holdout.Protocol(epochs=options.epochs, trials=options.trials)
    tasks = [development_task(table, seed, protocol.folds) for seed in range(options.seeds)]
    asked = variants()
    results = {
        question: {
            name: run_variant(variant, name, table, tasks, protocol, console)
            for name, variant in asked[question].items()
        }
        for question in ("methods", *(name for name in options.only if name != "methods"))
    }
    record = {
        "experiment": "ablation",
        "dataset": table.name,
        "scored on": "a part of the training rows; the seed's own test rows are not read",
        "seeds": options.seeds,
        "protocol": dataclasses.asdict(protocol) | {"optimizer": "adagrad"},
        "seconds": round(time.perf_counter() - started, 1),
        "environment": records.environment(),
        "results": results,
    }
    path = options.out / f"{options.name}.json"
    records.write_json(path, record)
    console.print(tables.ablation(record), soft_wrap=True)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=QUESTIONS,
                        help="questions to ask; \"methods\" always is (default: all)")  # fmt: skip
    parser.add_argument("--seeds", type=positive, default=10, help="default: 10")
    parser.add_argument("--epochs", type=positive, default=50, help="default: 50")
    parser.add_argument("--trials", type=positive, default=8, help="default: 8")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs"),
                        help="folder for the record (default: runs)")  # fmt: skip
    parser.add_argument("--name", default="ablation_satimage", help="of the record")
    return parser.parse_args(arguments)


def run_variant(
    variant: Variant,
    name: str,
    table: Table,
    tasks: Sequence[holdout.Task],
    protocol: holdout.Protocol,
    console: Console,
) -> list[dict]:
    """Runs one variant on all development tasks."""
    protocol = dataclasses.replace(protocol, hidden=variant.hidden)
    if variant.validations is not None:
        protocol = dataclasses.replace(protocol, folds=variant.validations)
        tasks = [
            dataclasses.replace(task, validations=task.validations[: variant.validations])
            for task in tasks
        ]
    return run({name: variant.method}, table, tasks, protocol, console)[name]


if __name__ == "__main__":
    use_all_cores()
    main()
