"""Tables from records: `python -m experiments.tables` writes results/README.md."""

import json
import pathlib
from collections.abc import Sequence

import numpy as np

from experiments import benchmark_tables, markdown, paper, records, scale_tables, statistics
from fal_jax import metrics

RESULTS = pathlib.Path(__file__).parent / "results"
METRICS = {"auc": "AUC-ROC", "f1": "F1", "balanced_accuracy": "Balanced accuracy"}


def label(record: dict) -> str:
    """The data set's name, and of which part of it the record is."""
    if not record["is_sample"]:
        return record["dataset"]
    return f"{record['dataset']} (sample: {record['rows']:,} of {record['rows_expected']:,} rows)"


def values(runs: Sequence[dict], metric: str) -> np.ndarray:
    """A metric of the test part over the seeds, `[seeds]`."""
    return np.array([run["test"][metric] for run in runs])


def mean_and_std(runs: Sequence[dict], metric: str, *, digits: int = 3) -> str:
    """Mean ± standard deviation over the seeds."""
    scores = values(runs, metric)
    spread = f" ± {scores.std(ddof=1):.{digits}f}" if scores.size > 1 else ""
    return f"{scores.mean():.{digits}f}{spread}"


def difference(runs: Sequence[dict], reference: Sequence[dict], metric: str) -> str:
    """Paired mean difference ± standard error, and on how many seeds it is above 0.

    The error is that of the corrected resampled t-test (Nadeau and Bengio, 2003): training rows
    recur from seed to seed, so the plain one is too small. A test part is taken as a fourth of
    a training part.
    """
    return gap(metrics.corrected_t_test(values(runs, metric), values(reference, metric), 0.2 / 0.8))


def gap(found: metrics.Comparison, p_value: float = 1.0) -> str:
    """A paired comparison: difference ± error (runs above 0/runs), and a star if significant."""
    if found.size == 1:
        return f"{found.difference:+.3f}"
    star = " *" if p_value < statistics.LEVEL else ""
    return f"{found.difference:+.3f} ± {found.error:.3f} ({found.ahead}/{found.size}){star}"


def cell(record: dict, name: str, metric: str, *, column: str | None = None) -> str:
    """A method's metric, or its column of another name, and the paper's figure in parentheses."""
    text = mean_and_std(record["results"][name], column or metric)
    figure = getattr(paper.published(record).get(name), metric, None)
    return text if figure is None else f"{text} ({figure:.3f})"


def holdout(record: dict) -> str:
    """Each method's metrics beside the paper's, and differences from CE."""
    results, reference = record["results"], record["results"].get("CE")
    scores = markdown.table(
        ["method", *METRICS.values(), "F1, arg-max", "balanced accuracy, arg-max"],
        [
            [
                name,
                *(cell(record, name, metric) for metric in METRICS),
                mean_and_std(runs, "f1_argmax"),
                mean_and_std(runs, "balanced_accuracy_argmax"),
            ]
            for name, runs in results.items()
        ],
    )
    if reference is None:
        return scores
    gaps = markdown.table(
        ["method - CE", *METRICS.values(), "average precision"],
        [
            [name, *(difference(runs, reference, m) for m in (*METRICS, "average_precision"))]
            for name, runs in results.items()
            if name != "CE"
        ],
    )
    return f"{scores}\n\n{gaps}"


def ablation(record: dict) -> str:
    """Each question's variants, less CE: the best trial of each, and the means of several."""
    reference = {key: record[key]["methods"]["CE"] for key in ("results", "averaged")}
    rows = [
        [
            f"{question}: {name}",
            *(mean_and_std(runs, metric) for metric in ("average_precision", *METRICS)),
            difference(runs, reference["results"], "average_precision"),
            difference(
                record["averaged"][question][name], reference["averaged"], "average_precision"
            ),
        ]
        for question, answers in record["results"].items()
        for name, runs in answers.items()
    ]
    header = ["question: variant", "average precision", *METRICS.values()]
    return markdown.table([*header, "average precision - CE's", "of the mean of 8 - CE's"], rows)


