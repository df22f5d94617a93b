"""Simulated transactions: the score that is stored is the probability that it says it is."""

import json
import math
import resource
import zlib

import numpy as np
import pyarrow.parquet
import pytest
import scipy.special
import scipy.stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from fal_jax import data
from fal_jax.data import _typologies
from tests.disk import full_disk

ROWS, RATIO = 200_000, 19


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    data.simulate_transactions(folder, rows=ROWS, ratio=RATIO, seed=7, chunk_rows=70_000)
    return folder


@pytest.fixture(scope="module")
def loaded(folder):
    return data.load_transactions(folder)


def z_score(labels, scores):
    """How many standard deviations the number of labels 1 is from the sum of the scores."""
    return (labels.sum() - scores.sum()) / np.sqrt((scores * (1 - scores)).sum())


def test_labels_come_as_often_as_the_score_says(loaded):
    labels, scores = loaded.table.labels, loaded.bayes_score
    order = np.argsort(scores)
    expected = np.cumsum(scores[order])  # bins of as many expected labels 1, some 500 each
    bins = np.split(order, np.searchsorted(expected, expected[-1] * np.arange(1, 20) / 20))
    found = [z_score(labels[rows], scores[rows]) for rows in bins]
    assert np.abs(found).max() < 4
    assert 5 < np.square(found).sum() < 46  # chi square with 20 degrees of freedom, 1 in 1,000
    by_day = np.array_split(np.arange(ROWS), 10)
    assert np.abs([z_score(labels[rows], scores[rows]) for rows in by_day]).max() < 4
    segment = loaded.table.features[:, 14]
    by_segment = [segment == code for code in range(4)]
    assert np.abs([z_score(labels[rows], scores[rows]) for rows in by_segment]).max() < 4


def test_one_label_in_ratio_plus_one_is_1(loaded):
    expected = ROWS / (RATIO + 1)
    assert abs(loaded.table.labels.sum() - expected) < 4 * np.sqrt(expected)
    assert loaded.bayes_score.sum() == pytest.approx(expected, rel=0.02)


def log_likelihood(row, typology, segment):
    """The log density of all that a typology has a say in, in the words of its docstring."""
    place = (math.floor(row["time"]) + 0.5) / 730 - 0.5
    scales = dict.fromkeys(("amount", "idle_days", "hold_hours", "relation_days"), np.log)
    scales |= dict.fromkeys(("passed_on", "returned"), scipy.special.logit)
    parents = {
        "amount": math.log(row["usual_amount"]),
        "relation_days": math.log(row["account_age"]),
        "returned": scipy.special.logit(np.float64(row["passed_on"])),
    }
    total = 0.0
    for name, scale in scales.items():
        normal = getattr(typology, name)
        if row[name] is None:
            total += math.log(normal.missing)
            continue
        centre = normal.mean + normal.slope * parents.get(name, 0) + normal.drift * place
        density = scipy.stats.norm(centre, normal.deviation)
        total += math.log(1 - normal.missing) + density.logpdf(scale(np.float64(row[name])))
    for name in ("transfers_day", "counterparties_week", "cash_week"):
        mean = getattr(typology, name) * _typologies.ACTIVITY[segment]
        total += scipy.stats.nbinom(2, 2 / (2 + mean)).logpmf(row[name])
    total += math.log(typology.channels[_typologies.CHANNELS.index(row["channel"])])
    total += math.log(typology.corridors[_typologies.CORRIDORS.index(row["corridor"])])
    daylight = np.exp(3 * np.cos((np.arange(24) - 13) / 24 * 2 * np.pi))
    hour = math.floor(row["hour"])
    by_day = (1 - typology.night) * daylight[hour] / daylight.sum()
    return total + math.log(by_day + typology.night / 24)


