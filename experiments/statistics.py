"""Comparisons on independent data, and counts of what those over several data sets say."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fal_jax.metrics import Comparison

LEVEL = 0.05


def paired(gaps: np.ndarray) -> Comparison:
    """A paired t-test on data that are independent from run to run: nothing to correct.

    Args:
        gaps: a metric of one method less that of another, one a run `[runs]`.

    Returns:
        The comparison, with `runs - 1` degrees of freedom; of one run, of an infinite error.
    """
    error = float(gaps.std(ddof=1) / np.sqrt(gaps.size)) if gaps.size > 1 else float("inf")
    return Comparison(float(gaps.mean()), error, gaps.size - 1, int((gaps > 0).sum()), gaps.size)


class Tally(NamedTuple):
    """Wins, ties and losses: by significance, and by the mean alone."""

    wins: int
    ties: int
    losses: int
    ahead: int
    behind: int


def tally(
    comparisons: Sequence[Comparison], p_values: Sequence[float], *, level: float = LEVEL
) -> Tally:
    """Counts what comparisons on several data sets say.

    Args:
        comparisons: one a data set.
        p_values: of each, adjusted or not.
        level: below which a difference is a win or a loss.

    Returns:
        The counts.
    """
    pairs = list(zip(comparisons, p_values, strict=True))
    wins = sum(p < level and c.difference > 0 for c, p in pairs)
    losses = sum(p < level and c.difference < 0 for c, p in pairs)
    ahead = sum(c.difference > 0 for c, _ in pairs)
    behind = sum(c.difference < 0 for c, _ in pairs)
    return Tally(wins, len(pairs) - wins - losses, losses, ahead, behind)
