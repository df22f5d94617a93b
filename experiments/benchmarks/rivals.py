"""The speed of other libraries on the sweep's task, each in a process of its own.

    python -m experiments.benchmarks.rivals torch-sliced --batch-size 1024
    python -m experiments.benchmarks.rivals --help

Prints one line of JSON. A perceptron 30-16-8-2 trains on generated data of CreditCard's size with
softmax cross-entropy and Adagrad (scikit-learn: Adam, as it has no Adagrad), in a new order each
epoch. The rivals' time holds no validation, no start-up and no compilation: a first slot of time
warms up. The CPU's threads are as OMP_NUM_THREADS and NPROC (for JAX) say; `measure` sets both.
"""

import importlib.metadata
import json
import os
import pkgutil
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments import command
from experiments.benchmarks import task


class Rival(NamedTuple):
    """A contestant.

    Attributes:
      function: of `(data, batch_size)`, as "module:name"; its module imports the library.
      distribution: the library, as pip calls it.
    """

    function: str
    distribution: str


_PACKAGE = "experiments.benchmarks"
RIVALS = {
    "torch-dataloader": Rival(f"{_PACKAGE}.torch_rivals:dataloader", "torch"),
    "torch-sliced": Rival(f"{_PACKAGE}.torch_rivals:sliced", "torch"),
    "torch-sliced-fused": Rival(f"{_PACKAGE}.torch_rivals:sliced_fused", "torch"),
    "torch-vmap": Rival(f"{_PACKAGE}.torch_rivals:vmap", "torch"),
    "torch-vmap-compiled": Rival(f"{_PACKAGE}.torch_rivals:vmap_compiled", "torch"),
    "keras": Rival(f"{_PACKAGE}.keras_rival:fit", "keras"),
    "sklearn": Rival(f"{_PACKAGE}.sklearn_rival:mlp_classifier", "scikit-learn"),
}
_ADVICE = 'Install the rivals: pip install "fal-jax[benchmarks]".'


def version(name: str) -> str | None:
    """The version of a rival's library, None if it is not installed.

    Raises:
      ValueError: if there is no such rival.
    """
    if name not in RIVALS:
        raise ValueError(f"name must be one of {', '.join(RIVALS)}, got {name!r}.")
    try:
        return importlib.metadata.version(RIVALS[name].distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def measure(
    name: str,
    batch_size: int,
    *,
    threads: int | None = None,
    seconds: float = 1.0,
    repeats: int = 3,
    rows: int = task.ROWS,
) -> dict[str, Any]:
    """Runs a rival in a process of its own.

    Args:
      name: one of `RIVALS`.
      batch_size: rows a step.
      threads: of the processor; by default the faster of one and one a core.
      seconds: the least length of a slot of time.
      repeats: number of slots.
      rows: of the generated data.

    Returns:
      What `run` does, of the faster number of threads.

    Raises:
      ValueError: if there is no such rival.
      RuntimeError: if its library is not installed or it fails.
    """
    if version(name) is None:
        raise RuntimeError(f"{name} needs {RIVALS[name].distribution}. {_ADVICE}")
    counts = {1, os.cpu_count() or 1} if threads is None else {threads}
    options = {"batch-size": batch_size, "seconds": seconds, "repeats": repeats, "rows": rows}
    flags = [f"--{option}={value}" for option, value in options.items()]
    found = [
        command.printed(f"{_PACKAGE}.rivals", name, *flags, OMP_NUM_THREADS=count, NPROC=count)
        for count in map(str, sorted(counts))
    ]
    return max(found, key=lambda result: result["samples_per_second"])


def run(name: str, batch_size: int, *, seconds: float, repeats: int, rows: int) -> dict[str, Any]:
    """Runs a rival in this process.

    Args:
      name: one of `RIVALS`.
      batch_size: rows a step, at most `rows`.
      seconds: the least length of a slot of time.
      repeats: number of slots.
      rows: of the generated data.

    Returns:
      The median speed in samples a second, where a sample counts once for each model, the speed in
      each slot, how many cores it had (fewer than its threads: other jobs ran beside it or it
      waited), the loss after all, and what ran.
    """
    if not 1 <= batch_size <= rows:
        raise ValueError(f"batch_size must be 1 to the {rows} rows, got {batch_size}.")
    # Read when Keras is imported; its PyTorch backend is the slower one, TensorFlow's not tried.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # where all rivals run
    start = pkgutil.resolve_name(RIVALS[name].function)
    training = start(task.generate(rows), batch_size)
    wall, cpu = time.perf_counter(), time.process_time()
    slots = task.throughput(training.train, seconds=seconds, repeats=repeats)
    cores = (time.process_time() - cpu) / (time.perf_counter() - wall)
    return {
        "rival": name,
        "version": version(name),
        "batch_size": batch_size,
        "models": training.models,
        "optimizer": training.optimizer,
        "rows": rows,
        "threads": int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
        "samples_per_second": statistics.median(slots),
        "slots": slots,
        "cores": cores,
        "loss": training.loss(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one rival and prints its result."""
    parser = command.parser("experiments.benchmarks.rivals", __doc__)
    parser.add_argument("rival", choices=RIVALS)
    parser.add_argument("--batch-size", type=int, required=True, help="rows a step")
    parser.add_argument("--seconds", type=float, default=1.0, help="a slot of time (default: 1)")
    parser.add_argument("--repeats", type=int, default=3, help="slots (default: 3)")
    parser.add_argument(
        "--rows", type=int, default=task.ROWS, help="of the data (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if version(options.rival) is None:
        parser.error(f"{options.rival} needs {RIVALS[options.rival].distribution}. {_ADVICE}")
    result = run(
        options.rival, options.batch_size, seconds=options.seconds, repeats=options.repeats,
        rows=options.rows,
    )  # fmt: skip
    sys.stdout.write(json.dumps(result, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
