"""Named recipes to train networks for images by, and the networks."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import numpy as np
import optax
from jax.typing import DTypeLike

from fal_jax import data, models
from fal_jax.models import Model
from fal_jax.training import Settings


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained; shares are of all steps, so that epochs alone shorten a run.

    Attributes:
      epochs: passes over the training rows.
      batch_size: rows a step.
      warmup: share of the steps in which the learning rate rises from 0.
      decay: "drops" to 1% after 80% of the steps and to 0.01% after 90%; or "linear" to 0.
      momentum: of SGD.
      weight_decay: of all parameters but anchors, added to the gradient.
      padding: pixels around an image before a window is cut from it.
      flips: whether images are flipped.
      evaluate_every: epochs from one scoring of the test rows to the next.
    """

    epochs: int
    batch_size: int = 128
    warmup: float = 0.025
    decay: Literal["drops", "linear"] = "drops"
    momentum: float = 0.9
    weight_decay: float = 2e-4
    padding: int = 4
    flips: bool = True
    evaluate_every: int = 1

    def rates(self, num_steps: int) -> np.ndarray:
        """What the learning rate is multiplied by at each step, `[num_steps]`."""
        done = np.arange(num_steps) / num_steps
        rising = np.minimum((np.arange(num_steps) + 1) / max(self.warmup * num_steps, 1), 1)
        if self.decay == "linear":
            return rising * np.minimum((1 - done) / (1 - self.warmup), 1)
        return rising * np.select([done < 0.8, done < 0.9], [1, 0.01], 0.0001)

    def optimizer(self, settings: Settings) -> optax.GradientTransformation:
        """SGD with momentum, and weight decay of all but anchors."""
        return optax.chain(
            optax.add_decayed_weights(self.weight_decay, mask=_is_no_anchor),
            optax.sgd(settings["learning_rate"], momentum=self.momentum),
        )

    def transform(self, key: jax.Array | None, images: jax.Array) -> jax.Array:
        """Images from -1 to 1, cropped and flipped at random where there is a key."""
        if key is not None:
            crop_key, flip_key = jax.random.split(key)
            images = data.pad_and_crop(crop_key, images, padding=self.padding)
            images = data.flip(flip_key, images) if self.flips else images
        return data.normalise(images, mean=128.0, std=128.0)


RECIPES: Mapping[str, Recipe] = {
    "cui": Recipe(200),
    "cui-40": Recipe(40, evaluate_every=5),
    "short": Recipe(16, batch_size=64, warmup=0.2, decay="linear", evaluate_every=4),
    "plane": Recipe(10, batch_size=64, warmup=0.1, decay="linear", padding=0, flips=False),
    "smoke": Recipe(3, batch_size=16, warmup=0.4, decay="linear"),
}
""""cui" is that of Cui et al. (CVPR 2019): 200 epochs, five of them warm-up, drops after 160 and
180. "cui-40" is the same in a fifth of the time; "short" is for small networks on a CPU,
"plane" for digits in a plane."""


def _resnet(depth: int) -> Callable[..., Model]:
    return functools.partial(models.resnet, depth)


def _lenet(num_classes: int, *, channels: int, **options: Any) -> Model:
    """For MNIST, or for CIFAR's images, which are in colour and larger."""
    size = 28 if channels == 1 else 32
    return models.lenet(num_classes, channels=channels, image_size=size, **options)


NETWORKS: Mapping[str, Callable[..., Model]] = {
    **{f"resnet{depth}": _resnet(depth) for depth in (20, 32, 44, 56, 110)},
    "small": functools.partial(models.small_convnet, width=16),
    "lenet": _lenet,
    "tiny": functools.partial(models.small_convnet, width=2),
}
"""By name, `network(num_classes, *, head, channels, dtype) -> Model`."""


def network(name: str, num_classes: int, channels: int, dtype: DTypeLike) -> Callable[..., Model]:
    """What makes a named network of its head."""
    make = functools.partial(NETWORKS[name], num_classes, channels=channels, dtype=dtype)
    return lambda head: make(head=head)


def _is_no_anchor(params: optax.Params) -> optax.Params:
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "anchors" not in jax.tree_util.keystr(path), params
    )
