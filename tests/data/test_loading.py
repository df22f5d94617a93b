import numpy as np
import pytest

from fal_jax import data
from fal_jax.data import _fraud_tables
from fal_jax.data._fraud_tables import SOURCES
from tests.data import generated

each_table = pytest.mark.parametrize("name", SOURCES)


def load(file, name="GMSC"):
    return data.load_table(name, file=file, allow_partial=True)


@each_table
def test_a_whole_file_is_no_sample(tmp_path, monkeypatch, name):
    monkeypatch.setitem(_fraud_tables.SOURCES, name, SOURCES[name]._replace(rows=40))
    frame = generated.frame_of(name)
    table = data.load_table(name, file=generated.write(tmp_path, name, frame))
    assert (table.name, table.rows_expected, table.is_sample) == (name, 40, False)
    assert table.features.dtype == np.float32
    assert table.labels.dtype == np.int32
    assert table.columns == SOURCES[name].layout.columns
    assert table.labels.tolist() == frame[SOURCES[name].layout.label].tolist()
    for index, column in enumerate(table.columns):
        values = frame[column.name]
        if column.kind == "category":
            values = values.map({level: code for code, level in enumerate(column.levels)})
        elif column.kind == "hour":
            values = values / (3600 if column.name == "Time" else 1) % 24
        np.testing.assert_array_equal(table.features[:, index], values.astype(np.float32))


@each_table
def test_what_leaks_is_no_feature(name):
    names = {column.name for column in SOURCES[name].layout.columns}
    assert not names & {
        *(SOURCES[name].layout.label, "", "SK_ID_CURR", "nameOrig", "nameDest", "newbalanceOrig"),
        *("newbalanceDest", "isFlaggedFraud", "custID"),
    }


def test_order_in_time_shows_as_the_time_of_day_only(tmp_path):
    frame = generated.frame_of("CreditCard").assign(Time=np.arange(40) * 6000)
    features = load(generated.write(tmp_path, "CreditCard", frame), "CreditCard").features
    np.testing.assert_allclose(features[:, 0], np.arange(40) * 6000 % 86400 / 3600, rtol=1e-6)
    frame = generated.frame_of("PaySim").assign(step=np.arange(1, 41))
    features = load(generated.write(tmp_path, "PaySim", frame), "PaySim").features
    assert features[:, 0].tolist() == (np.arange(1, 41) % 24).tolist()


def test_a_code_for_no_employment_is_a_missing_value(tmp_path):
    frame = generated.altered("HomeCredit", DAYS_EMPLOYED={3: 365243, 4: -12})
    table = load(generated.write(tmp_path, "HomeCredit", frame), "HomeCredit")
    place = [column.name for column in table.columns].index("DAYS_EMPLOYED")
    np.testing.assert_array_equal(table.features[3:5, place], [np.nan, -12])


@pytest.mark.parametrize("ending", ["", ".xz", ".gz", ".bz2", ".zip", ".parquet"])
@pytest.mark.parametrize("name", ["CreditCard", "PaySim", "CCFraud"])
def test_every_form_of_a_file_gives_the_same_table(tmp_path, monkeypatch, name, ending):
    plain = load(generated.write(tmp_path / "plain", name), name)
    generated.write(tmp_path / "data/kaggle/unpacked", name, ending=ending)
    monkeypatch.setenv("FAL_JAX_DATA", str(tmp_path / "data"))
    table = data.load_table(name, allow_partial=True)
    np.testing.assert_array_equal(table.features, plain.features)
    np.testing.assert_array_equal(table.labels, plain.labels)
    assert data.available_tables() == tuple(n for n in data.TABLES if n in (name, "SatImage"))


def test_the_original_comes_before_the_sample_and_the_shallow_before_the_deep(tmp_path):
    frame = generated.frame_of("CCFraud")
    for rows, place in (
        (12, "a/ccfraud_1708.csv.xz"),
        (20, "a/b/ccFraud.csv"),
        (28, "ccFraud.csv"),
    ):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        frame[:rows].to_csv(file, index=False)
        table = data.load_table("CCFraud", data_dir=tmp_path, allow_partial=True)
        assert len(table.labels) == rows


