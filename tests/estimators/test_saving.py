"""Saved classifiers and exported programs do what the fitted ones do."""

import decimal
import json
import sys

import jax
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from fal_jax.estimators import FocusedAnchorsClassifier, ImbalancedMLPClassifier, _saving
from fal_jax.estimators._encoding import codes
from tests.estimators.tables import columns, rows

COLUMNS, LABELS = columns()
TABLE = pd.DataFrame(COLUMNS)
NAMES = np.where(LABELS == 1, "fraud", "fair")


@pytest.fixture(scope="module")
def fitted():
    options = {"members": 2, "epochs": 5, "random_state": 0, "scaling": "quantile"}
    weights = {"fraud": 2.0, "fair": 1.0}
    return FocusedAnchorsClassifier(class_weight=weights, **options).fit(TABLE, NAMES)


def test_what_is_loaded_predicts_the_same_and_can_go_on(fitted, tmp_path):
    fitted.save(tmp_path / "model.safetensors")
    loaded = FocusedAnchorsClassifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(TABLE), fitted.predict_proba(TABLE))
    np.testing.assert_array_equal(loaded.predict(TABLE), fitted.predict(TABLE))
    assert loaded.get_params() == fitted.get_params()
    assert loaded.feature_names_in_.tolist() == fitted.feature_names_in_.tolist()
    assert loaded.partial_fit(TABLE, NAMES).score(TABLE, NAMES) > 0.8
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_other_labels_and_losses_are_saved_too(tmp_path):
    features, labels = rows(200, classes=3)
    options = {"settings": {"learning_rate": np.float64(0.2)}, "epochs": 3, "random_state": 0}
    fitted = ImbalancedMLPClassifier("CE", **options).fit(features, labels)
    fitted.save(tmp_path / "model")
    loaded = ImbalancedMLPClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(features), fitted.predict(features))
    assert loaded.classes_.dtype == fitted.classes_.dtype
    assert not hasattr(loaded, "feature_names_in_")
    with pytest.raises(ValueError, match="holds a ImbalancedMLPClassifier"):
        FocusedAnchorsClassifier.load(tmp_path / "model")


def test_a_file_cut_short_or_of_another_kind_is_refused(fitted, tmp_path):
    path = tmp_path / "model"
    fitted.save(path)
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"model .* cut short .* save it again"):
            FocusedAnchorsClassifier.load(path)
    path.write_bytes(b"amount,kind\n1,cash\n")
    with pytest.raises(ValueError, match="is no saved classifier"):
        FocusedAnchorsClassifier.load(path)
    with pytest.raises(FileNotFoundError):
        FocusedAnchorsClassifier.load(tmp_path / "none")


def rewritten(path, change):
    """The file with another header."""
    tensors, content = _saving._parsed(path.read_bytes())
    change(content)
    header = {"fal_jax": json.dumps(content)}
    path.write_bytes(safetensors.numpy.save(tensors, metadata=header))


@pytest.mark.parametrize("load", [FocusedAnchorsClassifier.load, _saving.load_any])
def test_a_file_of_a_newer_version_says_so(fitted, load, tmp_path):
    changes = {
        "'dropout'": lambda content: content["options"].update(dropout=0.1),
        "'depth'": lambda content: content["form"].update(depth=2),
        "no loss 'New'": lambda content: content["form"].update(loss="New"),
        "'levels'": lambda content: content.pop("levels"),
    }
    for named, change in changes.items():
        fitted.save(tmp_path / "model")
        rewritten(tmp_path / "model", change)
        with pytest.raises(ValueError, match=f"model holds .* can't read .*{named}.* upgrade"):
            load(tmp_path / "model")


def test_a_file_names_no_class_but_a_classifier(fitted, tmp_path):
    path = tmp_path / "model"
    for name in ("Range", "__doc__", "_classifiers", "Unheard"):
        fitted.save(path)
        rewritten(path, lambda content, name=name: content.update({"class": name}))
        with pytest.raises(ValueError, match=f"holds a {name}, which is none of"):
            _saving.load_any(path)
        with pytest.raises(ValueError, match=f"holds a {name}, not a FocusedAnchorsClassifier"):
            FocusedAnchorsClassifier.load(path)


