"""Checks of what a user brings to a classifier; what is refused is told with a way out."""

import numbers
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fal_jax.estimators import problems
from fal_jax.estimators._fitting import Options
from fal_jax.estimators._frames import check_eager, is_frame
from fal_jax.estimators._ranges import check_number

_ENOUGH = 50  # rows of a class, for a validation part that tells something


def check_options(classifier: Any) -> None:
    """Refuses options out of range, on the way in as scikit-learn does."""
    for name in ("epochs", "members"):
        _check_whole(name, getattr(classifier, name))
    if classifier.batch_size != "auto":
        _check_whole("batch_size", classifier.batch_size)
    _check_hidden(classifier.hidden)
    for name, value in classifier._given().items():
        check_number(name, value)
    check_number("validation_fraction", classifier.validation_fraction)
    if classifier.early_stopping not in ("auto", True, False):
        raise ValueError(
            f'early_stopping must be "auto", True or False, got {classifier.early_stopping!r}.'
        )


def options(classifier: Any, classes: np.ndarray, labels: np.ndarray) -> Options:
    """How to train on rows with these labels."""
    return Options(
        classifier.members,
        classifier.epochs,
        batch_size(classifier, len(labels)),
        _validation_fraction(classifier, classes, labels),
        classifier.calibrate,
        seed_of(classifier.random_state),
    )


def batch_size(classifier: Any, num_rows: int) -> int:
    """Rows a step: small for small tables, so that they make enough steps."""
    if classifier.batch_size != "auto":
        return int(classifier.batch_size)
    return problems.batch_size(num_rows)


def seed_of(random_state: Any) -> int:
    """A whole number as it is, or one drawn from what scikit-learn takes for a random state."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _validation_fraction(classifier: Any, classes: np.ndarray, labels: np.ndarray) -> float | None:
    """The share of rows to hold out, or None."""
    counts = np.bincount(labels)
    if classifier.early_stopping == "auto":
        return classifier.validation_fraction if counts.min() >= _ENOUGH else None
    if classifier.early_stopping and counts.min() < 2:
        raise ValueError(
            f"class {classes[counts.argmin()]!r} has 1 example, too few to train and "
            "to validate on: leave it out, join it with another class, or set "
            "early_stopping=False."
        )
    return classifier.validation_fraction if classifier.early_stopping else None


def _check_whole(name: str, value: Any) -> None:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1, got {value!r}.")


def _check_hidden(hidden: Any) -> None:
    try:
        widths = tuple(hidden)
    except TypeError:
        raise ValueError(
            f"hidden must be widths, one a layer, such as (16, 8), got {hidden!r}."
        ) from None
    if not widths:
        raise ValueError("hidden must name at least one layer, the embedding, got none.")
    for width in widths:
        _check_whole("a width of hidden", width)


def table(classifier: Any, X: Any, *, reset: bool) -> Any:
    """The table, if its columns are those that the classifier knows, or become them."""
    from sklearn.utils.validation import validate_data  # pyrefly: ignore[missing-module-attribute]

    if not is_frame(X):
        check_eager(X)
        if not reset and any(classifier.encoding_.levels):
            validate_data(classifier, np.asarray(X, object), reset=False, skip_check_array=True)
            return np.asarray(X, object)
        return validate_data(classifier, X, reset=reset, ensure_all_finite="allow-nan")
    times = Counter(str(name) for name in getattr(X, "column_names", X.columns))
    twice = sorted(name for name in times if times[name] > 1)
    if twice:
        raise ValueError(
            f"columns must differ by name; {twice} appear more than once: rename them."
        )
    if 0 in X.shape:
        raise ValueError(f"X must have at least one row and one column, got shape {X.shape}.")
    validate_data(classifier, X, reset=reset, skip_check_array=True)
    return X


def training_rows(
    classifier: Any, X: Any, y: Any, sample_weight: npt.ArrayLike | None, *, reset: bool
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Table, labels and weights of the rows that weigh something."""
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_X_y

    if y is None:
        raise ValueError(
            f"{type(classifier).__name__} requires y to be passed, but the target y is None."
        )
    X = table(classifier, X, reset=reset)
    _, y = check_X_y(np.zeros((X.shape[0], 1)), y)
    check_classification_targets(y)
    weights = _weights(sample_weight, len(y))
    if weights is None:
        return X, y, None
    present = np.flatnonzero(weights)
    if not present.size:
        raise ValueError("sample_weight is zero for all rows: leave some above zero.")
    if present.size < len(y):
        X, y, weights = _taken(X, present), y[present], weights[present]
    return X, y, weights


