"""BAGAN against float64 NumPy, written from the paper, and on rows that are easy to generate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fal_jax import generation, models

K, DIM, LATENT, HIDDEN = 2, 3, 2, 5
RATE = 0.1
NETWORKS = models.table_autoencoder(DIM, hidden=(HIDDEN,), latent=LATENT)


def leaves(tree):
    return jax.tree.leaves_with_path(tree)


def assert_same(first, second):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for (path, one), (_, other) in zip(leaves(first), leaves(second), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=str(path))


@pytest.fixture(scope="module")
def autoencoder():
    return jax.jit(generation.coding(NETWORKS, optax.sgd(RATE)).init)(jax.random.key(0))


@pytest.fixture(scope="module")
def rivals():
    init, update = generation.adversaries(NETWORKS, optax.sgd(RATE), num_classes=K)
    return generation.Adversaries(jax.jit(init), jax.jit(update))


@pytest.fixture(scope="module")
def start(autoencoder, rivals):
    """Adversaries whose head tells the two classes from what is generated, not from each other.

    A batch with the same rows of both classes keeps it so, and then it is all one to the generator
    which labels it is asked for.
    """
    state = rivals.init(jax.random.key(1), autoencoder.params)
    kernel = state.discriminator["head"]["kernel"]
    head = state.discriminator["head"] | {"kernel": kernel.at[:, 1].set(kernel[:, 0])}
    return state._replace(discriminator=state.discriminator | {"head": head})


INPUTS = np.tile(np.random.default_rng(3).normal(size=(3, DIM)), (2, 1)).astype(np.float32)
LABELS = np.repeat([0, 1], 3).astype(np.int32)
# Codes without spread, the same for both classes: what is generated is known without the key.
POINT = generation.Gaussians(np.full((K, LATENT), 0.3, np.float32), np.zeros((K, LATENT, LATENT)))


@pytest.fixture(scope="module")
def moved(rivals, start):
    return rivals.update(jax.random.key(2), start, POINT, INPUTS, LABELS)


def float64(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def perceptron(params, rows, slopes):
    """Layers `x W + b`, each followed by a rectifier of the slope given below 0."""
    for layer, slope in zip(params["layers"].values(), slopes, strict=True):
        rows = rows @ layer["kernel"] + layer["bias"]
        rows = np.where(rows > 0, rows, slope * rows)
    return rows


def judged(params, rows, labels):
    """Mean cross-entropy over K + 1 classes."""
    features = perceptron(params["body"], rows, [0.01])
    logits = features @ params["head"]["kernel"] + params["head"]["bias"]
    assert logits.shape[1] == K + 1
    log_sums = np.log(np.exp(logits).sum(axis=1))
    return np.mean(log_sums - logits[np.arange(len(labels)), labels])


def decoded(params, number):
    return perceptron(params, np.full((number, LATENT), 0.3), [0.0, 1.0])


def test_gaussians_are_the_mean_and_covariance_of_each_class():
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)), np.arange(40) % 4 // 3
    found = generation.class_gaussians(codes, labels, num_classes=2)
    for label, (mean, factor) in enumerate(zip(*found, strict=True)):
        part = codes[labels == label]
        centred = part - part.mean(axis=0)
        np.testing.assert_allclose(mean, part.mean(axis=0), rtol=1e-5)
        expected = sum(np.outer(row, row) for row in centred) / (len(part) - 1)
        np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-4, atol=1e-5)


def test_gaussians_of_few_rows_spread_between_them():
    codes = [[0.0, 1.0, 2.0], [2.0, 1.0, 2.0], [5.0, 5.0, 5.0], [5.0, 5.0, 5.0]]
    found = generation.class_gaussians(codes, [0, 0, 1, 1], num_classes=2)
    drawn = np.asarray(generation.draw_codes(jax.random.key(0), found, np.array([0, 1] * 2000)))
    np.testing.assert_allclose(drawn[1::2], 5)
    np.testing.assert_allclose(drawn[::2, 1:], [[1, 2]] * 2000, atol=1e-5)
    np.testing.assert_allclose(drawn[::2, 0].std(), np.sqrt(2), rtol=0.05)
    np.testing.assert_allclose(drawn[::2, 0].mean(), 1, atol=0.1)


def test_drawn_codes_have_the_moments_of_their_class():
    rng = np.random.default_rng(1)
    given = generation.Gaussians(
        rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=(3, 2, 2)).astype(np.float32)
    )
    labels = np.repeat(np.arange(3), 20_000)
    drawn = np.asarray(generation.draw_codes(jax.random.key(0), given, labels), np.float64)
    for label in range(3):
        part, factor = drawn[labels == label], given.factors[label]
        np.testing.assert_allclose(part.mean(axis=0), given.means[label], atol=0.05)
        np.testing.assert_allclose(np.cov(part.T), factor @ factor.T, atol=0.1)


def test_an_autoencoder_learns_to_give_back(autoencoder):
    def loss(params):
        codes = perceptron(params["code"], perceptron(params["trunk"], INPUTS, [0.01]), [1.0])
        return np.mean((perceptron(params["decoder"], codes, [0.0, 1.0]) - INPUTS) ** 2)

    update = jax.jit(generation.coding(NETWORKS, optax.sgd(RATE)).update)
    state, first = update(autoencoder, INPUTS)
    np.testing.assert_allclose(first, loss(float64(autoencoder.params)), rtol=1e-5)
    assert loss(float64(state.params)) < first


def test_the_adversaries_start_where_the_autoencoder_ended(autoencoder, rivals):
    state = rivals.init(jax.random.key(1), autoencoder.params)
    assert_same(state.generator, autoencoder.params["decoder"])
    assert_same(state.discriminator["body"], autoencoder.params["trunk"])
    assert state.discriminator["head"]["kernel"].shape == (HIDDEN, K + 1)
    other = rivals.init(jax.random.key(2), autoencoder.params)
    kernels = [s.discriminator["head"]["kernel"] for s in (state, other)]
    assert (kernels[0] != kernels[1]).all()


def shown(start):
    """What the discriminator sees: a batch of 6, and a generated row for each K = 2 of these."""
    fakes = decoded(float64(start.generator), 3)
    return np.concatenate([INPUTS, fakes]), np.append(LABELS, [K] * 3)


def test_losses_are_cross_entropies_over_the_classes_and_one_more(start, moved):
    state, losses = moved
    expected = judged(float64(start.discriminator), *shown(start))
    np.testing.assert_allclose(losses.discriminator, expected, rtol=1e-5)
    # The generator meets the discriminator as it has moved, with as many rows as that has seen.
    rows = decoded(float64(start.generator), 9)
    for label in range(K):
        expected = judged(float64(state.discriminator), rows, [label] * 9)
        np.testing.assert_allclose(losses.generator, expected, rtol=1e-5)


def slope(function, params, step):
    """The derivative of a function of parameters along a step, by central differences."""
    ends = [
        function(jax.tree.map(lambda leaf, move, by=by: leaf + by * move, params, step))
        for by in (1e-4, -1e-4)
    ]
    return (ends[0] - ends[1]) / 2e-4


def assert_down_the_gradient(loss, start, moved):
    """A step -RATE g: along it the slope is -RATE |g|^2, and |step|^2 is RATE^2 |g|^2."""
    before, after = float64(start), float64(moved)
    step = jax.tree.map(np.subtract, after, before)
    for path, leaf in leaves(step):
        assert leaf.any(), path
    length = sum((leaf**2).sum() for leaf in jax.tree.leaves(step))
    np.testing.assert_allclose(slope(loss, before, step), -length / RATE, rtol=1e-3)


def test_one_step_moves_each_down_the_gradient_of_its_own_loss(start, moved):
    state, _ = moved
    rows, labels = shown(start)
    assert_down_the_gradient(
        lambda params: judged(params, rows, labels), start.discriminator, state.discriminator
    )
    judge = float64(state.discriminator)
    assert_down_the_gradient(
        lambda params: judged(judge, decoded(params, 1), [0]), start.generator, state.generator
    )


def test_networks_with_statistics_are_refused():
    normed = models.from_nnx(lambda rngs: models_batch_norm(rngs))
    networks = NETWORKS._replace(trunk=normed)
    with pytest.raises(ValueError, match="autoencoder must have no statistics, its trunk has some"):
        generation.coding(networks, optax.sgd(RATE)).init(jax.random.key(0))


def models_batch_norm(rngs):
    from flax import nnx

    return nnx.BatchNorm(3, rngs=rngs)


@pytest.fixture(scope="module")
def fitted():
    """4,000 rows around 0 and 20 around (4, -4, 2), and a BAGAN of both."""
    rng = np.random.default_rng(0)
    frequent, rare = rng.normal(size=(4000, 3)), rng.normal(size=(20, 3)) / 2 + [4, -4, 2]
    inputs = np.concatenate([frequent, rare]).astype(np.float32)
    networks = models.table_autoencoder(3, hidden=(16,), latent=3)
    bagan = generation.fit_bagan(
        jax.random.key(0),
        networks,
        inputs,
        np.repeat([0, 1], [4000, 20]),
        num_classes=2,
        learning_rate=1e-3,
        exponent=0.0,
        coding_steps=1500,
        steps=300,
    )
    return networks, bagan, inputs


def test_rows_of_a_rare_class_land_near_it(fitted):
    networks, bagan, inputs = fitted
    key, rare, frequent = jax.random.key(1), inputs[4000:], inputs[:4000]
    for params in (bagan.autoencoder["decoder"], bagan.state.generator):
        rows = generation.generate(key, networks, params, bagan.gaussians, [1] * 500)
        centres = rare.mean(axis=0), frequent.mean(axis=0)
        near, far = (np.linalg.norm(rows - centre, axis=1) for centre in centres)
        assert (near < far).mean() > 0.98
        assert np.median(near) < 2.5  # of 6 between the classes
        assert rows.std(axis=0).max() > 0.1
    assert np.mean(bagan.coding_losses[-100:]) < 0.5 * np.mean(bagan.coding_losses[:100])
    assert np.isfinite(bagan.losses).all()


def test_each_label_gets_a_row_of_its_class_whatever_the_number(fitted):
    networks, bagan, _ = fitted
    labels = np.arange(5000) % 2
    rows = generation.generate(
        jax.random.key(1), networks, bagan.state.generator, bagan.gaussians, labels
    )
    assert rows.shape == (5000, 3)
    assert rows[labels == 1, 0].mean() > 3 > 1 > rows[labels == 0, 0].mean()


def test_images_are_coded_and_generated_as_images():
    networks = models.image_autoencoder(4, 1, width=2, latent=LATENT)
    code = generation.coding(networks, optax.sgd(RATE))
    rivals = generation.adversaries(networks, optax.sgd(RATE), num_classes=K)

    def steps(key, images):
        coder, loss = code.update(code.init(key), images)
        state, losses = rivals.update(key, rivals.init(key, coder.params), POINT, images, LABELS)
        return loss, losses, state, coder.params["decoder"]

    shapes = jax.eval_shape(steps, jax.random.key(0), np.zeros((6, 4, 4, 1), np.float32))
    loss, losses, state, decoder = shapes
    assert loss.shape == losses.discriminator.shape == losses.generator.shape == ()
    assert state.generator == decoder


def test_what_does_not_fit_is_refused(fitted):
    networks, bagan, inputs = fitted
    key, labels = jax.random.key(0), np.repeat([0, 1], [4000, 20])

    def fit(inputs=inputs, labels=labels, **options):
        return generation.fit_bagan(key, networks, inputs, labels, num_classes=2, **options)

    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        fit(steps=0)
    with pytest.raises(ValueError, match="one a row of inputs, got 4020 for 4019 rows"):
        fit(inputs=inputs[1:])
    with pytest.raises(TypeError, match="inputs must have a floating dtype"):
        fit(inputs=inputs.astype(int))
    with pytest.raises(ValueError, match=r"labels must be \[rows\], at least one, in \[0, 2\)"):
        generation.generate(key, networks, bagan.state.generator, bagan.gaussians, [2])
    with pytest.raises(ValueError, match=r"at least 2 rows of each of 2 classes.*\[3, 1\]"):
        generation.class_gaussians(np.eye(4), [0, 0, 0, 1], num_classes=2)
    with pytest.raises(ValueError, match=r"codes must be \[rows, latent\]"):
        generation.class_gaussians(jnp.ones(4), [0, 0, 1, 1], num_classes=2)
    with pytest.raises(ValueError, match="codes must be finite"):
        generation.class_gaussians(np.full((4, 2), np.nan), [0, 0, 1, 1], num_classes=2)
