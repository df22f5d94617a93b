"""The figures that the paper prints, to stand beside ours."""

from typing import NamedTuple


class Cell(NamedTuple):
    """One row of the paper's Table 2, in its order of columns."""

    auc: float
    f1: float
    balanced_accuracy: float


TABLE_2 = {
    "SatImage": {
        "CE": Cell(0.9346, 0.6165, 0.8517),
        "CE+SMOTE": Cell(0.9454, 0.3071, 0.7425),
        "CE+NearMiss": Cell(0.9077, 0.5741, 0.8526),
        "FL": Cell(0.9349, 0.6224, 0.8647),
        "FAL": Cell(0.9577, 0.6821, 0.8899),
        "FAML": Cell(0.9497, 0.6620, 0.8840),
        "FAML-0.999": Cell(0.9497, 0.6620, 0.8840),
        "FL+LGM": Cell(0.9467, 0.6827, 0.8910),
    },
}
"""Baloch et al., Focused Anchors Loss, ACML 2019: 80/20 holdout, one figure a cell, no spread."""
