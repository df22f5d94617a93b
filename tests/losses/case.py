"""What the contract knows of a loss, and the arguments that it calls it with.

Arguments are made from their names: the package uses one word for one thing, and `AXES` says which
axes that thing has.
"""

import dataclasses
import inspect
import itertools
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from tests import reference, reference_family, reference_ranking

AXES = {
    "features": "... dim",
    "distances": "... classes",
    "logits": "... classes",
    "scores": "... classes",  # with 2 classes "...": one score
    "labels": "...",
    "where": "...",
    "anchors": "classes dim",
    "means": "classes dim",
    "log_variances": "classes dim",
    "log_det": "classes",
    "log_prior": "classes",
    "class_counts": "classes",
    "cosines": "... classes",
    "affinities": "... classes",
    "log_odds": "... classes",
    "losses": "... classes",
    "noise": "... classes",
    "ignored": "... classes",
    "feature_norms": "...",
    "weights": "...",
    "counts": "classes",
    "trained_log_prior": "classes",
    "prototypes": "classes prototypes dim",
    "state": "variables classes",  # with 2 classes "variables"
}
INTEGER = {"labels": None, "class_counts": (1, 5000), "counts": (0, 5000), "ignored": (0, 2)}
POSITIVE = {"sigma", "floor", "temperature", "max_fpr"}
NON_NEGATIVE = {
    *("gamma", "alpha", "margin", "beta", "likelihood_weight", "one_minus_beta", "scale"),
    *("gamma_positive", "gamma_negative", "clip", "smoothing", "most", "least", "exponent"),
    *("margins", "max_margin", "strength", "weight", "mitigation", "compensation"),
    *POSITIVE,
}
# What float32 can promise: relative above 1, absolute below, where small losses lose digits.
_FLOAT32 = 2e-6
_RANGES = dict.fromkeys(("logits", "log_odds", "losses"), (-10, 10))
_RANGES |= {"distances": (0, 10), "affinities": (0, 1), "feature_norms": (0, 5)}
_RANGES["weights"] = (0, 2)
_EXTREMES = {"distances": (0.0, 1e4, 1.0), "cosines": (-1.0, 0.0, 1.0), "affinities": (0.0, 1.0)}


