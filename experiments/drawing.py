"""What all figures share: one style, colours that colour-blind readers tell apart, and saving."""

import io
import pathlib

import matplotlib as mpl
from PIL import Image

from experiments import records
from experiments.preset import PRESET

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# Okabe and Ito's colours; a family of methods shares one, and its members differ by the line.
BLACK, BLUE, ORANGE, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
YELLOW, PINK, SKY = "#E69F00", "#CC79A7", "#56B4E9"
LINES = {
    "CE": (BLACK, "-"),
    "CE+SMOTE": (BLACK, "--"),
    "CE+NearMiss": (BLACK, ":"),
    "CB-CE": (BLACK, "-."),
    "CB-CE-fixed": (BLACK, (0, (5, 1, 1, 1, 1, 1))),
    "FL": (YELLOW, "-"),
    "CB-FL": (YELLOW, "-."),
    "FL+LGM": (YELLOW, "--"),
    "LGM": (YELLOW, ":"),
    "FAL": (BLUE, "-"),
    "CB-FAL": (BLUE, "--"),
    "FAL-fixed": (BLUE, ":"),
    "CB-FAL-fixed": (BLUE, "-."),
    "FAML": (GREEN, "-"),
    "FAML-0.999": (GREEN, "--"),
    "CB-FAML": (GREEN, "-."),
    "FAL-light": (ORANGE, "--"),
    PRESET: (ORANGE, "-"),
    "LR": (PINK, "-"),
    "XGBoost": (PINK, "--"),
}
OTHERS = (SKY, "-"), (SKY, "--"), (SKY, ":")
"""Lines of methods that have none of their own."""

TEN = (
    *("#332288", "#88CCEE", "#44AA99", "#117733", "#999933"),
    *("#DDCC77", "#CC6677", "#882255", "#AA4499", "#888888"),
)
"""Ten colours by Paul Tol, for classes; a figure names its classes beside."""

plt.rcParams.update(
    {
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 10,
        "figure.constrained_layout.use": True,
        "figure.titlesize": 11,
        "font.size": 9,
        "grid.alpha": 0.3,
        "legend.frameon": False,
        "pdf.fonttype": 42,  # text that stays text
        "svg.hashsalt": "fal_jax",  # the same file again
    }
)


def save(figure: Figure, *paths: pathlib.Path) -> None:
    """Writes a figure to files, whole or not at all, each in the format of its ending; closes it.

    A PNG has 128 colours: half the size, and no loss seen.
    """
    for path in paths:
        kind, drawn = path.suffix[1:], io.BytesIO()
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        figure.savefig(drawn, dpi=120, format=kind, metadata=undated)
        records.write(path, _small(drawn) if kind == "png" else drawn.getvalue())
    plt.close(figure)


def _small(drawn: io.BytesIO) -> bytes:
    # By maximum coverage: the median cut would give thin lines their neighbours' colours.
    content = io.BytesIO()
    palette = Image.open(drawn).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE)
    palette.save(content, format="png", optimize=True)
    return content.getvalue()
