"""The ResNet of `fal_jax.models` in PyTorch: a rival, and the twin that the tests compare with.

    python -m experiments.benchmarks.torch_resnet     # writes tests/models/resnet8.npz

The file holds a small network's weights, under their names in `fal_jax.models.resnet` and in its
layout, with inputs and outputs.
"""

import pathlib

import numpy as np

# The extra "benchmarks" has PyTorch; the environment that the types are checked in lacks it.
import torch  # pyrefly: ignore[missing-import]
from torch import nn  # pyrefly: ignore[missing-import]
from torch.nn import functional  # pyrefly: ignore[missing-import]

PATH = pathlib.Path(__file__).parents[2] / "tests" / "models" / "resnet8.npz"


class Block(nn.Module):
    """Two convolutions and a shortcut without parameters."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.stride, self.added = after // before, after - before
        self.first = nn.Conv2d(before, after, 3, self.stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns `[batch, after, height, width]`, of half the size where channels double."""
        hidden = functional.relu(self.first_norm(self.first(inputs)))
        shortcut = inputs[:, :, :: self.stride, :: self.stride]
        half = self.added // 2
        shortcut = functional.pad(shortcut, (0, 0, 0, 0, half, half))
        return functional.relu(shortcut + self.second_norm(self.second(hidden)))


class ResNet(nn.Module):
    """The residual network of CIFAR."""

    def __init__(self, depth: int, num_classes: int, width: int = 16):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        widths = [width * 2**stage for stage in range(3) for _ in range((depth - 2) // 6)]
        pairs = zip([width, *widths], widths, strict=False)
        self.blocks = nn.ModuleList(Block(*pair) for pair in pairs)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns features and logits for images `[batch, channels, height, width]`."""
        hidden = functional.relu(self.stem_norm(self.stem(inputs)))
        for block in self.blocks:
            hidden = block(hidden)
        features = hidden.mean((2, 3))
        return features, self.head(features)


def arrays(network: ResNet) -> dict[str, np.ndarray]:
    """Parameters and statistics, named and laid out as `fal_jax.models.resnet` has them."""
    found = {}
    for name, tensor in network.state_dict().items():
        *layer, leaf = name.replace("blocks.", "block").split(".")
        is_norm = layer[-1].endswith("_norm")
        leaves = {"weight": "scale" if is_norm else "kernel", "bias": "bias"}
        leaves |= {"running_mean": "mean", "running_var": "variance"}
        if leaf in leaves:
            path = "/".join([*layer, leaves[leaf]]).replace("_norm", "")
            # In PyTorch outputs come first, then inputs, height and width.
            axes = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[tensor.ndim]
            found[path] = tensor.numpy().transpose(axes).copy()
    return found


def main() -> None:
    """Draws a network, its norms too, and writes the file."""
    torch.manual_seed(0)
    network = ResNet(8, 5, width=4)
    for name, tensor in network.state_dict().items():
        if "_norm" in name and tensor.is_floating_point():
            is_scale = name.endswith(("weight", "var"))
            tensor.copy_(
                torch.rand(len(tensor)) + 0.5 if is_scale else torch.randn(len(tensor)) / 3
            )
    saved = arrays(network)
    images = torch.randn(4, 3, 16, 16)
    saved["inputs"] = images.permute(0, 2, 3, 1).numpy()
    with torch.no_grad():
        for mode in ("eval", "train"):
            outputs = network.train(mode == "train")(images)
            for name, value in zip(("features", "logits"), outputs, strict=True):
                saved[f"{mode}/{name}"] = value.numpy()
    saved["moved_mean"] = arrays(network)["stem/mean"]
    np.savez_compressed(PATH, allow_pickle=False, **saved)


if __name__ == "__main__":
    main()
