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
_MARK = re.compile(r"(<!-- (?:(images)|study(: in brief)?) -->).*?<!-- end -->", re.DOTALL)


def filled(text: str, folder: pathlib.Path = tables.RESULTS) -> str:
    """A text with its tables made anew: between `<!-- study -->` and `<!-- end -->` all methods.

    With `<!-- study: in brief -->` those of `IN_BRIEF`; with `<!-- images -->` long-tailed images.
    """
    records = study.whole(study.group(study.read(folder), "holdout", "equal"))

    def fill(match: re.Match[str]) -> str:
        names = [name for name in study.methods(records) if not match[3] or name in IN_BRIEF]
        made = images(folder) if match[2] else table(records, names)
        return f"{match[1]}\n\n{made}\n\n<!-- end -->"

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
    """Errors in percent by method, a column for each record of CIFAR-10-LT, and the published."""
    paths = folder.glob("cifar10_lt_*.json")
    records = sorted(map(_read, paths), key=lambda r: (r["network"], -r["imbalance_factor"]))
    columns = {f"{r['network']}, 1:{r['imbalance_factor']:g}": r["results"] for r in records}
    printed = [(source, factor) for source in paper.TABLE_4 for factor in (100, 10)]
    methods = [name for name in IMAGE_METHODS if any(name in found for found in columns.values())]
    rows = [
        [
            name,
            *(tables.error(found[name]) if name in found else "" for found in columns.values()),
            *(f"{paper.TABLE_4[s].get(name, {}).get(factor, '')}" for s, factor in printed),
        ]
        for name in methods
    ]
    return markdown.table(["method", *columns, *(f"{s}, 1:{f}" for s, f in printed)], rows)


def _read(path: pathlib.Path) -> Record:
    return json.loads(path.read_text())


def _cell(record: Record, name: str, metric: str) -> str:
    if name not in record["results"]:
        return "not run"
    mean = f"{tables.values(record['results'][name], metric).mean():.3f}"
    found = study.compare(record, name, "CE", metric)
    if name == "CE" or found is None or found.p_value() >= statistics.LEVEL:
        return mean
    return f"{mean} {'▲' if found.difference > 0 else '▼'}"
