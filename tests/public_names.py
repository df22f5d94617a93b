"""The public names of the package, as `tests/public_names.txt` has them.

`python -m tests.public_names` writes the file anew, unless a name is gone without a word of it in
CHANGELOG.md.
"""

import pathlib
import re
import sys

from tests.introspection import ROOT, public_names, subpackages

SNAPSHOT = pathlib.Path(__file__).with_suffix(".txt")
CHANGELOG = ROOT.parent / "CHANGELOG.md"


def current():
    """All public names as they are, `package.name`."""
    return {f"{package}.{name}" for package in subpackages() for name in public_names(package)}


def unexplained(before, now, changelog):
    """The names that are gone and that no section "Removed" of the changelog has in code style."""
    removed = re.findall(r"^### Removed\n(.*?)(?=^##|\Z)", changelog, re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"`([\w.]+)`", "".join(removed)))
    return sorted(name for name in before - now if not {name, f"fal_jax.{name}"} & told)


def main():
    """Writes the file."""
    before = set(SNAPSHOT.read_text().split()) if SNAPSHOT.exists() else set()
    gone = unexplained(before, current(), CHANGELOG.read_text())
    if gone:
        sys.exit(f"CHANGELOG.md must name these under 'Removed': {', '.join(gone)}")
    SNAPSHOT.write_text("".join(f"{name}\n" for name in sorted(current())))


if __name__ == "__main__":
    main()
