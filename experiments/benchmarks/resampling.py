"""NearMiss and SMOTE against imbalanced-learn, on the same rows in the same run.

    python -m experiments.benchmarks.resampling
    python -m experiments.benchmarks.resampling --rows 0 --rounds 1       # without the large table

The table is CreditCard, its columns standardised, where FAL_JAX_DATA has it, and else generated in
its shape, 284,807 rows of 30 columns with 492 of the rare class; the record says which. NearMiss-1
is held on a large generated table too. Either side is in a process of its own each time, its first
call left out; but on the large table imbalanced-learn, which compiles nothing, is called once, and
that call counts. Memory is the peak beyond what the process held before the first call. Both sides
of NearMiss must keep the same rows.
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
from experiments.benchmarks import task
from fal_jax import data, resampling

SIDES = ("fal_jax", "imbalanced-learn")
CASES = {"NearMiss-2": 3, "SMOTE": 7, "NearMiss-1": 3}  # calls that are timed


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of the record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    started = time.perf_counter()
    cases = [(case, None) for case in CASES]
    cases += [("NearMiss-1", options.rows)] if options.rows else []
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        for case, rows in cases:
            ours, rival = (
                command.in_a_new_process(measure, side, case, rows, options.data_dir)
                for side in SIDES
            )
            rounds.append({"round": number, **compared(case, ours, rival)})
            console.print(report(rounds[-1]))
    record = {
        "experiment": "benchmark_resampling",
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "rounds": rounds,
    }
    path = options.out / "benchmark_resampling.json"
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.resampling", __doc__)
    add = parser.add_argument
    add("--rounds", type=command.positive, default=3, help="default: 3")
    add("--rows", type=int, default=5_000_000,
        help="of the large table, 0 to leave it out (default: 5,000,000)")  # fmt: skip
    add("--data-dir", type=pathlib.Path, help="where the data files are (default: FAL_JAX_DATA)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def measure(
    side: str, case: str, rows: int | None, data_dir: pathlib.Path | None
) -> dict[str, Any]:
    """Median seconds of one side, what it added to the memory, and the rows that it keeps."""
    name, found = table(rows, data_dir)
    resample = contestant(side, case)
    repeats = CASES[case] if rows is None else int(side == SIDES[0])
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts from what is held now
    before, seconds = memory("VmRSS"), []
    for _ in range(1 + repeats):
        started = time.perf_counter()
        kept = resample(found.features, found.labels)
        seconds.append(time.perf_counter() - started)
    return {
        "table": name,
        "rows": len(found.labels),
        "positives": int(found.labels.sum()),
        "seconds": round(statistics.median(seconds[1:] or seconds), 4),
        "memory_gib": round((memory("VmHWM") - before) / 2**20, 3),
        "kept": sorted(kept),
    }


def table(rows: int | None, data_dir: pathlib.Path | None) -> tuple[str, task.Data]:
    """A table and its name: generated with so many rows; for None CreditCard if it is there."""
    if rows is not None:
        return "generated", task.generate(rows)
    try:
        loaded = data.load_table("CreditCard", data_dir=data_dir)
    except FileNotFoundError:
        return "generated", task.generate()
    features = np.array(loaded.features)
    features -= features.mean(axis=0, dtype=np.float64)
    features /= features.std(axis=0, dtype=np.float64)
    return "CreditCard", task.Data(features, np.array(loaded.labels))


def contestant(side: str, case: str) -> Callable[[np.ndarray, np.ndarray], Sequence[int]]:
    """A function of features and labels that returns the rows kept, none of SMOTE."""
    version = int(case[-1]) if case.startswith("NearMiss") else None
    if side == SIDES[0]:
        if version:
            return lambda X, y: resampling.near_miss(X, y, version=version).tolist()
        return lambda X, y: resampling.smote(jax.random.key(0), X, y).labels[:0].tolist()
    from imblearn import over_sampling, under_sampling

    def theirs(features: np.ndarray, labels: np.ndarray) -> Sequence[int]:
        if version is None:
            over_sampling.SMOTE(random_state=0).fit_resample(features, labels)
            return []
        sampler = under_sampling.NearMiss(version=version)
        sampler.fit_resample(features, labels)
        return sampler.sample_indices_.tolist()

    return theirs


def memory(kind: str) -> int:
    """What this process holds, VmRSS, or held at most, VmHWM, in KiB."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1])


def compared(case: str, ours: dict[str, Any], rival: dict[str, Any]) -> dict[str, Any]:
    """Both sides of a case; the rows that they keep must be the same but for a tie or two."""
    kept, theirs = set(ours.pop("kept")), set(rival.pop("kept"))
    if len(kept & theirs) < 0.99 * max(len(kept), len(theirs)):
        raise AssertionError(f"{case}: of {len(theirs)} rows only {len(kept & theirs)} are kept.")
    return {
        "case": f"{case}, {ours['rows']:,} rows",
        **ours,
        "rival_seconds": rival["seconds"],
        "rival_memory_gib": rival["memory_gib"],
        "ratio": round(rival["seconds"] / ours["seconds"], 2),
    }


def report(found: dict[str, Any]) -> str:
    """One case in words."""
    return (
        f"{found['case']} ({found['table']}): {found['seconds']:.3f} s and "
        f"{found['memory_gib']:.2f} GiB, {SIDES[1]} {found['rival_seconds']:.3f} s and "
        f"{found['rival_memory_gib']:.2f} GiB, {found['ratio']} times"
    )


if __name__ == "__main__":
    main()
