"""The report of a comparison: one HTML file that needs no network."""

from fal_jax.cli.report._page import html as html
