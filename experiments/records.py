"""Records of runs: one JSON file a run, with all that is needed to repeat it."""

import datetime
import hashlib
import pathlib
import subprocess
import sys
from typing import Any

from fal_jax import _records
from fal_jax._records import write as write
from fal_jax._records import write_json as write_json


def environment() -> dict[str, Any]:
    """Versions, machine, devices and commit of this run."""
    return {
        "command": [_module(), *sys.argv[1:]],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        **_records.environment(),
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


def _module() -> str:
    """The module that runs, as `python -m` is given it, without the package's name."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = spec.name if spec else pathlib.Path(sys.argv[0]).stem
    return name.removeprefix("experiments.")
