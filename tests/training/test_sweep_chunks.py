"""Sweeps in chunks: compiled once, whatever the chunks and devices; loaded lazily, resumed."""

import functools
import gc
import itertools
import re
import weakref
from collections.abc import Sequence

import chex
import jax
import numpy as np
import pytest

from fal_jax import training
from fal_jax.training import _chunks, _feed, _plan, _programs
from tests.training import sweeps

close = functools.partial(chex.assert_trees_all_close, rtol=2e-4, atol=2e-4)
PROBLEMS = sweeps.make_problem(0), sweeps.make_problem(1, 13, 11, 3)
SETTINGS = sweeps.make_settings("CE", 2, 9)
run_ce = functools.partial(sweeps.run, sweeps.builder("CE"))
NUM_CHUNKS, NUM_MODELS = 4, 18


def test_a_sweep_is_compiled_once_and_the_next_not_at_all(caplog):
    """By JAX's own log of compilations."""
    build = sweeps.builder.__wrapped__("CE")  # a new object, that nothing is compiled for
    first = sweeps.compiled(caplog, lambda: sweeps.run(build, SETTINGS, PROBLEMS))
    assert {name: first[name] for name in ("_start", "_epoch", "_score")} == {
        "_start": 1,
        "_epoch": 1,
        "_score": 1,
    }
    others = sweeps.make_problem(5), sweeps.make_problem(6, 20)
    settings = {name: values[::-1] for name, values in SETTINGS.items()}
    options = {"num_epochs": 4, "keep": "last", "evaluate_every": 2, "seed": 3}
    assert not sweeps.compiled(caplog, lambda: sweeps.run(build, settings, others, **options))
    few = {name: values[:, :4] for name, values in SETTINGS.items()}
    shapes = sweeps.compiled(caplog, lambda: sweeps.run(build, few, PROBLEMS))
    assert shapes["_epoch"] == 1
    assert "_start" not in shapes


@pytest.mark.parametrize("models", [1, 1000, None])
def test_chunks_do_not_change_the_models(models):
    options = {"metric": sweeps.likelihood, "seed": 1}
    sweep = run_ce(SETTINGS, PROBLEMS, models_per_program=models, **options)
    close(sweep, run_ce(SETTINGS, PROBLEMS, **options))


def test_devices_do_not_change_the_models(monkeypatch):
    expected = run_ce(SETTINGS, PROBLEMS, metric=sweeps.likelihood)
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    build = sweeps.builder.__wrapped__("CE")
    close(sweeps.run(build, SETTINGS, PROBLEMS, metric=sweeps.likelihood), expected)


def test_no_device_works_on_filling_alone():
    build = sweeps.builder("CE")
    one = sweeps.run(build, {n: v[:1, :1] for n, v in SETTINGS.items()}, PROBLEMS[:1])
    assert _plan.make_plan(1, 1, 8, None, 1) == (1, 1, 1, "problems", 1)
    assert _plan.make_plan(3, 1, 8, None, 1) == (3, 1, 1, "problems", 3)
    every = run_ce(SETTINGS, PROBLEMS)
    close(one.test_logits[0], every.test_logits[0][:1])


GROUPS = {
    "one device": (1, 2, 4, (1, 9, 3, "problems", 1)),
    "problems split": (2, 2, 4, (2, 9, 3, "problems", 2)),
    "trials split": (2, 1, 2, (1, 12, 2, "trials", 2)),
    "one by one": (1, 1, 1, (1, 9, 1, "problems", 1)),
}


