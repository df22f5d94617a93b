"""All figures, the paper's 1 to 5 and ours, each as PNG and as vectors.

    python -m experiments.figures                          # of the records in results/
    python -m experiments.figures --records experiments/results runs --format pdf
    python -m experiments.figures --only figure_2 speed    # those whose names begin so

Figures 2, 3 and 5 are functions. All others are drawn from records; where there are none, the
command that makes them is told, and the rest is drawn.
"""

import argparse
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from experiments import (
    command,
    drawing,
    extreme_report,
    image_figures,
    loss_figures,
    record_figures,
    study,
    study_figures,
    tables,
)
from fal_jax import data

Records = dict[str, dict[str, Any]]  # by the names of their files, without ending
Figures = Iterator[tuple[str, Figure]]
_FACTORS = 10.0, 20.0, 50.0, 100.0, 200.0  # of the paper's Figure 5


def main(arguments: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Draws the figures; returns the paths of the PNGs."""
    options, console, paths = parse(arguments), Console(soft_wrap=True), []
    records = {
        path.stem: json.loads(path.read_text())
        for folder in options.records
        for path in sorted(folder.glob("*.json"))
    }
    for names, (draw, makes) in FIGURES.items():
        if options.only and not any(n.startswith(o) for n in names.split() for o in options.only):
            continue
        before = len(paths)
        for name, figure in draw(records):
            paths.append(options.out / f"{name}.png")
            drawing.save(figure, paths[-1], paths[-1].with_suffix(f".{options.format}"))
            console.print(str(paths[-1]))
        if len(paths) == before:
            console.print(f"{names}: no record; python -m experiments.{makes} makes it")
    return paths


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.figures", __doc__)
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help=f"of {', '.join(FIGURES)} (default: all)")
    add("--records", nargs="+", type=pathlib.Path, default=[tables.RESULTS], metavar="FOLDER",
        help="default: results")  # fmt: skip
    add("--format", choices=("svg", "pdf"), default="svg", help="of the vectors (default: svg)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs/figures"),
        help="default: runs/figures")  # fmt: skip
    return parser.parse_args(arguments)


def _planes(records: Records) -> Figures:
    for record in _of(records, "embeddings").values():
        anchored = [name for name, found in record["results"].items() if found["anchors"]]
        pair = [name for name in ("CE", "FAL") if name in record["results"]]
        if len(pair) == 2:
            yield "figure_1", image_figures.planes(record, pair)
        if anchored:
            yield "figure_4", image_figures.planes(record, anchored)


def _losses(_: Records) -> Figures:
    yield "figure_2", loss_figures.focal_and_cross_entropy()
    yield "figure_3", loss_figures.focal_by_gamma()


def _class_counts(_: Records) -> Figures:
    counts = {f: data.long_tail_counts(5000, 10, imbalance_factor=f).tolist() for f in _FACTORS}
    yield "figure_5", image_figures.class_counts(counts)


def _errors(records: Records) -> Figures:
    studies: dict[str, list[dict[str, Any]]] = {}
    for name, record in _of(records, "long_tailed_images").items():
        studies.setdefault(name.rpartition("_")[0], []).append(record)
    for name, of_study in studies.items():
        yield f"error_{name}", image_figures.errors(of_study)


def _fraud(records: Records) -> Figures:
    found = study.checked({n: r for n, r in records.items() if n.startswith("fraud_")})
    for record in found.values():
        yield study.stem(record), study_figures.holdout_metrics(record)
    for name, figure in study_figures.of_report(found):
        yield name.removesuffix(".png"), figure


def _family(records: Records) -> Figures:
    for name, record in records.items():
        if name.startswith("family_"):
            yield name, study_figures.holdout_metrics(record)


def _ablations(records: Records) -> Figures:
    for name, record in _of(records, "ablation").items():
        yield name, record_figures.ablation(record)


def _extreme(records: Records) -> Figures:
    for name, record in _of(records, "extreme_imbalance").items():
        yield name, extreme_report.scores(record)


def _speed(records: Records) -> Figures:
    for name, record in _of(records, "benchmark_sweep").items():
        yield f"speed_{name}", record_figures.speed(record)


def _of(records: Records, experiment: str) -> Records:
    return {name: r for name, r in records.items() if r["experiment"] == experiment}


FIGURES: dict[str, tuple[Callable[[Records], Figures], str]] = {
    "figure_1 figure_4": (_planes, "embeddings"),
    "figure_2 figure_3": (_losses, "figures"),
    "figure_5": (_class_counts, "figures"),
    "error": (_errors, "cifar10_lt"),
    "fraud": (_fraud, "fraud"),
    "family": (_family, "family"),
    "ablation": (_ablations, "ablation"),
    "extreme_imbalance": (_extreme, "extreme_imbalance"),
    "speed": (_speed, "benchmarks.sweep"),
}
"""By beginnings of the figures' names: what draws them, and what makes their records."""


if __name__ == "__main__":
    main()
