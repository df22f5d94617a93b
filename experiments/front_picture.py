"""The picture of the front page: `python -m experiments.front_picture` writes docs/picture.png.

FAL on two moons with one positive in 50: what it decides, and its features around the anchors.
"""

import pathlib

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import optax

from experiments import front_page
from fal_jax import losses, models

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

PATH = front_page.ROOT / "docs" / "picture.png"
_COLOURS = ("#0072B2", "#D55E00")  # Okabe and Ito's, safe for colour-blind readers
_NAMES = ("frequent class", "rare class, 1 in 50")
_RANGE = (
    np.linspace(-2.0, 3.0, 200, dtype=np.float32),
    np.linspace(-1.3, 1.8, 150, dtype=np.float32),
)


def two_moons(num_rows: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points on two half circles, `[rows, 2]`, and their labels `[rows]`, of which 1 in 50 is 1."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(num_rows) % 50 == 0).astype(np.int32)
    angles = np.pi * rng.random(num_rows)
    x, y = np.where(labels, 1 - np.cos(angles), np.cos(angles)), np.sin(angles)
    points = np.stack([x, np.where(labels, 0.5 - y, y)], axis=1)
    return (points + rng.normal(0, 0.15, points.shape)).astype(np.float32), labels


def train(
    points: np.ndarray, labels: np.ndarray, *, num_steps: int
) -> tuple[models.Model, models.Params]:
    """A small network with an embedding of two dimensions and FAL on its anchors."""
    model = models.mlp(
        2,
        2,
        hidden=(32, 2),
        head=models.anchored_head,
        activation=jnp.tanh,
        embedding_activation=None,
    )
    params, _ = model.init(jax.random.key(0))
    optimizer = optax.adam(0.01)

    def loss(params: models.Params) -> jax.Array:
        outputs, _ = model.apply(params, {}, points, train=True)
        return losses.fal_loss(-outputs.logits, labels, margin=1.0, beta=0.1)

    @jax.jit
    def run(params: models.Params) -> models.Params:
        def step(_: int, carry: tuple) -> tuple:
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params), state)
            return optax.apply_updates(params, updates), state

        return jax.lax.fori_loop(0, num_steps, step, (params, optimizer.init(params)))[0]

    return model, run(params)


def draw(path: pathlib.Path, *, num_steps: int = 800) -> None:
    """Draws the trained network over the plane of inputs, and over that of features."""
    points, labels = two_moons(2000, seed=0)
    model, params = train(points, labels, num_steps=num_steps)
    features = np.asarray(model.apply(params, {}, points)[0].features)
    grid = np.stack(np.meshgrid(*_RANGE), axis=-1).astype(np.float32)
    logits = model.apply(params, {}, grid.reshape(-1, 2))[0].logits
    rare = np.exp(losses.class_log_probabilities(-logits)[:, 1]).reshape(grid.shape[:2])

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    left.contourf(*_RANGE, rare, levels=10, cmap="RdYlBu_r", alpha=0.5, vmin=0, vmax=1)
    left.contour(*_RANGE, rare, levels=[0.5], colors="black", linewidths=1)
    left.set_title("inputs, and where FAL sees the rare class")
    _scatter(left, points, labels)
    right.set_title("features, and the anchor of each class")
    _scatter(right, features, labels)
    anchors = np.asarray(params["head"]["anchors"])
    right.plot(*anchors.T, "X", color="black", markersize=12, markeredgecolor="white")
    right.legend(loc="best", frameon=False)
    for panel in (left, right):
        panel.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _scatter(panel: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    for label, (colour, name) in enumerate(zip(_COLOURS, _NAMES, strict=True)):
        size = (4, 14)[label]
        panel.scatter(*points[labels == label].T, s=size, color=colour, label=name, linewidths=0)


if __name__ == "__main__":
    draw(PATH)
