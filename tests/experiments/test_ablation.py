"""The ablations: every variant trains, what it changes and no more, and a killed run goes on."""

import contextlib
import io
import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import ablation, runs, tables
from experiments.variants import QUESTIONS, WIDTHS, variants
from fal_jax import losses, models
from fal_jax.estimators import METHODS, draw_settings
from fal_jax.training import Batch
from tests.data import generated

pytestmark = pytest.mark.usefixtures("isolated")

ALL = [(question, name) for question, found in variants().items() for name in found]
FULL = {"num_steps": 100.0, "class_counts": jnp.array([90.0, 10.0])}


def built(method, hidden=(6, 4)):
    drawn = {name: values[0] for name, values in draw_settings(method, 1, seed=0).items()}
    return method.build(drawn | FULL, num_inputs=3, num_classes=2, hidden=hidden), drawn


def batch(rng, rows=12):
    labels = np.arange(rows) % 2
    return Batch(rng.normal(size=(rows, 3)).astype(np.float32), labels, np.arange(rows) < rows - 2)


def call(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        paths = ablation.main(list(map(str, arguments)))
    return [json.loads(path.read_text()) for path in paths], printed.getvalue()


def test_names_of_variants_are_their_own():
    """A part of a run is found by the variant's name."""
    names = [name for _, name in ALL]
    assert len(set(names)) == len(names)
    assert list(variants()) == list(QUESTIONS)
    assert set(WIDTHS) == set(variants()["width"])


@pytest.mark.parametrize(("question", "name"), ALL)
def test_a_variant_trains_and_padding_does_not_count(rng, key, question, name):
    (_, trainer), _ = built(variants()[question][name])
    state, rows = trainer.init(key), batch(rng)
    after, loss = jax.jit(trainer.update)(state, rows)
    assert np.isfinite(loss)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.params))
    spoiled = rows._replace(inputs=np.where(rows.where[:, None], rows.inputs, 1e3))
    again = jax.jit(trainer.update)(state, spoiled)
    chex.assert_trees_all_close(again, (after, loss), rtol=1e-5, atol=1e-6)


def test_at_the_start_learned_variances_and_offsets_are_none(rng, key):
    light = METHODS["FAL-light"]
    (model, _), settings = built(
        variants()["covariance"]["FAL-light, learned variances and offsets"]
    )
    params, stats = model.init(key)
    rows = batch(rng)
    outputs, _ = model.apply(params, stats, rows.inputs)
    plain = {"anchors": params["head"]["anchors"]}
    expected = -losses.squared_distances(outputs.features, plain["anchors"])
    np.testing.assert_allclose(outputs.logits, expected, rtol=1e-5)
    settings = {**light.fixed, **settings, **FULL}
    changed = variants()["covariance"]["FAL-light, learned variances and offsets"].loss
    found = changed(outputs, params["head"], rows, settings)
    assert float(found) == pytest.approx(
        float(light.loss(outputs, plain, rows, settings)), rel=1e-5
    )


def test_the_pull_of_learned_offsets_is_by_the_distance_alone(rng, key):
    changed = variants()["covariance"]["FAL-light, learned variances and offsets"]
    (model, _), settings = built(changed)
    params, stats = model.init(key)
    params["head"]["offsets"] = jnp.array([3.0, -2.0])
    rows = batch(rng)
    outputs, _ = model.apply(params, stats, rows.inputs)
    without = {**changed.fixed, **settings, **FULL, "beta": 0.0}
    pull = changed.loss(outputs, params["head"], rows, {**without, "beta": 1.0}) - changed.loss(
        outputs, params["head"], rows, without
    )
    distances = losses.squared_distances(outputs.features, params["head"]["anchors"])
    expected = losses.class_mean_distance(distances, rows.labels, where=rows.where)
    assert float(pull) == pytest.approx(float(expected), rel=1e-4)


