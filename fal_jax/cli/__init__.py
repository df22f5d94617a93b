"""The command line, `fal-jax`: it compares methods on a user's table, trains and predicts."""

from fal_jax.cli._main import main as main
