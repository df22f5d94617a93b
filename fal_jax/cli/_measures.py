"""What the command line measures: thresholds by validation rows, metrics of rows held out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fal_jax import metrics
from fal_jax.estimators.chosen import mean_over_classes

CHOSEN_BY = "average_precision"
"""What trials and the best method are chosen by."""
_MOST_FALSE_ALARMS = 0.01


def threshold(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """The probability of class 1 from which F1 is best; None for more classes than two.

    Args:
      probabilities: `[rows, classes]`.
      labels: `[rows]`.

    Returns:
      It, to be compared in float32: an alarm is `probability >= threshold`.
    """
    if probabilities.shape[1] != 2:
        return None
    return float(metrics.best_f_beta(probabilities[:, 1].astype(np.float32), labels).threshold)


def decided(probabilities: np.ndarray, threshold: float | None) -> np.ndarray:
    """The classes `[rows]` decided on, by the threshold or as the most probable."""
    if threshold is None:
        return probabilities.argmax(axis=1).astype(np.int32)
    return (probabilities[:, 1].astype(np.float32) >= np.float32(threshold)).astype(np.int32)


def measured(
    probabilities: np.ndarray, labels: np.ndarray, threshold: float | None, classes: Sequence[str]
) -> dict[str, float]:
    """Metrics by name; those of decisions at the threshold or of the most probable class."""
    found = decided(probabilities, threshold)
    sizes = {"num_classes": len(classes)}
    chances = probabilities[:, 1] if len(classes) == 2 else probabilities
    common = {
        "matthews_correlation": metrics.matthews_correlation(found, labels, **sizes),
        "log_loss": metrics.log_loss(chances, labels),
        "brier_score": metrics.brier_score(chances, labels),
    }
    if threshold is None:
        recall = np.asarray(metrics.per_class_recall(found, labels, **sizes))
        values = {
            "average_precision": mean_over_classes(probabilities, labels),
            "balanced_accuracy": recall.mean(),
            "f1": _macro_f1(found, labels, len(classes)),
            "g_mean": metrics.g_mean(found, labels, **sizes),
            **common,
            "calibration_error": metrics.top_label_calibration_error(probabilities, labels),
            **{f"recall of {name}": value for name, value in zip(classes, recall, strict=True)},
        }
    else:
        ranking = metrics.ranking_metrics(chances, labels)
        alarms, hits = found.sum(), (found * labels).sum()
        values = {
            "average_precision": ranking.average_precision,
            "roc_auc": ranking.roc_auc,
            "f1": metrics.f_beta(found, labels),
            "balanced_accuracy": metrics.balanced_accuracy(found, labels),
            "precision": hits / max(alarms, 1),
            "recall": hits / labels.sum(),
            "recall_at_1_percent_false_alarms": metrics.recall_at_fpr(
                chances, labels, max_fpr=_MOST_FALSE_ALARMS
            ),
            **common,
            "calibration_error": metrics.binary_calibration_error(chances, labels),
        }
    return {name: float(value) for name, value in values.items()}


def summary(folds: Sequence[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Mean, standard deviation and folds of each metric."""
    return {
        name: {
            "mean": float(np.mean([fold[name] for fold in folds])),
            "std": float(np.std([fold[name] for fold in folds], ddof=1)),
            "folds": [fold[name] for fold in folds],
        }
        for name in folds[0]
    }


def _macro_f1(found: np.ndarray, labels: np.ndarray, num_classes: int) -> float:
    confusion = np.asarray(metrics.confusion_matrix(found, labels, num_classes=num_classes))
    sizes = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float(np.mean(2 * np.diag(confusion) / np.maximum(sizes, 1)))
