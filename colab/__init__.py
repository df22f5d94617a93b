"""Notebooks, each a source `NAME.py` and what `python -m colab.build` makes of it, `NAME.ipynb`."""
