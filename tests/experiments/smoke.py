"""The fraud study called in smoke size."""

import contextlib
import io
import json

from experiments import fraud

TINY = ("--seeds", "2", "--epochs", "1", "--trials", "2")


def call(*arguments):
    """The paths of the records, and what was printed, with single spaces."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        paths = fraud.main([*TINY, *map(str, arguments)])
    return paths, " ".join(printed.getvalue().split())


def run(*arguments):
    """The path of the one record, the record and what was printed."""
    (path,), printed = call(*arguments)
    return path, json.loads(path.read_text()), printed


def files(folder):
    """All files below a folder, and what is in them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
