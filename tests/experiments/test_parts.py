"""Parts of a run: kept whole, found again, never those of another; a killed study goes on."""

import json
import pathlib

import pytest

from experiments import records, runs
from experiments.parts import Parts
from fal_jax.estimators import Baseline
from tests.experiments.smoke import call, files, run

DESCRIPTION = {"dataset": "SatImage", "options": {"hidden": (16, 8), "trials": 2}, "commit": None}
PART = {"rows": {"CE": [{"seed": 0, "fold": None, "test": {"auc": 0.1 + 0.2}}]}, "seconds": 1e-7}


pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "fraud.parts"


@pytest.mark.parametrize("name", ["CE", "CE+SMOTE", "FAML-0.999"])
def test_a_part_is_found_by_the_next_call_as_it_was(folder, name):
    parts = Parts(folder, DESCRIPTION)
    assert parts.read(name) is None
    parts.write(name, PART)
    assert parts.read(name) == Parts(folder, DESCRIPTION).read(name) == PART
    assert parts.read("FAL") is None
    assert set(files(folder)) == {"run.json", f"{name}.json"}


def test_a_part_that_is_cut_short_is_named(folder):
    parts = Parts(folder, DESCRIPTION)
    parts.write("CE", PART)
    (folder / "CE.json").write_text((folder / "CE.json").read_text()[:20])
    with pytest.raises(SystemExit, match=r"CE\.json is damaged .*: delete it"):
        parts.read("CE")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"commit": "0123456"}, "commit"),
        ({"options": {"hidden": (16, 8), "trials": 3}}, "options"),
        ({"seeds": 2}, "seeds"),
        ({"dataset": "GMSC", "commit": "0123456"}, "commit, dataset"),
    ],
)
def test_parts_of_another_run_are_refused_by_the_folders_name_and_stay(folder, change, named):
    Parts(folder, DESCRIPTION).write("CE", PART)
    before = files(folder)
    changed = DESCRIPTION | change
    for described, other in ((DESCRIPTION, changed), (changed, DESCRIPTION)):
        folder.joinpath("run.json").write_text(json.dumps(described))
        with pytest.raises(ValueError, match=f"fraud.parts holds .*, which differs in {named}: "):
            Parts(folder, other)
    assert files(folder)["CE.json"] == before["CE.json"]
    assert Parts(folder, changed).read("CE") == PART


def test_a_failing_disk_leaves_no_part(folder, monkeypatch):
    parts = Parts(folder, DESCRIPTION)

    def fail(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "replace", fail)
        with pytest.raises(OSError, match="no space"):
            parts.write("CE", PART)
    assert parts.read("CE") is None
    assert set(files(folder)) == {"run.json"}


def test_scratch_is_a_parts_own_and_goes_when_it_is_dropped(folder):
    parts = Parts(folder, DESCRIPTION)
    parts.drop_scratch("CE")  # there may be none
    for name in ("CE", "FAL"):
        parts.scratch(name).mkdir()
        (parts.scratch(name) / "0.npz").write_bytes(b"0")
    parts.drop_scratch("CE")
    assert set(files(folder)) == {"run.json", "FAL.scratch/0.npz"}
    assert not parts.scratch("CE").exists()


def test_all_parts_are_removed_and_nothing_else(folder):
    parts = Parts(folder, DESCRIPTION)
    parts.write("CE", PART)
    parts.scratch("FAL").mkdir()
    record = folder.with_suffix(".json")
    record.write_text("{}")
    parts.remove()
    assert [*folder.parent.iterdir()] == [record]


STEM = "fraud_satimage_holdout_equal"
STUDY = ("--methods", "CE", "LR", "--out")


def killed(after, train=runs.train_baseline):
    """Trains until a share of the work is done, then is killed."""

    def training(*arguments, on_step, **options):
        def stop(share):
            on_step(share)
            if share > after:
                raise KeyboardInterrupt

        stop(0)
        return train(*arguments, on_step=stop, **options)

    return training


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The record of a study that nobody killed."""
    return run(*STUDY, tmp_path_factory.mktemp("undisturbed"))[1]


@pytest.fixture
def kill(tmp_path, monkeypatch):
    """Kills a study in its second method; returns the folder of its parts."""

    def kill(after=-1.0):
        with monkeypatch.context() as patch:
            patch.setattr(runs, "train_baseline", killed(after))
            with pytest.raises(KeyboardInterrupt):
                call(*STUDY, tmp_path)
        assert not (tmp_path / f"{STEM}.json").exists()
        return tmp_path / f"{STEM}.parts"

    return kill


@pytest.mark.parametrize(
    ("after", "kept", "fits"), [(-1.0, set(), 4), (0.6, {"LR.scratch/0.npz"}, 2)]
)
def test_a_killed_study_goes_on_where_it_was(undisturbed, kill, monkeypatch, after, kept, fits):
    folder = kill(after)
    assert set(files(folder)) == {"run.json", "CE.json"} | kept
    fitted, fit = [], Baseline.fit

    def counted(*arguments, **options):
        fitted.append(arguments)
        return fit(*arguments, **options)

    def again(*_, **__):
        raise AssertionError("a finished method is trained again")

    monkeypatch.setattr(Baseline, "fit", counted)
    monkeypatch.setattr(runs, "train_method", again)
    path, record, _ = run(*STUDY, folder.parent)
    assert len(fitted) == fits
    assert list(record["results"]) == ["CE", "CE x8", "LR"]
    changing = dict.fromkeys(("made", "seconds", "environment"))
    assert record | changing == undisturbed | changing
    assert record["made"]["CE"]["seconds"] > 0
    assert set(files(path.parent)) == {f"{STEM}.json", f"{STEM}.png"}
    assert not folder.exists()


def test_parts_of_another_commit_are_not_gone_on_with(kill, monkeypatch):
    folder = kill()
    before = files(folder)
    monkeypatch.setattr(records, "commit", lambda: "f" * 40)
    with pytest.raises(SystemExit, match=rf"{STEM}\.parts holds .* differs in commit: go on"):
        call(*STUDY, folder.parent)
    assert files(folder) == before


def test_parts_of_other_options_are_not_gone_on_with(kill):
    folder = kill()
    before = files(folder.parent)
    with pytest.raises(SystemExit, match=rf"{STEM}\.parts holds .* differs in options: go on"):
        call(*STUDY, folder.parent, "--seeds", 3)
    assert files(folder.parent) == before


def test_the_commit_is_that_of_the_start(tmp_path, monkeypatch):
    """Not what the tree has become when the run ends."""
    commits = iter(["a" * 40])
    monkeypatch.setattr(records, "commit", lambda: next(commits, "b" * 40))
    _, record, _ = run("--methods", "LR", "--out", tmp_path)
    assert record["made"]["LR"]["commit"] == record["environment"]["commit"] == "a" * 40
