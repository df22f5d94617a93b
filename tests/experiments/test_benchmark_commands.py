"""The benchmarks' commands, in smoke size: what they record, and the tables drawn of it."""

import contextlib
import io
import json

import pytest

from experiments import benchmark_tables, command
from experiments.benchmarks import (
    distance_softmax,
    folds,
    imports,
    loading,
    metrics,
    resampling,
    resnet,
    rows,
    streaming,
    sweep,
)
from experiments.benchmarks.distance_heads import CONTESTANTS

pytestmark = pytest.mark.usefixtures("isolated")


def call(module, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        path = module.main(list(map(str, arguments)))
    return json.loads(path.read_text())


def test_folds(tmp_path):
    record = call(
        folds, "--rounds", 2, "--folds", 2, "--trials", 3, "--epochs", 1, "--out", tmp_path
    )
    first, second = record["rounds"]
    assert (first["round"], second["round"]) == (0, 1)
    for found in record["rounds"]:
        assert (found["dataset"], found["models"]) == ("SatImage", 6)
        assert found["training_rows"] == pytest.approx(6435 * 0.5 * 0.8, abs=5)
        assert 0 < found["compile_seconds"] < found["seconds"]  # so each compiled anew
        assert found["peak_memory_gib"] > 0
    header, _, row = benchmark_tables.timings(record).splitlines()
    assert header.count("|") == row.count("|")
    assert row.startswith(f"| SatImage | 6 | {first['training_rows']:,} |")


def test_rows(tmp_path):
    record = call(
        rows, "--rounds", 1, "--rows", 5000, "--models", 1, 3, "--batch-size", 500,
        "--out", tmp_path,
    )  # fmt: skip
    assert [(run["round"], run["models"]) for run in record["rounds"]] == [(0, 1), (0, 3)]
    for run in record["rounds"]:
        assert run["rows"] == 5000
        samples = 5000 * run["models"]
        assert run["epoch_seconds"] == round(samples / run["samples_per_second"], 2)
    assert len(benchmark_tables.timings(record).splitlines()) == 4


def test_loading(tmp_path):
    record = call(loading, "--rounds", 1, "--rows", 3000, "--out", tmp_path)
    assert [run["state"] for run in record["rounds"]] == ["parsed", "cached"]
    assert all(run["peak_memory_gib"] > 0.05 for run in record["rounds"])
    assert len(benchmark_tables.timings(record).splitlines()) == 4


def test_imports(tmp_path):
    record = call(imports, "--rounds", 1, "--modules", "fal_jax.losses", "--out", tmp_path)
    (found,) = record["rounds"]
    assert found["module"] == "fal_jax.losses"
    assert 0 < found["added_seconds"] < found["base_seconds"]
    assert len(benchmark_tables.timings(record).splitlines()) == 3


def test_streaming(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming.command, "in_a_new_process", lambda work, *given: work(*given))
    record = call(
        streaming, "--rounds", 1, "--rows", 9000, "--epochs", 2, "--batch-size", 256, "--lanes", 2,
        "--folder", tmp_path, "--out", tmp_path / "out",
    )  # fmt: skip
    assert [found["stage"] for found in record["rounds"]] == [
        "simulating",
        "measuring and decoding",
        "training",
        "steps on rows in memory",
        "steps on rows from the cache",
        "steps on rows from Parquet",
    ]
    assert all(found["rows_per_second"] > 0 for found in record["rounds"])
    assert record["rounds"][3]["of_memory"] == 1
    assert len(benchmark_tables.timings(record).splitlines()) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_distance_softmax(tmp_path, monkeypatch):
    """All contestants compute one loss; with too many scores the dense ones are left out."""
    pytest.importorskip("torch", reason="PyTorch is not installed, see the extra benchmarks")
    monkeypatch.setattr(distance_softmax, "_DENSE_SCORES", 40 * 200)
    record = call(
        distance_softmax, "--rounds", 1, "--examples", 40, "--classes", 200, 300, "--widths", 6,
        "--out", tmp_path,
    )  # fmt: skip
    dense = [name for name in CONTESTANTS if name != "fal_jax, differences"]
    assert [f["name"] for f in record["rounds"]] == [*dense, "fal_jax", "four products"]
    told = {f["name"]: f["loss"] for f in record["rounds"] if f["size"].startswith("200 ")}
    del told["four products"]
    assert all(loss == pytest.approx(told["fal_jax"], rel=1e-5) for loss in told.values())
    assert all(found["seconds"] > 0 for found in record["rounds"])
    assert len(benchmark_tables.timings(record).splitlines()) == 2 + len(record["rounds"])
    assert [claim["size"] for claim in record["claims"]] == ["200 classes, width 6"] * 4 + [
        "300 classes, width 6"
    ]
    errors = {f["name"]: f["offset_error"] for f in record["rounds"][: len(dense)]}
    assert errors["fal_jax"] < 1e-5 < errors["JAX, expanded"]


def test_claims_of_the_distance_softmax_are_ratios_within_a_round():
    def found(number, name, seconds, memory):
        size = {"round": number, "classes": 100_000, "width": 64, "name": name}
        return size | {"seconds": seconds, "memory_gib": memory, "offset_error": None}

    rounds = [
        found(number, name, seconds * slow, memory)
        for number, slow in enumerate((1.0, 3.0, 2.0))
        for name, seconds, memory in (
            ("fal_jax", 1.0, 0.4 if number else 0.3),
            ("JAX, expanded", 6.0, 5.0),
            ("torch.cdist", 5.0, 8.0),
            ("four products", 0.8, 0.1),
        )
    ]
    told = {claim["what"]: claim for claim in distance_softmax.claims(rounds)}
    by_median = [(c["median"], distance_softmax.claimed(c)) for c in told.values()]
    assert by_median == [
        (pytest.approx(1.25), ", at most 1.4: yes"),
        (pytest.approx(5.0), ", at least 4.5: yes"),
        (pytest.approx(0.08), ", at most 0.1: yes"),
    ]
    slow = next(iter(told.values())) | {"median": 1.5}
    assert distance_softmax.claimed(slow) == ", at most 1.4: NO"
    few = [dict(one, classes=10, offset_error=0.0) for one in rounds[:4]]
    few[1] |= {"offset_error": 1e-3, "seconds": 0.5}  # quick, but wrong away from the origin
    told = {
        claim["what"]: distance_softmax.claimed(claim) for claim in distance_softmax.claims(few)
    }
    assert list(told.values())[1:3] == [", at least 1.0: NO", ", at least 1.0: yes"]


def test_resnet(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed, see the extra benchmarks")
    record = call(
        resnet, "--rounds", 1, "--steps", 1, "--together", 2, "--batch-size", 8, "--depth", 8,
        "--out", tmp_path,
    )  # fmt: skip
    ours, small, torch = record["rounds"]
    assert [f["network"] for f in (ours, torch)] == ["ResNet-8", "ResNet-8 in PyTorch"]
    assert torch["over_torch"] == 1
    assert ours["over_torch"] == pytest.approx(
        ours["images_per_second"] / torch["images_per_second"], abs=0.006
    )
    assert small["devices"] == ours["devices"]
    assert len(benchmark_tables.timings(record).splitlines()) == 5


@pytest.fixture
def in_this_process(monkeypatch):
    """Without the seconds that each new process takes to start."""
    monkeypatch.setattr(command, "in_a_new_process", lambda function, *given: function(*given))


@pytest.mark.usefixtures("in_this_process")
def test_metrics(tmp_path):
    record = call(metrics, "--rounds", 1, "--scores", 2000, "--repeats", 2, "--out", tmp_path)
    assert [found["case"] for found in record["rounds"]] == ["unweighted", "weighted"]
    for found in record["rounds"]:
        assert found["scores"] == 2000
        assert min(found["seconds"], found["rival_seconds"]) > 0
    assert len(benchmark_tables.timings(record).splitlines()) == 4


@pytest.mark.usefixtures("in_this_process")
def test_resampling(tmp_path, monkeypatch):
    monkeypatch.setattr(resampling, "CASES", {"SMOTE": 1})
    record = call(resampling, "--rounds", 1, "--rows", 3000, "--out", tmp_path)
    small, large = record["rounds"]
    assert (small["case"], large["case"]) == ("SMOTE, 284,807 rows", "NearMiss-1, 3,000 rows")
    for found in record["rounds"]:
        assert found["table"] == "generated"
        assert found["seconds"] * found["ratio"] == pytest.approx(found["rival_seconds"], rel=0.2)
        assert 0 <= found["memory_gib"] < 2
    assert len(benchmark_tables.timings(record).splitlines()) == 4


def test_rows_that_differ_are_no_comparison():
    sides = ({"kept": kept, "rows": 9, "seconds": 1.0} for kept in ([1, 2], [2, 3]))
    with pytest.raises(AssertionError, match="of 2 rows only 1 are kept"):
        resampling.compared("NearMiss-1", *sides)


def test_medians_are_told_with_their_range_where_rounds_differ():
    rounds = [
        {"state": "parsed", "rows": 10_000, "seconds": float(n), "added_memory_gib": 0.5}
        for n in (4, 1, 2)
    ]
    text = benchmark_tables.timings({"experiment": "benchmark_loading", "rounds": rounds})
    assert text.splitlines()[-1] == "| parsed | 10,000 | 2 (1 to 4) | 0.5 |"


def test_sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "ENGINES", {"64 models, CE": ("--models=2", "--epochs=3")})
    record = call(
        sweep, "--rounds", 1, "--batch-size", 100, "--rows", 1000, "--rivals", "sklearn",
        "--out", tmp_path,
    )  # fmt: skip
    (only,) = record["rounds"]
    assert set(only["speeds"]) == {"64 models, CE", "sklearn"}
    assert all(speed["samples_per_second"] > 0 for speed in only["speeds"].values())
    ours, rival = (found["samples_per_second"] for found in only["speeds"].values())
    (line,) = [
        ln for ln in benchmark_tables.sweep(record).splitlines() if ln.startswith("| sklearn |")
    ]
    ratio = f"{ours / rival:.1f}"
    assert line == f"| sklearn | 100 | {rival / 1e6:.2f} | {ratio} ({ratio} to {ratio}) |"
