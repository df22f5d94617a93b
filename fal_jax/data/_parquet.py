"""Rows of a Parquet file as data frames."""

import pathlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class NotTextError(ValueError):
    """A column holds bytes that are no text; `column` is its name."""

    def __init__(self, column: str):
        super().__init__(f"column {column!r} holds bytes, not text: leave it out.")
        self.column = column


def parquet_frames(
    file: pathlib.Path,
    header: Sequence[str],
    text: Collection[str],
    group: int | None,
    rows_at_once: int,
) -> Iterator["pd.DataFrame"]:
    """All rows of a Parquet file, or those of one group."""
    import pyarrow as pa
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as parquet:
        groups = None if group is None else [group]
        for batch in parquet.iter_batches(rows_at_once, groups, columns=list(header)):
            columns = [
                _as_text(name, column) if name in text else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, batch.schema.names).to_pandas()


def _as_text(name: str, column: "pa.Array") -> "pa.Array":
    """The values as a csv file has them. pandas makes floats of integers with a missing one."""
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        column = pa.DictionaryArray.from_arrays(column.cast(pa.int8()), ["False", "True"])
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid as error:
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            raise NotTextError(name) from error
        raise
