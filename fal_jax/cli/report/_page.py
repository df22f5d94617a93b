"""The page: a template with its style and scripts, and the numbers that the scripts draw."""

import base64
import hashlib
import importlib.resources
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fal_jax import metrics
from fal_jax.cli.report import _answer, _curves, _rows, _words
from fal_jax.cli.report._comparison import Comparison, Record, Scores, read
from fal_jax.cli.report._table import table

_POINTS, _MAX_POINTS = 40_000, 600  # of all curves together, and of one
_SCRIPTS = ("plot.js", "charts.js", "tables.js", "rows.js", "report.js")


def html(record: Record, scores: Scores) -> str:
    """The report of a comparison as one HTML file, which needs no network and sends nothing.

    Args:
      record: what `fal-jax compare` records: "table", "protocol", "environment", "methods", "best"
        and "embedding", at "format" 1.
      scores: `[rows]` each: "row", "fold", "label", and out-of-fold probabilities: with a positive
        class one column a method, by its name, else one a method and class, "method:class".

    Returns:
      The text of the file, below 4 MB however many rows there are.

    Raises:
      ImportError: jinja2 is missing.
      ValueError: record has another format, or scores lacks a column or has one that does not fit.
    """
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise ImportError("The report needs jinja2: pip install fal-jax[cli]") from error
    comparison = read(record, scores)
    files = importlib.resources.files("fal_jax.cli.report") / "page"
    style = (files / "style.css").read_text(encoding="utf-8")
    script = "\n".join((files / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    data = json.dumps(_drawn(comparison), allow_nan=False, separators=(",", ":"))
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"metric": _words.metric, "facts": _flat}
    template = environment.from_string((files / "page.html").read_text(encoding="utf-8"))
    return template.render(
        record=record,
        comparison=comparison,
        answer=_answer.answer(comparison),
        table=table(comparison),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=data.replace("<", "\\u003c"),
        kilobytes=math.ceil(len(data.encode()) / 1000),
    )


def _hash(text: str) -> str:
    """What a content security policy allows an inline element by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _drawn(comparison: Comparison) -> dict[str, Any]:
    """What the scripts draw, JSON-ready; lists by method are in the order of the names."""
    record, names = comparison.record, comparison.names
    embedding = record["embedding"]
    return {
        "methods": names,
        "classes": comparison.classes,
        "shown": comparison.shown,
        "binary": comparison.is_binary,
        "metric": _words.metric(comparison.metric),
        "folds": [_known(comparison.folds(name, comparison.metric)) for name in names],
        "views": [_views(comparison, name) for name in names],
        "thresholds": [record["methods"][name]["threshold"] for name in names],
        "confusions": [_confusion(comparison, name) for name in names],
        "embedding": embedding and {**embedding, "classes": record["table"]["classes"]},
        "rows": _rows.rows(comparison),
    }


def _views(comparison: Comparison, name: str) -> list[dict[str, Any]]:
    """A method's curves and calibration for each class that is shown."""
    points = min(_MAX_POINTS, _POINTS // (len(comparison.names) * len(comparison.shown)))
    return [
        _curves.view(chances, comparison.is_class(place), points=points)
        for place, chances in enumerate(comparison.chances[name])
    ]


def _confusion(comparison: Comparison, name: str) -> list[list[int]] | None:
    decided, size = comparison.decided[name], len(comparison.classes)
    if decided is None:
        return None
    counts = metrics.confusion_matrix(decided, comparison.labels, num_classes=size)
    return np.asarray(counts).astype(int).tolist()


def _known(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A nested mapping as names and values in words."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif isinstance(value, list | tuple):
        yield name, ", ".join(map(str, value))
    else:
        yield name, f"{value:.6g}" if isinstance(value, float) else str(value)
