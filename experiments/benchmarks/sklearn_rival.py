"""scikit-learn: MLPClassifier."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from experiments.benchmarks.task import HIDDEN, Data, Training, scored_rows


def mlp_classifier(data: Data, batch_size: int) -> Training:
    """One call of `fit` an epoch, going on with the weights; Adam, for want of Adagrad."""
    network = MLPClassifier(
        HIDDEN, alpha=0.0, batch_size=batch_size, max_iter=1, warm_start=True, random_state=0
    )
    scored = scored_rows(data)

    def train() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch at a time
            network.fit(data.features, data.labels)
        return len(data.labels)

    def mean_loss() -> float:
        return float(log_loss(scored.labels, network.predict_proba(scored.features)))

    return Training(train, mean_loss, optimizer="adam")
