"""The train step of ResNet-32 against PyTorch's, on this machine, in one run.

    python -m experiments.benchmarks.resnet           # pip install ".[benchmarks]" first
    python -m experiments.benchmarks.resnet --rounds 1 --steps 3
    python -m experiments.benchmarks.resnet --together 50 --dtype bfloat16     # on a GPU

On a GPU set XLA_PYTHON_CLIENT_PREALLOCATE=false, so that the contestants find memory.

Every contestant runs in a process of its own, one after the other, in rounds: random images, SGD
with momentum; PyTorch with channels last, on a GPU where JAX is. A speed is the median over
stretches of steps, at whose end the loss is read (take many steps a stretch on a GPU, where one is
sent off while another runs); a ratio is taken within a round, and the median over rounds is told.
The first step, which compiles, is left out.
"""

import argparse
import functools
import pathlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from rich.console import Console

from experiments import command, records
from fal_jax import losses, models

CLASSES = 10


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Runs the rounds; returns the path of their record."""
    options, console, environment = parse(arguments), Console(), records.environment()
    started = time.perf_counter()
    sizes = options.batch_size, options.depth, options.dtype, options.steps, options.together
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        found = {
            f"ResNet-{options.depth}": command.in_a_new_process(measure, "resnet", *sizes),
            "small_convnet": command.in_a_new_process(measure, "small_convnet", *sizes),
            f"ResNet-{options.depth} in PyTorch": command.in_a_new_process(measure_torch, *sizes),
        }
        *_, torch = found.values()
        for name, speed in found.items():
            ratio = round(speed["images_per_second"] / torch["images_per_second"], 2)
            rounds.append({"round": number, "network": name, **speed, "over_torch": ratio})
            console.print(f"{name}: {speed['images_per_second']:.0f} images/s, {ratio} of PyTorch")
    record = {
        "experiment": "benchmark_resnet",
        "batch_size": options.batch_size,
        "depth": options.depth,
        "dtype": options.dtype,
        "together": options.together,
        "seconds": round(time.perf_counter() - started, 1),
        "environment": environment,
        "rounds": rounds,
    }
    device = jax.devices()[0]
    where = "" if device.platform == "cpu" else f"_{device.platform}"
    dtype = "" if options.dtype == "float32" else f"_{options.dtype}"
    path = options.out / f"benchmark_resnet{where}{dtype}.json"
    records.write_json(path, record)
    console.print(f"Record: {path}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.benchmarks.resnet", __doc__)
    add = parser.add_argument
    add("--rounds", type=command.positive, default=3, help="default: 3")
    add("--steps", type=command.positive, default=15, help="stretches timed (default: 15)")
    add("--together", type=command.positive, default=1, help="steps a stretch (default: 1)")
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the computation")
    add("--batch-size", type=command.positive, default=128, help="default: 128")
    add("--depth", type=command.positive, default=32, help="of the ResNets (default: 32)")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    return parser.parse_args(arguments)


def measure(
    name: str, batch_size: int, depth: int, dtype: str, steps: int, together: int
) -> dict[str, Any]:
    """Speed of this package's network, its batch split over all devices or cores."""
    command.use_all_cores()
    make = functools.partial(models.resnet, depth) if name == "resnet" else models.small_convnet
    model = make(CLASSES, dtype=jnp.dtype(dtype))
    optimizer, axis = optax.sgd(0.1, momentum=0.9), "batch"
    mesh = jax.make_mesh((jax.device_count(),), (axis,), (AxisType.Auto,))
    everywhere, split = PartitionSpec(), PartitionSpec(axis)

    def step(state: tuple, images: jax.Array, labels: jax.Array) -> tuple[tuple, jax.Array]:
        params, stats, opt_state = state

        def loss(params: models.Params) -> tuple[jax.Array, models.Stats]:
            outputs, moved = model.apply(params, stats, images, train=True, axis_name=axis)
            value = losses.softmax_cross_entropy(outputs.logits, labels).mean()
            return jax.lax.pmean(value, axis), moved

        (value, stats_), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), stats_, opt_state), value

    over_devices = jax.shard_map(
        step, mesh=mesh, in_specs=(everywhere, split, split), out_specs=everywhere
    )
    update = jax.jit(over_devices, donate_argnums=0)
    params, stats = model.init(jax.random.key(0))
    state = (params, stats, optimizer.init(params))
    state = jax.device_put(state, NamedSharding(mesh, everywhere))
    batch = jax.device_put(images_and_labels(batch_size), NamedSharding(mesh, split))

    def train() -> jax.Array:
        nonlocal state
        state, loss = update(state, *batch)
        return loss

    return {"devices": jax.device_count(), **timed(train, batch_size, steps, together)}


def measure_torch(
    batch_size: int, depth: int, dtype: str, steps: int, together: int
) -> dict[str, Any]:
    """Speed of the same network in PyTorch."""
    import torch  # pyrefly: ignore[missing-import]  # only in this process

    from experiments.benchmarks import torch_resnet

    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    torch.set_default_device(device)
    torch.set_float32_matmul_precision("high")  # TF32 on a GPU, as JAX by default
    layout = torch.channels_last
    network = torch_resnet.ResNet(depth, CLASSES).to(memory_format=layout)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    images, labels = (torch.from_numpy(a).to(device) for a in images_and_labels(batch_size))
    images = images.permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def train() -> torch.Tensor:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            logits = network(images)[1]
        loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    found = timed(train, batch_size, steps, together)
    return {"device": device, "threads": torch.get_num_threads(), **found}


def images_and_labels(batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal numbers for images, and labels."""
    images = np.random.default_rng(0).standard_normal((batch_size, 32, 32, 3), np.float32)
    return images, np.arange(batch_size) % CLASSES


def timed(train: Callable[[], Any], batch_size: int, steps: int, together: int) -> dict[str, float]:
    """The median speed of stretches of steps, and the last loss."""
    float(train())
    seconds, loss = [], 0.0
    for _ in range(steps):
        started = time.perf_counter()
        for _ in range(together - 1):
            train()
        loss = float(train())
        seconds.append(time.perf_counter() - started)
    speed = round(batch_size * together / statistics.median(seconds), 1)
    return {"images_per_second": speed, "loss": round(loss, 4)}


if __name__ == "__main__":
    main()
