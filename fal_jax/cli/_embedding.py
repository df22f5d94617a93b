"""The embedding of a model in two dimensions, for the report."""

from typing import Any

import numpy as np

from fal_jax.cli._model import Model
from fal_jax.data import Table
from fal_jax.estimators._encoding import encode_codes
from fal_jax.estimators._running import scores

_MOST = 2000


def embedding(model: Model, table: Table, rows: np.ndarray) -> dict[str, Any] | None:
    """Two principal components of some rows, and of the anchors; None for want of anchors.

    Args:
      model: its best member is shown.
      table: of the rows.
      rows: row numbers that the model was not trained on; of each class as many as of any other
        where there are more than 2,000.

    Returns:
      "points" `[rows, 2]`, their "labels" and "anchors" `[classes, 2]`, as lists.
    """
    head = model.classifier.ensemble_.params["head"]
    if "anchors" not in head:
        return None
    rows = _some(rows, table.labels[rows])
    network, ensemble = model.classifier._network(), model.classifier.ensemble_
    inputs = encode_codes(table.features[rows].astype(np.float64), model.classifier.encoding_)
    points, anchors = scores(network, ensemble, inputs).features[0], head["anchors"][0]
    center = points.mean(axis=0)
    _, _, directions = np.linalg.svd(points - center, full_matrices=False)
    plane = np.zeros((points.shape[1], 2))
    plane[:, : min(2, len(directions))] = directions[:2].T
    return {
        "points": ((points - center) @ plane).round(4).tolist(),
        "labels": table.labels[rows].tolist(),
        "anchors": ((anchors - center) @ plane).round(4).tolist(),
    }


def _some(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """At most 2,000 rows, of each class the first ones up to its share."""
    classes, counts = np.unique(labels, return_counts=True)
    left, share = _MOST, {}
    for place in np.argsort(counts, kind="stable"):
        share[classes[place]] = min(counts[place], left // (len(classes) - len(share)))
        left -= share[classes[place]]
    return np.sort(np.concatenate([rows[labels == name][:size] for name, size in share.items()]))
