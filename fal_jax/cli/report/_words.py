"""Numbers and names as the report writes them."""

import math

_NAMES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "f_beta": "F-beta",
    "balanced_accuracy": "balanced accuracy",
    "g_mean": "G-mean",
    "matthews_correlation": "MCC",
    "cohen_kappa": "Cohen's kappa",
    "brier_score": "Brier score",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "recall_at_1_percent_false_alarms": "recall at 1% false alarms",
}


def metric(name: str) -> str:
    """A metric's name in words, or as it is where it is not known."""
    return _NAMES.get(name, name)


def number(value: float | None) -> str:
    """Three decimals, or a dash for what is not known."""
    return "\N{EN DASH}" if value is None or math.isnan(value) else f"{value:.3f}"


def percent(share: float) -> str:
    """A share with three digits."""
    return f"{100 * share:.3g}%" if share >= 1e-6 or share == 0 else "under 0.0001%"


def chance(p_value: float) -> str:
    """A p-value, as it stands after "p"."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
