"""The outside baselines: classifiers of other libraries, tuned by the same trials as the methods.

A new baseline is one row of `BASELINES`. `draw_settings` draws from its ranges as from a method's.
"""

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fal_jax import data
from fal_jax.estimators.search import Range

Score = Callable[[np.ndarray], np.ndarray]


class Problem(NamedTuple):
    """Rows to train on and rows to stop by: inputs `[rows, dim]`, labels `[rows]`, 0 or 1."""

    inputs: np.ndarray
    labels: np.ndarray
    validation_inputs: np.ndarray
    validation_labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A classifier of another library, for two classes.

    Attributes:
      train: `train(settings, problem, seed)` returns what maps inputs to log-odds; call `fit`,
        which checks what goes in.
      search: ranges of the hyper-parameters that are tuned.
    """

    train: Callable[[Mapping[str, float], Problem, int], Score]
    search: Mapping[str, Range]

    def fit(
        self,
        settings: Mapping[str, float],
        inputs: npt.ArrayLike,
        labels: npt.ArrayLike,
        validation_inputs: npt.ArrayLike,
        validation_labels: npt.ArrayLike,
        seed: int,
    ) -> Score:
        """Trains one classifier.

        Args:
          settings: one number for each name of `search`.
          inputs: `[rows, dim]`, the training rows, standardised.
          labels: `[rows]`, integers 0 or 1, some of each.
          validation_inputs: `[rows, dim]`, scaled by the training rows.
          validation_labels: `[rows]`, integers 0 or 1, some of each.
          seed: of what is random in the training.

        Returns:
          A function from inputs `[rows, dim]` to log-odds of class 1 `[rows]`, float64: arg-max
          is score > 0. Weighted positives shift them: they are odds in the weighted rows.

        Raises:
          TypeError: inputs are not real numbers, labels not integers.
          ValueError: other settings than those searched, a wrong shape, values that are not
            finite, labels other than 0 and 1, rows of one class alone.
          RuntimeError: the optimiser did not converge.

        Example:
          >>> rows, labels = np.float32([[-2], [-1], [1], [2]]), np.array([0, 0, 1, 1])
          >>> settings = {"C": 1.0, "positive_weight": 1.0}
          >>> score = BASELINES["LR"].fit(settings, rows, labels, rows, labels, seed=0)
          >>> score(rows) > 0
          array([False, False,  True,  True])
        """
        if set(settings) != set(self.search):
            raise ValueError(
                f"settings must be {sorted(self.search)}, one number each, got {sorted(settings)}."
            )
        arrays = map(np.asarray, (inputs, labels, validation_inputs, validation_labels))
        problem = Problem(*arrays)
        _check_rows("training", problem.inputs, problem.labels)
        _check_rows("validation", problem.validation_inputs, problem.validation_labels)
        dim = problem.inputs.shape[1]
        _check_inputs("validation_inputs", problem.validation_inputs, dim)
        log_odds = self.train({n: float(v) for n, v in settings.items()}, problem, seed)

        def score(inputs: np.ndarray) -> np.ndarray:
            inputs = np.asarray(inputs)
            _check_inputs("inputs", inputs, dim)
            return np.asarray(log_odds(inputs), np.float64)

        return score


def _check_rows(part: str, inputs: np.ndarray, labels: np.ndarray) -> None:
    try:
        data.check_table(inputs, labels, num_classes=2)
    except (TypeError, ValueError) as error:
        error.add_note(f"These are the {part} rows; features are the inputs.")
        raise
    if labels.min() == labels.max():
        raise ValueError(
            f"{part} rows must be of both classes, all {labels.size} are of class {labels[0]}; "
            "split them with stratified_holdout or stratified_folds."
        )


def _check_inputs(name: str, inputs: np.ndarray, dim: int) -> None:
    if inputs.ndim != 2 or inputs.shape[1] != dim:
        raise ValueError(
            f"{name} must be [rows, {dim}] as the training inputs, got shape {inputs.shape}."
        )
    if not np.isfinite(inputs).all():
        raise ValueError(
            f"{name} must be finite, {(~np.isfinite(inputs)).sum()} of {inputs.size} values are "
            "not. Impute, clip or drop them first."
        )


def _logistic_regression(settings: Mapping[str, float], problem: Problem, _: int) -> Score:
    """L2-regularised, by Newton's method; it has no use for the seed or the validation rows."""
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights = {0: 1.0, 1: settings["positive_weight"]}
    model = LogisticRegression(  # L-BFGS stops at coefficients that are off by half
        C=settings["C"],
        class_weight=weights,
        solver="newton-cholesky",
        max_iter=_MAX_ITERATIONS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", LinAlgWarning)  # it would go on with L-BFGS
        try:
            # In float32 a line search can end before the tolerance is reached.
            model.fit(problem.inputs.astype(np.float64), problem.labels)
        except (ConvergenceWarning, LinAlgWarning) as warning:
            raise RuntimeError(
                f"logistic regression with {dict(settings)} did not converge; inputs must be "
                "standardised, for example by data.scale."
            ) from warning
    return lambda inputs: model.decision_function(inputs.astype(np.float64))


def train_xgboost(settings: Mapping[str, float], problem: Problem, seed: int) -> Score:
    """Boosted trees, those up to the round with the best validation precision-recall area."""
    from xgboost import XGBClassifier

    model = XGBClassifier(
        **{**settings, "max_depth": round(settings["max_depth"])},
        n_estimators=MAX_ROUNDS,
        early_stopping_rounds=PATIENCE,
        eval_metric="aucpr",
        tree_method="hist",
        n_jobs=-1 if len(problem.labels) >= ROWS_FOR_THREADS else 1,
        random_state=seed,
    )
    validation = (problem.validation_inputs, problem.validation_labels)
    model.fit(problem.inputs, problem.labels, eval_set=[validation], verbose=False)
    return lambda inputs: model.predict(inputs, output_margin=True)


_MAX_ITERATIONS = 10_000
MAX_ROUNDS = 500
# Validated on a few dozen positives, slow learners stall for tens of rounds and then go on.
PATIENCE = 50
# Threads gain little on fewer rows, and lose much where other programs share the cores.
ROWS_FOR_THREADS = 20_000
# A weight w puts arg-max at a probability of 1 / (1 + w): from one half down to one in a hundred.
POSITIVE_WEIGHT = Range(1.0, 100.0, log=True)

BASELINES: Mapping[str, Baseline] = {
    "LR": Baseline(
        _logistic_regression,
        {"C": Range(1e-3, 1e2, log=True), "positive_weight": POSITIVE_WEIGHT},
    ),
    "XGBoost": Baseline(
        train_xgboost,
        {
            "learning_rate": Range(0.03, 0.3, log=True),
            "max_depth": Range(2, 10),  # rounded
            "min_child_weight": Range(1.0, 30.0, log=True),
            "subsample": Range(0.5, 1.0),
            "colsample_bytree": Range(0.5, 1.0),
            "reg_lambda": Range(0.1, 10.0, log=True),
            "scale_pos_weight": POSITIVE_WEIGHT,
        },
    ),
}
"""What a loss for imbalanced tables is to be measured against: a linear model and boosted trees."""
