"""What the paper's tables print: doubts by name, and cells of the holdout that are not reached."""

import numpy as np
import pytest

from experiments import paper, printed, study
from tests.experiments.made import make_record, write
from tests.experiments.test_report import row


def missed(folder, *made):
    return printed.missed(study.read(write(folder, *made)))


@pytest.mark.parametrize(
    "words",
    [
        "SatImage: 1:10: the file has 1:9.3",
        "PaySim, CE+NearMiss: no one threshold",
        "GMSC, FAML: repeats SatImage's FAL",
        "PaySim, FAL: repeats CreditCard's FAL",
        "5: CreditCard, SatImage, GMSC, HomeCredit, PaySim",
        "Table 4: softmax, focal and class-balanced loss | figures of Cui et al.",
    ],
)
def test_doubts_are_named(words):
    assert words in printed.doubts()


def test_copies_of_table_3_are_all_named():
    """By the numbers, to three digits: rows that say the same of two data sets."""
    cells = {
        (dataset, method): np.round(cell[:6], 3)
        for dataset, methods in paper.TABLE_3.items()
        for method, cell in methods.items()
        if method != "FAML-0.999"
    }
    same = {
        f"{', '.join(one)}: repeats"
        for one, figures in cells.items()
        for other, others in cells.items()
        if one != other and np.abs(figures - others).max() < 0.0015
        if paper.TABLE_3[one[0]][one[1]].doubt
    }
    found = sum(
        np.abs(figures - others).max() < 0.0015
        for one, figures in cells.items()
        for other, others in cells.items()
        if one < other
    )
    assert found == len(same) == 2
    assert all(words in printed.doubts() for words in same)


def test_cells_are_missed_with_both_figures_and_who_reaches_all(tmp_path):
    fal = {"auc": 0.96, "average_precision": 0.1, "f1": 0.5, "balanced_accuracy": 0.89}
    fal |= {"f1_argmax": 0.7, "balanced_accuracy_argmax": 0.95}
    levels = {"CE": 0.99, "FAL": fal, "FAML": 0.9}
    made = (make_record("SatImage", levels, budget=b, size=1, noise=0) for b in study.BUDGETS)
    text = missed(tmp_path, *made)
    assert row(text, "SatImage") == [
        *("FAL", "F1 0.5000 of 0.6821", "CE"),  # a balanced accuracy of .8900 reaches .8899
        *("none", "CE, FAL"),  # at arg-max
    ]
    miss = "AUC-ROC 0.9000 of 0.9497"
    assert f"| SatImage | FAML | {miss} | CE | {miss} | CE, FAL |" in text
    assert "GMSC" not in text


def test_a_sample_reaches_and_misses_nothing(tmp_path):
    made = make_record("PaySim", 0.1, sample=51_392), make_record("GMSC", 0.1, methods=("CE",))
    text = missed(tmp_path, *made)
    assert "PaySim" not in text
    assert row(text, "GMSC") == ["FAL", "not run", "no method", "not run", ""]
    assert printed.missed({}) == "Not run."
