"""A trained model in a file: the classifier, and from which probability on it raises an alarm."""

import pathlib
from typing import Any, NamedTuple

import numpy as np

from fal_jax.estimators import _saving
from fal_jax.estimators._encoding import encode_codes
from fal_jax.estimators._running import scores
from fal_jax.estimators.chosen import probabilities

FILE = "model.safetensors"
"""Its name in the folder of a comparison."""


class Model(NamedTuple):
    """What predicts.

    Attributes:
      method: its name.
      classifier: a fitted classifier of tables.
      threshold: of two classes, the probability of the second that raises an alarm; None decides
        for the most probable class.
    """

    method: str
    classifier: Any
    threshold: float | None

    @property
    def classes(self) -> list[str]:
        """What it tells apart, of two classes the positive one last."""
        return [str(name) for name in self.classifier.classes_]

    def save(self, path: pathlib.Path) -> None:
        """Writes it whole or not at all."""
        _saving.save(self.classifier, path, method=self.method, threshold=self.threshold)

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Of numbers and codes `[rows, columns]`, `[rows, classes]`."""
        network, ensemble = self.classifier._network(), self.classifier.ensemble_
        inputs = encode_codes(raw, self.classifier.encoding_)
        return probabilities(scores(network, ensemble, inputs).logits)


def load(path: pathlib.Path) -> Model:
    """Reads a model's file, or that in the folder of a comparison."""
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: name a model that fal-jax train or compare has saved."
        )
    classifier, notes = _saving.load_any(file)
    return Model(notes.get("method", type(classifier).__name__), classifier, notes.get("threshold"))
