"""Distance softmax over many classes, forwards and backwards, against forms that hold all scores.

    python -m experiments.benchmarks.distance_softmax         # pip install ".[benchmarks]" first
    python -m experiments.benchmarks.distance_softmax --classes 1000 --widths 64 --rounds 1

The first makes the whole record, most of an hour on two cores. It ends with what is claimed: at
100,000 classes at least 4.5 times as fast as the best dense form at width 64 and 2 times at 512, in
a tenth of the memory of the leanest, within 1.4 times of the four products; at up to 1,000
classes no slower than the best; and a million classes run.

Every contestant runs in a process of its own, one after the other, in rounds: a ratio is taken
within a round, and the median over rounds is reported with the lowest and the highest. Memory is
the process's peak beyond what it held before its first run (the anchors among it) and beyond the
anchors' gradient. The last contestant is a bound: the four products alone, at the same tiles.
With more than 2^30 scores only it and this package run, and once.
"""

import argparse
import itertools
import pathlib
import resource
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from experiments import command, records
from experiments.benchmarks.distance_heads import CONTESTANTS, MOST_CLASSES

_DENSE_SCORES = 2**30
_FEW = 1000  # classes up to which losses are held against float64
_OFFSET, _ACCURATE = 100.0, 1e-5
_LEAST_SECONDS, _MOST_REPEATS = 3.0, 50
_CLASSES = [10, 100, 1000, 100_000, 1_000_000]
_OURS, _BOUND = "fal_jax", "four products"
_GIB = 2**30
_SPEED = "times as fast as the quickest dense form:"
_SPEED_OF_ACCURATE = "times as fast as the quickest dense form that keeps its digits at an offset:"
_MEMORY = "times the memory of the leanest dense form:"
_PRODUCTS = "times the four products:"
_GOALS = {
    **{
        (classes, width): {_SPEED: 1.0, _SPEED_OF_ACCURATE: 1.0}
        for classes in (10, 100, 1000)
        for width in (64, 512)
    },
    (100_000, 64): {_SPEED: 4.5, _MEMORY: 0.1, _PRODUCTS: 1.4},
    (100_000, 512): {_SPEED: 2.0, _MEMORY: 0.1, _PRODUCTS: 1.4},
}
"""What is to hold of 4,096 examples."""


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of their record."""
    options, console, started = parse(arguments), Console(width=110), time.perf_counter()
    environment = records.environment()  # at the start: the tree may change while this runs
    sizes = list(itertools.product(options.classes, options.widths))
    rounds, path = [], options.out / "benchmark_distance_softmax.json"
    record: dict[str, Any] = {
        "experiment": "benchmark_distance_softmax",
        "examples": options.examples,
        "environment": environment,
    }
    for number, (classes, width) in itertools.product(range(options.rounds), sizes):
        if number > 0 and is_large(options.examples, classes):
            continue
        size = f"{classes:,} classes, width {width}"
        console.print(f"round {number + 1} of {options.rounds}, {size}")
        for name in contestants(options.examples, classes):
            found = command.in_a_new_process(measure, name, options.examples, classes, width)
            told = {"round": number, "contestant": f"{size}: {name}", "size": size, "name": name}
            told |= {"classes": classes, "width": width}
            rounds.append(told | found)
        seconds = round(time.perf_counter() - started, 1)
        record |= {"seconds": seconds, "claims": claims(rounds), "rounds": rounds}
        records.write_json(path, record)  # so that a run that is stopped leaves what it has
    console.print(report(record))
    for claim in record["claims"]:
        console.print(
            f"{claim['size']}: {claim['what']} {claim['median']:.3g} ({claim['lowest']:.3g} to "
            f"{claim['highest']:.3g}){claimed(claim)}"
        )
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.distance_softmax", __doc__)
    add = parser.add_argument
    add("--rounds", type=command.positive, default=3, help="default: 3")
    add("--examples", type=command.positive, default=4096, help="default: 4096")
    add("--classes", type=command.several, nargs="+", default=_CLASSES,
        help=f"default: {' '.join(map(str, _CLASSES))}")  # fmt: skip
    add("--widths", type=command.positive, nargs="+", default=[64, 512], help="default: 64 512")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def contestants(examples: int, classes: int) -> list[str]:
    """Those that run at a size."""
    if is_large(examples, classes):
        return [_OURS, _BOUND]
    return [name for name in CONTESTANTS if classes <= MOST_CLASSES.get(name, classes)]


def is_large(examples: int, classes: int) -> bool:
    """Whether there are more scores than a dense form is asked to hold."""
    return examples * classes > _DENSE_SCORES


def measure(name: str, examples: int, classes: int, width: int) -> dict[str, Any]:
    """The median time of a contestant over some seconds of runs, its memory and its loss."""
    rng = np.random.default_rng(0)
    features, anchors = (
        rng.standard_normal((n, width), np.float32) / np.float32(width**0.5)
        for n in (examples, classes)
    )
    labels = rng.integers(0, classes, examples, np.int32)
    run = CONTESTANTS[name](features, labels, anchors)
    before = resident()
    loss, seconds = run(), []
    while not seconds or (sum(seconds) < _LEAST_SECONDS and len(seconds) < _MOST_REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    beyond = max(command.peak_memory_gib() * _GIB - before - anchors.nbytes, 0)
    return {
        "seconds": statistics.median(seconds),
        "memory_gib": round(beyond / _GIB, 3),
        "loss": loss,
        "offset_error": offset_error(name, features, labels, anchors) if classes <= _FEW else None,
    }


def offset_error(
    name: str, features: np.ndarray, labels: np.ndarray, anchors: np.ndarray
) -> float | None:
    """How far the loss is from that in float64 where all is moved away; None of no loss."""
    if name == _BOUND:
        return None
    features, anchors = (array + np.float32(_OFFSET) for array in (features, anchors))
    mine, theirs = features.astype(np.float64) - _OFFSET, anchors.astype(np.float64) - _OFFSET
    logits = 2 * mine @ theirs.T - np.sum(theirs**2, axis=1)
    highest = logits.max(axis=1)
    log_sums = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    truth = np.mean(log_sums - logits[np.arange(len(labels)), labels])
    return abs(CONTESTANTS[name](features, labels, anchors)() - truth) / max(1.0, abs(truth))


def claims(rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each size this package against the dense forms and the bound, as medians over rounds."""
    told = []
    for classes, width in dict.fromkeys((found["classes"], found["width"]) for found in rounds):
        by_round: dict[int, dict[str, Mapping[str, Any]]] = {}
        for found in rounds:
            if (found["classes"], found["width"]) == (classes, width):
                by_round.setdefault(found["round"], {})[found["name"]] = found
        each = [_against(names) for names in by_round.values()]
        for what in each[0]:
            values = [ratios[what] for ratios in each]
            told.append({
                "size": f"{classes:,} classes, width {width}",
                "what": what,
                "median": statistics.median(values),
                "lowest": min(values),
                "highest": max(values),
                "goal": _GOALS.get((classes, width), {}).get(what),
            })  # fmt: skip
    return told


