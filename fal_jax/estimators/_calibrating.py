"""Logits of a model as log-odds that can be averaged with another's, and read as probabilities."""

import numpy as np

_RIDGE = 1e-3


def fit_scaling(
    logits: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Fits `softmax(slope * logits + shift)` to labels by its likelihood.

    With two classes this is Platt's scaling of the log-odds. A small ridge on the slope, of logits
    with a spread of 1, keeps it finite where the classes do not overlap.

    Args:
      logits: `[rows, classes]`, finite.
      labels: `[rows]`, integer.
      weights: `[rows]`, how much each row counts; None for all alike.

    Returns:
      The slope, at least 0, and the shift `[classes]`.

    References:
      Platt, "Probabilistic outputs for support vector machines", 1999; Guo et al., "On calibration
      of modern neural networks", ICML 2017, Sec. 4.2 (vector scaling, here with one slope).
    """
    from scipy import optimize, special

    centred = (logits - logits.mean(axis=1, keepdims=True)).astype(np.float64)
    spread = max(centred.std(), 1e-12)
    unit = centred / spread
    target = np.eye(logits.shape[1])[labels]
    weights = np.ones(len(labels)) if weights is None else weights * (len(labels) / weights.sum())

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shift = values[0], values[1:]
        scores = slope * unit + shift
        log_shares = special.log_softmax(scores, axis=1)
        error = weights[:, None] * (np.exp(log_shares) - target)
        loss = -np.sum(weights[:, None] * target * log_shares)
        ridge = _RIDGE * values
        return loss + values @ ridge / 2, np.r_[np.sum(error * unit), error.sum(0)] + ridge

    start = np.r_[spread, np.zeros(logits.shape[1])]
    bounds = [(0.0, None)] + [(None, None)] * logits.shape[1]
    found = optimize.minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0] / spread), found[1:] - found[1:].mean()