@pytest.mark.parametrize("case", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("method", ["CE", "FAML"])
def test_training_trials_group_by_group_changes_nothing(monkeypatch, method, case):
    num_devices, num_problems, side_by_side, plan = case
    settings = sweeps.make_settings(method, num_problems, 9)
    options = {"metric": sweeps.likelihood, "models_per_program": None}
    problems = PROBLEMS[:num_problems]
    together = sweeps.run(sweeps.builder(method), settings, problems, **options)
    monkeypatch.setattr(jax, "device_count", lambda: num_devices)
    monkeypatch.setitem(_plan._ROWS_A_STEP, "cpu", side_by_side * sweeps.BATCH)
    assert _plan.make_plan(num_problems, 9, sweeps.BATCH, None, 1) == plan
    close(sweeps.run(sweeps.builder(method), settings, problems, **options), together)


def test_a_group_is_one_batch_of_models_and_one_model_is_none():
    def shapes(number, size):
        """Of the products in a program of as many models; and whether it goes through groups."""
        mapped = _programs._mapped(lambda given, shared: given @ shared, 1, size)
        text = str(jax.make_jaxpr(mapped)(np.ones((number, 2, 3)), np.ones((3, 4))))
        return re.findall(r"f32(\[[\d,]+\]) = dot_general", text), "scan" in text

    assert shapes(9, 3) == (["[3,2,4]"], True)
    assert shapes(9, 1) == (["[2,4]"], True)
    assert shapes(9, 9) == shapes(9, None) == (["[9,2,4]"], False)
    assert shapes(1, 3) == (["[2,4]"], False)


def test_scoring_rows_block_by_block_changes_nothing(monkeypatch):
    """Blocks of 5: 24 validation rows and 7 test rows do not fill theirs."""
    expected = run_ce(SETTINGS, PROBLEMS, metric=sweeps.likelihood)
    monkeypatch.setitem(_feed._BLOCK, "cpu", 5)
    close(run_ce(SETTINGS, PROBLEMS, metric=sweeps.likelihood), expected)


def test_problems_without_test_rows_have_no_test_logits():
    problems = [problem._replace(test_inputs=problem.test_inputs[:0]) for problem in PROBLEMS]
    sweep = run_ce(SETTINGS, problems)
    assert [logits.shape for logits in sweep.test_logits] == [(9, 0, 2)] * 2
    expected = run_ce(SETTINGS, PROBLEMS)._replace(test_logits=sweep.test_logits)
    chex.assert_trees_all_equal(sweep, expected)


def test_what_fills_up_a_chunk_leaves_no_trace():
    """9 trials with 7 copies beside them, or with 7 others."""
    others = sweeps.make_settings("CE", 2, 16)
    both = {name: np.append(v, others[name][:, 9:], axis=1) for name, v in SETTINGS.items()}
    sweep, whole = run_ce(SETTINGS, PROBLEMS), run_ce(both, PROBLEMS)
    assert sweep.table["problem"].tolist() == [0] * 9 + [1] * 9
    chex.assert_trees_all_equal(sweep.metrics, whole.metrics[:, :9])
    chex.assert_trees_all_equal(sweep.best, jax.tree.map(lambda leaf: leaf[:, :9], whole.best))
    for name in ("validation_logits", "test_logits"):
        for few, many in zip(getattr(sweep, name), getattr(whole, name), strict=True):
            np.testing.assert_array_equal(few, many[:9])


def test_progress_counts_every_model_once_and_ends_at_the_total():
    calls = []
    run_ce(SETTINGS, PROBLEMS, on_epoch=lambda *call: calls.append(call))
    steps = ([8] * sweeps.EPOCHS + [1] * sweeps.EPOCHS) * 2
    total = NUM_MODELS * sweeps.EPOCHS
    assert calls == [(done, total) for done in itertools.accumulate(steps)]
    assert calls[-1] == (total, total)


class Lazy(Sequence):
    """Problems made when they are asked for; it notes which, and how many are alive."""

    def __init__(self, number):
        self.asked, self.alive, self.number, self.made = [], [], number, []

    def __len__(self):
        return self.number

    def __getitem__(self, order):
        problem = sweeps.make_problem(order)
        gc.collect()
        self.alive.append(sum(made() is not None for made in self.made) + 1)
        self.made.append(weakref.ref(problem.inputs))
        self.asked.append(order)
        return problem


@pytest.mark.parametrize(
    ("a_device", "expected"),
    [({"cpu": 1}, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]), ({}, [2, 2, 4, 4, 5, 5])],
    ids=["one a device", "several"],
)
def test_problems_are_asked_for_once_and_a_chunk_at_a_time(monkeypatch, a_device, expected):
    monkeypatch.setattr(_plan, "_PROBLEMS_A_DEVICE", a_device)
    lazy, events = Lazy(5), []
    settings = sweeps.make_settings("CE", 5, 8)
    capacity = training.Capacity(40, 24, 7)
    options = {"capacity": capacity, "models_per_program": 16, "num_epochs": 2}
    sweep = run_ce(settings, lazy, on_epoch=lambda *_: events.append(len(lazy.asked)), **options)
    assert lazy.asked == [0, 1, 2, 3, 4]
    assert events == expected
    assert max(lazy.alive) <= 2
    listed = run_ce(settings, [sweeps.make_problem(i) for i in range(5)], **options)
    chex.assert_trees_all_equal(sweep, listed)


