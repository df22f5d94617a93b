"""Several processes of one experiment: their options, how they join, agree and end."""

import argparse
import contextlib
import hashlib
import json
import os
import traceback
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments import command
from fal_jax import training

_EXPECTED = OSError, ValueError, ImportError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of how processes find one another."""
    add = parser.add_argument
    add("--distributed", action="store_true", help="join the processes of the cluster")
    add("--coordinator", metavar="HOST:PORT", help="of process 0, without a cluster")
    add("--processes", type=command.positive, metavar="N", help="their number")
    add("--process", type=int, metavar="I", help="the number of this one, from 0")


def check_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuses those that do not go together."""
    numbers = options.coordinator, options.processes, options.process
    if any(number is not None for number in numbers) and None in numbers:
        parser.error("--coordinator, --processes and --process go together: give all, or none")
    if options.coordinator and options.distributed:
        parser.error("--distributed is for a cluster that JAX knows, --coordinator for any other")
    if options.coordinator and not 0 <= options.process < options.processes:
        last = options.processes - 1
        parser.error(f"--process must be from 0 to {last}, got {options.process}")


def join(options: argparse.Namespace) -> None:
    """Joins the processes, which notice within half a minute if one is gone."""
    if options.coordinator:
        jax.distributed.initialize(
            options.coordinator, options.processes, options.process, heartbeat_timeout_seconds=30
        )
    elif options.distributed:
        jax.distributed.initialize(heartbeat_timeout_seconds=30)


@contextlib.contextmanager
def ending_in_a_line() -> Iterator[None]:
    """Ends the process with what went wrong; one of several at once, whatever that was."""
    try:
        with training.watch_processes():
            yield
    except (Exception, SystemExit) as error:
        if jax.process_count() == 1:
            if isinstance(error, _EXPECTED):
                raise SystemExit(str(error)) from error
            raise
        if not isinstance(error, (*_EXPECTED, RuntimeError, SystemExit)):
            traceback.print_exc()
        # At once: JAX's own way out waits for all processes, also for one that is gone.
        Console(stderr=True).print(str(error), soft_wrap=True, markup=False)
        os._exit(1)


def agree(found: Any, what: str) -> None:
    """Waits for all processes; they must have found the same, JSON-ready."""
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).digest()
    digests = training.gather_processes(np.frombuffer(digest, np.uint8))
    if any((other != digests[0]).any() for other in digests):
        raise ValueError(f"{what} must be the same for all processes, and they find another.")
