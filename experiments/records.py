"""Records of runs: one JSON file a run, with all that is needed to repeat it."""

import datetime
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import jax

_PACKAGES = (
    *("jax", "jaxlib", "flax", "optax", "numpy", "pandas", "scipy"),
    *("scikit-learn", "imbalanced-learn", "xgboost-cpu", "xgboost", "lightgbm"),
)


def environment() -> dict[str, Any]:
    """Versions, machine, devices and commit of this run."""
    return {
        "command": [_module(), *sys.argv[1:]],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "devices": [str(device) for device in jax.devices()],
            "device_kind": jax.devices()[0].device_kind,
        },
    }


def commit() -> str | None:
    """The commit that ran; "+" and a hash of the changes where there were; None without git."""
    here = pathlib.Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changes = git("diff", "HEAD")
        changed = f"+{hashlib.sha1(changes.encode()).hexdigest()[:8]}" if changes else ""
        return git("rev-parse", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return None


def write_json(path: pathlib.Path, record: Mapping[str, Any]) -> None:
    """Writes a record whole or not at all, lists of numbers on one line."""
    text = json.dumps(record, indent=1, allow_nan=False)
    # A line ends within a list, never within a string: what looks like a list there stays.
    text = re.sub(r"\[\n([-\d.e+,\s]+)\]", lambda list_: f"[{' '.join(list_[1].split())}]", text)
    write(path, f"{text}\n".encode())


def write(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole or not at all: to a temporary name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _module() -> str:
    """The module that runs, as `python -m` is given it, without the package's name."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = spec.name if spec else pathlib.Path(sys.argv[0]).stem
    return name.removeprefix("experiments.")


def _version(package: str) -> str | None:
    """The version installed, None where it is not."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name as the system tells it."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
