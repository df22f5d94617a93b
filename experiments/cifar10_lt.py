"""Long-tailed images: the paper's Table 4, every method in one harness.

    python -m experiments.cifar10_lt --network small --recipe short      # all methods, on a CPU
    python -m experiments.cifar10_lt --methods CE FAL --seeds 1          # on a GPU: ResNet-32
    python -m experiments.cifar10_lt --dtype bfloat16 --batch-size 1024  # on a TPU or many GPUs
    python -m experiments.cifar10_lt --distributed                       # on each host of a pod
    python -m experiments.cifar10_lt --factor 10 100 --tune 4 --resume   # go on after a kill

Several processes without a cluster that JAX knows, here two on one machine, each with its number:

    python -m experiments.cifar10_lt --coordinator localhost:1234 --processes 2 --process 0

CIFAR-10 (or CIFAR-100, MNIST) as tensorflow-datasets prepared it, cut to a long tail: class k keeps
floor(5000 / factor^(k / 9)) images. The recipe "cui" is that of Cui et al. (CVPR 2019). The test
set is scored with the last weights, and these figures are reported; the best epoch stands beside
them in the record. --tune draws settings for every method, the same number, and chooses by a part
of the training images; the test set chooses nothing. One JSON record a factor grows run by run,
with checkpoints in between. --resume goes on after a kill, with the same options; more --methods
and --seeds may be added. All processes must see the folder of --out.
"""

import argparse
import dataclasses
import math
import os
import pathlib
from collections.abc import Sequence

import jax
from rich.console import Console

from experiments import command, image_logs, image_records, image_runs, image_study, processes
from experiments.image_recipes import NETWORKS, RECIPES, Recipe
from fal_jax import data
from fal_jax.estimators import IMAGE_FAMILY, IMAGE_METHODS


def main(arguments: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Runs the study; returns the paths of its records, one a factor."""
    options = parse(arguments)
    recipe = chosen_recipe(options)
    split_cpu(options, recipe)
    processes.join(options)
    console = Console(width=max(Console().width, 100), quiet=jax.process_index() > 0)
    with processes.ending_in_a_line():
        image_logs.check(options.logdir)
        images = data.load_images(options.dataset, data_dir=options.data_dir)
        setup = image_runs.setup(images, recipe, options.network, options.dtype)
        paths = image_study.run(setup, options, console)
    if jax.process_index() == 0:  # which alone writes the records
        for path in paths:
            image_records.report(path, console)
    return paths


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.cifar10_lt", __doc__)
    add, positive = parser.add_argument, command.positive
    add("--dataset", choices=data.IMAGES, default="cifar10", help="default: cifar10")
    add("--data-dir", type=pathlib.Path,
        help="where tfds prepared it (default: tfds in FAL_JAX_DATA, or tfds's own)")  # fmt: skip
    add("--factor", type=float, nargs="+", default=[10.0, 100.0], help="default: 10 100")
    add("--kind", choices=("exponential", "step"), default="exponential", help="of the tail")
    add("--methods", nargs="+", choices=image_runs.METHODS, default=list(IMAGE_METHODS),
        metavar="METHOD", help=f"default: {', '.join(IMAGE_METHODS)}; also of the family: "
        f"{', '.join(IMAGE_FAMILY)}")  # fmt: skip
    add("--seeds", type=positive, default=3, help="runs a method (default: 3)")
    add("--network", choices=NETWORKS, default="resnet32", help="default: resnet32")
    add("--recipe", choices=RECIPES, default="cui", help="default: cui")
    for name in ("epochs", "batch-size", "evaluate-every"):
        add(f"--{name}", type=positive, metavar="N", help="default: the recipe's")
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the computation")
    add("--tune", type=positive, default=1, metavar="N",
        help="settings tried a method (default: 1, the method's own)")  # fmt: skip
    add("--tune-epochs", type=positive, metavar="N", help="default: half of the recipe's")
    add("--resume", action="store_true", help="go on with the records and runs that are there")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    add("--keep-checkpoints", action="store_true", help="also when a run is finished")
    add("--logdir", type=pathlib.Path, help="folder for TensorBoard (needs tensorboardX)")
    add("--devices", type=positive, metavar="N", help="that a CPU is split into (default: cores)")
    processes.add_options(parser)
    options = parser.parse_args(arguments)
    processes.check_options(parser, options)
    return options


def chosen_recipe(options: argparse.Namespace) -> Recipe:
    """The named recipe with what the command line replaces."""
    replaced = {name: getattr(options, name) for name in ("epochs", "batch_size", "evaluate_every")}
    given = {name: value for name, value in replaced.items() if value is not None}
    return dataclasses.replace(RECIPES[options.recipe], **given)


def split_cpu(options: argparse.Namespace, recipe: Recipe) -> None:
    """Makes the CPU's cores devices, where JAX has not started."""
    cores = options.devices or os.cpu_count() or 1
    even = max(d for d in range(1, cores + 1) if math.gcd(d, recipe.batch_size) == d)
    jax.config.update("jax_num_cpu_devices", even)


if __name__ == "__main__":
    main()