def test_of_several_anchors_a_class_the_nearest_counts(key):
    (model, _), _ = built(variants()["anchors a class"]["FAL, 2 anchors a class"])
    params, _ = model.init(key)
    assert params["head"]["anchors"].shape == (4, 4)
    anchors = jnp.diag(jnp.array([100.0, 200.0, 300.0, 400.0]))  # far apart: no soft minimum
    head = METHODS["FAL"].head  # one anchor a class
    outputs = models.Outputs(anchors + 1.0, jnp.zeros((4, 2)))
    single = head(4, 4, {"anchor_spread": 4.0}).apply({"anchors": anchors}, outputs.features)
    several = variants()["anchors a class"]["FAL, 2 anchors a class"].head(
        2, 4, {"anchor_spread": 4.0}
    )
    found = several.apply({"anchors": anchors}, outputs.features)
    np.testing.assert_allclose(found, single.reshape(4, 2, 2).max(axis=-1), rtol=1e-6)


def test_a_smoke_run_is_recorded_and_goes_on_after_a_kill(tmp_path, monkeypatch):
    tiny = ("--seeds", 2, "--epochs", 1, "--trials", 2, "--out", tmp_path, "--only", "width")
    methods = {"methods": ["CE"], "width": ["CE, 64-32", "FAL-light, 16-2"]}
    few = {
        question: {name: variants()[question][name] for name in names}
        for question, names in methods.items()
    }
    monkeypatch.setattr(ablation, "variants", lambda: few)
    train, trained = runs.train_method, []

    def killed(method, table, work, protocol):
        if len(trained) == 1:
            trained.append(None)
            raise KeyboardInterrupt
        trained.append(protocol.hidden)
        return train(method, table, work, protocol)

    monkeypatch.setattr(runs, "train_method", killed)
    with pytest.raises(KeyboardInterrupt):
        call(*tiny)
    (record,), printed = call(*tiny)
    assert trained == [(16, 8), None, (64, 32), (16, 2)]
    for key in ("results", "averaged"):
        assert {question: list(found) for question, found in record[key].items()} == methods
    assert [run["seed"] for run in record["results"]["width"]["CE, 64-32"]] == [1000, 1001]
    assert tables.ablation(record).splitlines()[-1] in printed
    assert not list(tmp_path.glob("*.parts"))


def test_questions_are_added_to_the_record_and_asked_once(tmp_path, monkeypatch):
    few = {"methods": ["CE"], "pull": ["FAL, beta 0"], "margin": ["FAL, margin 0"]}
    few = {q: {name: variants()[q][name] for name in names} for q, names in few.items()}
    monkeypatch.setattr(ablation, "variants", lambda: few)
    tiny = ("--seeds", 2, "--epochs", 1, "--trials", 2, "--out", tmp_path, "--only")
    (first,), _ = call(*tiny, "pull")
    (second,), _ = call(*tiny, "margin", "pull")
    assert list(first["made"]) == ["methods", "pull"]
    assert list(second["made"]) == [*first["made"], "margin"]
    for key in ("made", "results", "averaged"):
        assert {q: second[key][q] for q in first[key]} == first[key]
    with pytest.raises(SystemExit, match="another run, which differs in seeds"):
        call("--seeds", 3, *tiny[2:], "pull")


def test_a_part_of_a_file_is_a_sample_and_taken_on_request_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "variants", lambda: {"methods": {"CE": METHODS["CE"]}})
    file = generated.write(tmp_path, "CCFraud", generated.frame_of("CCFraud", 300))
    tiny = ("--dataset", "CCFraud", "--file", file, "--seeds", 2, "--epochs", 1, "--trials", 2)
    with pytest.raises(SystemExit, match=r"has 300 rows, but .* or add --allow-partial"):
        call(*tiny, "--out", tmp_path)
    (record,), printed = call(*tiny, "--only", "methods", "--allow-partial", "--out", tmp_path)
    assert (record["rows"], record["is_sample"]) == (300, True)
    assert "CCFraud (sample: 300 of 10,000,000 rows)" in printed
    with pytest.raises(SystemExit, match="--file is for one data set"):
        call("--dataset", "CCFraud", "SatImage", "--file", file, "--out", tmp_path)


def test_a_folder_of_another_run_is_refused(tmp_path):
    parts = tmp_path / "ablation_satimage.parts"
    parts.mkdir()
    (parts / "run.json").write_text("{}")
    with pytest.raises(SystemExit, match="holds parts of another run"):
        call("--out", tmp_path)
