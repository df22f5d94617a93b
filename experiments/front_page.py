"""The README's table: all methods on whole data sets, by the holdout with equal budgets."""

import pathlib
import re

from experiments import statistics, study, tables
from experiments.study import Group, Record

README = pathlib.Path(__file__).parents[1] / "README.md"
_METRICS = {"average_precision": "AP", "f1": "F1", "balanced_accuracy": "BA"}
_MARK = re.compile(r"<!-- study -->.*?<!-- end -->", re.DOTALL)


def filled(text: str, folder: pathlib.Path = tables.RESULTS) -> str:
    """A text with what is between its marks, `<!-- study -->` and `<!-- end -->`, made anew."""
    records = study.whole(study.group(study.read(folder), "holdout", "equal"))
    return _MARK.sub(lambda _: f"<!-- study -->\n\n{table(records)}\n\n<!-- end -->", text)


def table(records: Group) -> str:
    """Means by data set and metric; ▲ and ▼ where a method is ahead of CE, or behind."""
    header = [f"{dataset} {name}" for dataset in records for name in _METRICS.values()]
    rows = [
        [name, *(_cell(record, name, metric) for record in records.values() for metric in _METRICS)]
        for name in study.methods(records)
    ]
    return tables.markdown(["method", *header], rows)


def _cell(record: Record, name: str, metric: str) -> str:
    if name not in record["results"]:
        return "not run"
    mean = f"{tables.values(record['results'][name], metric).mean():.3f}"
    found = study.compare(record, name, "CE", metric)
    if name == "CE" or found is None or found.p_value() >= statistics.LEVEL:
        return mean
    return f"{mean} {'▲' if found.difference > 0 else '▼'}"
