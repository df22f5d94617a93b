"""Tables of the front page and the study: methods on whole tables, and on long-tailed images."""

import json
import pathlib
import re

from experiments import markdown, paper, statistics, study, tables
from experiments.study import Group, Record
from fal_jax.estimators import IMAGE_METHODS

ROOT = pathlib.Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "study.md")
IN_BRIEF = ("CE", "CE x8", "FL", "FAL", "FAML", "FAL-light", "FAL-light x8", "XGBoost")
_METRICS = {"average_precision": "AP", "f1": "F1", "balanced_accuracy": "BA"}
_MARK = re.compile(
    r"(?P<mark><!-- (?:(?P<images>images)|study(?P<brief>: in brief)?) -->).*?<!-- end -->",
    re.DOTALL,
)


def filled(text: str, folder: pathlib.Path = tables.RESULTS) -> str:
    """A text with its tables made anew: between `<!-- study -->` and `<!-- end -->` all methods.

    With `<!-- study: in brief -->` those of `IN_BRIEF`; with `<!-- images -->` long-tailed images.
    """
    records = study.whole(study.group(study.read(folder), "holdout", "equal"))

    def fill(match: re.Match[str]) -> str:
        brief = match["brief"]
        names = [name for name in study.methods(records) if not brief or name in IN_BRIEF]
        made = images(folder) if match["images"] else table(records, names)
        return f"{match['mark']}\n\n{made}\n\n<!-- end -->"

    return _MARK.sub(fill, text)


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
