"""The methods that the command line knows by name."""

import shlex
from collections.abc import Iterable, Mapping

from fal_jax.estimators import BASELINES, FAMILY, METHODS, RIVALS, Baseline, Method

KNOWN: Mapping[str, Method | Baseline] = {**METHODS, **BASELINES, **RIVALS, **FAMILY}
"""All methods by name."""
OWN = tuple(name for name, method in KNOWN.items() if isinstance(method, Method))
"""Those of this library, whose models are saved."""


def check_own(name: str) -> None:
    """Refuses a method that `train` can't save a model of."""
    if name not in OWN:
        raise ValueError(
            f"--method must be one of this library's methods, {listed(OWN)}; got {name!r}."
        )


def listed(names: Iterable[str]) -> str:
    """Names of methods as a shell takes them."""
    return ", ".join(map(shlex.quote, names))
