"""Who beats whom in the fraud study: wins, ties and losses, and average ranks, as Markdown."""

from collections.abc import Sequence

import numpy as np

from experiments import markdown, statistics, study, tables
from experiments.study import Group, Record
from fal_jax import metrics

REFERENCES = ("CE", "CE+SMOTE", "CE+NearMiss", "FL", "FL+LGM", "CB-CE", "CB-FAL", "LR", "XGBoost")
"""The methods that others are held against; every other one is held against all."""


def section(records: Group, protocol: str, budget: str) -> str:
    """Counts on whole data sets and on all, and ranks."""
    if not records:
        return "Not run."
    whole = study.whole(records)
    subjects = _subjects(records)
    parts = [
        "Wins/ties/losses (ahead by the mean - behind). A win or loss is a paired difference whose "
        f"p-value is below {statistics.LEVEL} by the corrected resampled t-test, after Holm's "
        "correction over the methods that one is held against, for each data set and metric; "
        "[each difference](fraud_differences.md).",
        f"On whole data sets: {study.labels(whole)}.",
        _counts(whole, subjects),
    ]
    if len(whole) < len(records):
        parts += [
            f"On all, samples included: {study.labels(records)}.",
            _counts(records, subjects),
        ]
    parts.append(_ranks(records, protocol, budget))
    return "\n\n".join(part for part in parts if part)


def differences(records: Group) -> str:
    """Each paired difference, on each data set."""
    if not records:
        return "Not run."
    rows = []
    for record in records.values():
        for subject in _subjects(records):
            found = {metric: against(record, subject, metric) for metric in study.METRICS}
            for other in found["auc"]:
                cells = [by_other[other] for by_other in found.values()]
                marked = [tables.gap(comparison, p_value) for comparison, p_value in cells]
                rows.append([f"{subject} - {other}, {study.label(record)}", *marked])
    return markdown.table(["methods", *study.METRICS.values()], rows)


def _subjects(records: Group) -> list[str]:
    return [name for name in study.methods(records) if name not in REFERENCES]


def against(
    record: Record, subject: str, metric: str
) -> dict[str, tuple[metrics.Comparison, float]]:
    """A method against each other one that shares splits with it: comparison, Holm's p-value."""
    found = {
        other: comparison
        for other in record["results"]
        if other != subject and (comparison := study.compare(record, subject, other, metric))
    }
    adjusted = metrics.holm([comparison.p_value() for comparison in found.values()])
    return {
        other: (comparison, float(p_value))
        for (other, comparison), p_value in zip(found.items(), adjusted, strict=True)
    }


def _counts(records: Group, subjects: Sequence[str]) -> str:
    if not records:
        return ""
    rows = []
    for subject in subjects:
        found = {
            metric: [against(record, subject, metric) for record in records.values()]
            for metric in study.METRICS
        }
        for other in study.methods(records):
            cells = []
            for by_record in found.values():
                pairs = [by_other[other] for by_other in by_record if other in by_other]
                tally = statistics.tally([c for c, _ in pairs], [p for _, p in pairs])
                cells.append(
                    f"{tally.wins}/{tally.ties}/{tally.losses} ({tally.ahead}-{tally.behind})"
                    if pairs
                    else "not run"
                )
            if other != subject:
                rows.append([f"{subject} against {other}", *cells])
    return markdown.table(["methods", *study.METRICS.values()], rows)


def figure_name(protocol: str, budget: str) -> str:
    """Of the figure of average ranks."""
    return f"fraud_ranks_{protocol}_{budget}.png"


def ranked(records: Group) -> dict[str, tuple[list[str], metrics.Ranks]]:
    """By metric, the methods that all data sets have, and their ranks; empty where too few."""
    names = [
        name
        for name in study.methods(records)
        if all(name in record["results"] for record in records.values())
    ]
    if len(records) < 2 or len(names) < 3:
        return {}
    return {
        metric: (names, metrics.friedman_nemenyi(_means(records, names, metric)))
        for metric in study.METRICS
    }


def _means(records: Group, names: Sequence[str], metric: str) -> np.ndarray:
    return np.array(
        [
            [
                tables.values(
                    record["results"][name], study.column(metric, record["budget"])
                ).mean()
                for name in names
            ]
            for record in records.values()
        ]
    )


def _ranks(records: Group, protocol: str, budget: str) -> str:
    """Average ranks, with what they are worth."""
    found, on_whole = ranked(records), study.whole(records)
    if not found:
        return "Average ranks: too few data sets, or too few methods on all of them."
    parts = [
        f"Average ranks (1 is best) on {study.labels(records)}. With at most {len(study.DATASETS)} "
        "data sets the test has little power: ranks nearer than the critical difference are not "
        "told apart, which does not mean that the methods are alike.",
        _rank_table(found),
    ]
    only = ranked(on_whole)
    if only and len(on_whole) < len(records):
        parts += [f"On whole data sets alone: {study.labels(on_whole)}.", _rank_table(only)]
    absent = [name for name in study.methods(records) if name not in found["auc"][0]]
    if absent:
        parts.append(f"Not ranked, since not run on all of these: {', '.join(absent)}.")
    alternative = "Average ranks; a bar joins methods that the test does not tell apart"
    parts.append(f"![{alternative}]({figure_name(protocol, budget)})")
    return "\n\n".join(parts)


def _rank_table(found: dict[str, tuple[list[str], metrics.Ranks]]) -> str:
    names, ranks = found["auc"][0], [ranks for _, ranks in found.values()]
    rows = [[name, *(f"{r.average[i]:.2f}" for r in ranks)] for i, name in enumerate(names)]
    rows.append(["critical difference", *(f"{r.critical_difference:.2f}" for r in ranks)])
    rows.append(["Friedman's p-value", *(f"{r.p_value:.3f}" for r in ranks)])
    return markdown.table(["method", *study.METRICS.values()], rows)
