"""The folder of a comparison: its record grows method by method, every file whole or not at all."""

import io
import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np

from fal_jax import _records
from fal_jax.cli import _measures, _model
from fal_jax.cli._compare import Result

RECORD, SCORES, REPORT = "comparison.json", "scores.parquet", "report.html"
_UNFINISHED = "unfinished"
_FORMAT = 1
_ANY = "*"
_METRIC = dict.fromkeys(("mean", "std", "folds"))
_METHOD = dict.fromkeys(("threshold", "settings", "seconds", "has_model", "is_anchored"))
_TABLE = ("name", "label", "rows", "columns", "classes", "class_counts", "positive")
_PARTS: Mapping[str, Any] = {
    "table": dict.fromkeys(_TABLE),
    "protocol": dict.fromkeys(("folds", "trials", "choose_by")),
    "environment": {},
    "methods": {_ANY: {"metrics": {_ANY: _METRIC}, **_METHOD}},
    "best": {},
    "embedding": dict.fromkeys(("method", "points", "labels", "anchors")),
}
"""What a record must have."""


class Comparison:
    """A comparison on disk.

    Args:
      folder: made when the first method is added.
      description: JSON-ready, "table", "protocol" and "environment".
      rows: "row", "fold" and "label", `[rows]` each.
      resume: whether to go on with what is there.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        description: Mapping[str, Any],
        rows: Mapping[str, np.ndarray],
        *,
        resume: bool,
    ):
        self.folder = folder
        self.record: dict[str, Any] = {
            "format": _FORMAT,
            **json.loads(json.dumps(description)),
            "methods": {},
            "best": None,
            "embedding": None,
        }
        self.scores = dict(rows)
        if (folder / RECORD).exists():
            self._go_on(resume)

    def _go_on(self, resume: bool) -> None:
        """Takes up a record that is there, if it is of the same comparison."""
        if not resume:
            raise ValueError(
                f"{self.folder} holds a comparison: go on with it by --resume, or choose another "
                "--out."
            )
        record, scores = read(self.folder)
        new = self.record
        differs = [
            f"{key}'s {name}"
            for key in ("table", "protocol")
            for name in sorted({*record[key], *new[key]} - {"seconds"})
            if record[key].get(name) != new[key].get(name)
        ]
        if differs:
            raise ValueError(
                f"{self.folder} holds another comparison, which differs in the "
                f"{', '.join(differs)}: choose another --out."
            )
        self.record, self.scores = record, scores

    def scratch(self, name: str) -> pathlib.Path:
        """Where finished parts of an unfinished method are kept."""
        return self.folder / _UNFINISHED / name

    def add(self, name: str, result: Result, embedding: Mapping[str, Any] | None) -> None:
        """Keeps a finished method: its model if it is the best, then the scores, then the record.

        Args:
          name: of the method.
          result: what was measured.
          embedding: of its model, None for want of anchors.
        """
        record, own = self.record, result.record
        kinds = {"has_model": result.model is not None, "is_anchored": embedding is not None}
        if result.model is not None and self._is_best(own, "has_model"):
            result.model.save(self.folder / _model.FILE)
            record["model"] = name
        if embedding is not None and self._is_best(own, "is_anchored"):
            record["embedding"] = {"method": name, **embedding}
        methods = record["methods"]
        methods[name] = own | kinds
        record["best"] = max(methods, key=lambda other: quality(methods[other]))
        record["protocol"]["seconds"] = sum(method["seconds"] for method in methods.values())
        self.scores |= _columns(name, result.probabilities, record["table"]["classes"])
        self._write_scores()
        _records.write_json(self.folder / RECORD, record)
        shutil.rmtree(self.scratch(name), ignore_errors=True)

    def _is_best(self, own: Mapping[str, Any], kind: str) -> bool:
        """Whether a method is better than all others of a kind."""
        rivals = [other for other in self.record["methods"].values() if other[kind]]
        return all(quality(own) > quality(rival) for rival in rivals)

    def _write_scores(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet

        content = io.BytesIO()
        pyarrow.parquet.write_table(pa.table(self.scores), content, compression="zstd")
        _records.write(self.folder / SCORES, content.getvalue())

    def finish(self) -> None:
        """Drops what only an unfinished comparison needs."""
        shutil.rmtree(self.folder / _UNFINISHED, ignore_errors=True)


def read(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record and the scores of a comparison's folder."""
    import pyarrow as pa
    import pyarrow.parquet

    for name in (RECORD, SCORES):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder / name} is missing: name the folder that fal-jax compare has written."
            )
    try:
        record = json.loads((folder / RECORD).read_text())
        table = pyarrow.parquet.read_table(folder / SCORES)
        scores = {name: table[name].to_numpy() for name in table.column_names}
        if record["format"] != _FORMAT:
            raise ValueError(f"its format is {record['format']!r}, not {_FORMAT}")
        _check(record, _PARTS, "its record")
        _check(record["methods"], {record["best"]: {}}, "its methods")
        _check(scores, dict.fromkeys(("row", "fold", "label")), "its scores")
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
        raise ValueError(
            f"the comparison in {folder} is damaged ({error}): compare again."
        ) from error
    return record, scores


def _check(found: Any, parts: Mapping[str, Any], name: str) -> None:
    """Refuses a part of a record that lacks one of its own."""
    for key, inner in parts.items():
        for part in list(found) if key == _ANY else [key]:
            if part not in found:
                raise ValueError(f"{name} lacks {part!r}")
            if inner and found[part] is not None:
                _check(found[part], inner, f"{name}'s {part}")


def write_report(folder: pathlib.Path, out: pathlib.Path | None = None) -> pathlib.Path:
    """Writes the report of a comparison; returns its path."""
    from fal_jax.cli.report import html

    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name the one that fal-jax compare has written.")
    path = folder / REPORT if out is None else out
    check_place(path, folder / RECORD, folder / SCORES)
    record, scores = read(folder)
    _records.write(path, html(record, scores).encode())
    return path


def check_place(out: pathlib.Path, *reads: pathlib.Path, is_folder: bool = False) -> None:
    """Refuses, before any work is done, a place for results that can't be written or is read.

    Args:
      out: of the results.
      *reads: the files that they are made of.
      is_folder: whether it is to be a folder.

    Raises:
      ValueError: it is of the other kind, one of `reads`, or in a place that can't be written.
    """
    what, other = ("folder", "file") if is_folder else ("file", "folder")
    if out.exists() and out.is_dir() != is_folder:
        raise ValueError(f"--out must be a {what}, and {out} is a {other}: choose another name.")
    if any(out.exists() and out.samefile(read) for read in reads if read.exists()):
        raise ValueError(f"--out must not be {out}, which is read: choose another name.")
    nearest = nearest_place(out / "in it" if is_folder else out)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise ValueError(f"--out {out} can't be written, for {nearest}: choose another place.")


def nearest_place(out: pathlib.Path) -> pathlib.Path:
    """The nearest of the folders around a place that is there."""
    return next(place for place in out.absolute().parents if place.exists())


def quality(method: Mapping[str, Any]) -> float:
    """What methods are ranked by, of one method's record."""
    return method["metrics"][_measures.CHOSEN_BY]["mean"]


def _columns(name: str, probabilities: np.ndarray, classes: list[str]) -> dict[str, np.ndarray]:
    """The scores' columns of a method."""
    values = probabilities.astype(np.float32)
    if len(classes) == 2:
        return {name: values[:, 1]}
    return {f"{name}:{class_}": values[:, place] for place, class_ in enumerate(classes)}
