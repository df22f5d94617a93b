"""Files that are written whole or not at all, what names them, and where a record was made."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

_PACKAGES = (
    *("jax", "jaxlib", "flax", "optax", "numpy", "pandas", "scipy"),
    *("scikit-learn", "imbalanced-learn", "xgboost-cpu", "xgboost", "lightgbm"),
)


def environment() -> dict[str, Any]:
    """Versions, machine and devices of this run."""
    import jax

    return {
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "devices": [str(device) for device in jax.devices()],
            "device_kind": jax.devices()[0].device_kind,
        },
    }


def write_json(path: pathlib.Path, record: Mapping[str, Any]) -> None:
    """Writes a record whole or not at all, lists of numbers on one line."""
    text = json.dumps(record, indent=1, allow_nan=False)
    # A line ends within a list, never within a string: what looks like a list there stays.
    text = re.sub(r"\[\n([-\d.e+,\s]+)\]", lambda list_: f"[{' '.join(list_[1].split())}]", text)
    write(path, f"{text}\n".encode())


def digest(words: Any, arrays: Iterable[np.ndarray]) -> str:
    """What changes with words and arrays: by their `repr`, and by shape, dtype and values."""
    name = hashlib.blake2b(repr(words).encode(), digest_size=8)
    for array in arrays:
        name.update(repr((array.shape, array.dtype.str)).encode())
        name.update(np.ascontiguousarray(array).data)
    return name.hexdigest()


def write(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    with whole(path) as file:
        file.write(content)


@contextlib.contextmanager
def whole(path: pathlib.Path) -> Iterator[BinaryIO]:
    """A file to write, whole or not at all: under a temporary name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
