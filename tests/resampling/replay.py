"""Random numbers that imbalanced-learn is handed in place of its own."""

import numpy as np

from fal_jax import resampling
from fal_jax.resampling import _blocks


class Replay(np.random.RandomState):
    """A random state whose draws were made before: each call takes the next of its kind."""

    def __init__(self, **queues):
        super().__init__(0)
        self.queues = {kind: list(queue) for kind, queue in queues.items()}

    def randint(self, low, high, size):
        values = self.queues["randint"].pop(0)
        assert values.shape == (size,)
        assert low <= values.min() <= values.max() < high
        return values

    def uniform(self, low=0.0, high=1.0, size=None):
        values = self.queues["halves" if high == 0.5 else "uniform"].pop(0)
        assert low <= values.min() <= values.max() < high
        return values.reshape(size)

    def choice(self, values, size, replace=True):
        places = self.queues["choice"].pop(0)
        assert places.shape == (size,)
        assert replace or np.unique(places).size == size
        return np.arange(values)[places] if np.ndim(values) == 0 else np.asarray(values)[places]


def drawn(key, place, segments, number):
    """What a whole-table function draws for the class number `place` of those that gain rows."""
    assert number <= _blocks.BLOCK
    foreign, dtype = np.asarray(segments.foreign), segments.shares.dtype
    return resampling.Draws(*_blocks.drawn(_blocks.seed_of(key, place), 0, foreign, number, dtype))
