"""Thresholds, metrics and curves of binary scores, by scikit-learn; on the host, exact."""

from collections.abc import Sequence

import numpy as np
from sklearn import linear_model, metrics

GRID = np.linspace(0, 1, 101)
"""Where curves are read off."""
METRICS = (
    *("auc", "average_precision", "f1", "balanced_accuracy"),
    *("f1_argmax", "balanced_accuracy_argmax"),
)
"""What `scored` measures: by rank, at thresholds given, at arg-max."""


def best_thresholds(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The thresholds with the best F1 and the best balanced accuracy, `score >= threshold`.

    Each lies half-way between the two scores that it parts.
    """
    scores = scores.astype(np.float64)  # else half-way between neighbours may round onto one
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(labels[order])
    alarms = np.arange(1, labels.size + 1)
    positives = labels.sum()
    recall, false_alarms = hits / positives, (alarms - hits) / (labels.size - positives)
    ends = np.append(ranked[1:] < ranked[:-1], True)  # ties are flagged together
    middles = (ranked + np.append(ranked[1:], ranked[-1])) / 2
    criteria = {"f1": 2 * hits / (alarms + positives), "balanced_accuracy": recall - false_alarms}
    return {
        name: float(middles[np.where(ends, values, -np.inf).argmax()])
        for name, values in criteria.items()
    }


def scored(
    scores: np.ndarray, labels: np.ndarray, thresholds: dict[str, float]
) -> dict[str, float]:
    """Metrics of one test part: by rank, at the thresholds given, and at arg-max (score 0)."""
    scores = scores.astype(np.float64)  # as thresholds are
    at_threshold = {name: scores >= threshold for name, threshold in thresholds.items()}
    return {
        "auc": float(metrics.roc_auc_score(labels, scores)),
        "average_precision": float(metrics.average_precision_score(labels, scores)),
        "f1": float(metrics.f1_score(labels, at_threshold["f1"])),
        "balanced_accuracy": float(
            metrics.balanced_accuracy_score(labels, at_threshold["balanced_accuracy"])
        ),
        "f1_argmax": float(metrics.f1_score(labels, scores > 0)),
        "balanced_accuracy_argmax": float(metrics.balanced_accuracy_score(labels, scores > 0)),
    }


def calibrated(
    scores: np.ndarray, labels: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """These scores and others of the same model as log-odds, by Platt's scaling on these labels."""
    shift, scale = np.median(scores), max(np.std(scores), 1e-12)
    columns = [((part - shift) / scale).astype(np.float64) for part in (scores, others)]
    platt = linear_model.LogisticRegression(C=1e3, max_iter=1000).fit(columns[0][:, None], labels)
    slope, intercept = platt.coef_[0, 0], platt.intercept_[0]
    return slope * columns[0] + intercept, slope * columns[1] + intercept


def curves(scores: np.ndarray, labels: np.ndarray) -> dict[str, list[float]]:
    """True positive rates at the grid's false positive rates, precisions at its recalls."""
    false_rates, true_rates, _ = metrics.roc_curve(labels, scores)
    precisions, recalls, _ = metrics.precision_recall_curve(labels, scores)
    # The best precision of any recall at least as high: what choosing a threshold can have.
    best = np.maximum.accumulate(precisions)
    found = {
        "tpr": np.interp(GRID, false_rates, true_rates),
        "precision": best[np.searchsorted(-recalls, -GRID, side="right") - 1],
    }
    return {name: values.round(4).tolist() for name, values in found.items()}


def mean_curves(parts: Sequence[dict[str, list[float]]]) -> dict[str, list[float]]:
    """The mean of several curves, JSON-ready, with the grid."""
    grid = GRID.round(2).tolist()
    means = {name: np.mean([p[name] for p in parts], axis=0) for name in ("tpr", "precision")}
    rounded = {name: mean.round(4).tolist() for name, mean in means.items()}
    return {"fpr": grid, "tpr": rounded["tpr"], "recall": grid, "precision": rounded["precision"]}


def recall_of_alarms(scores: np.ndarray, labels: np.ndarray, share: float) -> float:
    """The share of positives among the highest scores, so many as a share of the rows.

    Where rows tie at the last place, those of them that get one are drawn by lot: the expectation.
    """
    alarms = max(round(share * scores.size), 1)
    least = np.partition(scores, -alarms)[-alarms]
    above, ties = scores > least, scores == least
    chance = (alarms - above.sum()) / ties.sum()
    return float((labels[above].sum() + chance * labels[ties].sum()) / labels.sum())
