"""Where hyper-parameters are drawn from: ranges with equal budgets, and the paper's open grid."""

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np


class Range(NamedTuple):
    """Where a hyper-parameter is drawn: uniform in [low, high], or log-uniform."""

    low: float
    high: float
    log: bool = False


class Searched(Protocol):
    """What has ranges to draw from."""

    @property
    def search(self) -> Mapping[str, Range]:
        """Ranges of the hyper-parameters that are tuned."""
        ...


def draw_settings(method: Searched, num_trials: int, *, seed: int) -> dict[str, np.ndarray]:
    """Draws settings from a method's ranges, evenly spread over each (a Latin hypercube).

    Args:
      method: its `search` has the ranges.
      num_trials: settings to draw.
      seed: the same seed draws the same learning rates for every method.

    Returns:
      By name `[num_trials]`, float64.

    Example:
      >>> from fal_jax.estimators import METHODS
      >>> draw_settings(METHODS["CE"], 3, seed=0)["learning_rate"].shape
      (3,)
    """
    settings = {}
    for name, (low, high, log) in method.search.items():
        rng = np.random.default_rng([seed, *name.encode()])
        share = (rng.permutation(num_trials) + rng.random(num_trials)) / num_trials
        settings[name] = low * (high / low) ** share if log else low + (high - low) * share
    return settings


def middle_settings(method: Searched) -> dict[str, float]:
    """The middle of each of a method's ranges, on its scale: what it has without tuning.

    Args:
      method: its `search` has the ranges.

    Returns:
      By name, a number.

    Example:
      >>> from fal_jax.estimators import METHODS
      >>> round(middle_settings(METHODS["CE"])["learning_rate"], 6)
      0.3
    """
    return {
        name: math.sqrt(low * high) if log else (low + high) / 2
        for name, (low, high, log) in method.search.items()
    }


def paper_grid(method: Searched) -> dict[str, np.ndarray]:
    """What the paper leaves open, from one grid for all methods; each takes what it has.

    A method with more to set so gets more trials: cross-entropy 4, FAL 32. That is the usual
    comparison of a new loss with an old one; `draw_settings` makes the fair one.

    Args:
      method: its `search` names what is open.

    Returns:
      By name `[num_trials]`, float64: every combination.

    Raises:
      ValueError: the method searches what the grid does not have.

    Example:
      >>> from fal_jax.estimators import METHODS
      >>> paper_grid(METHODS["CE"])
      {'learning_rate': array([0.03, 0.1 , 0.3 , 1.  ])}
    """
    if unknown := [name for name in method.search if name not in _PAPER_GRID]:
        raise ValueError(
            f"the paper's grid has no {', '.join(unknown)}: it is for the methods of the paper; "
            "draw_settings is for all."
        )
    values = [_PAPER_GRID[name] for name in method.search]
    columns = np.array(list(itertools.product(*values))).T
    return dict(zip(method.search, columns, strict=True))


_PAPER_GRID = {
    "learning_rate": (0.03, 0.1, 0.3, 1.0),
    "gamma": (1.0, 2.0),
    "alpha_odds": (1.0, 9.0),
    "margin": (0.5, 2.0),
    "relative_margin": (0.1, 0.5),
    "one_minus_beta": (1e-4, 1e-5),
    "anchor_spread": (4.0,),
    "likelihood_weight": (0.01,),
    "beta": (0.001, 0.01),
}