def _taken(X: Any, rows: np.ndarray) -> Any:
    if not is_frame(X):
        return X[rows]
    import narwhals as nw

    return nw.from_native(X, eager_only=True)[rows].to_native()


def _weights(sample_weight: npt.ArrayLike | None, num_rows: int) -> np.ndarray | None:
    """Weights `[rows]`; None where all are alike."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.ndim == 0:
        weights = np.full(num_rows, weights)
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got shape {weights.shape}.")
    if len(weights) != num_rows:
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(num_rows,)}!")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("sample_weight must be finite and at least 0 in all rows.")
    return weights


def with_class_weights(
    class_weight: Any, classes: np.ndarray, labels: np.ndarray, weights: np.ndarray | None
) -> np.ndarray | None:
    """The rows' weights times those of their classes; None where all are alike."""
    if class_weight is not None:
        from sklearn.utils.class_weight import compute_class_weight

        present, places = np.unique(labels, return_inverse=True)
        given = class_weight
        if not isinstance(given, str):
            given = _given_weights(given, classes, present)
        of_class = compute_class_weight(given, classes=classes[present], y=classes[labels])
        weights = of_class[places] * (1.0 if weights is None else weights)
        if not weights.any():
            raise ValueError("class_weight is zero for all rows: leave a class above zero.")
    if weights is None or np.all(weights == weights[0]):
        return None
    return weights


def _given_weights(given: Any, classes: np.ndarray, present: np.ndarray) -> dict[Any, float]:
    """The weights of the classes that are present, out of a dict by label."""
    if not isinstance(given, Mapping):
        raise ValueError(
            f'class_weight must be a dict by label, "balanced" or None, got {given!r}.'
        )
    for label, weight in given.items():
        if not (isinstance(weight, numbers.Real) and 0 <= float(weight) < np.inf):
            raise ValueError(
                f"class_weight must be finite and at least 0, got {weight!r} for {label!r}."
            )
    labels = classes.tolist()
    unknown = [label for label in given if label not in labels]
    if unknown and any(label not in given for label in labels):  # as in scikit-learn
        raise ValueError(
            f"class_weight must name labels of y, {labels}, got {unknown} too: mistyped?"
        )
    return {label: given[label] for label in classes[present].tolist() if label in given}


def check_classes(classes: np.ndarray) -> None:
    """Refuses a single class."""
    if len(classes) < 2:
        raise ValueError(
            f"y must have at least 2 classes to tell apart, got 1 class: {classes.tolist()}. "
            "Take rows of both, or another column as label."
        )


def known_classes(classes: npt.ArrayLike | None, before: np.ndarray | None) -> np.ndarray:
    """All classes of a stream of rows."""
    if before is None:
        if classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        before = np.unique(np.asarray(classes))
        check_classes(before)
    elif classes is not None and not np.array_equal(before, np.unique(np.asarray(classes))):
        raise ValueError(
            f"classes must be those of the first call, {before.tolist()}, got {classes!r}."
        )
    return before


def numbered(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The labels' places among the classes, int32."""
    unknown = np.setdiff1d(y, classes)
    if unknown.size:
        raise ValueError(
            f"y must hold labels of the classes {classes.tolist()}, got {unknown.tolist()} too."
        )
    return np.searchsorted(classes, y).astype(np.int32)
