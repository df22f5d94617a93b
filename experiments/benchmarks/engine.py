"""The speed of this package's sweep engine on the rivals' task, in a process of its own.

    python -m experiments.benchmarks.engine --models 64 --batch-size 1024
    python -m experiments.benchmarks.engine --method FAML --models 64 --batch-size 1024
    python -m experiments.benchmarks.engine --rows 10000000 --models 1 --epochs 3

Prints one line of JSON. Whole epochs are timed, truly shuffled, and with them what the rivals are
spared: the metric of every model on a fifth as many validation rows, and keeping the best weights.
The first epoch, which compiles, and the last, which ends by scoring all rows, are left out.
"""

import functools
import itertools
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from experiments import command
from experiments.benchmarks import task
from fal_jax import training
from fal_jax.estimators import METHODS, draw_settings


def measure(method: str, models: int, batch_size: int, rows: int, epochs: int) -> dict[str, Any]:
    """Trains models of a method, with settings of their own; returns their speed by epoch."""
    data, held = task.generate(rows), task.generate(max(rows // 5, 2), seed=1)
    problem = training.Problem(
        data.features,
        data.labels.astype(np.int32),
        held.features,
        held.labels.astype(np.int32),
        held.features[:1],
    )
    build = functools.partial(
        METHODS[method].build,
        num_inputs=task.DIM,
        num_classes=task.CLASSES,
        hidden=task.HIDDEN,
    )
    seen = []
    result = training.sweep(
        build,
        draw_settings(METHODS[method], models, seed=0),
        [problem],
        num_epochs=epochs,
        batch_size=batch_size,
        on_epoch=lambda done, _: seen.append((done, time.perf_counter())),
    )
    assert np.isfinite(result.table["loss"]).all()
    steps = [
        (later[0] - earlier[0]) * rows / (later[1] - earlier[1])
        for earlier, later in itertools.pairwise(seen)
    ]
    chunk = seen[0][0]  # models that one call of the program trains
    whole = [s for i, s in enumerate(steps, start=1) if i % epochs not in (0, epochs - 1)]
    return {
        "engine": f"fal_jax, {method}",
        "models": models,
        "chunk": chunk,
        "batch_size": batch_size,
        "rows": rows,
        "devices": jax.device_count(),
        "samples_per_second": statistics.median(whole),
        "epochs": [round(step) for step in whole],
        "peak_memory_gib": round(command.peak_memory_gib(), 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints one measurement."""
    parser = command.parser("experiments.benchmarks.engine", __doc__)
    parser.add_argument("--method", choices=METHODS, default="CE", help="default: CE")
    parser.add_argument("--models", type=command.positive, default=64, help="default: 64")
    parser.add_argument("--batch-size", type=command.positive, default=1024, help="default: 1024")
    parser.add_argument(
        "--rows", type=command.positive, default=task.ROWS, help=f"default: {task.ROWS}"
    )
    parser.add_argument(
        "--epochs", type=command.positive, default=6, help="at least 3 (default: 6)"
    )
    options = parser.parse_args(arguments)
    if options.epochs < 3:
        parser.error("argument --epochs: the first and the last are left out, so 3 at least")
    found = measure(
        options.method, options.models, options.batch_size, options.rows, options.epochs
    )
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    command.use_all_cores()
    main()
