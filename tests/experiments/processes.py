"""Streaming runs of two processes on this machine."""

import pathlib
import socket
import subprocess
import sys

from experiments import streaming

ROOT = pathlib.Path(__file__).parents[2]
OPTIONS = (
    "--simulate", 6000, "--ratio", 19, "--files", 6, "--methods", "FAML", "--epochs", 2,
    "--batch-size", 256, "--positives", 8, "--lanes", 4, "--checkpoint-every", 5,
)  # fmt: skip
EVERY = 5.0  # steps: the table of methods has 200, more than a run here
middle_settings = streaming.middle_settings
BEFORE = """
import os, signal, sys
import jax
from experiments import streaming
from fal_jax import data, training
from tests.experiments import processes
streaming.middle_settings = processes.moving
"""


def moving(method):
    """Settings with which anchors move many times in a run of a few steps."""
    return {**middle_settings(method), "every": EVERY}


def arguments(folder, *options):
    """Of the command line, for rows and a record in a folder."""
    return [str(a) for a in (folder / "rows", *OPTIONS, "--out", folder, *options)]


def two(folder, changes=""):
    """What two processes print, which run some code first, and their exit codes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    code = f"{BEFORE}{changes}\nstreaming.main(sys.argv[1:])"
    joined = arguments(folder, "--coordinator", address, "--processes", "2")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, *joined, "--process", number],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number in "01"
    ]  # fmt: skip
    printed = [process.communicate(timeout=300)[0] for process in running]
    return printed, [process.returncode for process in running]
