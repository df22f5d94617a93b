"""No public name goes without a word; none comes unnoticed."""

import pytest

from tests.public_names import CHANGELOG, SNAPSHOT, current, unexplained

KNOWN = set(SNAPSHOT.read_text().split())


def test_names_that_are_gone_stand_in_the_changelog():
    gone = unexplained(KNOWN, current(), CHANGELOG.read_text())
    assert gone == [], "name them in CHANGELOG.md under 'Removed', as `package.name`"


def test_new_names_stand_in_the_snapshot():
    assert current() - KNOWN == set(), "run python -m tests.public_names"


@pytest.mark.parametrize(
    ("changelog", "gone"),
    [
        ("### Added\n\n- `a.old`\n", ["a.old"]),
        ("### Removed\n\n- `a.old`, for `a.new`.\n\n## [0.1]\n", []),
        ("### Removed\n\n- `fal_jax.a.old`\n", []),
        ("### Removed\n\n- `old`\n\n### Added\n- `a.old`\n", ["a.old"]),
    ],
)
def test_a_name_is_told_by_package_under_removed(changelog, gone):
    assert unexplained({"a.old", "a.kept"}, {"a.kept", "a.new"}, changelog) == gone
