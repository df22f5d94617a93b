"""Tables of the front page and the study: methods on whole data sets, by the holdout."""

import pathlib
import re

from experiments import markdown, statistics, study, tables
from experiments.study import Group, Record

ROOT = pathlib.Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "study.md")
IN_BRIEF = ("CE", "CE x8", "FL", "FAL", "FAML", "FAL-light", "FAL-light x8", "XGBoost")
_METRICS = {"average_precision": "AP", "f1": "F1", "balanced_accuracy": "BA"}
_MARK = re.compile(r"(<!-- study(: in brief)? -->).*?<!-- end -->", re.DOTALL)


def filled(text: str, folder: pathlib.Path = tables.RESULTS) -> str:
    """A text with its tables made anew: between `<!-- study -->` and `<!-- end -->` all methods.

    With `<!-- study: in brief -->` those of `IN_BRIEF`.
    """
    records = study.whole(study.group(study.read(folder), "holdout", "equal"))

    def fill(match: re.Match[str]) -> str:
        names = [name for name in study.methods(records) if not match[2] or name in IN_BRIEF]
        return f"{match[1]}\n\n{table(records, names)}\n\n<!-- end -->"

    return _MARK.sub(fill, text)


def table(records: Group, names: list[str]) -> str:
    """Means by data set and metric; ▲ and ▼ where a method is ahead of CE, or behind."""
    header = [f"{dataset} {name}" for dataset in records for name in _METRICS.values()]
    rows = [
        [name, *(_cell(record, name, metric) for record in records.values() for metric in _METRICS)]
        for name in names
    ]
    return markdown.table(["method", *header], rows)


def _cell(record: Record, name: str, metric: str) -> str:
    if name not in record["results"]:
        return "not run"
    mean = f"{tables.values(record['results'][name], metric).mean():.3f}"
    found = study.compare(record, name, "CE", metric)
    if name == "CE" or found is None or found.p_value() >= statistics.LEVEL:
        return mean
    return f"{mean} {'▲' if found.difference > 0 else '▼'}"
