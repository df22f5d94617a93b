"""Checkpoints of a run: written whole or not at all, the latest ones kept."""

import errno
import os
import pathlib
import re
from typing import Any, NamedTuple

import jax

from fal_jax.training._processes import is_lost
from fal_jax.training._step import TrainState

_ABSENT = {None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
# TensorStore has a ValueError for everything: its status, and what the system said.
_UNREAD = re.compile(
    r"PERMISSION_DENIED|UNAVAILABLE|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|"
    r"(os_error_code='|OS error )(?!(2|20|21)\b)"
)


class Checkpoint(NamedTuple):
    """What a run needs to go on.

    Attributes:
      epoch: epochs done.
      state: all that training carries.
      history: what was reported so far, JSON-ready.
      run: what tells its run from another, JSON-ready; None where that is not kept.
    """

    epoch: int
    state: TrainState
    history: list[dict[str, Any]]
    run: dict[str, Any] | None = None


class Checkpoints:
    """The checkpoints of one run in one folder, by Orbax; all processes take part.

    Args:
      folder: made if need be, where all processes see it.
      keep: how many of the latest are kept, at least 1.
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep: int = 2):
        import orbax.checkpoint as ocp  # takes two seconds to import

        self.folder = pathlib.Path(folder).absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        self._ocp, self._manager = ocp, ocp.CheckpointManager(self.folder, options=options)

    def latest(self, like: TrainState) -> Checkpoint | None:
        """The latest checkpoint, or None where there is none.

        Args:
          like: a state of the same run, whose shapes and devices the one that is read gets.

        Raises:
          ValueError: the checkpoint is damaged or of another network; delete its folder, and the
            one before it is the latest.
          OSError: it can't be read for the disk, rights or memory; it may be as good as ever.
          jax.errors.JaxRuntimeError: another process has gone, or a device has no room.
        """
        epoch = self._manager.latest_step()
        if epoch is None:
            return None
        leaves, structure = jax.tree.flatten(like)
        wanted = [
            jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding) for leaf in leaves
        ]
        arguments = self._ocp.args.Composite(
            state=self._ocp.args.StandardRestore(wanted), report=self._ocp.args.JsonRestore()
        )
        try:
            found = self._manager.restore(epoch, args=arguments)
        except Exception as error:  # Orbax and TensorStore raise many kinds
            place = self.folder / str(epoch)
            if isinstance(error, jax.errors.JaxRuntimeError) or is_lost(error):
                raise
            if _is_unread(error):
                raise OSError(
                    f"checkpoint {place} can't be read now ({error}): keep it, see to the disk, "
                    "its rights and memory, and go on from it."
                ) from error
            raise ValueError(
                f"checkpoint {place} is damaged or of another network ({error}): delete it to go "
                "on from the one before."
            ) from error
        state = jax.tree.unflatten(structure, found["state"])
        return Checkpoint(epoch, state, found["report"]["epochs"], found["report"].get("run"))

    def save(self, checkpoint: Checkpoint) -> None:
        """Keeps a checkpoint, and then drops the oldest of more than `keep`.

        Raises:
          OSError: it can't be written, for want of space, say; earlier ones stay as they are.
        """
        arguments = self._ocp.args.Composite(
            state=self._ocp.args.StandardSave(jax.tree.leaves(checkpoint.state)),
            report=self._ocp.args.JsonSave({"epochs": checkpoint.history, "run": checkpoint.run}),
        )
        try:
            self._manager.save(checkpoint.epoch, args=arguments, force=True)
        except Exception as error:
            raise OSError(
                f"checkpoint {self.folder / str(checkpoint.epoch)} can't be written ({error}); "
                "earlier ones stay: make room and go on from the latest."
            ) from error

    def close(self) -> None:
        """Ends what Orbax runs in the background."""
        self._manager.close()


def _is_unread(error: BaseException | None) -> bool:
    """Whether an error, or what it comes of, tells of the system and not of what a file holds."""
    while error is not None:
        if isinstance(error, MemoryError) or _UNREAD.search(str(error)):
            return True
        if isinstance(error, OSError) and error.errno not in _ABSENT:
            return True
        error = error.__cause__ or error.__context__
    return False
