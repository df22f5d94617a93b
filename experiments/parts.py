"""Finished parts of a long run, on disk, so that it goes on after a kill."""

import json
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from experiments import records


class Parts:
    """A folder of JSON files, one a part, that belong to one described run.

    Args:
        folder: made if need be.
        description: JSON-ready; a folder that describes another run is refused.
    """

    def __init__(self, folder: pathlib.Path, description: Mapping[str, Any]):
        self.folder = folder
        description = json.loads(json.dumps(description))
        manifest = folder / "run.json"
        if not manifest.exists():
            records.write_json(manifest, description)
        before = json.loads(manifest.read_text())
        if before != description:
            keys = sorted(k for k in {*before, *description} if before.get(k) != description.get(k))
            raise ValueError(
                f"{folder} holds parts of another run, which differs in {', '.join(keys)}: go on "
                "with that one, delete the folder, or choose another --out."
            )

    def read(self, name: str) -> dict[str, Any] | None:
        """A part, or None where it is not there yet."""
        path = self._path(name)
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text())
        except ValueError as error:
            raise SystemExit(f"{path} is damaged ({error}): delete it.") from error

    def write(self, name: str, part: Mapping[str, Any]) -> None:
        """Keeps a part, whole or not at all."""
        records.write_json(self._path(name), dict(part))

    def scratch(self, name: str) -> pathlib.Path:
        """A folder for what a part needs until it is finished."""
        return self.folder / f"{name}.scratch"

    def drop_scratch(self, name: str) -> None:
        """Removes that folder."""
        shutil.rmtree(self.scratch(name), ignore_errors=True)

    def remove(self) -> None:
        """Removes all parts, when the whole is written."""
        shutil.rmtree(self.folder)

    def _path(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.json"
