"""Made records of the fraud study, in the form that experiments.fraud writes."""

import json

import numpy as np

ROWS = {
    "CreditCard": (284_807, 492),
    "HomeCredit": (307_511, 24_825),
    "PaySim": (6_362_620, 8_213),
    "SatImage": (6_435, 626),
    "CCFraud": (10_000_000, 596_014),
    "GMSC": (150_000, 10_026),
}
METHODS = ("CE", "CE+SMOTE", "CE+NearMiss", "FL", "FAL", "FAML", "FAML-0.999", "FL+LGM", "LR")
METRICS = (
    *("auc", "average_precision", "f1", "balanced_accuracy"),
    *("f1_argmax", "balanced_accuracy_argmax"),
)
GRID = np.linspace(0, 1, 101)


def make_runs(levels, *, protocol="holdout", size=10, noise=0.01, seed=0):
    """Runs whose metrics scatter around a level: one for all metrics, or by metric."""
    if not isinstance(levels, dict):
        levels = dict.fromkeys(METRICS, levels)
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(size):
        test = {name: float(np.clip(levels[name] + noise * rng.normal(), 0, 1)) for name in METRICS}
        split = (0, number) if protocol == "nested-cv" else (number, None)
        runs.append({"seed": split[0], "fold": split[1], "test": test})
    return runs


def make_record(
    dataset="SatImage",
    levels=0.8,
    *,
    methods=METHODS,
    protocol="holdout",
    budget="equal",
    sample=None,
    **runs,
):
    """A record in which every method scatters around its level: one for all, or by method."""
    if not isinstance(levels, dict):
        levels = dict.fromkeys(methods, levels)
    rows, positives = ROWS[dataset]
    return {
        "experiment": "fraud",
        "dataset": dataset,
        "rows": sample or rows,
        "rows_expected": rows,
        "is_sample": sample is not None,
        "positives": positives * (sample or rows) // rows,
        "num_features": 36,
        "protocol": protocol,
        "budget": budget,
        "options": {"epochs": 50, "batch_size": 256, "trials": 16, "seeds": 10, "folds": 10},
        "search": {},
        "seconds": 12.3,
        "environment": {
            "command": ["fraud"],
            "date": "2026-11-24T02:17:43+00:00",
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "machine": {"cores": 2, "processor": "Abacus"},
        },
        "results": {
            name: make_runs(level, protocol=protocol, seed=number, **runs)
            for number, (name, level) in enumerate(levels.items())
        },
        "curves": {name: make_curve(0.2 + 0.02 * i) for i, name in enumerate(levels)},
    }


def make_curve(power):
    """Mean curves on the common grid."""
    true_positives, precision = GRID**power, 1 - 0.9 * GRID ** (1 / power)
    return {
        "fpr": GRID.tolist(),
        "tpr": true_positives.tolist(),
        "recall": GRID.tolist(),
        "precision": precision.tolist(),
    }


def write(folder, *made):
    """Writes records as experiments.fraud names them; returns the folder."""
    for record in made:
        name = f"fraud_{record['dataset'].lower()}_{record['protocol']}_{record['budget']}.json"
        (folder / name).write_text(json.dumps(record))
    return folder
