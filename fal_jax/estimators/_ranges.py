"""What the numbers among options and settings may be: one table, by name."""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Allowed(NamedTuple):
    """In words, and as a test of a finite number."""

    words: str
    holds: Callable[[float], bool]


_ABOVE_0 = Allowed("above 0", lambda value: value > 0)
_FROM_0 = Allowed("at least 0", lambda value: value >= 0)
_SHARE = Allowed("in [0, 1]", lambda value: 0 <= value <= 1)

RANGES: Mapping[str, Allowed] = {
    "affinity_margin": _FROM_0,
    "alpha_odds": _ABOVE_0,
    "anchor_spread": _ABOVE_0,
    "beta": _FROM_0,
    "clip": Allowed("in [0, 1)", lambda value: 0 <= value < 1),
    "compensation": _FROM_0,
    "defer": _FROM_0,
    "diversity": _FROM_0,
    "epsilon": Allowed("at least -1", lambda value: value >= -1),
    "every": Allowed("at least 1", lambda value: value >= 1),
    "exponent": _FROM_0,
    "gamma": _FROM_0,
    "gamma_negative": _FROM_0,
    "gamma_positive": _FROM_0,
    "learning_rate": _ABOVE_0,
    "likelihood_weight": _FROM_0,
    "margin": _FROM_0,
    "max_fpr": Allowed("in (0, 1]", lambda value: 0 < value <= 1),
    "max_margin": _FROM_0,
    "mitigation": _FROM_0,
    "one_minus_beta": _SHARE,
    "probability": _SHARE,
    "rate": _SHARE,
    "ratio": _ABOVE_0,
    "relative_margin": _FROM_0,
    "scale": _ABOVE_0,
    "sigma": _ABOVE_0,
    "smoothing": _SHARE,
    "strength": _FROM_0,
    "tau": Allowed("finite", lambda _: True),
    "temperature": _ABOVE_0,
    "validation_fraction": Allowed("in (0, 1)", lambda value: 0 < value < 1),
    "weight": _FROM_0,
}
"""Of every setting of `METHODS` and `FAMILY`, and of the options that are such numbers."""


def check_number(name: str, value: Any) -> None:
    """Refuses what is no number of the range of that name."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    words, holds = RANGES[name]
    if not (is_number and math.isfinite(value) and holds(float(value))):
        raise ValueError(f"{name} must be a number {words}, got {value!r}.")
