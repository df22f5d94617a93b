"""Tables with rare classes, overlapping, in no order."""

import numpy as np
import pytest


def table(sizes, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    features = rng.normal(size=(labels.size, dim)) + 0.7 * labels[:, None]
    return features.astype(np.float32), labels


@pytest.fixture
def binary():
    return table((400, 45))


@pytest.fixture
def three_classes():
    return table((300, 40, 105))
