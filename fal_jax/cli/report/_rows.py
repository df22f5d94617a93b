"""The rows that the report lists: those that some method scores highest, and positives missed."""

from typing import Any

import numpy as np

from fal_jax.cli.report._comparison import Comparison

MAX_ROWS = 4000
"""Rows that are listed for their scores; as many positives may come to them, one in four."""
MAX_NUMBERS = 80_000
"""Scores in the list, which sets a lower number of rows where methods or classes are many."""


def rows(comparison: Comparison) -> dict[str, Any]:
    """The rows, JSON-ready: number, fold, class, and a column of scores a method and shown class.

    `complete` is the rank down to which no method lacks a row, `positives` how many are listed.
    """
    columns = [column for name in comparison.names for column in comparison.chances[name]]
    limit = max(50, min(MAX_ROWS, MAX_NUMBERS // len(columns)))
    rank = np.full(comparison.labels.size, comparison.labels.size)
    for column in columns:
        place = np.empty_like(rank)
        place[np.argsort(-column, kind="stable")] = np.arange(column.size)
        rank = np.minimum(rank, place)
    order = np.argsort(rank, kind="stable")
    chosen, others = order[:limit], order[limit:]
    complete = int(rank[others].min(initial=comparison.labels.size))
    positives = None
    if comparison.is_binary:
        is_positive = comparison.is_class(0)
        missed = others[is_positive[others]][: limit // 4]
        chosen = np.concatenate([chosen, missed])
        positives = int(is_positive[chosen].sum())
    return {
        "row": comparison.row[chosen].tolist(),
        "fold": comparison.fold[chosen].tolist(),
        "label": comparison.labels[chosen].tolist(),
        "decided": [
            None if decided is None else decided[chosen].tolist()
            for decided in map(comparison.decided.get, comparison.names)
        ],
        "scores": [[float(f"{v:.4g}") for v in column[chosen]] for column in columns],
        "complete": complete,
        "positives": positives,
    }