def test_a_file_of_before_the_fitted_form_goes_by_its_options(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    rewritten(tmp_path / "model", lambda content: content.pop("form"))
    loaded, notes = _saving.load_any(tmp_path / "model")
    assert (loaded.form_, notes) == (fitted.form_, {})
    np.testing.assert_array_equal(loaded.predict_proba(TABLE), fitted.predict_proba(TABLE))


@pytest.mark.parametrize("kind", ["interval", "timestamp", "decimal"])
def test_categories_of_other_values_are_saved_as_text(kind, tmp_path):
    features, labels = rows(200)
    codes_ = np.clip(features[:, 0].round(), 0, 3).astype(int)
    values = {
        "interval": pd.cut(pd.Series(features[:, 0]), [-9, 0, 2, 9]),
        "timestamp": pd.Series(pd.date_range("2020", periods=4)[codes_]).astype("category"),
        "decimal": pd.Series([decimal.Decimal(int(code)) / 4 for code in codes_], dtype="category"),
    }
    table = pd.DataFrame({"good": features[:, 1], "kind": values[kind]})
    fitted = FocusedAnchorsClassifier(epochs=20, random_state=0).fit(table, labels)
    assert all(isinstance(level, str) for level in fitted.encoding_.levels[1])
    assert np.unique(codes(table, fitted.encoding_)[:, 1]).tolist()[:2] == [0, 1]
    fitted.save(tmp_path / "model")
    loaded = FocusedAnchorsClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(table), fitted.predict_proba(table))
    as_text = table.assign(kind=table["kind"].astype(str))
    np.testing.assert_array_equal(loaded.predict_proba(as_text), fitted.predict_proba(table))


def test_a_save_that_fails_leaves_the_old_file(fitted, tmp_path, monkeypatch):
    path = tmp_path / "model"
    fitted.save(path)
    before = path.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        fitted.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def raw_rows(fitted):
    """The table as an exported program takes it, and a row of which nothing is known."""
    raw = codes(TABLE, fitted.encoding_).astype(np.float32)
    return np.r_[raw, [[np.nan, np.nan, np.nan]]].astype(np.float32)


@pytest.mark.parametrize("scaling", ["standard", "log", "quantile"])
def test_an_exported_program_predicts_from_raw_rows(scaling, tmp_path):
    options = {"epochs": 3, "random_state": 0, "members": 2, "scaling": scaling}
    fitted = FocusedAnchorsClassifier(**options).fit(TABLE, NAMES)
    program = fitted.export(tmp_path / "program")
    assert (tmp_path / "program").read_bytes() == program
    exported = jax.export.deserialize(bytearray(program))
    assert set(exported.platforms) == {"cpu", "cuda", "tpu"}
    raw = raw_rows(fitted)
    found = np.asarray(exported.call(raw))
    np.testing.assert_allclose(found[:-1], fitted.predict_proba(TABLE), atol=1e-5)
    assert np.isfinite(found).all()
    assert np.asarray(exported.call(raw[:1])).shape == (1, 2)  # any number of rows


def test_an_onnx_model_predicts_from_raw_rows(fitted, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="jax2onnx is not installed, see onnx")
    pytest.importorskip("jax2onnx", reason="jax2onnx is not installed, see the extra onnx")
    content = fitted.export_onnx(tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == content
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    raw = raw_rows(fitted)
    (found,) = session.run(None, {given.name: raw})
    np.testing.assert_allclose(found[:-1], fitted.predict_proba(TABLE), atol=1e-5)
    assert np.isfinite(found).all()
    assert session.run(None, {given.name: raw[:1]})[0].shape == (1, 2)  # any number of rows


def test_without_the_extra_it_is_named(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(ImportError, match=r"jax2onnx: pip install fal-jax\[onnx\]"):
        fitted.export_onnx()
