"""What a stored output is made by: a function of arrays and options, in one framework."""

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np

ROWS = []
SAVED = {}  # random numbers that an implementation drew, stored beside the inputs


@dataclasses.dataclass(frozen=True)
class Row:
    """One implementation: its first arguments are arrays, those after the star are options."""

    source: str
    function: Callable
    differentiate: Callable
    options: dict

    @property
    def name(self):
        return self.function.__name__

    @property
    def arrays(self):
        return [n for n in inspect.signature(self.function).parameters if n not in self.options]

    def run(self, arrays):
        """The value, and the gradients of its sum by the name of each floating array."""
        floating = [name for name, a in arrays.items() if np.issubdtype(a.dtype, np.floating)]
        return self.differentiate(
            lambda **made: self.function(**made, **self.options), arrays, floating
        )


def rows_in(differentiate):
    """The decorator `row(source, **options)` of one framework."""

    def row(source, **options):
        def add(function):
            ROWS.append(Row(source, function, differentiate, options))
            return function

        return add

    return row
