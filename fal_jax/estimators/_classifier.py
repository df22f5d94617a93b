"""What the classifiers of tables share: the face that scikit-learn knows."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from fal_jax.estimators import _checking
from fal_jax.estimators._encoding import encode, fit_encoding
from fal_jax.estimators._fitting import Network, Rows, fit_ensemble
from fal_jax.estimators._form import Form, check_form, form_of
from fal_jax.estimators._running import Scores, more_steps, scores, softmax, start_ensemble
from fal_jax.estimators._saved import Saved
from fal_jax.estimators.methods import Method


class TableClassifier(
    Saved, ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, BaseEstimator
):
    """A classifier of the rows of a table; a subclass says which method it trains."""

    hidden: tuple[int, ...]
    epochs: int
    batch_size: int | Literal["auto"]
    members: int
    scaling: Any
    class_weight: Any
    early_stopping: bool | Literal["auto"]
    validation_fraction: float
    calibrate: bool
    warm_start: bool
    random_state: Any
    form_: Form

    _loss: str  # the option that names the loss
    _advice = ""  # where there is no such loss

    def _methods(self) -> Mapping[str, Method]:
        """All methods, by what that option may be."""
        raise NotImplementedError

    def _given(self) -> dict[str, float]:
        """The settings that the options give."""
        raise NotImplementedError

    def _fixed(self, num_steps: int, /) -> dict[str, float]:
        """The settings that are not drawn."""
        raise NotImplementedError

    def fit(self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Trains the classifier.

        Args:
          X: `[rows, features]`, an array of numbers or a data frame of pandas, polars or pyarrow,
            with text and categories; NaN or null where a value is missing.
          y: `[rows]`, labels: numbers, booleans or strings, at least two different ones.
          sample_weight: `[rows]`, how much each row counts in the loss and in calibration, at least
            0; None for all alike. The precision that early stopping and the choice of members go by
            counts each row above 0 alike.

        Returns:
          The classifier.

        Raises:
          FloatingPointError: no member has finite scores: the learning rate is too high.
          TypeError: a column is neither numbers nor text, or X is a lazy frame.
          ValueError: an option or what came can't be used; the message says what to do.
        """
        _checking.check_options(self)
        form = form_of(self)
        goes_on = self.warm_start and hasattr(self, "ensemble_")
        if goes_on:
            check_form(self._loss, self.form_, form, "set warm_start=False")
        X, y, weights = _checking.training_rows(self, X, y, sample_weight, reset=not goes_on)
        classes, labels = np.unique(y, return_inverse=True)
        _checking.check_classes(classes)
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y must have the classes of the first fit, {self.classes_.tolist()}, to go on "
                f"from it, got {classes.tolist()}: set warm_start=False."
            )
        if goes_on:
            encoding, inputs = self.encoding_, encode(X, self.encoding_)
        else:
            encoding, inputs = fit_encoding(X, self.scaling)
        weights = _checking.with_class_weights(self.class_weight, classes, labels, weights)
        rows = Rows(inputs, labels.astype(np.int32), weights)
        options = _checking.options(self, classes, rows.labels)
        num_steps = -(-len(labels) // options.batch_size) * self.epochs
        fixed = self._given() if goes_on else self._fixed(num_steps)
        start = self.ensemble_ if goes_on else None
        network = self._network_of(form, encoding.dim, len(classes))
        self.ensemble_ = fit_ensemble(network, fixed, rows, options, start)
        self.form_, self.encoding_, self.classes_ = form, encoding, classes
        self._stream = None
        return self

    def partial_fit(
        self,
        X: Any,
        y: npt.ArrayLike,
        classes: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Trains for one pass over some rows, going on from where training is.

        The first call measures the columns for all that follow: give it enough rows, with all
        categories. There is no validation part, no calibration, and nothing is drawn.

        Args:
          X: `[rows, features]`, as for `fit`.
          y: `[rows]`, labels, some of the classes.
          classes: all labels that there will be; needed in the first call.
          sample_weight: `[rows]`, as for `fit`.

        Returns:
          The classifier.

        Raises:
          TypeError: a column is neither numbers nor text, or X is a lazy frame.
          ValueError: as for `fit`, no classes in the first call, or other labels than these.
        """
        _checking.check_options(self)
        form, is_first = form_of(self), not hasattr(self, "ensemble_")
        if not is_first:
            check_form(self._loss, self.form_, form, "start with a new classifier")
        X, y, weights = _checking.training_rows(self, X, y, sample_weight, reset=is_first)
        known = _checking.known_classes(classes, None if is_first else self.classes_)
        labels = _checking.numbered(y, known)
        seed = _checking.seed_of(self.random_state)
        if is_first:
            self.form_, self.classes_ = form, known
            self.encoding_, inputs = fit_encoding(X, self.scaling)
            fixed = self._fixed(1000)
            self.ensemble_ = start_ensemble(self._network(), fixed, members=self.members, seed=seed)
        else:
            inputs = encode(X, self.encoding_)
            self.ensemble_ = self.ensemble_.with_settings(self._given())
        weights = _checking.with_class_weights(self.class_weight, known, labels, weights)
        stream = getattr(self, "_stream", None) or (None, np.zeros(len(known)), 0)
        state, counts, calls = stream
        counts = counts + np.bincount(labels, minlength=len(known))
        self.ensemble_, state = more_steps(
            self._network(),
            self.ensemble_,
            state,
            Rows(inputs, labels, weights),
            counts,
            batch_size=_checking.batch_size(self, len(labels)),
            seed=(seed, calls),
        )
        self._stream = state, counts, calls + 1
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds: with two classes `[rows]` of the second one, else `[rows, classes]` logits.

        Args:
          X: `[rows, features]`, as for `fit`.

        Returns:
          The mean over the members, calibrated where there was a validation part.
        """
        logits = self._scores(X).logits.mean(axis=0)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(
        self, X: Any, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Probabilities of the classes.

        Args:
          X: `[rows, features]`, as for `fit`.
          return_std: whether to tell how far the members are apart.

        Returns:
          `[rows, classes]`, the softmax of the members' mean logits; with `return_std` also the
          standard deviation of the members' probabilities, `[rows, classes]`, 0 for one member.
        """
        logits = self._scores(X).logits
        mean = softmax(logits.mean(axis=0))
        return (mean, softmax(logits).std(axis=0)) if return_std else mean

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row.

        Args:
          X: `[rows, features]`, as for `fit`.

        Returns:
          `[rows]`, of `classes_`.
        """
        places = self._scores(X).logits.mean(axis=0).argmax(axis=1)
        return self.classes_[places]

    def transform(self, X: Any) -> np.ndarray:
        """The embedding, the network's last hidden layer, in which anchors lie.

        Args:
          X: `[rows, features]`, as for `fit`.

        Returns:
          `[rows, members * dim]`, float32, one member after the other.
        """
        features = self._scores(X).features
        return np.moveaxis(features, 0, 1).reshape(features.shape[1], -1)

    def _scores(self, X: Any) -> Scores:
        check_is_fitted(self)
        X = _checking.table(self, X, reset=False)
        return scores(self._network(), self.ensemble_, encode(X, self.encoding_))

    def _network(self) -> Network:
        return self._network_of(self.form_, self.encoding_.dim, len(self.classes_))

    def _network_of(self, form: Form, num_inputs: int, num_classes: int) -> Network:
        return Network(self._methods()[form.loss], num_inputs, num_classes, form.hidden)

    def _method(self) -> Method:
        """The method that the options name."""
        methods, name = self._methods(), getattr(self, self._loss)
        if not isinstance(name, str) or name not in methods:
            raise ValueError(
                f"{self._loss} must be one of {sorted(methods)}, got {name!r}{self._advice}."
            )
        return methods[name]

    @property
    def _n_features_out(self) -> int:
        return len(self.ensemble_.epoch) * self.form_.hidden[-1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()  # pyrefly: ignore[missing-attribute]  # BaseEstimator has
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