def expected_score(row):
    """P(label = 1 | features), every typology tried in turn."""
    segment = _typologies.SEGMENTS.index(row["segment"])
    labelled = 1 / (1 + RATIO)
    mean_risk = 0.98 * labelled / 0.9
    false_alarms = 0.02 * labelled / (1 - mean_risk)
    share = (math.floor(row["time"]) + 0.5) / 730
    risk = mean_risk * (1 + 0.6 * (share - 0.5)) * _typologies.RISKS[segment]
    ordinary = sum(
        (1 - risk) * t.shares[segment] * math.exp(log_likelihood(row, t, segment))
        for t in _typologies.ORDINARY
    )
    suspicious = sum(
        risk * ((1 - share) * t.shares[0] + share * t.shares[1])
        * math.exp(log_likelihood(row, t, segment))
        for t in _typologies.SUSPICIOUS
    )  # fmt: skip
    posterior = suspicious / (suspicious + ordinary)
    return 0.9 * posterior + false_alarms * (1 - posterior)


def test_the_score_is_the_posterior_by_enumeration(folder):
    rows = pyarrow.parquet.read_table(folder / "shard-00001.parquet")[:10_000].to_pylist()
    rows = sorted(rows, key=lambda row: row["bayes_score"])[::-200]
    assert any(row["hold_hours"] is None for row in rows)
    assert rows[0]["bayes_score"] > 0.85
    for row in rows:
        # A share that is kept in float32 tells its logit to some thousandths.
        assert row["bayes_score"] == pytest.approx(expected_score(row), rel=5e-3)


def test_shares_add_up_and_the_mean_risk_is_one():
    for typologies in (_typologies.ORDINARY, _typologies.SUSPICIOUS):
        np.testing.assert_allclose(np.sum([t.shares for t in typologies], axis=0), 1)
        for typology in typologies:
            assert sum(typology.channels) == pytest.approx(1)
            assert sum(typology.corridors) == pytest.approx(1)
    assert np.dot(_typologies.SEGMENT_SHARES, _typologies.RISKS) == pytest.approx(1)


