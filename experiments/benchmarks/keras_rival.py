"""Keras 3: `fit`, on its JAX backend, which is faster than its PyTorch one."""

# The extra "benchmarks" has Keras; the environment that the types are checked in lacks it.
import keras  # pyrefly: ignore[missing-import]

from experiments.benchmarks.task import (
    CLASSES,
    DIM,
    HIDDEN,
    LEARNING_RATE,
    Data,
    Training,
    scored_rows,
)


def fit(data: Data, batch_size: int) -> Training:
    """One call of `fit` an epoch, which shuffles; several steps are compiled into one."""
    layers = [keras.layers.Dense(width, "relu") for width in HIDDEN]
    network = keras.Sequential([keras.layers.Input((DIM,)), *layers, keras.layers.Dense(CLASSES)])
    network.compile(
        optimizer=keras.optimizers.Adagrad(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=16,
    )
    scored = scored_rows(data)

    def train() -> int:
        network.fit(data.features, data.labels, batch_size=batch_size, verbose=0)
        return len(data.labels)

    def mean_loss() -> float:
        return float(network.evaluate(scored.features, scored.labels, verbose=0))

    return Training(train, mean_loss)
