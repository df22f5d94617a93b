"""The rivals of extreme imbalance: trees, ensembles of under-sampled trees, and rows of a GAN.

A new rival is one row of `RIVALS`, like a baseline; each needs packages of the experiments.
"""

import functools
from collections.abc import Mapping

import jax
import numpy as np
import numpy.typing as npt
from scipy.special import logit

from fal_jax import generation, models, resampling
from fal_jax.estimators.balance_cascade import train_balance_cascade
from fal_jax.estimators.baselines import (
    BASELINES,
    MAX_ROUNDS,
    PATIENCE,
    POSITIVE_WEIGHT,
    ROWS_FOR_THREADS,
    Baseline,
    Problem,
    Score,
    train_xgboost,
)
from fal_jax.estimators.search import Range

_GAN_STEPS, _GAN_BATCH = 2000, 256


def _tree(settings: Mapping[str, float], problem: Problem, seed: int) -> Score:
    """A decision tree; it has no use for the validation rows."""
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier(
        max_depth=round(settings["max_depth"]),
        min_samples_leaf=round(settings["min_samples_leaf"]),
        class_weight={0: 1.0, 1: settings.get("positive_weight", 1.0)},
        random_state=seed,
    ).fit(problem.inputs, problem.labels)
    return lambda inputs: _log_odds(model.predict_proba(inputs))


def _tree_with_smote(settings: Mapping[str, float], problem: Problem, seed: int) -> Score:
    """The same after SMOTE, which goes towards the 5 nearest of the class, or all of a few."""
    number = _rows_to_have(problem.labels, settings["balance"])
    inputs, labels = resampling.smote(
        jax.random.key(seed),
        problem.inputs,
        problem.labels,
        sampling={1: number},
        num_neighbours=min(5, int(problem.labels.sum()) - 1),
    )
    return _tree(settings, problem._replace(inputs=inputs, labels=labels), seed)


def _bagan_xgboost(settings: Mapping[str, float], problem: Problem, seed: int) -> Score:
    """XGBoost with rows of class 1 that BAGAN has generated among its training rows."""
    key, other = jax.random.split(jax.random.key(seed))
    networks = _networks(problem.inputs.shape[1])
    bagan = generation.fit_bagan(
        key,
        networks,
        problem.inputs,
        problem.labels,
        num_classes=2,
        learning_rate=settings["gan_learning_rate"],
        exponent=settings["exponent"],
        batch_size=_GAN_BATCH,
        coding_steps=_GAN_STEPS,
        steps=_GAN_STEPS,
    )
    number = _rows_to_have(problem.labels, settings["balance"]) - problem.labels.sum()
    made = np.ones(max(number, 1), problem.labels.dtype)
    rows = generation.generate(other, networks, bagan.state.generator, bagan.gaussians, made)
    more = problem._replace(
        inputs=np.concatenate([problem.inputs, _like_flags(rows, problem.inputs)]),
        labels=np.concatenate([problem.labels, made]),
    )
    trees = {name: settings[name] for name in _TREES}
    return train_xgboost(trees, more, seed)


@functools.cache
def _networks(num_inputs: int) -> models.Autoencoder:
    """One object for one width, for the compiler."""
    return models.table_autoencoder(num_inputs)


def _rows_to_have(labels: np.ndarray, balance: float) -> int:
    """So many rows of class 1: as many as there are for balance 0, of class 0 for balance 1."""
    negatives, positives = np.bincount(labels)
    return max(positives, round(positives * (negatives / positives) ** balance))


def _like_flags(rows: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Generated rows, with the nearer of the two values where a column has but two."""
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    is_flag = ((inputs == low) | (inputs == high)).all(axis=0)
    return np.where(is_flag, np.where(2 * rows > low + high, high, low), rows)


def _lightgbm(settings: Mapping[str, float], problem: Problem, seed: int) -> Score:
    """Boosted trees, those up to the round with the best average precision in validation."""
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise ImportError("LightGBM needs lightgbm: pip install fal-jax[experiments]") from error

    whole = {name: round(settings[name]) for name in ("num_leaves", "min_child_samples")}
    fixed = {
        "objective": "binary",
        "metric": "average_precision",
        "bagging_freq": 1,  # else bagging_fraction has no say
        "num_threads": 0 if len(problem.labels) >= ROWS_FOR_THREADS else 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(problem.inputs, problem.labels)
    model = lightgbm.train(
        {**settings, **whole, **fixed},
        rows,
        num_boost_round=MAX_ROUNDS,
        valid_sets=[rows.create_valid(problem.validation_inputs, problem.validation_labels)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return lambda inputs: np.asarray(model.predict(inputs, raw_score=True))


def _easy_ensemble(settings: Mapping[str, float], problem: Problem, seed: int) -> Score:
    """AdaBoost on all positives and as many negatives, drawn anew for each member.

    imbalanced-learn averages the members' probabilities; Liu et al. add all weak learners' votes.
    """
    from imblearn.ensemble import EasyEnsembleClassifier
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.tree import DecisionTreeClassifier

    boosted = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=round(settings["max_depth"])),
        n_estimators=round(settings["rounds"]),
        learning_rate=settings["learning_rate"],
    )
    model = EasyEnsembleClassifier(round(settings["members"]), estimator=boosted, random_state=seed)
    model.fit(problem.inputs, problem.labels)
    return lambda inputs: _log_odds(model.predict_proba(inputs))


def _log_odds(shares: npt.ArrayLike) -> np.ndarray:
    """Of class 1, and finite: leaves of one class have shares of 0 and 1."""
    return logit(np.clip(np.asarray(shares, np.float64)[:, 1], 1e-12, 1 - 1e-12))


_TREES = BASELINES["XGBoost"].search.keys() - {"scale_pos_weight"}
_DEPTH_AND_LEAF = {"max_depth": Range(2, 20), "min_samples_leaf": Range(1, 1000, log=True)}
_BALANCE = {"balance": Range(0.2, 1.0)}
_ENSEMBLE = {
    "members": Range(4, 20),
    "rounds": Range(5, 30),
    "learning_rate": Range(0.1, 1.0, log=True),
    "max_depth": Range(1, 4),
}

RIVALS: Mapping[str, Baseline] = {
    "Tree": Baseline(_tree, _DEPTH_AND_LEAF | {"positive_weight": POSITIVE_WEIGHT}),
    "Tree+SMOTE": Baseline(_tree_with_smote, _DEPTH_AND_LEAF | _BALANCE),
    "BAGAN+XGBoost": Baseline(
        _bagan_xgboost,
        {name: BASELINES["XGBoost"].search[name] for name in sorted(_TREES)}
        | _BALANCE
        | {"gan_learning_rate": Range(1e-4, 2e-3, log=True), "exponent": Range(0.0, 1.0)},
    ),
    "LightGBM": Baseline(
        _lightgbm,
        {
            "learning_rate": Range(0.03, 0.3, log=True),
            "num_leaves": Range(4, 256, log=True),  # rounded, as min_child_samples
            "min_child_samples": Range(5, 500, log=True),
            "bagging_fraction": Range(0.5, 1.0),
            "feature_fraction": Range(0.5, 1.0),
            "lambda_l2": Range(0.1, 10.0, log=True),
            "scale_pos_weight": POSITIVE_WEIGHT,
        },
    ),
    "EasyEnsemble": Baseline(_easy_ensemble, _ENSEMBLE),
    "BalanceCascade": Baseline(train_balance_cascade, _ENSEMBLE),
}
"""What the paper's Table 5 compares with, and two ensembles that it cites (Liu et al., 2009)."""
