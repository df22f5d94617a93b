"""What makes anchored losses strong or weak on SatImage, on validation data alone.

    python -m experiments.ablation                  # all of it
    python -m experiments.ablation --only start     # one question, of those below
    python -m experiments.ablation --help

Each seed's test part (of seeds that no other experiment uses) is set aside and never read. The rest
is split like a data set of its own: tuned on folds of its training part, scored on its other part.
Every variant has the same trials; differences from CE are paired over the seeds.
"""

import argparse
import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from experiments import holdout, records
from experiments.fraud import positive, run, use_all_cores
from fal_jax import data, models
from fal_jax.data import Split, Table
from fal_jax.estimators import METHODS, Method

FIRST_SEED = 1000


def variants() -> dict[str, dict[str, Method]]:
    """The questions, and for each the methods that answer it."""
    fal, faml, constant = METHODS["FAL"], METHODS["FAML"], METHODS["FAML-0.999"]
    return {
        "methods": {
            name: method for name, method in METHODS.items() if method.resample is None
        },
        "embedding": {
            "FAL, linear embedding": dataclasses.replace(fal, embedding_activation=None),
        },
        "start": {
            f"{name}, {start}": dataclasses.replace(method, head=head, search=search)
            for name, method in {"FAL": fal, "FAML": faml}.items()
            for start, (head, search) in starts(fal).items()
        },
        "pull": {f"FAL, beta {beta:g}": fix(fal, beta=beta) for beta in (0.0, 0.01, 1.0)},
        "margin": {
            f"FAL, margin {margin:g}": fix(fal, margin=margin) for margin in (0.0, 1.0, 10.0)
        },
        "focal": {"FAL, gamma 0, no alpha": fix(fal, gamma=0.0, alpha=0.5)},
        "window": {
            f"FAML, rate {rate:g} every {every}": fix(constant, rate=rate, every=every, beta=beta)
            if beta == 0.1
            else fix(constant, rate=rate, every=every, beta=beta)
            for rate, every, beta in ((0.05, 200, 0.1), (0.9, 50, 0.1), (0.05, 10, 0.1))
        },
    }


def fix(method: Method, **values: float) -> Method:
    """The method with hyper-parameters fixed, and so not searched."""
    search = {name: range for name, range in method.search.items() if name not in values}
    return dataclasses.replace(method, search=search, fixed={**method.fixed, **values})
