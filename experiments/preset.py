"""The preset against what a user would take instead, on whole data sets, as Markdown."""

from experiments import markdown, statistics, study, tables
from experiments.runs import AVERAGE
from experiments.study import Group, Record

PRESET = "FAL-light x8"
RIVALS = ("CE", "FL", "LR", "XGBoost", "CE x8", "FL x8", "XGBoost x8")
"""Tuned by as many trials each, single models first; then those with the same averaging."""

_AIM = ("average_precision", "f1", "balanced_accuracy")


def section(records: Group) -> str:
    """Each rival on each data set, and how the aim fares: ahead of CE on two, behind on none."""
    whole = {d: r for d, r in study.whole(records).items() if PRESET in r["results"]}
    if not whole:
        return "Not run."
    rows = [
        [f"{other}, {dataset}", *(_cell(record, other, metric) for metric in study.METRICS)]
        for other in RIVALS
        for dataset, record in whole.items()
        if other in record["results"]
    ]
    trials = max(record["options"]["trials"] for record in whole.values())
    return "\n\n".join(
        [
            f"The preset, {PRESET}, is the mean of the {AVERAGE} best of its {trials} trials: the "
            "mean costs no training that the choice of one does not cost. Below: it less each "
            f"rival, ± corrected error (runs ahead/runs); * p < {statistics.LEVEL} by the "
            "corrected resampled t-test, each comparison by itself. The rows of rivals that are "
            "such means themselves tell what of it is the loss and what the averaging. Its loss "
            "was chosen on training rows of other seeds of the same data sets, among which are "
            "test rows of these: the stars flatter it by as much.",
            markdown.table([f"{PRESET} -", *study.METRICS.values()], rows),
            "\n".join(f"- Against {other}: {_verdict(whole, other)}" for other in ("CE", "CE x8")),
        ]
    )


def _cell(record: Record, other: str, metric: str) -> str:
    found = study.compare(record, PRESET, other, metric)
    if found is None:
        return "not run"
    return tables.gap(found, found.p_value())


def _verdict(records: Group, other: str) -> str:
    """On which data sets the preset is ahead in one of the aim's metrics, and behind in any."""
    ahead, behind = [], []
    having = {dataset: r for dataset, r in records.items() if other in r["results"]}
    for dataset, record in having.items():
        for metric in _AIM:
            found = study.compare(record, PRESET, other, metric)
            if found is not None and found.p_value() < statistics.LEVEL:
                (ahead if found.difference > 0 else behind).append((dataset, metric))
    words = []
    for word, found in (("ahead", ahead), ("behind", behind)):
        named = [f"{study.METRICS[metric]} on {dataset}" for dataset, metric in found]
        words.append(f"{word} in {', '.join(named) or 'nothing'}")
    number = len({dataset for dataset, _ in ahead})
    return (
        f"{'; '.join(words)} (average precision, F1, balanced accuracy; p < {statistics.LEVEL}). "
        f"Ahead on {number} of the {len(having)} data sets that have both: {', '.join(having)}."
        if having
        else "not run."
    )
