"""The rivals of the sweep: they train, their speed is taken right, and it is told as JSON."""

import itertools
import pkgutil
import time

import jax
import numpy as np
import pytest
import threadpoolctl

from experiments import command
from experiments.benchmarks import rivals, task

SMOKE = {"seconds": 0.01, "repeats": 2, "rows": 1000}
MODELS = {"torch-vmap": 64, "torch-vmap-compiled": 64}

each_rival = pytest.mark.parametrize("name", rivals.RIVALS)


@pytest.fixture
def installed():
    """Skips the test of a rival whose library the environment lacks."""

    def need(name):
        if rivals.version(name) is None:
            pytest.skip(f"{rivals.RIVALS[name].distribution} is not installed, see benchmarks")

    return need


@pytest.fixture
def torch_rivals():
    pytest.importorskip("torch", reason="PyTorch is not installed, see the extra benchmarks")
    from experiments.benchmarks import torch_rivals

    return torch_rivals


def test_data_are_of_both_classes_and_the_same_each_time():
    data = task.generate()
    assert data.features.shape == (284_807, 30)
    assert data.features.dtype == np.float32
    assert data.labels.mean() == pytest.approx(0.00173, rel=0.15)
    rare = data.labels == 1
    shift = data.features[rare].mean(axis=0) - data.features[~rare].mean(axis=0)
    np.testing.assert_allclose(shift, 0.5, atol=0.25)
    np.testing.assert_array_equal(task.generate().features, data.features)
    assert set(task.generate(rows=2).labels) == {0, 1}


def test_throughput_is_samples_by_seconds_of_each_slot_but_the_first(monkeypatch):
    lengths = itertools.chain([50.0], itertools.repeat(0.25, 4), itertools.repeat(0.5, 2))
    now = 0.0

    def train():
        nonlocal now
        now += next(lengths)
        return 100

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    assert task.throughput(train, seconds=1.0, repeats=2) == [400.0, 200.0]
    with pytest.raises(StopIteration):  # no call beyond the slots
        train()


def test_throughput_needs_a_slot():
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        task.throughput(lambda: 1, seconds=0.0, repeats=0)


@each_rival
def test_a_rival_prints_what_it_measured(name, installed):
    installed(name)
    result = rivals.measure(name, 128, threads=1, **SMOKE)
    assert set(result) == {
        "rival", "version", "batch_size", "models", "optimizer", "rows", "threads",
        "samples_per_second", "slots", "cores", "loss",
    }  # fmt: skip
    assert (result["rival"], result["batch_size"], result["rows"]) == (name, 128, 1000)
    assert result["models"] == MODELS.get(name, 1)
    assert result["threads"] == 1
    assert result["optimizer"] == ("adam" if name == "sklearn" else "adagrad")
    assert len(result["slots"]) == 2
    assert min(result["slots"]) <= result["samples_per_second"] <= max(result["slots"])
    assert 0 < result["cores"] < 4
    assert 0 < result["loss"] < 2


@pytest.mark.filterwarnings("default")  # other libraries' own
@each_rival
def test_a_rival_trains_and_counts_its_samples(name, installed, monkeypatch):
    installed(name)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    start = pkgutil.resolve_name(rivals.RIVALS[name].function)
    data = task.generate(1000)
    data = data._replace(labels=(data.features[:, 0] > 0).astype(np.int64))
    # As in a process of its own: one thread, and JAX as it comes.
    with threadpoolctl.threadpool_limits(1), jax.numpy_rank_promotion("allow"):
        training = start(data, 100)
        samples = training.train()
        first = training.loss()
        for _ in range(14):
            training.train()
        last = training.loss()
    assert samples % (100 * training.models) == 0
    assert samples >= 1000 * training.models
    assert last < min(0.85 * first, 0.6)  # 0.69 is guessing


@pytest.mark.parametrize("slow_first", [False, True])
def test_the_faster_number_of_threads_counts(monkeypatch, slow_first):
    def fake(*_, OMP_NUM_THREADS, NPROC):
        assert OMP_NUM_THREADS == NPROC
        threads = int(NPROC)
        return {"samples_per_second": threads if slow_first else -threads, "threads": threads}

    monkeypatch.setattr(command, "printed", fake)
    monkeypatch.setattr(rivals.os, "cpu_count", lambda: 4)
    assert rivals.measure("sklearn", 256)["threads"] == (4 if slow_first else 1)


@pytest.mark.parametrize("function", [rivals.version, lambda name: rivals.measure(name, 256)])
def test_an_unknown_rival_is_refused_by_name(function):
    with pytest.raises(ValueError, match=r"one of torch-dataloader, .*, got 'jax'"):
        function("jax")


def test_the_command_refuses_an_unknown_rival(capsys):
    with pytest.raises(SystemExit):
        rivals.main(["jax", "--batch-size", "256"])
    assert "'torch-sliced'" in capsys.readouterr().err


def test_a_rival_without_its_library_says_what_to_install(monkeypatch, capsys):
    lacking = rivals.RIVALS["sklearn"]._replace(distribution="no-such-library")
    monkeypatch.setitem(rivals.RIVALS, "sklearn", lacking)
    with pytest.raises(RuntimeError, match=r"no-such-library.*fal-jax\[benchmarks\]"):
        rivals.measure("sklearn", 256)
    with pytest.raises(SystemExit):
        rivals.main(["sklearn", "--batch-size", "256"])
    assert "fal-jax[benchmarks]" in capsys.readouterr().err


def test_what_a_rival_fails_of_is_told():
    with pytest.raises(RuntimeError, match=r"batch_size must be 1 to the 1000 rows, got 1001"):
        rivals.measure("sklearn", 1001, threads=1, **SMOKE)


def test_sliced_batches_hold_each_row_once_an_epoch_in_another_order(torch_rivals):
    import torch

    rows = torch.arange(10)
    batches = torch_rivals.shuffled(rows[:, None], rows, 4, whole=False)
    epochs = [torch.cat([labels for _, labels in itertools.islice(batches, 3)]) for _ in range(2)]
    assert [sorted(epoch.tolist()) for epoch in epochs] == [[*range(10)]] * 2
    assert epochs[0].tolist() != epochs[1].tolist()
    whole = torch_rivals.shuffled(rows[:, None], rows, 4, whole=True)
    assert [len(labels) for _, labels in itertools.islice(whole, 4)] == [4] * 4
    features, labels = next(whole)
    assert features[:, 0].tolist() == labels.tolist()


def test_stacked_adagrad_is_the_librarys(torch_rivals):
    import torch

    rates, start = torch.tensor([0.1, 0.5]), torch.randn(2, 3, 4)
    singles = [start[i].clone().requires_grad_() for i in range(2)]
    optimizers = [
        torch.optim.Adagrad([single], lr=rate)
        for single, rate in zip(singles, rates.tolist(), strict=True)
    ]
    stacked, total = start, torch.zeros_like(start)
    for _ in range(3):
        gradient = torch.randn(2, 3, 4)
        total = total + gradient**2
        stacked = torch_rivals.adagrad(stacked, gradient, total, rates)
        for single, optimizer, part in zip(singles, optimizers, gradient, strict=True):
            single.grad = part
            optimizer.step()
    torch.testing.assert_close(stacked, torch.stack(singles).detach())