def _against(names: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The ratios of one round of one size."""
    ours, dense = names[_OURS], [f for name, f in names.items() if name not in (_OURS, _BOUND)]
    ratios = {_PRODUCTS: ours["seconds"] / names[_BOUND]["seconds"]}
    if dense:
        leanest = max(min(found["memory_gib"] for found in dense), 1e-3)  # as it is rounded
        ratios[_SPEED] = min(found["seconds"] for found in dense) / ours["seconds"]
        errors = [found["offset_error"] for found in dense]
        if None not in errors:
            accurate = [f["seconds"] for f in dense if f["offset_error"] <= _ACCURATE]
            ratios[_SPEED_OF_ACCURATE] = min(accurate) / ours["seconds"]
        ratios[_MEMORY] = ours["memory_gib"] / leanest
    return ratios


def claimed(claim: Mapping[str, Any]) -> str:
    """The goal of a claim, if it has one, and whether it is met."""
    if claim["goal"] is None:
        return ""
    is_speed = claim["what"] in (_SPEED, _SPEED_OF_ACCURATE)
    holds = (claim["median"] >= claim["goal"]) if is_speed else (claim["median"] <= claim["goal"])
    return f", {'at least' if is_speed else 'at most'} {claim['goal']}: {'yes' if holds else 'NO'}"


def resident() -> int:
    """What this process holds in memory now, in bytes."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def report(record: Mapping[str, Any]) -> Grid:
    """Seconds and memory of each contestant, and its time against that of this package."""
    grid = Grid(title=f"{record['examples']:,} examples, forwards and backwards")
    for column in ("", "s", "GiB", f"time / {_OURS}'s"):
        grid.add_column(column, justify="right")
    rounds = record["rounds"]
    for key in dict.fromkeys(found["contestant"] for found in rounds):
        own = [found for found in rounds if found["contestant"] == key]
        ours = [f for f in rounds if (f["size"], f["name"]) == (own[0]["size"], _OURS)]
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(own, ours, strict=True)]
        seconds, memory, ratio = map(
            statistics.median, ([f["seconds"] for f in own], [f["memory_gib"] for f in own], ratios)
        )
        spread = f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        grid.add_row(key, f"{seconds:.3g}", f"{memory:.2f}", spread)
    return grid


if __name__ == "__main__":
    main()
