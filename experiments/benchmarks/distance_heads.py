"""The contestants of the distance softmax: mean cross-entropy and its gradients, forms of one loss.

Each takes features, labels and anchors in NumPy and returns a function without arguments that runs
once, forwards and backwards, and returns the loss. PyTorch is imported by those that need it.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from fal_jax import losses
from fal_jax.losses._streaming import product, tile_size

Run = Callable[[], float]


def streamed(features: np.ndarray, labels: np.ndarray, anchors: np.ndarray) -> Run:
    """This package's, which chooses its form by size."""
    plain = {"margin": 0.0, "gamma": 0.0, "beta": 0.0}
    return _by_jax(
        functools.partial(losses.fal_loss_from_features, **plain), features, labels, anchors
    )


def differences(features: np.ndarray, labels: np.ndarray, anchors: np.ndarray) -> Run:
    """This package's on all distances, by direct differences."""

    def loss(features: jax.Array, labels: jax.Array, anchors: jax.Array) -> jax.Array:
        distances = losses.squared_distances(features, anchors)
        return losses.fal_loss(distances, labels, margin=0.0, gamma=0.0, beta=0.0)

    return _by_jax(loss, features, labels, anchors)


def jax_centred(features: np.ndarray, labels: np.ndarray, anchors: np.ndarray) -> Run:
    """As `jax_expanded`, of features and anchors less the anchors' mean."""
    return jax_expanded(features, labels, anchors, is_centred=True)


def jax_expanded(
    features: np.ndarray, labels: np.ndarray, anchors: np.ndarray, *, is_centred: bool = False
) -> Run:
    """All distances at once, `||f||^2 - 2 f.phi + ||phi||^2`, as JAX compiles it."""

    def loss(features: jax.Array, labels: jax.Array, anchors: jax.Array) -> jax.Array:
        if is_centred:
            centre = jax.lax.stop_gradient(jnp.mean(anchors, axis=0, keepdims=True))
            features, anchors = features - centre, anchors - centre
        mine, theirs = (jnp.sum(array**2, axis=-1) for array in (features, anchors))
        distances = mine[:, None] - 2 * product("nd,kd->nk", features, anchors) + theirs[None]
        log_odds = jax.nn.log_softmax(-distances, axis=-1)
        return -jnp.mean(jnp.take_along_axis(log_odds, labels[:, None], axis=-1))

    return _by_jax(loss, features, labels, anchors)


def torch_cdist(features: np.ndarray, labels: np.ndarray, anchors: np.ndarray) -> Run:
    """`torch.cdist`, squared, and cross-entropy."""
    import torch  # pyrefly: ignore[missing-import]

    return _by_torch(lambda f, phi: torch.cdist(f, phi) ** 2, features, labels, anchors)


def torch_expanded(features: np.ndarray, labels: np.ndarray, anchors: np.ndarray) -> Run:
    """All distances at once by expansion, and cross-entropy."""

    def distances(f, phi):
        return (f**2).sum(-1)[:, None] - 2 * f @ phi.T + (phi**2).sum(-1)

    return _by_torch(distances, features, labels, anchors)


def products(features: np.ndarray, labels: np.ndarray, anchors: np.ndarray) -> Run:
    """No loss: the four matrix products alone that the streamed form is made of, at its tiles."""
    del labels
    size = tile_size(*map(len, (features, anchors)))
    whole = len(anchors) // size * size

    def scores(features: jax.Array, tile: jax.Array) -> jax.Array:
        return product("cd,dn->cn", tile, features)

    @jax.jit
    def run(features: jax.Array, anchors: jax.Array) -> tuple[jax.Array, ...]:
        columns, tiles = features.T, anchors[:whole].reshape(-1, size, anchors.shape[1])

        def forward(total: jax.Array, tile: jax.Array) -> tuple[jax.Array, None]:
            return total + jnp.sum(scores(columns, tile)[0]), None

        def backward(total: jax.Array, tile: jax.Array) -> tuple[jax.Array, jax.Array]:
            weights = scores(columns, tile)
            return total + product("cn,cd->dn", weights, tile), product(
                "cn,dn->cd", weights, columns
            )

        total, _ = jax.lax.scan(forward, jnp.zeros(()), tiles)
        return total, *jax.lax.scan(backward, jnp.zeros_like(columns), tiles)

    arrays = jnp.asarray(features), jnp.asarray(anchors)
    return lambda: float(jax.block_until_ready(run(*arrays))[0])


def _by_jax(loss: Callable, features: np.ndarray, labels: np.ndarray, anchors: np.ndarray) -> Run:
    run = jax.jit(jax.value_and_grad(loss, argnums=(0, 2)))
    arrays = jnp.asarray(features), jnp.asarray(labels), jnp.asarray(anchors)
    return lambda: float(jax.block_until_ready(run(*arrays))[0])


def _by_torch(
    distances: Callable, features: np.ndarray, labels: np.ndarray, anchors: np.ndarray
) -> Run:
    import torch  # pyrefly: ignore[missing-import]

    f, phi = (torch.from_numpy(array).requires_grad_() for array in (features, anchors))
    targets = torch.from_numpy(labels).long()

    def run() -> float:
        f.grad = phi.grad = None
        loss = torch.nn.functional.cross_entropy(-distances(f, phi), targets)
        loss.backward()
        return float(loss.detach())

    return run


CONTESTANTS = {
    "fal_jax": streamed,
    "fal_jax, differences": differences,
    "JAX, centred": jax_centred,
    "JAX, expanded": jax_expanded,
    "torch.cdist": torch_cdist,
    "torch, expanded": torch_expanded,
    "four products": products,
}
MOST_CLASSES = {"fal_jax, differences": 100, "JAX, centred": 1000}
"""Up to which some run: differences of 1,000 classes take minutes."""
