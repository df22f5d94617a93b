"""What the commands are told on the command line; tyro makes the flags and the help of it."""

import dataclasses
import pathlib
from typing import Annotated

import tyro

from fal_jax.cli import _table
from fal_jax.cli._file import Reading
from fal_jax.cli._table import Say
from fal_jax.data import Table
from fal_jax.estimators._encoding import Scaling


@dataclasses.dataclass(frozen=True)
class Source:
    """A table to learn from.

    Attributes:
      table: the file: .csv, .tsv or .parquet, text also as .xz, .gz, .bz2 or .zip.
      label: the column that holds the label.
      positive: of two classes the one to find; without it the rarer one.
      drop: columns to leave out, such as those that are known only after the label is.
      scaling: of numbers: to mean 0 and deviation 1, so after taking logarithms, or by rank.
      delimiter: what stands between two values, if not a comma, or a tab in .tsv files.
      encoding: of a text file.
    """

    table: Annotated[tyro.conf.Positional[pathlib.Path], tyro.conf.arg(metavar="TABLE")]
    label: str
    positive: str | None = None
    drop: tuple[str, ...] = ()
    scaling: Scaling = "quantile"
    delimiter: str | None = None
    encoding: str = "utf-8-sig"

    def load(self, least: int, say: Say, fewer: str = "") -> Table:
        """The table, if every class has so many rows; says what it leaves out.

        Where one has fewer, `fewer` says by which option fewer will do.
        """
        return _table.load(
            self.table,
            self.label,
            least=least,
            fewer=fewer,
            positive=self.positive,
            drop=self.drop,
            scaling=self.scaling,
            reading=Reading(self.delimiter, self.encoding),
            say=say,
        )

    @property
    def stem(self) -> str:
        """The file's name without its endings."""
        return self.table.name.split(".")[0] or "table"
