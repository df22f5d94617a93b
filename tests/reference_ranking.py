"""The surrogates of AUC and average precision in float64 NumPy: written from the papers, by pairs.

As `tests/reference.py`, which says more: slow, plain, and with no code of the package.
"""

import numpy as np


def auc_squared_hinge_loss(scores, labels, *, margin=1.0, against="rest", where=None):
    """Gao and Zhou (2015): the mean of max(margin - (s_i - s_j), 0)^2 over pairs."""
    return _over_columns(
        lambda ours, others, weights, _: np.sum(_hinges(ours, others, margin).mean(0) * weights),
        *_flat(scores, labels, where),
        against,
    )


def auc_logistic_loss(scores, labels, *, scale=1.0, against="rest", where=None):
    """Gao and Zhou (2015): the mean of log(1 + exp(-scale (s_i - s_j))) over pairs."""

    def of_column(ours, others, weights, _):
        behind = scale * (others[None] - ours[:, None])
        return np.sum(np.logaddexp(0, behind).mean(0) * weights)

    return _over_columns(of_column, *_flat(scores, labels, where), against)


def partial_auc_loss(scores, labels, *, max_fpr, margin=1.0, against="rest", where=None):
    """Zhu et al. (2022), by CVaR: of each positive the CVaR of its costs, by its own minimum.

    min over u of u + E_j[max(cost_ij - u, 0)] / max_fpr, which is reached at one of the costs.
    """

    def of_column(ours, others, weights, _):
        total = 0.0
        for costs in _hinges(ours, others, margin):
            candidates = [
                u + np.sum(np.maximum(costs - u, 0) * weights) / max_fpr for u in (0.0, *costs)
            ]
            total += min(candidates)
        return total / len(ours)

    return _over_columns(of_column, *_flat(scores, labels, where), against)


def smooth_ap_loss(scores, labels, *, temperature=0.01, where=None):
    """Brown et al. (2020): one minus the mean of the ratio of smooth ranks."""

    def of_column(ours, others, *_):
        total = 0.0
        for i, score in enumerate(ours):
            above = [_sigmoid((s - score) / temperature) for j, s in enumerate(ours) if j != i]
            beaten_by = sum(_sigmoid((s - score) / temperature) for s in others)
            total += (1 + sum(above)) / (1 + sum(above) + beaten_by)
        return 1 - total / len(ours)

    return _over_columns(of_column, *_flat(scores, labels, where), "rest")


def aucm_loss(scores, labels, state, *, margin=1.0, where=None):
    """Yuan et al. (2021), the AUC margin loss, its expectations taken over each class."""
    state = np.reshape(np.asarray(list(state), np.float64), (3, -1))

    def of_column(ours, others, _, k):
        a, b, alpha = state[:, k]
        return (
            np.mean((ours - a) ** 2)
            + np.mean((others - b) ** 2)
            + 2 * alpha * (margin + np.mean(others) - np.mean(ours))
            - alpha**2
        )

    return _over_columns(of_column, *_flat(scores, labels, where), "rest")


def _hinges(ours, others, margin):
    return np.maximum(margin - (ours[:, None] - others[None]), 0) ** 2


def _sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


def _flat(scores, labels, where):
    """Valid scores `[n, columns]`, labels `[n]` and the class of each column."""
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    binary = scores.ndim == labels.ndim
    classes = [1] if binary else range(scores.shape[-1])
    keep = np.ones(labels.shape, bool) if where is None else np.asarray(where)
    return scores.reshape(-1, len(classes))[keep.ravel()], labels[keep], classes


def _over_columns(of_column, scores, labels, classes, against):
    """The mean over the classes that have both sides; each gets its negatives' weights."""
    values = []
    for column, k in enumerate(classes):
        own = labels == k
        if own.all() or not own.any():
            continue
        others = labels[~own]
        weights = np.full(len(others), 1 / len(others))
        if against == "each":
            weights = np.array([1 / np.sum(others == c) for c in others]) / len(np.unique(others))
        values.append(of_column(scores[own, column], scores[~own, column], weights, column))
    return float(np.mean(values)) if values else 0.0
