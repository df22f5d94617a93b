"""Files with the columns of the originals, and values that they might hold."""

import numpy as np
import pandas as pd

from fal_jax.data._fraud_tables import SOURCES


def frame_of(name, rows=40, seed=0):
    """A data frame of one of the paper's tables."""
    rng = np.random.default_rng(seed)
    layout = SOURCES[name].layout
    columns = {column.name: column for column in layout.columns}

    def values(header):
        if header == layout.label:
            return rng.permutation(np.arange(rows) % 4 == 0).astype(int)
        column = columns.get(header)
        if column is None:
            return np.arange(1, rows + 1)
        if column.kind == "category":
            drawn = rng.choice(np.array(column.levels, object), rows)
        elif column.kind == "hour":
            drawn = rng.integers(0, 24, rows)
        else:
            drawn = rng.lognormal(3, 1, rows).round(3)
        if column.missing:
            drawn = np.where(rng.random(rows) < 0.3, None, drawn)
        return drawn

    return pd.DataFrame({header: values(header) for header in layout.header})


def altered(name, **columns):
    """A frame with some columns replaced: by row number, what stands there."""
    frame = frame_of(name).astype(object)
    for column, cells in columns.items():
        for row, cell in cells.items():
            frame.loc[row, column] = cell
    return frame


def file_name(name):
    """A name of the original file."""
    return SOURCES[name].file.replace("*", "20174392719_1491204439457")


def write(folder, name, frame=None, ending=""):
    """Writes an original file, compressed as its name ends; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = frame_of(name) if frame is None else frame
    if ending == ".parquet":
        file = folder / file_name(name).replace(".csv", ".parquet")
        frame.to_parquet(file, index=False)
    else:
        file = folder / (file_name(name) + ending)
        frame.to_csv(file, index=False)
    return file
