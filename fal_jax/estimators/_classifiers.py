"""The two classifiers of tables."""

from collections.abc import Mapping
from typing import Any, Literal

from fal_jax.estimators._classifier import TableClassifier
from fal_jax.estimators._encoding import Scaling
from fal_jax.estimators.family import FAMILY
from fal_jax.estimators.methods import METHODS, Method

_PULL = 0.0015
_UPDATES = 50  # of moving anchors, at least where the steps allow it


class FocusedAnchorsClassifier(TableClassifier):
    """Focused Anchors Loss on a small network, for tables with rare classes.

    Rows are standardised, embedded by a multi-layer perceptron and told apart by their squared
    distances to one anchor a class. What is None is the middle of the range that the study of this
    project draws from or, with several members and a validation part, drawn for each.

    Args:
      anchors: "learned" by gradient (FAL), or the moving "mean" of their class (FAML).
      margin: at least 0, by which a row must be nearer to its own anchor; None is 0.55.
      beta: at least 0, the pull to the anchor; None is 0.0015, what validation rows chose in the
        study (the geometric mean over its records), and 0.1 for the mean of the class.
      gamma: at least 0, the focal exponent; 0 leaves the focal term out, as did best in the study.
      anchor_spread: above 0, the mean squared distance of two anchors at the start; None is 6.3.
      learning_rate: of Adagrad; None is 0.3.
      hidden: widths of the hidden layers; the last is the embedding's.
      epochs: passes over the rows.
      batch_size: rows a step; "auto" is 64 below 10,000 rows, 256 below 60,000, else 1,024.
      members: networks to train, as one program, and to average. They differ by their seeds and,
        with a validation part, by their settings: the best of twice as many draws.
      scaling: of numbers: "standard", "log" or "quantile".
      class_weight: as in scikit-learn: a dict by label, "balanced" or None.
      early_stopping: whether to hold out rows, which are not trained on, and keep the weights of
        the epoch with the best mean average precision on them, the first of equal ones; "auto" does
        where each class has at least 50 rows. Weights of rows and classes have no say in that
        precision. No time is saved: all epochs are run, since the members share one program.
      validation_fraction: of the rows of each class, to hold out.
      calibrate: whether to scale the logits so that probabilities fit the rows held out.
      warm_start: whether another `fit` goes on from the weights of the one before: with what is
        given by then, what is None staying as it was; the spread, of the start, has no say any
        more. It wants the same anchors, hidden, members and scaling.
      random_state: a whole number gives the same classifier again, bit for bit on the same
        machine with as many devices; elsewhere sums may be rounded in another order.

    Attributes:
      classes_: the labels.
      n_features_in_: columns seen in `fit`, and `feature_names_in_` their names, if any.
      form_: the `loss`, `hidden`, `members` and `scaling` of the fit: what is set afterwards has no
        say until another one.
      encoding_: what the rows said about the columns.
      ensemble_: the networks: `params`, `settings`, `epoch` and `metric` (validation), each
        `[members]`.

    References:
      Baloch et al., "Focused Anchors Loss: cost-sensitive learning of discriminative features for
      imbalanced classification", ACML 2019.

    Example:
      >>> import numpy as np
      >>> rng = np.random.default_rng(0)
      >>> y = np.where(np.arange(400) % 20 == 0, "fraud", "fair")
      >>> X = rng.normal(size=(400, 5)) + 3 * (y == "fraud")[:, None]
      >>> classifier = FocusedAnchorsClassifier(epochs=20, random_state=0).fit(X, y)
      >>> bool(classifier.score(X, y) > 0.98)
      True
    """

    _loss = "anchors"

    def __init__(
        self,
        *,
        anchors: Literal["learned", "mean"] = "learned",
        margin: float | None = None,
        beta: float | None = None,
        gamma: float = 0.0,
        anchor_spread: float | None = None,
        learning_rate: float | None = None,
        hidden: tuple[int, ...] = (16, 8),
        epochs: int = 50,
        batch_size: int | Literal["auto"] = "auto",
        members: int = 1,
        scaling: Scaling = "standard",
        class_weight: Any = None,
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.2,
        calibrate: bool = True,
        warm_start: bool = False,
        random_state: Any = None,
    ):
        self.anchors = anchors
        self.margin = margin
        self.beta = beta
        self.gamma = gamma
        self.anchor_spread = anchor_spread
        self.learning_rate = learning_rate
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.members = members
        self.scaling = scaling
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.calibrate = calibrate
        self.warm_start = warm_start
        self.random_state = random_state

    def _methods(self) -> Mapping[str, Method]:
        return {"learned": METHODS["FAL-light"], "mean": METHODS["FAML"]}

    def _given(self) -> dict[str, float]:
        names = ("margin", "beta", "gamma", "anchor_spread", "learning_rate")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def _fixed(self, num_steps: int, /) -> dict[str, float]:
        fixed = self._given()
        if self.anchors == "learned" and self.members == 1:
            fixed = {"beta": _PULL, **fixed}
        if self.anchors == "mean":
            every = self._method().fixed["every"]
            fixed |= {"alpha_odds": 1.0, "every": max(1, min(every, num_steps // _UPDATES))}
        return fixed


class ImbalancedMLPClassifier(TableClassifier):
    """A small network trained by any loss of the library, by its name.

    Args:
      loss: a name of `METHODS` or `FAMILY`, such as "CE", "FL", "LA" or "LDAM-DRW". Losses that
        move the decision, such as "LA", want `calibrate=False`.
      settings: of the loss and the optimiser, by name, such as `{"gamma": 2.0}`; those left out
        are the middle of their range or, with several members and a validation part, drawn.
      hidden: see `FocusedAnchorsClassifier` for this and what follows.
      epochs: passes over the rows.
      batch_size: rows a step.
      members: networks to train and to average.
      scaling: of numbers.
      class_weight: a dict by label, "balanced" or None.
      early_stopping: whether to hold out rows and keep the epoch that is best on them.
      validation_fraction: of the rows of each class.
      calibrate: whether to scale the logits.
      warm_start: whether another `fit` goes on, with the same loss.
      random_state: a whole number gives the same classifier again, as there.

    Attributes:
      classes_: the labels.
      n_features_in_: columns seen in `fit`, and `feature_names_in_` their names, if any.
      form_: the `loss`, `hidden`, `members` and `scaling` of the fit.
      encoding_: what the rows said about the columns.
      ensemble_: the networks: `params`, `settings`, `epoch` and `metric` (validation), each
        `[members]`.

    Example:
      >>> import numpy as np
      >>> rng = np.random.default_rng(0)
      >>> y = (np.arange(400) % 20 == 0).astype(int)
      >>> X = rng.normal(size=(400, 5)) + 3 * y[:, None]
      >>> classifier = ImbalancedMLPClassifier("LA", epochs=20, random_state=0).fit(X, y)
      >>> classifier.predict_proba(X).shape
      (400, 2)
    """

    _loss = "loss"
    _advice = "; re-sampling is a step of its own, in a pipeline of imbalanced-learn"

    def __init__(
        self,
        loss: str = "CE",
        *,
        settings: Mapping[str, float] | None = None,
        hidden: tuple[int, ...] = (16, 8),
        epochs: int = 50,
        batch_size: int | Literal["auto"] = "auto",
        members: int = 1,
        scaling: Scaling = "standard",
        class_weight: Any = None,
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.2,
        calibrate: bool = True,
        warm_start: bool = False,
        random_state: Any = None,
    ):
        self.loss = loss
        self.settings = settings
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.members = members
        self.scaling = scaling
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.calibrate = calibrate
        self.warm_start = warm_start
        self.random_state = random_state

    def _methods(self) -> Mapping[str, Method]:
        return {n: m for n, m in {**METHODS, **FAMILY}.items() if m.resample is None}

    def _fixed(self, _: int, /) -> dict[str, float]:
        return self._given()

    def _given(self) -> dict[str, float]:
        method = self._method()
        if not isinstance(self.settings, Mapping | None):
            raise ValueError(f"settings must be a dict by name or None, got {self.settings!r}.")
        settings = dict(self.settings or {})
        unknown = sorted(set(settings) - set(method.search) - set(method.fixed))
        if unknown:
            known = sorted({*method.search, *method.fixed})
            raise ValueError(f"settings of {self.loss} are {known}, got {unknown} too.")
        return settings
