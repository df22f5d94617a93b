import hashlib
import os

import numpy as np
import pytest

from fal_jax import data
from fal_jax.data import _loading
from tests.data import generated


@pytest.fixture
def file(tmp_path):
    return generated.write(tmp_path, "GMSC")


@pytest.fixture
def parsed(monkeypatch):
    """The files that were parsed."""
    files = []

    def parse(file, layout, *, original=_loading.parse):
        files.append(file)
        return original(file, layout)

    monkeypatch.setattr(_loading, "parse", parse)
    return files


def load(file):
    return data.load_table("GMSC", file=file, allow_partial=True)


def same(table, other):
    for name in ("features", "labels", "groups"):
        np.testing.assert_array_equal(getattr(table, name), getattr(other, name))
    return table[3:6] == other[3:6] and table.columns == other.columns


def test_a_file_is_parsed_once_then_memory_mapped(tmp_path, parsed):
    frame = generated.frame_of("GMSC")
    frame.loc[3, frame.columns[2:]] = frame.loc[9, frame.columns[2:]]
    file = generated.write(tmp_path, "GMSC", frame)
    first, second = load(file), load(str(file))
    assert parsed == [file]
    assert same(first, second)
    for table in (first, second):
        assert isinstance(table.features, np.memmap)
        assert not table.features.flags.writeable
        assert table.features.tobytes() == first.features.tobytes()


@pytest.mark.parametrize("rows_at_once", [1, 7, 40, 1000])
def test_the_pieces_in_which_a_file_is_read_do_not_matter(file, monkeypatch, rows_at_once):
    expected = load(file)
    monkeypatch.setenv("FAL_JAX_CACHE", str(file.parent / f"cache of {rows_at_once}"))
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", rows_at_once)
    assert same(load(file), expected)


def test_a_changed_file_is_parsed_again(file, parsed):
    load(file)
    state = file.stat()
    text = file.read_text()
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    load(file)
    file.write_text(text + text.splitlines()[-1] + "\n")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert len(load(file).labels) == 41
    assert len(parsed) == 3


def test_another_layout_is_parsed_again(file, parsed, monkeypatch):
    load(file)
    source = _loading.SOURCES["GMSC"]
    columns = (source.layout.columns[1]._replace(kind="number"),)
    layout = source.layout._replace(columns=columns)
    monkeypatch.setitem(_loading.SOURCES, "GMSC", source._replace(layout=layout))
    assert load(file).columns == columns
    assert len(parsed) == 2


@pytest.mark.parametrize("name", ["features.npy", "labels.npy", "entry.json"])
@pytest.mark.parametrize("damage", ["removed", "truncated", "empty", "a bit"])
def test_a_damaged_entry_is_made_again(file, cache, parsed, name, damage):
    expected = load(file)
    content = [hashlib.sha256(array.tobytes()).hexdigest() for array in expected[1:3]]
    (entry,) = cache.iterdir()
    damaged = entry / name
    stored = damaged.read_bytes()
    damaged.unlink()
    if damage == "truncated":
        damaged.write_bytes(stored[:-9])
    elif damage == "empty":
        damaged.write_bytes(b"")
    elif damage == "a bit":
        damaged.write_bytes(stored[:-9] + bytes([stored[-9] ^ 1]) + stored[-8:])
    table = load(file)
    assert len(parsed) == 2
    assert [hashlib.sha256(array.tobytes()).hexdigest() for array in table[1:3]] == content
    assert [path.name for path in cache.iterdir()] == [entry.name]


def test_a_parse_that_is_stopped_leaves_nothing(file, cache, monkeypatch):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 4)

    def stopped(file, layout, *, original=_loading.parse):
        for number, chunk in enumerate(original(file, layout)):
            if number == 3:
                raise KeyboardInterrupt
            yield chunk

    with monkeypatch.context() as patch:
        patch.setattr(_loading, "parse", stopped)
        with pytest.raises(KeyboardInterrupt):
            load(file)
    assert not list(cache.iterdir())
    assert len(load(file).labels) == 40


def test_another_process_that_was_faster_wins(file, cache, monkeypatch):
    def raced(file, layout, *, original=_loading.parse):
        monkeypatch.undo()
        monkeypatch.setenv("FAL_JAX_CACHE", str(cache))
        raced.winner = load(file)
        raced.folder = next(cache.iterdir()).stat().st_ino
        return original(file, layout)

    monkeypatch.setattr(_loading, "parse", raced)
    table = load(file)
    assert [folder.stat().st_ino for folder in cache.iterdir()] == [raced.folder]
    assert same(table, raced.winner)


def test_a_cache_that_can_not_be_written(file, tmp_path, monkeypatch):
    (tmp_path / "occupied").write_text("a file")
    monkeypatch.setenv("FAL_JAX_CACHE", str(tmp_path / "occupied"))
    with pytest.raises(OSError, match=r"occupied can't be written to .*set FAL_JAX_CACHE"):
        load(file)


def test_the_cache_is_in_the_home_folder_unless_told(file, tmp_path, monkeypatch):
    monkeypatch.delenv("FAL_JAX_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load(file)
    assert len(list((tmp_path / "home/.cache/fal_jax").iterdir())) == 1
