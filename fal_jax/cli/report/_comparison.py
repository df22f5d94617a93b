"""A record and its scores, checked and in the order that the report shows them in."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

MAX_CLASSES = 24
"""Classes that are told apart, the rarest ones; all others are taken together as one."""
_LOWER = ("brier_score", "log_loss", "calibration_error")

Record = Mapping[str, Any]
Scores = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A comparison of methods by cross-validation.

    Attributes:
      record: as it came.
      metric: the main metric, by which methods are told apart.
      names: the methods, the best first, then by the main metric.
      classes: their names.
      shown: the classes that have curves: the positive one, or all.
      row: `[rows]`, their numbers in the table.
      fold: `[rows]`, the fold that each was held out in.
      labels: `[rows]`, places in `classes`.
      chances: `[rows]` of each method and shown class, out-of-fold probabilities.
      decided: `[rows]` of each method, places in `classes`; None for want of a threshold.
    """

    record: Record
    metric: str
    names: list[str]
    classes: list[str]
    shown: list[int]
    row: np.ndarray
    fold: np.ndarray
    labels: np.ndarray
    chances: dict[str, list[np.ndarray]]
    decided: dict[str, np.ndarray | None]

    @property
    def is_binary(self) -> bool:
        """Whether one class is the positive one."""
        return len(self.shown) == 1

    def is_class(self, place: int) -> np.ndarray:
        """Whether each row is of the class at this place of `shown`."""
        return self.labels == self.shown[place]

    def folds(self, name: str, metric: str) -> np.ndarray:
        """A method's metric by fold, NaN where there is none."""
        found = self.record["methods"][name]["metrics"].get(metric, {"folds": []})["folds"]
        return np.array([np.nan if value is None else value for value in found], np.float64)


def read(record: Record, scores: Scores) -> Comparison:
    """Checks a record and its scores, and puts them in order."""
    if record.get("format") != 1:
        raise ValueError(f"record must have format 1, got {record.get('format')!r}.")
    table, methods = record["table"], record["methods"]
    metric = _main_metric(record)
    sign = -1 if lower_is_better(metric) else 1

    def rank(name: str) -> tuple[bool, float]:
        mean = methods[name]["metrics"].get(metric, {}).get("mean")
        return name != record["best"], np.inf if mean is None or np.isnan(mean) else -sign * mean

    names, classes = sorted(methods, key=rank), list(table["classes"])
    chances = {name: _chances(name, table, scores) for name in names}
    if table["positive"] is None:
        shown = list(range(len(classes)))
        decided = {name: np.argmax(columns, axis=0) for name, columns in chances.items()}
    else:
        shown, fold = [classes.index(table["positive"])], scores["fold"]
        decided = {n: _alarms(chances[n][0], methods[n], fold, shown[0]) for n in names}
    comparison = Comparison(
        record, metric, names, classes, shown,
        scores["row"], scores["fold"], scores["label"], chances, decided,
    )  # fmt: skip
    return comparison if len(classes) <= MAX_CLASSES else _rarest(comparison)


def _main_metric(record: Record) -> str:
    """Average precision where there is one, else what settings were chosen by."""
    own = record["methods"][record["best"]]["metrics"]
    return "average_precision" if "average_precision" in own else record["protocol"]["choose_by"]


def lower_is_better(metric: str) -> bool:
    """Whether less of a metric is more."""
    return metric in _LOWER


def _chances(name: str, table: Mapping[str, Any], scores: Scores) -> list[np.ndarray]:
    is_binary = table["positive"] is not None
    columns = [name] if is_binary else [f"{name}:{class_}" for class_ in table["classes"]]
    for column in columns:
        if column not in scores:
            raise ValueError(f"scores must have a column {column!r}, got {list(scores)}.")
        wrong = int((~np.isfinite(scores[column])).sum())
        if wrong or scores[column].shape != scores["label"].shape:
            raise ValueError(
                f"scores[{column!r}] must be {scores['label'].shape} and finite, got "
                f"{scores[column].shape}, {wrong} values not finite."
            )
    return [scores[column] for column in columns]


def _alarms(
    chances: np.ndarray, method: Record, fold: np.ndarray, positive: int
) -> np.ndarray | None:
    """The class decided on, by the threshold of the row's fold where each has its own."""
    if method["threshold"] is None:
        return None
    own = method.get("thresholds")
    threshold = method["threshold"] if own is None else np.asarray(own)[fold]
    return np.where(chances >= np.asarray(threshold, np.float32), positive, 1 - positive)


def _rarest(comparison: Comparison) -> Comparison:
    """The same with the most frequent classes taken as one."""
    counts = comparison.record["table"]["class_counts"]
    rare = np.sort(np.argsort(counts, kind="stable")[: MAX_CLASSES - 1])
    place = np.full(len(counts), len(rare))
    place[rare] = np.arange(len(rare))
    others = np.setdiff1d(np.arange(len(counts)), rare)

    def merged(columns: list[np.ndarray]) -> list[np.ndarray]:
        return [*(columns[k] for k in rare), np.sum([columns[k] for k in others], axis=0)]

    return dataclasses.replace(
        comparison,
        classes=[*(comparison.classes[k] for k in rare), f"{len(others)} other classes"],
        shown=list(range(MAX_CLASSES)),
        labels=place[comparison.labels],
        chances={name: merged(columns) for name, columns in comparison.chances.items()},
        decided={n: None if d is None else place[d] for n, d in comparison.decided.items()},
    )
