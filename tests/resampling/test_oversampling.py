"""SMOTE, borderline SMOTE and ADASYN make imbalanced-learn's rows of the same random draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from imblearn import over_sampling

from fal_jax import resampling
from fal_jax.resampling import _blocks
from tests.resampling.replay import Replay, drawn

SAMPLING = ["auto", 0.4, {1: 100}, {0: 410, 1: 45}]


def gains(labels, sampling):
    """How many rows each class gains, ascending by label."""
    counts = np.bincount(labels)
    if isinstance(sampling, dict):
        wanted = sampling
    else:
        ratio = 1.0 if sampling == "auto" else sampling
        wanted = {label: int(counts.max() * ratio) for label in range(counts.size)}
    return {label: wanted[label] - n for label, n in enumerate(counts)
            if label in wanted and wanted[label] > n}  # fmt: skip


def replay(key, labels, sampling, segments):
    """The draws that a whole-table function makes of a key, for imbalanced-learn to make them."""
    queues = {"randint": [], "uniform": [], "halves": []}
    for place, (label, number) in enumerate(gains(labels, sampling).items()):
        joined = segments(label)
        k = joined.neighbours.shape[1]
        bases, columns, steps = drawn(key, place, joined, number)
        foreign = np.asarray(joined.foreign)[bases, columns]
        queues["randint"].append(bases * k + columns)
        # Towards foreign neighbours the step is u h; any u and h of this product do.
        queues["uniform"].append(np.where(foreign, np.sqrt(2 * steps), steps))
        queues["halves"].append(np.sqrt(2 * steps[foreign]) / 2)
    return Replay(**queues)


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours.labels, theirs[1])
    np.testing.assert_allclose(ours.features, theirs[0], rtol=1e-5, atol=1e-6)
    assert ours.features.dtype == theirs[0].dtype


@pytest.mark.parametrize("sampling", SAMPLING)
def test_smote(sampling, key, binary):
    sampler = over_sampling.SMOTE(
        sampling_strategy=sampling,
        random_state=replay(
            key, binary[1], sampling, lambda label: resampling.smote_segments(*binary, label=label)
        ),
    )
    assert_same(resampling.smote(key, *binary, sampling=sampling), sampler.fit_resample(*binary))


@pytest.mark.parametrize("k", [1, 7])
def test_smote_of_three_classes(k, key, three_classes):
    def segments(label):
        return resampling.smote_segments(*three_classes, label=label, num_neighbours=k)

    state = replay(key, three_classes[1], "auto", segments)
    sampler = over_sampling.SMOTE(random_state=state, k_neighbors=k)
    ours = resampling.smote(key, *three_classes, num_neighbours=k)
    assert_same(ours, sampler.fit_resample(*three_classes))
    assert np.bincount(ours.labels).tolist() == [300, 300, 300]


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("name", ["binary", "three_classes"])
def test_borderline_smote(kind, name, key, request):
    features, labels = request.getfixturevalue(name)

    def segments(label):
        return resampling.borderline_segments(
            features, labels, label=label, kind=kind, num_neighbours=4, num_context=8
        )

    state = replay(key, labels, "auto", segments)
    sampler = over_sampling.BorderlineSMOTE(
        random_state=state, kind=f"borderline-{kind}", k_neighbors=4, m_neighbors=8
    )
    ours = resampling.borderline_smote(
        key, features, labels, kind=kind, num_neighbours=4, num_context=8
    )
    if kind == 2:  # imbalanced-learn draws one half for each foreign neighbour: see that some are
        assert all(half.size > 5 for half in state.queues["halves"])
    assert_same(ours, sampler.fit_resample(features, labels))


@pytest.mark.parametrize("name", ["binary", "three_classes"])
def test_adasyn(name, key, request):
    features, labels = request.getfixturevalue(name)
    choices, uniform = [], []
    for place, (label, number) in enumerate(gains(labels, "auto").items()):
        segments = resampling.adasyn_segments(features, labels, label=label)
        added = np.rint(np.asarray(segments.shares, np.float64) * number).sum().astype(int)
        _, columns, steps = drawn(key, place, segments._replace(shares=segments.shares), added)
        choices.append(columns)
        uniform.append(steps)
    sampler = over_sampling.ADASYN(random_state=Replay(choice=choices, uniform=uniform))
    ours = resampling.adasyn(key, features, labels)
    assert_same(ours, sampler.fit_resample(features, labels))


def test_a_class_with_no_row_in_danger_gains_none_and_a_warning_says_so(key):
    apart = np.arange(40.0)[:, None] + np.where(np.arange(40) < 30, 0.0, 1e3)[:, None]
    labels = (np.arange(40) >= 30).astype(int)
    with pytest.warns(UserWarning, match="label 1 has no row in danger"):
        ours = resampling.borderline_smote(key, apart, labels, num_context=5)
    assert_same(ours, (apart.astype(np.float32), labels))
    with pytest.raises(ValueError, match="label 1 has no row in danger among its 10"):
        resampling.borderline_segments(apart, labels, label=1, num_context=5)
    with pytest.raises(ValueError, match="label 1 has no row with a foreign one"):
        resampling.adasyn(key, apart, labels)


def test_rows_of_several_blocks_are_all_different(key, binary, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 64)
    jax.clear_caches()  # the block's length is compiled in
    for function in (resampling.smote, resampling.adasyn):
        ours = function(key, *binary)
        new = ours.features[445:]
        assert len(np.unique(new, axis=0)) == len(new) > 300
    jax.clear_caches()


def test_a_mask_is_as_good_as_the_rows_alone(key, binary, rng):
    features, labels = binary
    where = rng.random(labels.size) < 0.7
    where[0] = False  # what fills up tiles must not be read either
    poisoned = np.where(where[:, None], features, np.nan)
    for function in (resampling.smote, resampling.borderline_smote, resampling.adasyn):
        masked = function(key, poisoned, labels, where=where)
        alone = function(key, features[where], labels[where])
        np.testing.assert_array_equal(masked.labels, alone.labels)
        np.testing.assert_array_equal(masked.features, alone.features)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": np.ones(445)}, TypeError, "labels must have an integer dtype or bool, got"),
        ({"labels": np.ones(445, int)}, ValueError, r"at least 2 classes, got \[1\]"),
        ({"labels": np.ones(444, int)}, ValueError, r"labels must have shape \(445,\).*\(444,\)"),
        ({"labels": np.arange(445) // 444}, ValueError, "than the 1 rows to join, got 5"),
        ({"num_neighbours": 45}, ValueError, "num_neighbours must be .* the 45 rows"),
        ({"sampling": "all"}, ValueError, "sampling must be \"auto\", a ratio .*got 'all'"),
        ({"sampling": 0.05}, ValueError, "fewer rows than there are.* class 1 has 45, got 20"),
        ({"sampling": {2: 50}}, ValueError, r"sampling must map labels among \[0, 1\]"),
        ({"where": np.ones(445)}, TypeError, "where must have dtype bool"),
    ],
)
def test_wrong_arguments_are_named(change, error, message, key, binary):
    given = {"labels": binary[1]} | change
    with pytest.raises(error, match=message):
        resampling.smote(key, binary[0], given.pop("labels"), **given)


@pytest.mark.parametrize("function", [resampling.smote, resampling.adasyn])
@pytest.mark.parametrize("convert", [np.array, jnp.array])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("label", [0, 1])
def test_a_missing_value_is_shown_where_it_is(key, binary, function, convert, value, label):
    features, labels = binary[0].copy(), binary[1]
    row = np.flatnonzero(labels == label)[3]
    features[row, 2] = value
    message = rf"features must be finite .* got {value} in row {row}, column 2"
    with pytest.raises(ValueError, match=message):
        function(key, convert(features), labels)
    where = np.arange(len(labels)) != row
    assert np.isfinite(function(key, convert(features), labels, where=where).features).all()


def test_finite_values_may_add_up_to_more_than_float32_holds(key, binary):
    features = binary[0].astype(np.float32)
    features[np.flatnonzero(binary[1] == 0)[:2], 0] = 3e38
    kept = resampling.smote(key, features, binary[1]).features[: len(features)]
    np.testing.assert_array_equal(kept, features)


def test_a_ratio_is_for_two_classes(key, three_classes):
    with pytest.raises(ValueError, match=r"a ratio for 2 classes only, got 0\.9 for 3"):
        resampling.smote(key, *three_classes, sampling=0.9)


def test_a_key_of_either_form_draws_the_same(binary):
    typed, raw = (make(3) for make in (jax.random.key, jax.random.PRNGKey))
    ours, theirs = (resampling.smote(key, *binary) for key in (typed, raw))
    np.testing.assert_array_equal(ours.features, theirs.features)
