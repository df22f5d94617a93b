"""The paper's Figures 2 and 3, which are functions, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from experiments.drawing import BLACK, BLUE, GREEN, ORANGE, PINK, plt
from fal_jax import losses

_GAMMAS = {0.0: (BLACK, "-"), 0.5: (BLUE, "--"), 1.0: (GREEN, "-."), 2.0: (ORANGE, "-"),
           5.0: (PINK, ":")}  # fmt: skip


def focal(log_odds: jax.Array, gamma: float) -> jax.Array:
    """The focal loss `[...]` of examples by the log-odds `[...]` of their true class."""
    pairs = jnp.stack([jnp.zeros_like(log_odds), log_odds], axis=-1)
    return losses.softmax_focal_loss(pairs, jnp.ones(log_odds.shape, jnp.int32), gamma=gamma)


def focal_and_cross_entropy() -> Figure:
    """Focal loss beside cross-entropy, by the probability of the true class (Figure 2).

    The caption puts focal loss at .01 and cross-entropy at .1 where that is .9: gamma is 1.
    """
    figure, panel = plt.subplots(figsize=(5.2, 3.4))
    probability, log_odds = _range()
    for gamma, name, text in (
        (0.0, "cross-entropy", (0.68, 0.95)),
        (1.0, "focal loss, gamma = 1", (0.86, 0.6)),
    ):
        color, line = _GAMMAS[gamma]
        panel.plot(probability, focal(log_odds, gamma), line, color=color, label=name)
        at = float(focal(jnp.log(9.0), gamma))
        panel.plot(0.9, at, "o", color=color)
        arrow = {"arrowstyle": "-", "color": color}
        panel.annotate(f"{at:.2f} at 0.9", (0.9, at), text, arrowprops=arrow, color=color)
    panel.axvspan(0.5, 1, color="0.93", zorder=0)
    panel.text(0.75, 2.75, "easy examples", ha="center")
    panel.set(xlabel="probability of the true class", ylabel="loss", xlim=(0, 1), ylim=(0, 3))
    panel.legend(loc="center left", bbox_to_anchor=(0.2, 0.62))
    return figure


def focal_by_gamma() -> Figure:
    """Focal loss over gamma (Figure 3), and its gradient in the log-odds."""
    figure, (values, slopes) = plt.subplots(1, 2, figsize=(7.2, 3.2))
    probability, log_odds = _range()
    gradient = jax.vmap(jax.grad(focal), in_axes=(0, None))
    for gamma, (color, line) in _GAMMAS.items():
        values.plot(probability, focal(log_odds, gamma), line, color=color, label=f"{gamma:g}")
        slopes.plot(log_odds, gradient(log_odds, gamma), line, color=color)
    values.set(xlabel="probability of the true class", ylabel="loss", xlim=(0, 1), ylim=(0, 5))
    slopes.set(xlabel="log-odds of the true class", ylabel="gradient of the loss", xlim=(-6, 6))
    values.legend(title="gamma (0: cross-entropy)")
    return figure


def _range() -> tuple[np.ndarray, jax.Array]:
    """Probabilities of the true class, and their log-odds."""
    log_odds = jnp.linspace(-7.0, 7.0, 281)
    return np.asarray(jax.nn.sigmoid(log_odds)), log_odds