def long_tailed(record: dict) -> str:
    """Each method's error on the balanced test set beside the published ones, and accuracies."""
    bands = ("many", "medium", "few")
    rows = []
    for method, runs in record["results"].items():
        figures = paper.published_errors(record, method)
        accuracies = (
            f"{np.mean([run['last'][band] for run in runs]):.3f}"
            if runs[0]["last"][band] is not None
            else ""
            for band in bands
        )
        beside = (figures.get(source, "") for source in paper.TABLE_4)
        rows.append([method, str(len(runs)), mean_error(runs), *beside, *accuracies])
    return markdown.table(["method", "seeds", "error %", *paper.TABLE_4, *bands], rows)


def mean_error(runs: Sequence[dict]) -> str:
    """Mean ± standard deviation over the seeds of the error in percent with the last weights."""
    errors = [run["last"]["error"] for run in runs]
    spread = f" ± {np.std(errors, ddof=1):.2f}" if len(errors) > 1 else ""
    return f"{np.mean(errors):.2f}{spread}"


def page(folder: pathlib.Path = RESULTS) -> str:
    """All records of a folder, as one Markdown page, but those that have a report of their own."""
    parts = ["# Results\n\nMade by `python -m experiments.tables` from the records beside it."]
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        draw = _DRAWN.get(record["experiment"])
        if record.get("protocol") == "block-holdout" or path.stem.startswith("family_"):
            draw = holdout
        if draw is None:
            continue
        environment = record["environment"]
        packages = environment["packages"]
        sample = f"On {label(record)}. " if record.get("is_sample") else ""
        parts.append(
            f"## {path.stem}\n\n"
            f"`python -m experiments.{' '.join(environment['command'])}` at {environment['commit']}"
            f" in {record['seconds']:.0f} s on {_machine(environment['machine'])}, "
            f"jax {packages['jax']}{_added_to(record)}. "
            f"{sample}{_NOTES[record['experiment']]}\n\n{draw(record)}"
        )
    return "\n\n".join(parts) + "\n"


def _machine(machine: dict) -> str:
    """What a record was made on."""
    host, kind = f"{machine['cores']} cores ({machine['processor']})", machine["device_kind"]
    return host if kind == "cpu" else f"{len(machine['devices'])} {kind}, {host}"


def _added_to(record: dict) -> str:
    """Which parts of a record were made at another commit, and on what."""
    others: dict[tuple[str, str | None], list[str]] = {}
    for name, made in record.get("made", {}).items():
        for one in made if isinstance(made, list) else [made]:
            if one["commit"] != record["environment"]["commit"]:
                machine = one.get("processor", one.get("device_kind"))
                others.setdefault((one["commit"], machine), []).append(name)
    return "".join(
        f"; {', '.join(dict.fromkeys(names))} at {commit}{f' on {machine}' if machine else ''}"
        for (commit, machine), names in others.items()
    )


_RUNS = "Mean ± standard deviation over seeds; differences are paired, ± corrected standard error"
_NOTES = {
    "long_tailed_images": "Error in percent with the last weights, mean ± standard deviation over "
    "seeds; accuracies of classes with many, medium and few training images. Beside them what the "
    "paper and Cui et al. print, for ResNet-32 and 200 epochs.",
    "fraud": f"{_RUNS} (seeds above 0).",
    "ablation": f"{_RUNS} (seeds above 0). Scored on rows of the training parts.",
    **benchmark_tables.NOTES,
    **scale_tables.NOTES,
}
_DRAWN = {
    "long_tailed_images": long_tailed,
    "ablation": ablation,
    **benchmark_tables.DRAWN,
    **scale_tables.DRAWN,
}


if __name__ == "__main__":
    records.write(RESULTS / "README.md", page().encode())
