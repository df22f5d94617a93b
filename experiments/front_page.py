"""Tables of the front page and the study: whole tables, long-tailed images, extreme imbalance."""

import json
import pathlib
import re
from collections.abc import Callable, Container

from experiments import extreme_report, markdown, paper, statistics, study, tables
from experiments.study import Group, Record
from fal_jax.estimators import IMAGE_METHODS

ROOT = pathlib.Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "study.md")
IN_BRIEF = ("CE", "CE x8", "FL", "FAL", "FAML", "FAL-light", "FAL-light x8", "XGBoost")
_METRICS = {"average_precision": "AP", "f1": "F1", "balanced_accuracy": "BA"}


def filled(text: str, folder: pathlib.Path = tables.RESULTS) -> str:
    """A text with its tables made anew, each between the mark of its name and `<!-- end -->`."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- {name} -->\n\n{_MADE[name](folder)}\n\n<!-- end -->"

    marks = rf"<!-- ({'|'.join(_MADE)}) -->.*?<!-- end -->"
    return re.sub(marks, fill, text, flags=re.DOTALL)


def whole_sets(folder: pathlib.Path, names: Container[str] | None = None) -> str:
    """These methods, None for all, on the data sets that are whole."""
    records = study.whole(study.group(study.read(folder), "holdout", "equal"))
    methods = study.methods(records)
    return table(records, [name for name in methods if names is None or name in names])


def table(records: Group, names: list[str]) -> str:
    """Means by data set and metric; ▲ and ▼ where a method is ahead of CE, or behind."""
    header = [f"{dataset} {name}" for dataset in records for name in _METRICS.values()]
    rows = [
        [name, *(_cell(record, name, metric) for record in records.values() for metric in _METRICS)]
        for name in names
    ]
    return markdown.table(["method", *header], rows)


def images(folder: pathlib.Path = tables.RESULTS) -> str:
    """Errors in percent by method: a column for each record of CIFAR-10-LT, and the published."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("cifar10_lt_*.json"))]
    records = {_title(record): record for record in found}
    if len(records) < len(found):
        raise ValueError(f"two of {len(found)} records of {folder} have one title: {[*records]}.")
    methods = [name for name in IMAGE_METHODS if any(name in r["results"] for r in found)]
    printed = {r["imbalance_factor"]: r for r in found if r["kind"] == "exponential"}
    rows = [
        [
            name,
            *(
                tables.mean_error(record["results"][name]) if name in record["results"] else ""
                for record in found
            ),
            *(
                paper.published_errors(record, name).get(source, "")
                for source in paper.TABLE_4
                for record in printed.values()
            ),
        ]
        for name in methods
    ]
    published = [f"{source}, 1:{factor:g}" for source in paper.TABLE_4 for factor in printed]
    return markdown.table(["method", *records, *published], rows)


def extreme(folder: pathlib.Path = tables.RESULTS) -> str:
    """AUC and average precision of our Table 5 at each ratio."""
    return extreme_report.brief(json.loads((folder / f"{extreme_report.NAME}.json").read_text()))


def _title(record: Record) -> str:
    """What tells one column from another."""
    kind = "" if record["kind"] == "exponential" else f", {record['kind']}"
    dtype = "" if record["dtype"] == "float32" else f", {record['dtype']}"
    network, recipe = record["network"], record["recipe"]
    return f"{network}, {recipe['epochs']} epochs, 1:{record['imbalance_factor']:g}{kind}{dtype}"


def _cell(record: Record, name: str, metric: str) -> str:
    if name not in record["results"]:
        return "not run"
    mean = f"{tables.values(record['results'][name], metric).mean():.3f}"
    found = study.compare(record, name, "CE", metric)
    if name == "CE" or found is None or found.p_value() >= statistics.LEVEL:
        return mean
    return f"{mean} {'▲' if found.difference > 0 else '▼'}"


_MADE: dict[str, Callable[[pathlib.Path], str]] = {
    "study": whole_sets,
    "study: in brief": lambda folder: whole_sets(folder, IN_BRIEF),
    "images": images,
    "extreme imbalance": extreme,
}
"""Tables by the names of their marks."""
