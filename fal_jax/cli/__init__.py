"""The command line, `fal-jax`, which compares, trains and predicts, and its report."""

from fal_jax.cli._main import main as main