@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as jit needs
class Case:
    """One public loss.

    `returns` holds the axes of its result: "" is one value a batch, "..." one value an example.
    `options` are its hyper-parameters, each away from its default so that dropping one shows, with
    arrays one number a class; `variants` are further settings to compare with the reference.
    `elementwise` labels have the shape of the logits and are 0 or 1. `classes` is the number of
    classes, and `permutable` is false where their order matters. `fixed` are arguments that a
    program is compiled for, `signed` options that may be negative in it. `stops` says which
    gradients stop, "some" or "all". Of a result of several arrays the contract looks at `part`.
    """

    function: Callable
    returns: str
    options: dict = dataclasses.field(default_factory=dict)
    variants: tuple[dict, ...] = ()
    classes: int = 4
    elementwise: bool = False
    permutable: bool = True
    fixed: dict = dataclasses.field(default_factory=dict)
    signed: tuple[str, ...] = ()
    stops: Literal["", "some", "all"] = ""
    part: int | None = None

    def __str__(self):
        return self.function.__name__

    @property
    def parameters(self):
        return inspect.signature(self.function).parameters

    @property
    def arrays(self):
        """The names of its array arguments but `where`, in order."""
        return [name for name in self.parameters if name in AXES and name != "where"]

    @property
    def first(self):
        return self.arrays[0]

    @property
    def differentiable(self):
        """The names of its floating arrays."""
        return [name for name in self.arrays if name not in INTEGER]

    @property
    def batched(self):
        return "..." in AXES[self.first]

    @property
    def reduces(self):
        return self.returns == ""

    def axes(self, name):
        """The axes of an argument or, for `name` "returns", of the result; () for a scalar."""
        if name == "returns":
            return self.returns.split()
        if name == "labels" and self.elementwise:
            return ["...", "classes"]
        if name in self.options:
            return ["classes"] * np.ndim(self.options[name])
        if name in ("scores", "state") and self.classes == 2:
            return AXES[name].split()[:-1]
        return AXES[name].split()

    def draw(self, batch=(6,), seed=0):
        """Arrays by name, in float64."""
        rng = np.random.default_rng(seed)
        sizes = {"...": batch, "classes": (self.classes,), "dim": (5,)}
        sizes |= {"prototypes": (3,), "variables": (3,)}
        drawn = {}
        for name in self.arrays:
            shape = sum((sizes[axis] for axis in self.axes(name)), ())
            if name == "labels":
                drawn[name] = rng.integers(0, 2 if self.elementwise else self.classes, shape)
            elif name in INTEGER:
                drawn[name] = rng.integers(*INTEGER[name], shape)
                drawn[name] = drawn[name].astype(bool) if name == "ignored" else drawn[name]
            else:
                drawn[name] = rng.uniform(*_RANGES.get(name, (-1, 1)), shape)
        return drawn

    def extremes(self):
        """Arrays whose rows reach scores of +-1e4 and distances of 0 and 1e4, ties included."""
        arrays = self.draw()
        if self.first == "features":  # anchor 0 twice, so that a row can lie on two at once
            corners = np.array([[0.0, 0.0], [0.0, 0.0], [100.0, 0.0], [0.0, 1.0]])
            corners = corners[1:3] if self.classes == 2 else corners
            arrays |= {name: corners for name in arrays if AXES[name] == "classes dim"}
            rows = np.array([[0.0, 0.0], [100.0, 0.0], [50.0, 0.0], [0.0, 0.5], [-60.0, 80.0]])
            if "log_variances" in arrays:
                arrays["log_variances"] = np.zeros_like(corners)
            if "prototypes" in arrays:
                arrays["prototypes"] = corners[:, None]
        else:
            values = _EXTREMES.get(self.first, (-1e4, 0.0, 1e4))
            rows = np.array(list(itertools.product(values, repeat=self.classes)))
            rows = rows if "classes" in self.axes(self.first) else rows[:, 0]
        others = self.draw(batch=(len(rows),))
        arrays |= {name: others[name] for name in arrays if "..." in self.axes(name)}
        arrays[self.first] = rows
        if self.elementwise:
            arrays["labels"] = np.arange(rows.size).reshape(rows.shape) % 2
        elif "labels" in arrays:
            arrays["labels"] = np.arange(len(rows)) % self.classes
        return arrays

    def wrong_shapes(self):
        """Yields the name of an argument and arrays to refuse because of it.

        The first argument fixes the sizes, so the others are the ones that disagree.
        """
        arrays = self.draw()
        for name in self.arrays[1:]:
            longer = np.concatenate([arrays[name], arrays[name][..., -1:]], axis=-1)
            yield name, arrays | {name: longer}
            yield name, arrays | {name: arrays[name][..., None]}
        for name, value in self.options.items():
            yield name, arrays | {name: np.full(self.classes + 1, np.max(value))}
        if "where" in self.parameters:
            yield "where", arrays | {"where": np.ones(7, bool)}
            yield "where", arrays | {"where": np.ones((6, 1), bool)}
        if not self.elementwise and self.first != "labels":
            yield self.first, arrays | {self.first: arrays[self.first].ravel()[0]}
        if not self.elementwise and any("classes" in self.axes(name) for name in arrays):
            counts_classes = next(name for name in arrays if "classes" in self.axes(name))
            axis = self.axes(counts_classes).index("classes") - len(self.axes(counts_classes))
            one = np.take(arrays[counts_classes], [0], axis)
            yield counts_classes, arrays | {counts_classes: one}

    def __call__(self, arrays, **options):
        """The loss of `arrays` with the row's options, but for those given here."""
        result = self.function(**(self.options | self.fixed | arrays | options))
        return result if self.part is None else result[self.part]

    def expected(self, arrays, **options):
        """The same by the reference."""
        homes = (reference, reference_family, reference_ranking)
        twin = next(getattr(home, str(self)) for home in homes if hasattr(home, str(self)))
        result = twin(**(self.options | self.fixed | arrays | options))
        return result if self.part is None else result[self.part]

    def mask(self, keep):
        """A mask of examples in the shape that `where` must have."""
        return np.repeat(keep[:, None], self.classes, 1) if self.elementwise else keep

    def vmap_axes(self, arrays):
        """For `jax.vmap`: 0 for what has a batch axis, None for what all examples share."""
        return {name: 0 if "..." in self.axes(name) else None for name in arrays}

    def permute(self, name, array, order):
        """An argument, or the result ("returns"), with its classes in another order."""
        if name == "labels" and not self.elementwise:
            return np.argsort(order)[array]
        axes = self.axes(name)
        if "classes" not in axes:
            return array
        return np.take(array, order, axes.index("classes") - len(axes))


def floats(arrays, dtype):
    """The floating arrays cast to `dtype`, labels and counts left."""
    keep = {"where", *INTEGER}
    return {k: jnp.asarray(v, None if k in keep else dtype) for k, v in arrays.items()}


def assert_close(actual, expected, tolerance=_FLOAT32):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    error = np.abs(actual - expected) / np.maximum(1, np.abs(expected))
    assert np.all(error <= tolerance), f"{actual=}, {expected=}"


def split(case, arrays):
    """The arrays that can be differentiated, and the others."""
    chosen = {name: jnp.asarray(arrays[name]) for name in case.differentiable}
    return chosen, {name: arrays[name] for name in arrays if name not in chosen}


def assert_same(sides, *arrays):
    """Both sides that `sides` returns agree, compiled as one program, which is the quick way."""
    actual, expected = jax.jit(sides)(*arrays)
    jax.tree.map(lambda a, b: assert_allclose(a, b, rtol=1e-12, atol=1e-13), actual, expected)
