"""Records and scores of comparisons that never ran."""

import numpy as np


def made(names, classes, counts, *, positive=None, folds=5, seed=0):
    """A record, and scores that are the better the earlier a method's name stands.

    Scores are rounded, so that some of them tie.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(classes)), counts))
    scores = {
        "row": np.arange(labels.size),
        "fold": np.arange(labels.size) % folds,
        "label": labels,
    }
    for place, name in enumerate(names):
        logits = rng.normal(size=(labels.size, len(classes))) + np.log(counts)
        logits[np.arange(labels.size), labels] += 3 / (1 + place)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = (powers / powers.sum(axis=1, keepdims=True)).round(3).astype(np.float32)
        if positive is None:
            scores |= {f"{name}:{class_}": chances[:, k] for k, class_ in enumerate(classes)}
        else:
            scores[name] = chances[:, classes.index(positive)]
    return record(names, classes, counts, positive, folds, rng), scores


def record(names, classes, counts, positive, folds, rng):
    """What `fal-jax compare` would write of it."""
    points = rng.normal(size=(50, 2))
    return {
        "format": 1,
        "table": {
            "name": "table.csv",
            "label": "Class",
            "rows": int(np.sum(counts)),
            "columns": 30,
            "classes": list(classes),
            "class_counts": [int(count) for count in counts],
            "positive": positive,
        },
        "protocol": {"folds": folds, "trials": 8, "seed": 0, "choose_by": "average_precision",
                     "epochs": 50, "seconds": 12.5},
        "environment": {"packages": {"jax": "0.10"}, "machine": {"cores": 2}},
        "methods": {
            name: {
                "metrics": {
                    "average_precision": fold_values(0.8 - 0.1 * place, folds),
                    "log_loss": fold_values(0.3 + 0.1 * place, folds),
                    "a metric of theirs": fold_values(0.5, folds),
                },
                "threshold": None if positive is None else 0.3,
                "settings": [{"learning_rate": 0.1, "gamma": 2.0}] * folds,
                "seconds": 4.2,
            }
            for place, name in enumerate(names)
        },
        "best": names[0],
        "embedding": {
            "method": names[0],
            "points": points.tolist(),
            "labels": [k % len(classes) for k in range(len(points))],
            "anchors": points[: len(classes)].tolist(),
        },
    }  # fmt: skip


def fold_values(mean, folds):
    """A metric by fold, around a mean, with its summary."""
    values = mean + 0.01 * (np.arange(folds) - (folds - 1) / 2)
    return {"mean": float(values.mean()), "std": float(values.std()), "folds": values.tolist()}


def fraud(names=("FAL", "CE", "XGBoost"), counts=(1900, 100), **options):
    """A comparison on a table with few positives."""
    return made(list(names), ["fair", "fraud"], list(counts), positive="fraud", **options)
