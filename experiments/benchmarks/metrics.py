"""A million scores: four metrics from one sort against scikit-learn's ROC AUC and AP alone.

    python -m experiments.benchmarks.metrics
    python -m experiments.benchmarks.metrics --scores 100000 --rounds 1

`fal_jax.metrics.ranking_metrics` finds the ROC AUC, the average precision, the best F1 and the best
balanced accuracy with their thresholds; scikit-learn calls `roc_auc_score` and
`average_precision_score`. Both get the same float32 scores with 1 positive in 100, take turns, and
must agree on what both compute. Every round is in a process of its own.
"""

import argparse
import pathlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments import command, records
from fal_jax import metrics


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of the record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    started = time.perf_counter()
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        for case in ("unweighted", "weighted"):
            found = command.in_a_new_process(measure, case, options.scores, options.repeats)
            rounds.append({"round": number, "case": case, "scores": options.scores, **found})
            console.print(
                f"{case}: {found['seconds']:.3f} s, scikit-learn {found['rival_seconds']:.3f} s, "
                f"{found['ratio']} times"
            )
    record = {
        "experiment": "benchmark_metrics",
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "rounds": rounds,
    }
    path = options.out / "benchmark_metrics.json"
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.metrics", __doc__)
    add = parser.add_argument
    add("--rounds", type=command.positive, default=3, help="default: 3")
    add("--scores", type=command.several, default=1_000_000, help="default: 1,000,000")
    add("--repeats", type=command.positive, default=7,
        help="in a round, after one to warm up (default: 7)")  # fmt: skip
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def measure(case: str, size: int, repeats: int) -> dict[str, float]:
    """Median seconds of both sides."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    labels = (rng.random(size) < 0.01).astype(np.int32)
    labels[:2] = 0, 1  # both classes, however few the scores
    scores = (rng.standard_normal(size) + 2 * labels).astype(np.float32)
    weights = rng.uniform(0.5, 2, size).astype(np.float32) if case == "weighted" else None

    def ours() -> list[float]:
        found = metrics.ranking_metrics(scores, labels, weights=weights)
        return [float(value) for value in jax.tree.leaves(found)][:2]

    def rival() -> list[float]:
        options = {"sample_weight": weights}
        return [f(labels, scores, **options) for f in (roc_auc_score, average_precision_score)]

    np.testing.assert_allclose(ours(), rival(), atol=1e-6)
    seconds, rival_seconds = turns(ours, rival, repeats)
    return {
        "seconds": round(seconds, 4),
        "rival_seconds": round(rival_seconds, 4),
        "ratio": round(rival_seconds / seconds, 2),
    }


def turns(first: Callable[[], Any], second: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """The median seconds of two functions that take turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for function, seconds in zip((first, second), taken, strict=True):
            started = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - started)
    return statistics.median(taken[0]), statistics.median(taken[1])


if __name__ == "__main__":
    main()
