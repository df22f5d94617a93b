"""What the help tells, and that advice is of options that the command has."""

import pandas as pd
import pytest

import fal_jax
from fal_jax.cli import _compare, _methods
from fal_jax.estimators import Baseline
from tests.cli.made import called, frame, write


def helped(capsys, *arguments):
    """The help of a command, without its frames."""
    code, printed, _ = called(capsys, *arguments, "--help")
    assert code == 0
    return " ".join(printed.replace("│", " ").split())


def test_the_version_is_told(capsys):
    assert called(capsys, "--version") == (0, f"fal-jax {fal_jax.__version__}", "")
    assert "--version" in helped(capsys)


def test_methods_are_named_by_the_help_of_those_that_take_them(capsys):
    compare, train = helped(capsys, "compare"), helped(capsys, "train")
    assert _methods.listed(_methods.KNOWN) in compare
    assert _methods.listed(_compare.DEFAULT) in compare
    assert _methods.listed(_methods.OWN) in train
    assert "'ASL, one label'" in train
    for name, method in _methods.KNOWN.items():
        assert isinstance(method, Baseline) != (name in _methods.OWN)


@pytest.mark.parametrize(
    ("arguments", "has_folds"),
    [(("train",), False), (("compare", "--folds", "3"), False), (("compare",), True)],
)
def test_fewer_folds_are_advised_where_they_help(arguments, has_folds, capsys, workplace):
    labels = ["rare"] + ["fair", "fraud"] * 59 + ["fair"]
    table = write(workplace / "made.csv", frame().assign(Class=labels))
    code, _, said = called(capsys, *arguments, table, "--label", "Class")
    assert (code, "fewer of 'rare (1)'" in said, "--folds" in said) == (2, True, has_folds)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("train",), "rows to train and to validate on"),
        (("compare",), "5 folds"),
        (("compare", "--folds", "2"), "2 folds"),
    ],
)
def test_copies_of_few_rows_are_told_of(arguments, parts, capsys, workplace):
    table = write(workplace / "made.csv", pd.concat([frame(4)] * 30))
    code, _, said = called(capsys, *arguments, table, "--label", "Class")
    assert (code, f"the table can't be split into {parts} (groups must" in said) == (2, True)
    assert "rows that are equal in all columns stay together; add " in said
    assert ("set fewer --folds" in said) == (parts == "5 folds")


def test_fewer_trials_than_members_name_both(capsys, workplace):
    table = write(workplace / "made.csv")
    code, _, said = called(capsys, "train", table, "--label", "Class", "--trials", "4")
    assert code == 2
    assert "got 8: set --members 4 or fewer, or more --trials." in said
