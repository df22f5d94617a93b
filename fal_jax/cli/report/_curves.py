"""What one method's out-of-fold scores say of one class: curve, alarms, calibration."""

from typing import Any, NamedTuple

import numpy as np

from fal_jax import metrics

NUM_BINS = 15
"""Bins of equal width, those of the expected calibration error."""
SHARES = (0.001, 0.003, 0.01, 0.03, 0.1)
"""Alarms, as shares of the rows, that a curve has exactly, however much it is thinned."""
_TIER = 20  # rows in the first tier, at least
_Z = 1.959964  # of a 95% interval


class Alarms(NamedTuple):
    """What the highest scores are worth.

    Attributes:
      alarms: how many rows.
      hits: positives among them; where ties are cut, their mean.
      chance: mean probability of the rows.
    """

    alarms: int
    hits: float
    chance: float


def view(scores: np.ndarray, is_positive: np.ndarray, *, points: int) -> dict[str, Any]:
    """The figures of one method and class, JSON-ready; None where one class has no rows.

    The curve gives the hits of numbers of alarms, at not many more than `points`; between them it
    is straight, so that ties count by their mean.
    """
    labels = is_positive.astype(np.int32)
    both = 0 < labels.sum() < labels.size
    ranking = metrics.ranking_metrics(scores, labels) if both else None
    alarms, hits = _thinned(*_curve(scores, labels), points)
    return {
        "roc_auc": float(ranking.roc_auc) if ranking else None,
        "average_precision": float(ranking.average_precision) if ranking else None,
        "calibration_error": float(
            metrics.binary_calibration_error(scores, labels, num_bins=NUM_BINS)
        ),
        "alarms": alarms.tolist(),
        "hits": hits.tolist(),
        "even": _bins(scores, labels, _even(scores)),
        "tiers": tiers(scores, labels),
    }


def at_alarms(scores: np.ndarray, is_positive: np.ndarray, alarms: int) -> Alarms:
    """What so many alarms, on the rows with the highest scores, are worth."""
    precision = metrics.precision_at_k(scores, is_positive.astype(np.int32), k=alarms)
    chance = np.sort(scores)[-alarms:].mean(dtype=np.float64)
    return Alarms(alarms, float(precision) * alarms, float(chance))


def tiers(scores: np.ndarray, labels: np.ndarray) -> list[list[float]]:
    """Tiers of ranks, each some 2 times as large as all above it; ties stay together.

    Of each its rows, its positives, its mean probability, and the interval of its positives' share.
    """
    edges = [scores.size]
    while edges[-1] > 3 * _TIER:
        edges.append(round(edges[-1] / 3))
    levels = np.sort(scores)[scores.size - np.array(edges)]
    return _bins(scores, labels, np.searchsorted(levels, scores, side="right"))


def interval(hits: float, rows: float) -> tuple[float, float]:
    """Wilson's 95% interval of a share."""
    share, spread = hits / rows, _Z**2 / rows
    middle = share + spread / 2
    reach = _Z * np.sqrt((share * (1 - share) + spread / 4) / rows)
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    return max(0.0, float(low)), min(1.0, float(high))


def _curve(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Alarms and hits after each group of ties, from no alarm on."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))
    return np.append(0, ends + 1), np.append(0, np.cumsum(labels[order])[ends])


def _thinned(alarms: np.ndarray, hits: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a curve or, where they are too many, some of all parts of it."""
    steps, rises, total = np.diff(alarms), np.diff(hits), alarms[-1]
    corners = np.flatnonzero(steps[1:] * rises[:-1] != steps[:-1] * rises[1:]) + 1
    exact = np.searchsorted(alarms, [max(1, round(share * total)) for share in SHARES])
    ends = [0, alarms.size - 1]
    if corners.size > points:
        third = points // 3
        evenly = np.searchsorted(hits[corners], np.linspace(0, hits[-1], third))
        finely = np.searchsorted(alarms[corners], np.geomspace(1, total, third))
        widely = np.searchsorted(alarms[corners], np.linspace(0, total, third))
        some = np.concatenate([evenly, finely, widely])
        corners = corners[np.minimum(some, corners.size - 1)]
    kept = np.unique(np.concatenate([ends, exact, np.maximum(exact - 1, 0), corners]))
    return alarms[kept], hits[kept]


def _even(scores: np.ndarray) -> np.ndarray:
    """Bins of equal width, as `metrics.binary_calibration_error` has them."""
    return np.clip((scores * NUM_BINS).astype(np.int32), 0, NUM_BINS - 1)


def _bins(scores: np.ndarray, labels: np.ndarray, place: np.ndarray) -> list[list[float]]:
    """Of each bin that has rows: rows, positives, mean probability, and the share's interval."""
    found = []
    for bin_ in np.unique(place):
        inside = place == bin_
        rows, hits = int(inside.sum()), int(labels[inside].sum())
        chance = float(scores[inside].mean(dtype=np.float64))
        found.append([rows, hits, *(float(f"{v:.4g}") for v in (chance, *interval(hits, rows)))])
    return found