@pytest.mark.parametrize(("rows", "is_sample"), [(40, False), (30, True)])
def test_known_numbers_of_rows(tmp_path, monkeypatch, rows, is_sample):
    source = SOURCES["CCFraud"]._replace(rows=40, sample_rows=(30,))
    monkeypatch.setitem(_fraud_tables.SOURCES, "CCFraud", source)
    file = generated.write(tmp_path, "CCFraud", generated.frame_of("CCFraud", rows))
    assert data.load_table("CCFraud", file=file).is_sample == is_sample
    assert data.load_table("CCFraud", file=file, allow_partial=True).is_sample == is_sample


def test_any_other_number_of_rows(tmp_path):
    file = generated.write(tmp_path, "CCFraud")
    message = r"has 40 rows, but CCFraud has 10,000,000 or, as the known sample, 1,708: get it from"
    with pytest.raises(ValueError, match=message):
        data.load_table("CCFraud", file=file)
    table = load(file, "CCFraud")
    assert table.is_sample
    assert table.rows_expected == 10_000_000


def test_missing_files_say_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.delenv("FAL_JAX_DATA", raising=False)
    assert data.available_tables() == ("SatImage",)
    with pytest.raises(FileNotFoundError, match=r"no data folder .* set data_dir or FAL_JAX_DATA"):
        data.load_table("PaySim")
    names = r"none of PS_\*_log\.csv, .*paysim_51392\.csv\.xz.* get it from Kaggle ealaxi/paysim1"
    with pytest.raises(FileNotFoundError, match=names):
        data.load_table("PaySim", data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"x\.csv is missing: get it from Kaggle"):
        data.load_table("PaySim", file=tmp_path / "x.csv")
    monkeypatch.setenv("FAL_JAX_DATA", str(tmp_path / "mistyped"))
    for call in (data.available_tables, lambda: data.load_table("GMSC")):
        with pytest.raises(FileNotFoundError, match=r"the data folder .*mistyped is missing"):
            call()


def test_names_that_are_no_tables():
    with pytest.raises(ValueError, match=r"name must be one of .*, got 'creditcard'"):
        data.load_table("creditcard")
    with pytest.raises(ValueError, match="SatImage is in the package"):
        data.load_table("SatImage", file="sat.trn")
    assert data.load_table("SatImage").columns[-1].name == "pixel 9 band 4"


def test_labels_and_flags_may_be_written_as_floats(tmp_path):
    frame = generated.frame_of("PaySim").astype({"isFraud": float, "isFlaggedFraud": float})
    assert load(generated.write(tmp_path, "PaySim", frame), "PaySim").labels.sum() == 10


def test_copies_of_a_row_share_a_group(tmp_path):
    frame = generated.frame_of("GMSC").drop(columns="")
    frame.loc[[3, 8], :] = frame.loc[30].tolist()
    frame.insert(0, "", np.arange(40))
    groups = load(generated.write(tmp_path, "GMSC", frame)).groups
    assert groups.dtype == np.int32
    expected = np.arange(40)
    expected[[8, 30]] = 3
    assert groups.tolist() == expected.tolist()
    assert load(generated.write(tmp_path, "CCFraud"), "CCFraud").groups is None


def test_both_rows_of_a_paysim_fraud_are_one_group_whatever_the_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("fal_jax.data._reading._ROWS_AT_ONCE", 7)
    amount = np.array([*range(20), *np.arange(20, 40) + 0.5], object)
    amount[[2, 39]] = 100  # in a chunk of integers, and in one of fractions
    frame = generated.frame_of("PaySim").assign(step=5, amount=amount)
    groups = load(generated.write(tmp_path, "PaySim", frame), "PaySim").groups
    assert np.flatnonzero(groups != np.arange(40)).tolist() == [39]
    assert groups[39] == 2
