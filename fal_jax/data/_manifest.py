"""The manifest of a folder of simulated transactions: what its shards are."""

import json
import pathlib
from typing import NamedTuple

from fal_jax import _records
from fal_jax.data._reading import group_sizes

FORMAT = 1  # raise it when what the same arguments draw changes
_MANIFEST = "manifest.json"


class Shard(NamedTuple):
    """One file of a simulation.

    Attributes:
      name: of the file, in the folder.
      rows: how many it has.
      positives: how many of them are labelled 1.
      crc32: of its bytes.
    """

    name: str
    rows: int
    positives: int
    crc32: int


class Simulation(NamedTuple):
    """What a folder of simulated transactions holds.

    Attributes:
      rows: how many were asked for.
      ratio: labels 0 for one label 1, in expectation.
      seed: what they were drawn from.
      chunk_rows: rows a shard; the last may have fewer.
      shards: those that are written, in order of time.
    """

    rows: int
    ratio: float
    seed: int
    chunk_rows: int
    shards: tuple[Shard, ...]

    @property
    def positives(self) -> int:
        """How many rows are labelled 1."""
        return sum(shard.positives for shard in self.shards)


def read_manifest(folder: pathlib.Path, *, finished: bool = True) -> Simulation:
    """What a folder of simulated transactions holds."""
    path = folder / _MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: simulate_transactions writes it.")
    told = json.loads(path.read_text())
    if told["format"] != FORMAT:
        raise ValueError(f"{path} is of another version of the simulator: simulate anew.")
    made = Simulation(
        *(told[name] for name in Simulation._fields[:-1]),
        shards=tuple(Shard(**shard) for shard in told["shards"]),
    )
    rows = sum(shard.rows for shard in made.shards)
    if finished and rows < made.rows:
        raise ValueError(
            f"{folder} has {rows:,} of {made.rows:,} rows: call simulate_transactions again with "
            "the same arguments to finish it."
        )
    missing = [shard.name for shard in made.shards if not (folder / shard.name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} lacks {', '.join(missing)} of its manifest.")
    return made


def check_rows(folder: pathlib.Path, made: Simulation) -> None:
    """Refuses shards of more or fewer rows than they were written with, without reading these."""
    for shard in made.shards:
        rows = sum(group_sizes(folder / shard.name))
        if rows != shard.rows:
            raise ValueError(
                f"{folder / shard.name} has {rows:,} rows, but {shard.rows:,} in the manifest: put "
                "the file that was written back, or simulate anew into another folder."
            )


def earlier(folder: pathlib.Path, asked: Simulation) -> Simulation:
    """What there is of a simulation; a new folder gets its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _MANIFEST).is_file():
        found = sorted(path.name for path in folder.iterdir())
        if found:
            raise ValueError(f"folder {folder} must be new or empty, but has {found[0]!r}.")
        write_manifest(folder, asked)
    made = read_manifest(folder, finished=False)
    if made._replace(shards=()) != asked:
        differs = [n for n in Simulation._fields[:-1] if getattr(made, n) != getattr(asked, n)]
        raise ValueError(
            f"folder {folder} holds a simulation with another {', '.join(differs)}: take another."
        )
    return made


def write_manifest(folder: pathlib.Path, made: Simulation) -> None:
    """Writes the manifest, whole or not at all."""
    told = {
        "format": FORMAT,
        "simulated": True,
        **made._asdict(),
        "positives": made.positives,
        "shards": [shard._asdict() for shard in made.shards],
    }
    _records.write(folder / _MANIFEST, json.dumps(told, indent=1).encode())
