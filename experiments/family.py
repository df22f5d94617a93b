"""Every loss of the library by its name, on one table, with equal budgets.

    python -m experiments.family                       # SatImage: 33 losses, 10 seeds
    python -m experiments.family --dataset GMSC --methods LA VS LDAM-DRW

Holdouts, search and scores are those of `experiments.fraud`, which takes the same names; the record
is one of its own. A run that was killed goes on where it was when it is called again.
"""

import argparse
import pathlib
import shlex
from collections.abc import Sequence

from experiments import command, fraud
from fal_jax import data
from fal_jax.estimators import FAMILY

REFERENCES = ("CE", "FL", "FAL", "FL+LGM", "CB-CE")
"""Methods of the study that the family is set against."""


def main(arguments: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Runs the losses; returns the path of the record."""
    options, others = parse(arguments)
    name = f"family_{options.dataset.lower()}"
    return fraud.main(
        ["--dataset", options.dataset, "--methods", *options.methods, "--name", name, *others]
    )


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Reads the command line; what it does not know goes to `experiments.fraud`."""
    parser = command.parser("experiments.family", __doc__)
    names = [*REFERENCES, *FAMILY]
    listed = ", ".join(map(shlex.quote, names))
    parser.add_argument("--dataset", choices=data.TABLES, default="SatImage", metavar="NAME",
                        help=f"of {', '.join(data.TABLES)} (default: SatImage)")  # fmt: skip
    parser.add_argument("--methods", nargs="+", choices=names, default=names, metavar="METHOD",
                        help=f"which to run, of: {listed} (default: all)")  # fmt: skip
    parser.epilog = "All other options are those of experiments.fraud: --seeds, --trials, --out ..."
    return parser.parse_known_args(arguments)


if __name__ == "__main__":
    command.use_all_cores()
    main()