def test_accounts_of_one_customer_share_what_is_the_customers(folder):
    frame = pyarrow.parquet.read_table(folder / "shard-00000.parquet").to_pandas()
    assert (frame["customer"] == frame["account"] // 2).all()
    assert (frame.groupby("customer")["segment"].nunique() == 1).all()
    assert (frame.groupby("account")["usual_amount"].nunique() == 1).all()
    assert frame["account"].nunique() == ROWS // 50
    firms = frame["segment"].isin(["business", "corporate"])
    assert frame.loc[firms, "customer_age"].isna().all()
    shares = frame["segment"].value_counts(normalize=True)[list(_typologies.SEGMENTS)]
    np.testing.assert_allclose(shares, _typologies.SEGMENT_SHARES, atol=0.05)


def test_no_model_of_the_features_ranks_better(loaded):
    order = np.random.default_rng(0).permutation(ROWS)
    train, test = order[:50_000], order[ROWS // 2 :]
    table = loaded.table
    fitted = data.fit_preprocessing(table.features[train], table.columns)
    assert fitted.dim == 30
    features, labels = data.preprocess(table.features, fitted), table.labels
    model = LogisticRegression(max_iter=50).fit(features[train], labels[train])
    scores = model.decision_function(features[test])
    best = roc_auc_score(labels[test], loaded.bayes_score[test])
    assert 0.97 < best < 0.99
    assert 0.9 < roc_auc_score(labels[test], scores) < best - 0.005
    precision = average_precision_score(labels[test], loaded.bayes_score[test])
    assert average_precision_score(labels[test], scores) < precision - 0.05
    assert precision < 0.95


def test_rows_are_in_order_of_the_day_and_the_score_is_no_feature(loaded, folder):
    assert (np.diff(loaded.days) >= 0).all()
    assert loaded.days[[0, -1]].tolist() == [0, 729]
    names = [column.name for column in loaded.table.columns]
    assert not {"bayes_score", "label", "account", "customer", "counterparty"} & set(names)
    told = json.loads((folder / "manifest.json").read_text())
    assert told["simulated"] is True
    assert told["positives"] == loaded.table.labels.sum()
    assert [shard["rows"] for shard in told["shards"]] == [70_000, 70_000, 60_000]


SMALL = {"rows": 2500, "ratio": 9, "seed": 1, "chunk_rows": 1000}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_disk_that_was_full_is_told_and_the_next_call_goes_on(tmp_path, monkeypatch):
    data.simulate_transactions(tmp_path / "whole", **SMALL)
    write, calls = pyarrow.parquet.ParquetWriter.write_batch, []

    def out_of_space(writer, batch):
        calls.append(batch.num_rows)
        with full_disk(100 if len(calls) == 2 else resource.RLIM_INFINITY):
            write(writer, batch)

    monkeypatch.setattr(pyarrow.parquet.ParquetWriter, "write_batch", out_of_space)
    with pytest.raises(OSError, match=r"shard 1 can't be written to .*: the 1 before it stay"):
        data.simulate_transactions(tmp_path / "part", **SMALL)
    with pytest.raises(ValueError, match=r"has 1,000 of 2,500 rows: call simulate_transactions"):
        data.load_transactions(tmp_path / "part")
    data.simulate_transactions(tmp_path / "part", **SMALL)
    assert calls == [1000, 1000, 1000, 500]  # what was there is not drawn again
    assert contents(tmp_path / "part") == contents(tmp_path / "whole")


def test_a_folder_of_something_else_is_refused(tmp_path):
    made = data.simulate_transactions(tmp_path / "made", **SMALL)
    assert data.simulate_transactions(tmp_path / "made", **SMALL) == made
    with pytest.raises(ValueError, match="simulation with another ratio, seed: take another"):
        data.simulate_transactions(tmp_path / "made", **{**SMALL, "ratio": 10, "seed": 2})
    with pytest.raises(ValueError, match="must be new or empty, but has 'made'"):
        data.simulate_transactions(tmp_path, **SMALL)
    (tmp_path / "made" / "shard-00001.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks shard-00001.parquet of its manifest"):
        data.load_transactions(tmp_path / "made")


def test_a_changed_shard_is_refused(tmp_path):
    data.simulate_transactions(tmp_path, **SMALL)
    shard = tmp_path / "shard-00002.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"shard-00002.parquet has changed"):
        data.load_transactions(tmp_path)


@pytest.mark.parametrize("rows", [999, 1001])
def test_a_shard_of_other_rows_is_refused_before_any_is_read(tmp_path, rows):
    data.simulate_transactions(tmp_path, **SMALL)
    assert len(data.open_shards(tmp_path).files) == 3
    shard = tmp_path / "shard-00001.parquet"
    table = pyarrow.parquet.read_table(shard)
    table = pyarrow.concat_tables([table, table])[:rows]
    pyarrow.parquet.write_table(table, shard, row_group_size=300)
    message = rf"shard-00001\.parquet has {rows:,} rows, but 1,000 in the manifest: put the file"
    with pytest.raises(ValueError, match=message):
        data.open_shards(tmp_path)


def test_a_file_says_itself_that_it_is_simulated(tmp_path):
    data.simulate_transactions(tmp_path, **SMALL)
    for file in tmp_path.glob("*.parquet"):
        assert pyarrow.parquet.read_schema(file).metadata == {b"simulated": b"true"}
        assert pyarrow.parquet.read_metadata(file).metadata[b"simulated"] == b"true"


def test_a_folder_begun_before_files_said_so_is_finished(tmp_path):
    """Its files have no such word, and another checksum."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    data.simulate_transactions(whole, **SMALL)
    part.mkdir()
    first = part / "shard-00000.parquet"
    table = pyarrow.parquet.read_table(whole / first.name)
    pyarrow.parquet.write_table(table.replace_schema_metadata(None), first)
    told = json.loads((whole / "manifest.json").read_text())
    told["shards"] = [told["shards"][0] | {"crc32": zlib.crc32(first.read_bytes())}]
    (part / "manifest.json").write_text(json.dumps(told))
    before = first.read_bytes()
    data.simulate_transactions(part, **SMALL)
    assert first.read_bytes() == before
    found, expected = map(data.load_transactions, (part, whole))
    np.testing.assert_array_equal(found.table.features, expected.table.features)
    assert len(data.open_shards(part).files) == 3


@pytest.mark.parametrize(
    ("name", "value"), [("rows", 0), ("rows", 1.5), ("ratio", 8), ("seed", -1), ("chunk_rows", 0)]
)
def test_numbers_out_of_range(tmp_path, name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        data.simulate_transactions(tmp_path, **{**SMALL, name: value})
    assert not list(tmp_path.iterdir())
