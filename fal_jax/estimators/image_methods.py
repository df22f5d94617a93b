"""The table of named methods for images: rows of `METHODS` with settings for many classes.

What a row fixes are its settings without tuning; what it searches replaces them.
"""

import dataclasses
from collections.abc import Mapping

import jax

from fal_jax.estimators.family import FAMILY
from fal_jax.estimators.methods import METHODS, Method
from fal_jax.estimators.search import Range
from fal_jax.models import Outputs, Params
from fal_jax.training import Batch, Settings

_DEFAULTS = {
    "learning_rate": 0.1,
    "gamma": 1.0,
    "one_minus_beta": 1e-4,
    "anchor_spread": 10.0,
    "margin": 0.5,
    "beta": 0.01,
    "relative_margin": 0.1,
    "likelihood_weight": 0.01,
}
_RANGES = {
    "learning_rate": Range(0.03, 0.3, log=True),
    "gamma": Range(0.5, 2.0),
    "one_minus_beta": Range(1e-4, 1e-2, log=True),
    "anchor_spread": Range(4.0, 40.0, log=True),
    "margin": Range(0.1, 2.0, log=True),
    "beta": Range(1e-3, 0.1, log=True),
    "relative_margin": Range(0.03, 0.5, log=True),
    "likelihood_weight": Range(1e-3, 0.1, log=True),
}
_ANCHORED = "anchor_spread", "margin", "beta"
_GAUSSIAN = "anchor_spread", "relative_margin", "likelihood_weight"


def _row(like: str, *tuned: str, **fixed: float) -> Method:
    """A method with the loss, head and rule of another, these settings tuned and those fixed."""
    tuned = "learning_rate", *tuned
    return dataclasses.replace(
        METHODS[like],
        search={name: _RANGES[name] for name in tuned},
        fixed={name: _DEFAULTS[name] for name in tuned} | fixed,
    )


def _still(method: Method) -> Method:
    """The method with anchors that get no gradient."""

    def loss(outputs: Outputs, head: Params, batch: Batch, settings: Settings) -> jax.Array:
        return method.loss(outputs, jax.lax.stop_gradient(head), batch, settings)

    return dataclasses.replace(method, loss=loss)


_WINDOW = {"ratio": 1.3, "every": 200.0}
_NO_FAL = {"margin": 0.0, "gamma": 0.0, "beta": 0.0}

IMAGE_METHODS: Mapping[str, Method] = {
    "CE": _row("CE"),
    "FL": _row("FL", "gamma"),
    "CB-CE": _row("CB-CE", "one_minus_beta", gamma=0.0),
    "CB-FL": _row("CB-CE", "one_minus_beta", "gamma"),
    "LGM": _row("FL+LGM", *_GAUSSIAN, gamma=0.0),
    "FL+LGM": _row("FL+LGM", *_GAUSSIAN, "gamma"),
    "FAL": _row("FAL", *_ANCHORED, "gamma"),
    "FAML": _row("FAML", *_ANCHORED, "gamma", **_WINDOW),
    "CB-FAL": _row("FAL", *_ANCHORED, "gamma", "one_minus_beta"),
    "CB-FAML": _row("FAML", *_ANCHORED, "gamma", "one_minus_beta", **_WINDOW),
    "FAL-fixed": _still(_row("FAL", *_ANCHORED, "gamma")),
    "CB-FAL-fixed": _still(_row("FAL", *_ANCHORED, "gamma", "one_minus_beta")),
    "CB-CE-fixed": _still(_row("FAL", "anchor_spread", "one_minus_beta", **_NO_FAL)),
}
"""The paper's Table 4, LGM and FL+LGM of its Table 2, its future work, and three more.

In FAL-fixed the anchors stay where they start, and the features alone move. Yang et al. (NeurIPS
2022) so fix the directions of a linear classifier, at a simplex. CB-CE-fixed is a linear classifier
that is fixed, of logits `2 f.phi - ||phi||^2`: CB-FAL-fixed without margin, focal term and pull.

Focal loss is that of the softmax, where Cui et al. (CVPR 2019) take one sigmoid a class.
"""


def _of_family(method: Method) -> Method:
    """A method of the family, without tuning in the middle of its ranges."""
    search = dict(method.search) | {"learning_rate": _RANGES["learning_rate"]}
    own = {name: _middle(limits) for name, limits in search.items()}
    fixed = {**method.fixed, **own, "learning_rate": _DEFAULTS["learning_rate"]}
    return dataclasses.replace(method, search=search, fixed=fixed)


def _middle(limits: Range) -> float:
    low, high, log = limits
    return (low * high) ** 0.5 if log else (low + high) / 2


IMAGE_FAMILY: Mapping[str, Method] = {
    name: _of_family(method) for name, method in FAMILY.items() if name != "AUCM"
}
"""The other losses by name, for images. AUCM is left out: its step is an optimiser of its own."""
