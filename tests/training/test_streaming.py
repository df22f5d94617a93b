"""Training on a stream: what training in memory gives, on any devices, and after any stop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pyarrow as pa
import pyarrow.parquet
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fal_jax import data, losses, metrics, models, training
from fal_jax.estimators import METHODS
from tests.data.block_rows import as_mapped, in_blocks

FILES = (500, 700, 400, 640)
SETTINGS = {
    "learning_rate": 0.1, "gamma": 1.0, "margin": 0.5, "beta": 0.01, "every": 5.0,
    "num_steps": 100.0, "class_counts": [2100.0, 140.0], "anchor_spread": 4.0,
}  # fmt: skip


@functools.cache
def rows(count=2240):
    rng = np.random.default_rng(0)
    labels = (rng.random(count) < 0.06).astype(np.int32)
    return rng.normal(size=(len(labels), 4)).astype(np.float32) + 1.5 * labels[:, None], labels


@functools.cache
def method():
    """A model and a trainer of FAML: what has parameters, an optimiser's state and anchors."""
    settings = {**METHODS["FAML"].fixed, **SETTINGS}
    settings = {name: jnp.asarray(value, jnp.float32) for name, value in settings.items()}
    return METHODS["FAML"].build(settings, num_inputs=4, num_classes=2, hidden=(4,))


def mesh(devices):
    return training.device_mesh(devices)


def stream(found=None, *, mapped=False, **changes):
    options = {"batch_size": 64, "seed": 5, "positives": 4, "lanes": 2, "pool_rows": 500}
    if found is None:
        found = as_mapped(*rows(), FILES) if mapped else in_blocks(*rows(), FILES, 90)
    return data.open_stream(found, **(options | {"part_rows": 7 * 64} | changes))


def start():
    return method()[1].init(jax.random.key(0))


def fitted(made, *, devices=1, state=None, **options):
    state = start() if state is None else state
    return training.fit_stream(
        method()[1], state, made, num_epochs=2, mesh=mesh(devices), **options
    )


def assert_close(state, expected, atol):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol), state, expected
    )


@functools.cache
def in_memory(*, mapped=False):
    """The state and the losses of training in memory, in a stream's order."""
    made = stream(mapped=mapped)
    order = np.concatenate([data.stream_order(made, epoch) for epoch in range(2)])
    fit = jax.jit(training.fit, static_argnums=0)
    return fit(method()[1], start(), *rows(), order.astype(np.int32))


