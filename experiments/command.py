"""What the commands of all experiments share."""

import argparse
import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import pathlib
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for `python -m MODULE`, whose help is the module's docstring as it stands."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def positive(text: str, minimum: int = 1) -> int:
    """A whole number of at least 1, from the command line."""
    number = int(text)
    if number < minimum:
        raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {number}")
    return number


def several(text: str) -> int:
    """A whole number of at least 2, from the command line."""
    return positive(text, minimum=2)


_AS_OPTIONS = (
    ("set allow_partial=True", "add --allow-partial"),
    ("set data_dir", "set --data-dir"),
    ("or data_dir", "or --data-dir"),
    ("leave file out", "leave --file out"),
)


@contextlib.contextmanager
def without_traceback() -> Iterator[None]:
    """Ends the command with what is wrong with its files or its options, and nothing more.

    What the library advises by the names of its arguments is said by those of the options.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        message = str(error)
        for argument, option in _AS_OPTIONS:
            message = message.replace(argument, option)
        raise SystemExit(message) from error


def use_all_cores() -> None:
    """Makes each CPU core a device, if JAX has not started: models are split over them."""
    import jax  # the benchmarks' rivals do without

    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)


def printed(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """The JSON on the last line that `python -m MODULE` prints, in a process of its own.

    Raises:
      RuntimeError: if it fails, with the end of what it says.
    """
    called = [sys.executable, "-m", module, *arguments]
    root = pathlib.Path(__file__).parents[1]
    done = subprocess.run(
        called, cwd=root, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(called)} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def in_a_new_process(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What a function returns that is called in a process of its own, where nothing is compiled."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def peak_memory_gib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
