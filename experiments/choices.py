"""What changes where each metric chooses the setting that it is reported of, as Markdown."""

from collections.abc import Mapping, Sequence

from experiments import markdown, scoring, statistics, study, tables
from experiments.study import Record, Records
from fal_jax import metrics

Runs = Sequence[Record]

REFERENCE = "CE"
METRICS = tuple(metric for metric in scoring.METRICS if metric != "average_precision")
"""The study's settings are chosen by average precision: these may choose others."""


def own(records: Records, budget: str) -> Records:
    """The records of a budget that hold choices, as if each metric had chosen its own setting.

    They stand under the budget "own", and read as those of the budget that they come from.
    """
    return {
        (dataset, protocol, "own"): record | {"results": results}
        for (dataset, protocol, of), record in records.items()
        if of == budget and (results := _own(record))
    }


def _own(record: Record) -> dict[str, list[Record]]:
    """The runs of the methods that hold choices, each metric's value that of its own choice."""
    return {
        name: [
            run | {"test": {metric: choice["test"] for metric, choice in run["choices"].items()}}
            for run in runs
        ]
        for name, runs in record["results"].items()
        if all("choices" in run for run in runs)
    }


def section(record: Record) -> str:
    """Each method at each metric's own choice; empty where the record holds no such choices."""
    chosen = _own(record)
    if not chosen:
        return ""
    usual = {name: record["results"][name] for name in chosen}
    share = study.test_over_train(record)
    rows = [
        [name, *(_cell(chosen[name], usual[name], metric, share) for metric in METRICS)]
        for name in usual
    ]
    parts = [
        "<details><summary>With the setting that the metric itself chooses</summary>",
        "Of the setting that is best by the column's metric on validation rows: mean ± standard "
        "deviation, and in parentheses less that of the setting with the best average precision, "
        f"± corrected error (runs ahead/runs); * p < {statistics.LEVEL} by the corrected resampled "
        "t-test, each comparison by itself.",
        markdown.table(["method", *map(study.title, METRICS)], rows),
    ]
    if REFERENCE in chosen and len(chosen) > 1:
        verdicts = (
            f"- {study.title(metric)}: {_verdict(chosen, metric, share)}" for metric in METRICS
        )
        parts += [f"Against {REFERENCE}, both so chosen:", "\n".join(verdicts)]
    return "\n\n".join([*parts, "</details>"])


def _cell(own: Runs, usual: Runs, metric: str, share: float) -> str:
    found = _compared(own, usual, metric, share)
    return f"{tables.mean_and_std(own, metric, digits=4)} ({tables.gap(found, found.p_value())})"


def _verdict(own: Mapping[str, Runs], metric: str, share: float) -> str:
    """Which methods are ahead of the reference, and which behind it."""
    found = {
        name: _compared(runs, own[REFERENCE], metric, share)
        for name, runs in own.items()
        if name != REFERENCE
    }
    told = {name: one for name, one in found.items() if one.p_value() < statistics.LEVEL}
    ahead = [name for name, one in told.items() if one.difference > 0]
    behind = [name for name in told if name not in ahead]
    return f"ahead {', '.join(ahead) or 'none'}; behind {', '.join(behind) or 'none'}"


def _compared(runs: Runs, reference: Runs, metric: str, share: float) -> metrics.Comparison:
    return metrics.corrected_t_test(
        tables.values(runs, metric), tables.values(reference, metric), share
    )
