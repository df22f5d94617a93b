"""The commands that the guide walks through, as they stand there, on a small table."""

import json
import shlex

import numpy as np
import pandas as pd

from tests.cli.made import TINY, called, frame, write
from tests.test_readme import REPOSITORY, blocks

COMMANDS = [
    shlex.split(line)[1:]
    for block in blocks(REPOSITORY / "docs" / "your-arrays.md")
    if block.heading == "From a file, by commands"
    for line in block.text.replace("\\\n", "").splitlines()
    if line.startswith("fal-jax ")
]


def loans(rows, seed):
    """A table of which `recovered` tells the label, and in which repaid loans are the rarer."""
    table = frame(rows, seed=seed).rename(columns={"Class": "status"})
    table["status"] = np.where(table["status"] == "fraud", "repaid", "default")
    recovered = np.where(table["status"] == "default", 7.0, 0.0)
    return table.assign(loan=[f"L{row}" for row in range(rows)], recovered=recovered)


def test_the_guides_commands_go_from_a_file_to_decisions(capsys, workplace):
    write(workplace / "loans.csv", loans(120, 0))
    write(workplace / "new.csv", loans(30, 1).drop(columns=["status", "recovered"]))
    small = {"compare": TINY, "train": TINY[2:]}
    assert [command for command, *_ in COMMANDS] == ["compare", "train", "predict", "report"]
    for command in COMMANDS:
        code, _, said = called(capsys, *command, *small.get(command[0], ()))
        assert (code, said) == (0, ""), command
    record = json.loads((workplace / "loans-comparison" / "comparison.json").read_text())
    assert (record["table"]["positive"], record["table"]["columns"]) == ("default", 3)
    assert sorted(record["methods"]) == ["CE", "FAL-light", "LR"]
    found = pd.read_csv(workplace / "decisions.csv")
    chances = ["probability:repaid", "probability:default"]
    assert found.columns.tolist() == ["row", "loan", "prediction", *chances]
    assert found["loan"].tolist() == [f"L{row}" for row in range(30)]
    assert set(found["prediction"]) <= {"default", "repaid"}
    report = (workplace / "loans.html").read_text()
    assert report == (workplace / "loans-comparison" / "report.html").read_text()
    folder = called(capsys, "predict", "loans-comparison", "new.csv")
    assert (folder[0], folder[2]) == (0, "")
