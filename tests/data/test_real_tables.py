"""The real files, where FAL_JAX_DATA names their folder; each is parsed in one test."""

import os

import numpy as np
import pytest

from fal_jax import data

pytestmark = pytest.mark.skipif(
    "FAL_JAX_DATA" not in os.environ, reason="FAL_JAX_DATA does not name the folder of the data"
)
needs = {
    name: pytest.mark.skipif(
        "FAL_JAX_DATA" in os.environ and name not in data.available_tables(),
        reason=f"FAL_JAX_DATA has no file of {name}",
    )
    for name in data.TABLES
}


def preprocessed(table):
    """All rows, after a fit on the training rows of a split that shares no copies."""
    split = data.stratified_holdout(table.labels, seed=0, groups=table.groups)
    groups = np.arange(table.labels.size) if table.groups is None else table.groups
    assert data.shared_copy_fraction(groups, split) == 0
    fitted = data.fit_preprocessing(table.features[split.train], table.columns)
    return data.preprocess(table.features, fitted), fitted.names


def missing(table):
    """The number of missing values by column, where there are any."""
    counts = np.isnan(table.features).sum(axis=0).tolist()
    return {c.name: n for c, n in zip(table.columns, counts, strict=True) if n}


@needs["CreditCard"]
def test_credit_card():
    table = data.load_table("CreditCard")
    assert (len(table.labels), table.labels.sum(), table.is_sample) == (284_807, 492, False)
    assert not missing(table)
    assert (table.groups != np.arange(284_807)).sum() == 9144  # copies but for their second
    assert np.bincount(table.groups).max() == 77
    same_second = np.unique(table.features, axis=0)
    assert len(same_second) == 284_807 - 1081  # copies in all columns
    features, names = preprocessed(table)
    assert len(names) == 31
    np.testing.assert_allclose(np.hypot(features[:, 0], features[:, 1]), 1, rtol=1e-6)
    again = data.load_table("CreditCard")
    assert isinstance(again.features, np.memmap)
    assert again.features.tobytes() == table.features.tobytes()


@needs["GMSC"]
def test_give_me_some_credit():
    table = data.load_table("GMSC")
    assert (len(table.labels), table.labels.sum(), table.is_sample) == (150_000, 10_026, False)
    assert missing(table) == {"MonthlyIncome": 29_731, "NumberOfDependents": 3_924}
    assert (table.groups != np.arange(150_000)).sum() == 646
    features, names = preprocessed(table)
    assert len(names) == 12
    assert np.abs(features).max() <= 4


@needs["HomeCredit"]
def test_home_credit():
    table = data.load_table("HomeCredit")
    if not table.is_sample:
        pytest.skip("the counts are those of the sample; this is the whole")
    assert (len(table.labels), table.labels.sum()) == (5_000, 386)
    features, names = preprocessed(table)
    assert features.shape == (5_000, len(names))
    # 13 categories of more than two levels have 134 levels, as in the whole file.
    assert sum(len(c.levels) for c in table.columns if len(c.levels) != 2) + 2 == 134
    place = [column.name for column in table.columns].index("DAYS_EMPLOYED")
    assert np.nanmax(table.features[:, place]) <= 0


@needs["PaySim"]
def test_paysim():
    table = data.load_table("PaySim")
    if not table.is_sample:
        pytest.skip("the counts are those of the sample; this is the whole")
    assert (len(table.labels), table.labels.sum()) == (51_392, 1_392)
    features, names = preprocessed(table)
    assert features.shape == (51_392, len(names))
    sizes = np.bincount(table.groups)[table.groups]
    assert (sizes[table.labels == 1] == 2).mean() > 0.98  # a transfer and its cash-out
    assert (sizes[table.labels == 0] == 2).mean() < 0.001
    amount, balance = table.features[:, 2], table.features[:, 3]
    assert (amount == balance)[table.labels == 1].mean() > 0.95
    assert not (amount == balance)[table.labels == 0].any()


@needs["CCFraud"]
def test_cc_fraud():
    table = data.load_table("CCFraud")
    if not table.is_sample:
        pytest.skip("the counts are those of the sample; this is the whole")
    assert (len(table.labels), table.labels.sum()) == (1_708, 88)
    assert table.groups is None
    features, names = preprocessed(table)
    assert features.shape == (1_708, 59) == (1_708, len(names))
