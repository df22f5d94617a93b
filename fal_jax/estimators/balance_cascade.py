"""BalanceCascade: boosted trees, each on the negatives that those before took for positives."""

from collections.abc import Mapping

import numpy as np

from fal_jax.estimators.baselines import Problem, Score


def train_balance_cascade(settings: Mapping[str, float], problem: Problem, seed: int) -> Score:
    """Trains T members, each by AdaBoost on all positives P and as many of the negatives N.

    Each has a threshold theta_i with a share `f = (|P| / |N|)^(1 / (T - 1))` of the negatives
    above it, which alone are left for the next: the last draws from as many as there are
    positives. The score is the mean over the members of `2 sum_j alpha_ij h_ij - theta_i`.

    Args:
      settings: "members" T, at least 2, "rounds" of AdaBoost, its "learning_rate" and the trees'
        "max_depth"; but for the rate they are rounded.
      problem: its validation rows are not used.
      seed: of what is drawn.

    Returns:
      A function from inputs to log-odds at equal priors, of which the thresholds are taken.

    References:
      Liu, Wu and Zhou, Exploratory undersampling for class-imbalance learning, IEEE Transactions
      on Systems, Man, and Cybernetics B, 2009, Algorithm 2.
    """
    rng = np.random.default_rng(seed)
    number = round(settings["members"])
    positives = np.flatnonzero(problem.labels == 1)
    left = rng.permutation(np.flatnonzero(problem.labels == 0))  # ties are then cut by lot
    kept = min((positives.size / left.size) ** (1 / (number - 1)), 1.0)
    members = []
    for _ in range(number):
        drawn = rng.choice(left, min(positives.size, left.size), replace=False)
        rows = np.concatenate([positives, drawn])
        score = _adaboost(settings, problem.inputs[rows], problem.labels[rows], rng)
        scores = score(problem.inputs[left])
        order = np.argsort(-scores, kind="stable")[: max(round(kept * left.size), 1)]
        members.append((score, scores[order[-1]]))
        left = left[order]
    return lambda inputs: np.mean([score(inputs) - least for score, least in members], axis=0)


def _adaboost(
    settings: Mapping[str, float], inputs: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> Score:
    """A function to the sum of weighted votes, twice over: AdaBoost's log-odds."""
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.tree import DecisionTreeClassifier

    model = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=round(settings["max_depth"])),
        n_estimators=round(settings["rounds"]),
        learning_rate=settings["learning_rate"],
        random_state=int(rng.integers(2**31)),
    ).fit(inputs, labels)
    # Weights are 2 alpha here, and the decision function is twice their mean of votes.
    weight = model.estimator_weights_.sum() / 2
    return lambda inputs: weight * model.decision_function(inputs)
