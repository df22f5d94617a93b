"""Tables made up for the command line, and how it is called."""

import numpy as np
import pandas as pd

from fal_jax.cli import main

TINY = ("--folds", "3", "--trials", "2", "--members", "2", "--epochs", "2", "--hidden", "4", "3")
METHODS_COMPARED = ("CE", "FAL", "LR")
COMPARE = ("compare", "made.csv", "--label", "Class", "--out", "found", *TINY, "--methods")
NAMES = ("fair", "fraud", "odd")


def frame(rows=120, classes=2, seed=0):
    """Numbers, one of them sometimes missing, and text, all of which tell the classes apart."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.permutation(rows) < rows // 4, 1, 0)
    if classes == 3:
        labels[rng.permutation(rows)[: rows // 5]] = 2
    amount = rng.normal(size=rows) + labels
    amount[rng.random(rows) < 0.1] = np.nan
    kinds = np.array(["card", "cash", "wire"])[(rng.integers(0, 2, rows) + labels) % 3]
    return pd.DataFrame(
        {
            "amount": amount,
            "age": rng.integers(18, 90, rows),
            "kind": kinds,
            "Class": np.array(NAMES)[labels],
        }
    )


def write(path, table=None, **options):
    """Writes a table, made up where none is given; returns the path as text."""
    table = frame() if table is None else table
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, **options)
    return str(path)


def called(capsys, *arguments):
    """Exit code, what was printed, and what was printed as errors or notes, each on one line."""
    code = main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return code, " ".join(captured.out.split()), " ".join(captured.err.split())
