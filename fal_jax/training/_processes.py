"""Several processes of one run: what they exchange, and what it means when one is gone."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from fal_jax.data import Measured, Shards, files_of_process, measure_shard, merge_measured

# What JAX, Gloo, NCCL and the coordination service say, each in its words, of one they can't reach.
_LOST = re.compile(
    r"gloo|nccl.*(remote|network|system error)|connect|socket|broken pipe|timed out|timeout|"
    r"deadline|unavailable|coordination|heartbeat|another task",
    re.IGNORECASE | re.DOTALL,
)


@contextlib.contextmanager
def watch_processes() -> Iterator[None]:
    """Says in a line what it means when the processes of a run can't reach one another.

    `fit_stream`, `evaluate_stream`, `measure_shards` and `gather_processes` do so by themselves; it
    is for what stands between them and waits for others too. Other errors are raised as they are,
    and so are all in a run of one process.

    Returns:
      A context manager, or decorator, which raises nothing itself but a RuntimeError in place of
      JAX's when another process has ended.

    Example:
      >>> with watch_processes():
      ...     len(gather_processes(np.zeros(3)))
      1
    """
    try:
        yield
    except Exception as error:
        if jax.process_count() == 1 or not is_lost(error):
            raise
        raise RuntimeError(
            f"process {jax.process_index()} has lost another of the {jax.process_count()} "
            "processes of the run: start all of them again, in any number, to go on from the "
            f"latest checkpoint ({str(error).splitlines()[0]})."
        ) from error


def is_lost(error: BaseException | None) -> bool:
    """Whether an error comes of another process that has gone, and not of want of memory, say."""
    while error is not None:
        said = str(error)
        # JAX raises what Gloo says as either, and a checkpoint what JAX says as an OSError.
        if isinstance(error, jax.errors.JaxRuntimeError):
            if not said.startswith("RESOURCE_EXHAUSTED") and _LOST.search(said):
                return True
        elif isinstance(error, ValueError) and "Gloo" in said:
            return True
        error = error.__cause__ or error.__context__
    return False


@watch_processes()
def gather_processes(tree):
    """What all processes hold, exchanged byte by byte, so that float64 stays as it is.

    Args:
      tree: a pytree of NumPy arrays, of the same shapes in all processes.

    Returns:
      A list of the processes' pytrees, in their order.

    Raises:
      RuntimeError: another process has ended.
    """
    leaves, structure = jax.tree.flatten(tree)
    found = [[leaf] for leaf in leaves]
    if jax.process_count() > 1:
        sent = multihost_utils.process_allgather([_bytes(leaf) for leaf in leaves])
        found = [
            [_like(row, leaf) for row in rows] for leaf, rows in zip(leaves, sent, strict=True)
        ]
    return [jax.tree.unflatten(structure, part) for part in zip(*found, strict=True)]


@watch_processes()
def measure_shards(shards: Shards) -> Measured:
    """Measures all files, the processes between them, each of them some.

    The files are merged one by one in their order, in every process: the result is the same to
    the bit for any number of processes, and `fal_jax.data.decode_shards` then finds what any other
    number of them has decoded. A process holds no more than three `Measured` at a time.

    Args:
      shards: of `fal_jax.data.open_shards`, the same in all processes.

    Returns:
      The `Measured` of all rows.

    Raises:
      FileNotFoundError: a file is missing.
      ValueError: there are fewer files than processes, a file is damaged, or a value is not what
        its column holds.
      RuntimeError: another process has ended.
    """
    files, processes = len(shards.files), jax.process_count()
    if files < processes:
        raise ValueError(f"there must be a file for each process, got {files} for {processes}.")
    return merge_measured(_in_order(shards, jax.process_index(), processes))


def _in_order(shards: Shards, process: int, processes: int) -> Iterator[Measured]:
    """The files as they follow one another, each from the process that has measured it."""
    numbers = iter(files_of_process(len(shards.files), process=process, processes=processes))
    own = measure_shard(shards, int(next(numbers)))
    for number in range(len(shards.files)):
        sender = number % processes
        yield own if processes == 1 else _sent(own, sender)
        if sender == processes - 1 and (following := next(numbers, None)) is not None:
            own = measure_shard(shards, int(following))


def _sent(tree: Any, sender: int) -> Any:
    """What one process holds, in all of them; the others' gives the shapes."""
    leaves, structure = jax.tree.flatten(tree)
    sent = multihost_utils.broadcast_one_to_all(
        [_bytes(leaf) for leaf in leaves], is_source=jax.process_index() == sender
    )
    found = [_like(row, leaf) for row, leaf in zip(sent, leaves, strict=True)]
    return jax.tree.unflatten(structure, found)


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def _like(sent: np.ndarray, array: np.ndarray) -> np.ndarray:
    return np.frombuffer(np.asarray(sent).tobytes(), array.dtype).reshape(array.shape)
