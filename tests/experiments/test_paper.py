"""The paper's tables: whole, in their own order of columns, with what is in doubt marked."""

import numpy as np
import pytest

from experiments import paper

DATASETS = {"CreditCard", "HomeCredit", "PaySim", "SatImage", "CCFraud", "GMSC"}
METHODS = {"CE", "CE+SMOTE", "CE+NearMiss", "FL", "FAL", "FAML", "FAML-0.999", "FL+LGM"}
# Column sums of the printed tables, added up from the paper's text.
SUMS_2 = {"auc": 38.00701, "f1": 23.8633, "balanced_accuracy": 35.432}
SUMS_3 = {
    "auc": 13.4359,
    "auc_error": 0.3653,
    "balanced_accuracy": 12.6477,
    "balanced_accuracy_error": 0.4967,
    "f1": 8.5329,
    "f1_error": 0.6753,
}


def cells(table):
    return {(d, m): cell for d, methods in table.items() for m, cell in methods.items()}


def test_tables_are_whole():
    assert set(paper.TABLE_1) == set(paper.TABLE_2) == DATASETS
    assert set(paper.TABLE_3) == DATASETS - {"CCFraud"}
    assert all(set(methods) == METHODS for methods in paper.TABLE_2.values())
    assert all(set(m) == {"CE", "FAL", "FAML", "FAML-0.999"} for m in paper.TABLE_3.values())


@pytest.mark.parametrize("table", [paper.TABLE_2, paper.TABLE_3], ids=["2", "3"])
def test_both_readings_of_faml_stand_beside_the_papers_one(table):
    assert all(methods["FAML-0.999"] == methods["FAML"] for methods in table.values())


def test_sums_of_the_columns():
    """Against slips of the pen."""
    for table, expected in ((paper.TABLE_2, SUMS_2), (paper.TABLE_3, SUMS_3)):
        printed = [cell for (_, method), cell in cells(table).items() if method != "FAML-0.999"]
        sums = {name: sum(getattr(cell, name) for cell in printed) for name in expected}
        assert sums == pytest.approx(expected, abs=1e-6)


def test_every_figure_is_a_share_and_f1_is_the_smallest():
    for cell in (*cells(paper.TABLE_2).values(), *cells(paper.TABLE_3).values()):
        assert 0 < cell.f1 < cell.balanced_accuracy < 1
        assert 0.5 < cell.auc < 1


def in_doubt(table):
    return {key for key, cell in cells(table).items() if cell.doubt}


def test_copied_rows_are_in_doubt():
    """Rows of one data set that repeat another's to three digits, standard errors and all."""
    rows = {key: np.array(cell[:6]) for key, cell in cells(paper.TABLE_3).items()}
    copies = {
        key
        for key, row in rows.items()
        for other, value in rows.items()
        if other[0] != key[0] and np.abs(row - value).max() < 2e-4
    }
    originals = {("SatImage", "FAL"), ("CreditCard", "FAL")}
    assert in_doubt(paper.TABLE_3) == copies - originals
    assert len(copies) == 5


def test_a_row_that_no_threshold_can_have_is_in_doubt():
    """With F1 and the ratio given, balanced accuracy is largest where every positive is found."""
    impossible = set()
    for (dataset, method), cell in cells(paper.TABLE_2).items():
        recall = np.linspace(0, 1, 10_001)[1:]
        wrong = recall * (2 / cell.f1 - 2)  # false alarms and misses, in positives
        false_alarms = np.maximum(wrong - (1 - recall), 0) / paper.TABLE_1[dataset].ratio
        if cell.balanced_accuracy > ((recall + 1 - false_alarms) / 2)[wrong >= 1 - recall].max():
            impossible.add((dataset, method))
    assert in_doubt(paper.TABLE_2) == impossible == {("PaySim", "CE+NearMiss")}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"dataset": "GMSC", "protocol": "holdout"}, paper.TABLE_2["GMSC"]),
        ({"dataset": "GMSC", "protocol": "nested-cv"}, paper.TABLE_3["GMSC"]),
        ({"dataset": "CCFraud", "protocol": "nested-cv"}, {}),
        ({"dataset": "SatImage", "split": "random"}, paper.TABLE_2["SatImage"]),
        ({"dataset": "SatImage", "split": "blocks"}, {}),
        ({"dataset": "another", "protocol": "holdout"}, {}),
    ],
)
def test_what_stands_beside_a_record(record, expected):
    assert paper.published(record) == expected
