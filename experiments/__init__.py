"""Runnable experiments, one script each; `python -m experiments.NAME --help`."""
