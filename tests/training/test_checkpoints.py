"""Checkpoints: whole or not at all, and the latest readable whatever fails."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fal_jax import anchors, models, training
from tests.disk import full_disk

REPORT = [{"epoch": 1, "loss": 0.1234567890123, "confusion": [[1, 2], [3, 4]]}]


@pytest.fixture
def state():
    """A state with all that one may hold: statistics, momentum, anchors and their flags."""
    model = models.small_convnet(2, width=2, head=models.anchored_head)
    trainer = training.trainer(
        model, lambda outputs, *_: outputs.logits.sum(), optax.adam(0.1), anchors.faml(2, 8)
    )
    return trainer.init(jax.random.key(0))


def assert_equal(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert jax.tree.structure(found) == jax.tree.structure(expected)


def moved(state, by):
    return jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else leaf + by, state)


def test_what_is_kept_comes_back_to_the_bit(state, tmp_path):
    kept = training.Checkpoints(tmp_path / "run", keep=2)
    assert kept.latest(state) is None
    for epoch in (1, 2, 3):
        kept.save(training.Checkpoint(epoch, moved(state, epoch), REPORT * epoch))
    kept.close()
    again = training.Checkpoints(tmp_path / "run")
    found = again.latest(jax.tree.map(jnp.zeros_like, state))
    assert (found.epoch, found.history) == (3, REPORT * 3)
    assert_equal(found.state, moved(state, 3))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["2", "3"]
    again.close()


def test_a_full_disk_is_told_and_leaves_the_earlier_checkpoint(state, tmp_path):
    kept = training.Checkpoints(tmp_path)
    kept.save(training.Checkpoint(1, state, REPORT))
    with full_disk(), pytest.raises(OSError, match=r"checkpoint .*2 can't be written .*earlier"):
        kept.save(training.Checkpoint(2, moved(state, 1), REPORT))
    kept.close()
    again = training.Checkpoints(tmp_path)
    found = again.latest(state)
    assert found.epoch == 1
    assert_equal(found.state, state)
    again.save(training.Checkpoint(2, moved(state, 1), REPORT))
    assert again.latest(state).epoch == 2
    again.close()


def test_a_damaged_checkpoint_or_one_of_another_network_is_refused(state, tmp_path):
    kept = training.Checkpoints(tmp_path)
    for epoch in (1, 2):
        kept.save(training.Checkpoint(epoch, state, REPORT))
    with pytest.raises(ValueError, match=r"(?s)2 is damaged or of another network .*delete"):
        kept.latest(state._replace(params={"body": jnp.zeros(3)}))
    shutil.rmtree(tmp_path / "2" / "state")
    with pytest.raises(ValueError, match="2 is damaged"):
        kept.latest(state)
    kept.close()
    shutil.rmtree(tmp_path / "2")
    again = training.Checkpoints(tmp_path)
    assert again.latest(state).epoch == 1
    again.close()


def unreadable(folder):
    """What tells of a run goes over a bad place of the disk."""
    (folder / "report" / "metadata").unlink()
    (folder / "report" / "metadata").symlink_to("/proc/self/mem")  # EIO at its start


def unopenable(folder):
    """What the system refuses to open, by way of TensorStore."""
    for file in (folder / "state").rglob("d/*"):
        file.unlink()
        file.symlink_to(file)


@pytest.mark.parametrize("spoil", [unreadable, unopenable])
def test_a_checkpoint_that_cannot_be_read_now_is_not_called_damaged(state, tmp_path, spoil):
    kept = training.Checkpoints(tmp_path)
    kept.save(training.Checkpoint(1, state, REPORT))
    spoil(tmp_path / "1")
    with pytest.raises(OSError, match=r"(?s)1 can't be read now .*keep it") as caught:
        kept.latest(state)
    assert "delete" not in str(caught.value)
    kept.close()


@pytest.mark.parametrize(
    "error",
    [
        jax.errors.JaxRuntimeError("UNKNOWN: Gloo AllGather failed: Connection reset by peer"),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
        ValueError("UNKNOWN: Gloo AllReduce failed"),
    ],
)
def test_what_other_processes_or_devices_say_is_raised_as_it_is(
    state, tmp_path, error, monkeypatch
):
    def restore(*_, **__):
        raise error

    kept = training.Checkpoints(tmp_path)
    kept.save(training.Checkpoint(1, state, REPORT))
    monkeypatch.setattr(kept._manager, "restore", restore)
    with pytest.raises(type(error)) as caught:
        kept.latest(state)
    assert caught.value is error
    kept.close()
