"""Tables of the benchmarks' records, for `experiments.tables`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments import markdown


class Timed(NamedTuple):
    """How the rounds of a benchmark are drawn.

    Attributes:
      by: the field that names what a round measures: a row each.
      titles: the fields that are figures, and the titles of their columns.
      note: what a reader has to know.
    """

    by: str
    titles: Mapping[str, str]
    note: str


def timings(record: dict) -> str:
    """Medians and ranges over the rounds, of each thing that a round measures."""
    by, titles, _ = TIMED[record["experiment"]]
    rows = []
    for key in dict.fromkeys(found[by] for found in record["rounds"]):
        rounds = [found for found in record["rounds"] if found[by] == key]
        rows.append([str(key), *(_median_and_range([r[name] for r in rounds]) for name in titles)])
    return markdown.table([by, *titles.values()], rows)


def claimed(record: dict) -> str:
    """The timings, and below them what is claimed and whether it holds."""
    rows = [
        [
            f"{claim['size']}: {claim['what']}",
            _median_and_range([claim[name] for name in ("lowest", "median", "highest")]),
            "" if claim["goal"] is None else f"{claim['goal']:g}",
        ]
        for claim in record["claims"]
    ]
    return f"{timings(record)}\n\n{markdown.table(['claim', 'found', 'asked'], rows)}"


def sweep(record: dict) -> str:
    """Median speeds, and the engine's in multiples of each rival's, by batch size."""
    engine = "64 models, CE"
    rows = []
    for size in dict.fromkeys(found["batch_size"] for found in record["rounds"]):
        rounds = [found["speeds"] for found in record["rounds"] if found["batch_size"] == size]
        for name in rounds[0]:
            speeds = [speeds[name]["samples_per_second"] for speeds in rounds]
            ratios = [
                speeds[engine]["samples_per_second"] / speeds[name]["samples_per_second"]
                for speeds in rounds
            ]
            spread = f"{np.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
            rows.append([name, str(size), f"{np.median(speeds) / 1e6:.2f}", spread])
    return markdown.table(["", "batch size", "M model-samples/s", f"{engine} / it"], rows)


def _median_and_range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    if low == high:
        return f"{low + 0:,}"  # without the sign of -0.0
    return f"{np.median(values):.3g} ({low:.3g} to {high:.3g})"


TIMED = {
    "benchmark_folds": Timed(
        "dataset",
        {
            "models": "models",
            "training_rows": "training rows",
            "seconds": "seconds",
            "compile_seconds": "of them to compile",
            "peak_memory_gib": "peak GiB",
        },
        "FAML, compilation included.",
    ),
    "benchmark_rows": Timed(
        "models",
        {"rows": "rows", "epoch_seconds": "seconds an epoch", "peak_memory_gib": "peak GiB"},
        "Generated rows of 30 columns.",
    ),
    "benchmark_loading": Timed(
        "state",
        {"rows": "rows", "seconds": "seconds", "added_memory_gib": "GiB added"},
        "Generated rows with the columns of ccFraud.csv.",
    ),
    "benchmark_resnet": Timed(
        "network",
        {"images_per_second": "images/s", "over_torch": "times PyTorch's speed"},
        "Training steps, the first ones left out.",
    ),
    "benchmark_imports": Timed(
        "module",
        {"base_seconds": "seconds of jax, optax and chex", "added_seconds": "seconds added"},
        "What a package adds to `import jax, optax, chex`.",
    ),
    "benchmark_streaming": Timed(
        "stage",
        {
            "rows_per_second": "rows/s",
            "of_memory": "of the steps' in memory",
            "seconds": "seconds",
            "peak_memory_gib": "peak GiB",
        },
        "Simulated transactions of 30 columns.",
    ),
    "benchmark_distance_softmax": Timed(
        "contestant",
        {"seconds": "seconds", "memory_gib": "GiB added"},
        "Mean loss and gradients; the first run left out.",
    ),
    "benchmark_metrics": Timed(
        "case",
        {
            "scores": "scores",
            "seconds": "seconds",
            "rival_seconds": "scikit-learn's",
            "ratio": "times as fast",
        },
        "AUC, average precision, best F1 and best balanced accuracy against scikit-learn's AUC and "
        "average precision alone.",
    ),
    "benchmark_resampling": Timed(
        "case",
        {
            "seconds": "seconds",
            "rival_seconds": "imbalanced-learn's",
            "ratio": "times as fast",
            "memory_gib": "GiB added",
            "rival_memory_gib": "by imbalanced-learn",
        },
        "CreditCard where the table is not generated; either side in a process of its own.",
    ),
}
_ROUNDS = "Each round is in new processes: median (lowest to highest)."
NOTES = {
    "benchmark_sweep": "Medians of the rounds; ratios within a round, with their range.",
    **{name: f"{timed.note} {_ROUNDS}" for name, timed in TIMED.items()},
}
"""What stands above each table, by experiment."""
DRAWN = {
    **dict.fromkeys(TIMED, timings),
    "benchmark_sweep": sweep,
    "benchmark_distance_softmax": claimed,
}
"""Of each experiment, what makes Markdown of its record."""
