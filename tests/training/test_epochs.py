"""A run epoch by epoch: what it reports, and which checkpoints it goes on from."""

import jax
import numpy as np
import pytest

from fal_jax import data, training
from fal_jax.estimators import IMAGE_METHODS
from tests.training.test_minibatches import BATCH, LABELS, images, programs

made = programs("CE", 1)


def run(ends, **changes):
    """A run whose batches and rates begin as those of any other length do."""
    settings = {**IMAGE_METHODS["CE"].fixed, "learning_rate": 0.1, **changes.pop("settings", {})}
    rows = training.Rows(*training.on_all_devices((images(), LABELS), made.mesh))
    steps = ends[-1]
    whole = training.Run(
        rows=rows,
        settings={name: np.asarray(value, np.float32) for name, value in settings.items()},
        batches=data.stream_batches(len(LABELS), batch_size=BATCH, num_steps=steps, seed=1),
        rates=np.linspace(0.2, 1, 9)[:steps],
        ends=ends,
        scored=np.arange(20),
        evaluate_every=2,
        seed=3,
    )
    return whole._replace(**changes)


@pytest.fixture
def kept(tmp_path):
    """Checkpoints with those of two epochs."""
    checkpoints = training.Checkpoints(tmp_path / "run")
    training.run_epochs(made, run([3, 6]), checkpoints=checkpoints)
    yield checkpoints
    checkpoints.close()


def test_a_longer_run_goes_on_where_it_begins_with_the_same(kept):
    steps = []
    state, history = training.run_epochs(
        made, run([3, 6, 9]), checkpoints=kept, on_step=steps.append
    )
    expected, reports = training.run_epochs(made, run([3, 6, 9]))
    assert min(steps) > 6
    assert history == reports
    assert [report["confusion"] is None for report in history] == [True, False, False]
    jax.tree.map(np.testing.assert_array_equal, state, expected)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"settings": {"num_steps": 9.0}}, "setting num_steps"),
        ({"settings": {"learning_rate": 0.2}}, "setting learning_rate"),
        ({"rates": np.linspace(0.1, 1, 9)}, "rates"),
        ({"batches": np.zeros((9, BATCH), np.int32), "seed": 4}, "seed, batches"),
        ({"ends": [2, 6, 9]}, "ends"),
    ],
)
def test_what_another_run_has_come_to_is_refused(kept, changes, differs):
    with pytest.raises(ValueError, match=f"of the same run, but differs in {differs}: another"):
        training.run_epochs(made, run(**({"ends": [3, 6, 9]} | changes)), checkpoints=kept)


def test_a_checkpoint_of_more_epochs_than_the_run_has_is_refused(kept):
    with pytest.raises(ValueError, match="at most the 1 epochs of the run, got 2"):
        training.run_epochs(made, run([3]), checkpoints=kept)


def test_a_checkpoint_that_does_not_tell_its_run_is_gone_on_from(kept):
    found = kept.latest(made.start(3, run([3]).settings))
    kept.save(training.Checkpoint(3, found.state, [*found.history, found.history[-1]]))
    _, history = training.run_epochs(made, run([3, 6, 9]), checkpoints=kept)
    assert len(history) == 3