@pytest.mark.parametrize("mapped", [False, True])
def test_a_stream_trains_as_all_rows_in_memory_do(mapped):
    state, reports = fitted(stream(mapped=mapped))
    expected = in_memory(mapped=mapped)
    assert_close(state, expected[0], atol=1e-7)
    assert int(state.anchors.num_updates) == int(state.step) // 5
    losses = np.asarray(expected[1], np.float64).reshape(2, -1)
    assert [(r["epoch"], r["steps"]) for r in reports] == [(1, 38), (2, 38)]
    np.testing.assert_allclose([r["loss"] for r in reports], losses.mean(axis=1), rtol=1e-6)
    assert reports[1]["loss"] < reports[0]["loss"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The rows in Parquet files with row groups of 90, decoded too: the shards and what is made."""
    folder, (features, labels) = tmp_path_factory.mktemp("rows"), rows()
    columns = [data.Column(name, "number") for name in "abcd"]
    for number, part in enumerate(np.split(np.arange(len(labels)), np.cumsum(FILES)[:-1])):
        table = dict(zip("abcd", features[part].T, strict=True)) | {"label": labels[part]}
        file = folder / f"{number}.parquet"
        pyarrow.parquet.write_table(pa.table(table), file, row_group_size=90)
    fitted = data.fit_preprocessing(features, columns)
    shards = data.open_shards(folder, label="label", columns=columns)
    data.decode_shards(shards, fitted, folder / "decoded")
    return shards, fitted, folder / "decoded"


@pytest.mark.parametrize("is_decoded", [False, True], ids=["parquet", "decoded"])
def test_files_train_as_their_rows_in_memory_do(files, is_decoded):
    shards, fitted_to, _ = files
    found = data.decoded_rows(*files) if is_decoded else data.parquet_rows(shards, fitted_to)
    made = stream(found)
    state, reports = fitted(made)
    order = np.concatenate([data.stream_order(made, epoch) for epoch in range(2)])
    features = data.preprocess(rows()[0], fitted_to)
    fit = jax.jit(training.fit, static_argnums=0)
    expected, losses = fit(method()[1], start(), features, rows()[1], order.astype(np.int32))
    assert_close(state, expected, atol=1e-7)
    losses = np.asarray(losses, np.float64).reshape(2, -1).mean(axis=1)
    np.testing.assert_allclose([r["loss"] for r in reports], losses, rtol=1e-6)


@pytest.mark.parametrize(("mapped", "devices"), [(False, 4), (True, 2), (True, 4)])
def test_several_devices_train_as_one_does(mapped, devices):
    state, _ = fitted(stream(mapped=mapped), devices=devices)
    assert_close(state, in_memory(mapped=mapped)[0], atol=1e-5)


def test_every_row_is_scored_once_on_any_devices():
    model, _ = method()
    made = stream(positives=0)
    state, _ = fitted(made)
    metric = metrics.streaming_ranking(num_bins=2**10)
    found = training.evaluate_stream(model, state, made, mesh=mesh(1), metric=metric)
    features, labels = rows()
    outputs, _ = model.apply(training.model_params(state), state.stats, features)
    scores = np.asarray(outputs.logits[:, 1] - outputs.logits[:, 0])
    assert abs(found.roc_auc - roc_auc_score(labels, scores)) <= found.roc_auc_bound + 1e-6
    exact = average_precision_score(labels, scores)
    assert abs(found.average_precision - exact) <= found.average_precision_bound + 1e-6
    for devices in (2, 4):
        placed = training.on_all_devices(jax.tree.map(np.array, state), mesh(devices))
        again = training.evaluate_stream(model, placed, made, mesh=mesh(devices), metric=metric)
        jax.tree.map(np.testing.assert_array_equal, again, found)
    with pytest.raises(ValueError, match="stream must add no positives, got 4 a batch"):
        training.evaluate_stream(model, state, stream(), mesh=mesh(1))


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("mapped", [False, True])
def test_stopped_in_mid_epoch_it_goes_on_to_the_same_bits(mapped, tmp_path):
    made = stream(mapped=mapped)
    whole, reports = fitted(made)

    def stop(report):
        if (report["epoch"], report["steps"]) == (2, 21):
            raise StoppedError

    kept = training.Checkpoints(tmp_path)
    with pytest.raises(StoppedError):
        fitted(made, checkpoints=kept, checkpoint_every=14, on_part=stop)
    assert kept.latest(start()).epoch == 45
    state, again = fitted(made, checkpoints=kept, checkpoint_every=14)
    jax.tree.map(np.testing.assert_array_equal, state, whole)
    assert [r["steps"] for r in again] == [38, 38]
    assert all(r["seconds"] > 0 for r in again)
    np.testing.assert_allclose([r["loss"] for r in again], [r["loss"] for r in reports], rtol=1e-9)
    finished, _ = fitted(made, checkpoints=kept)  # there is nothing left to do
    jax.tree.map(np.testing.assert_array_equal, finished, whole)
    with pytest.raises(
        ValueError,
        match=r"must be of the same stream, .*\[64, 5, 4, .*\[64, 6, 4.*"
        "another folder than",
    ):
        fitted(stream(seed=6), checkpoints=kept)
    shuffled_anew = made._replace(rows=made.rows._replace(seed=1))
    with pytest.raises(ValueError, match=r"the rows' own seed, .*, None, .*, 1, "):
        fitted(shuffled_anew, checkpoints=kept)
    kept.close()


def test_a_mesh_has_the_devices_that_are_asked_for_if_they_are_there():
    count = jax.device_count()
    assert training.device_mesh().size == count
    assert training.device_mesh(3).devices.tolist() == jax.devices()[:3]
    for number in (0, count + 1):
        with pytest.raises(ValueError, match=f"number must be from 1 to {count}, .* got {number}"):
            training.device_mesh(number)


def test_a_state_without_checkpoints_goes_on_too():
    whole, _ = fitted(stream())
    half, _ = training.fit_stream(method()[1], start(), stream(), num_epochs=1, mesh=mesh(1))
    state, reports = fitted(stream(), state=half)
    jax.tree.map(np.testing.assert_array_equal, state, whole)
    assert [r["epoch"] for r in reports] == [2]


def test_what_goes_wrong_while_reading_is_raised():
    made = stream()

    def read(block, *_):
        raise ValueError(f"block {block} is damaged")

    broken = made._replace(rows=made.rows._replace(read=read))
    with pytest.raises(ValueError, match=r"block \d+ is damaged"):
        fitted(broken)


def test_a_batch_that_cannot_be_split_is_refused():
    with pytest.raises(ValueError, match=r"batch_size over the 4 devices, got 2 and 62"):
        fitted(stream(batch_size=62), devices=4)


def linear_model():
    """Logits of which one difference is the log-odds of two Gaussians of one covariance."""
    head = models.linear_head(2, 4)

    def apply(params, stats, inputs, **_):
        return models.Outputs(inputs, head.apply(params["head"], inputs)), stats

    return models.Model(lambda key: ({"head": head.init(key)}, {}), apply)


def test_prior_shifted_scores_are_the_log_odds_of_the_true_shares():
    """With positives added the log-odds are off by the change of shares; the shift corrects it."""
    features, labels = rows(count=20_000)
    made = data.open_stream(
        in_blocks(features, labels, (10_000, 10_000), 500), batch_size=64, seed=5, positives=16,
        lanes=2, pool_rows=2000, part_rows=7 * 64,
    )  # fmt: skip

    def loss(outputs, _, batch):
        each = losses.softmax_cross_entropy(outputs.logits, batch.labels, where=batch.where)
        return each.sum() / batch.where.sum()

    rate = optax.linear_schedule(0.03, 0.0, 3 * made.num_steps)
    trainer = training.trainer(linear_model(), loss, optax.adam(rate))
    state = trainer.init(jax.random.key(0))
    state, _ = training.fit_stream(trainer, state, made, num_epochs=3, mesh=mesh(1))
    logits = linear_model().apply(state.params, state.stats, features)[0].logits
    trained, share = made.batch_counts, labels.mean()
    shifted = losses.shift_prior(
        logits,
        trained_log_prior=losses.class_log_prior(trained),
        log_prior=losses.class_log_prior(made.rows.counts.sum(axis=0)),
    )
    # Of N(0, I) and N(1.5, I) in four dimensions: the means' difference times x - its middle.
    true = 1.5 * (features - 0.75).sum(axis=1) + np.log(share / (1 - share))
    near = np.abs(true) < 2  # where both classes are seen
    told, corrected = ((z[:, 1] - z[:, 0] - true)[near] for z in (logits, shifted))
    # Five weights from 1,200 positives are good for some 0.1 there; the change of shares is 1.9.
    assert np.sqrt(np.mean(corrected**2)) < 0.3
    change = np.log(trained[1] / trained[0]) - np.log(share / (1 - share))
    assert np.mean(told) == pytest.approx(change, abs=0.3)