class KilledError(Exception):
    """What stands for a kill."""


def kill_after(models):
    def on_epoch(done, _):
        if done > models:
            raise KilledError

    return on_epoch


@pytest.fixture
def trained(monkeypatch):
    """The chunks that were trained, not read."""
    chunks, original = [], _chunks.Runner._train

    def train(runner, chunk, on_epoch):
        chunks.append(chunk)
        return original(runner, chunk, on_epoch)

    monkeypatch.setattr(_chunks.Runner, "_train", train)
    return chunks


def test_a_sweep_killed_in_its_second_chunk_goes_on_with_it(tmp_path, trained):
    expected, folder = run_ce(SETTINGS, PROBLEMS), tmp_path / "new" / "folder"
    trained.clear()
    with pytest.raises(KilledError):
        run_ce(SETTINGS, PROBLEMS, folder=folder, on_epoch=kill_after(8 * sweeps.EPOCHS))
    assert len(trained) == 2
    assert [path.suffix for path in folder.iterdir()] == [".npz"]
    calls = []
    again = run_ce(SETTINGS, PROBLEMS, folder=folder, on_epoch=lambda *c: calls.append(c))
    assert len(trained) == 2 + NUM_CHUNKS - 1
    assert calls[-1] == (NUM_MODELS * sweeps.EPOCHS,) * 2
    assert len(calls) == NUM_CHUNKS * sweeps.EPOCHS
    chex.assert_trees_all_equal(again, expected)
    chex.assert_trees_all_equal(run_ce(SETTINGS, PROBLEMS, folder=str(folder)), expected)
    assert len(trained) == 2 + NUM_CHUNKS - 1
    assert [path.suffix for path in folder.iterdir()] == [".npz"] * NUM_CHUNKS


def test_a_kill_while_a_chunk_is_written_leaves_nothing(tmp_path, monkeypatch):
    def half(file, *_):
        file.write(b"PK")
        raise KilledError

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(KilledError):
        run_ce(SETTINGS, PROBLEMS, folder=tmp_path)
    assert not list(tmp_path.iterdir())


FIRST = PROBLEMS[0]
NEW_INPUTS = FIRST._replace(inputs=np.flip(FIRST.inputs, axis=0))
NEW_LABELS = FIRST._replace(labels=1 - FIRST.labels)
NEW_VALIDATION = FIRST._replace(validation_labels=1 - FIRST.validation_labels)
CHANGES = {
    "rate": {"settings": SETTINGS | {"learning_rate": SETTINGS["learning_rate"] * 2}},
    "starts": {"settings": SETTINGS | {"seed": SETTINGS["seed"] + 1}},
    "inputs": {"problems": (NEW_INPUTS, PROBLEMS[1])},
    "labels": {"problems": (NEW_LABELS, PROBLEMS[1])},
    "validation": {"problems": (NEW_VALIDATION, PROBLEMS[1])},
    "test": {"problems": (FIRST._replace(test_inputs=FIRST.test_inputs + 1), PROBLEMS[1])},
    "order": {"problems": PROBLEMS[::-1]},
    "epochs": {"num_epochs": 4},
    "batch": {"batch_size": 5},
    "batches": {"seed": 1},
    "kept": {"keep": "last"},
    "evaluations": {"evaluate_every": 2},
    "metric": {"metric": sweeps.likelihood},
    "capacity": {"problems": (FIRST, sweeps.make_problem(2, 50, 30, 9))},
}


@pytest.mark.parametrize("name", CHANGES)
def test_files_of_another_sweep_are_not_taken(tmp_path, name):
    arguments = {"settings": SETTINGS, "problems": PROBLEMS}
    run_ce(**arguments, folder=tmp_path)
    arguments |= CHANGES[name]
    chex.assert_trees_all_equal(run_ce(**arguments, folder=tmp_path), run_ce(**arguments))


@pytest.mark.parametrize("left", [0, 1000])
def test_a_file_that_is_cut_short_is_an_error_that_names_it(tmp_path, left):
    run_ce(SETTINGS, PROBLEMS, folder=tmp_path)
    path = min(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match=re.escape(path.name)):
        run_ce(SETTINGS, PROBLEMS, folder=tmp_path)
