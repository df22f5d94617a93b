"""Tables of what extreme imbalance rests on: streams, orders of rows, BAGAN's images."""

from collections.abc import Sequence

import numpy as np

from experiments import markdown

_SCORES = {"roc_auc": "AUC-ROC", "average_precision": "average precision"}


def streaming(record: dict) -> str:
    """What training beyond memory took and found, under the Bayes ceiling."""
    epochs = record["options"]["epochs"]
    rows = [["Bayes ceiling", "", "", "", *_scores(record["bayes"])]]
    for name, found in record["results"].items():
        speed = record["rows"] * epochs / found["seconds"] / 1e6
        costs = f"{found['seconds']:.0f}", f"{speed:.2f}", f"{found['peak_memory_gib']:.2f}"
        rows.append([name, *costs, *_scores(found)])
    titles = ["method", "seconds", "M rows/s", "peak GiB", *_SCORES.values()]
    return f"{record['rows']:,} rows, {epochs} epochs:\n\n{markdown.table(titles, rows)}"


def shuffling(record: dict) -> str:
    """The scores of each order, and its mean difference from full shuffling."""
    rows = []
    for method, by_order in record["results"].items():
        for order, runs in by_order.items():
            gaps = record["differences"][method].get(order)
            cells = (
                f"{np.mean([run[score] for run in runs]):.4f}{_gap(gaps[score]) if gaps else ''}"
                for score in _SCORES
            )
            rows.append([method, order, *cells])
    return markdown.table(["method", "order", *_SCORES.values()], rows)


def images(record: dict) -> str:
    """The error with each kind of added images, and on the three rarest digits."""
    rows = [
        [
            arm,
            _mean_and_std([run["error"] for run in runs]),
            _mean_and_std([100 - 100 * np.mean(run["accuracy"][-3:]) for run in runs]),
        ]
        for arm, runs in record["results"].items()
    ]
    return markdown.table(["added", "error %", "of the three rarest digits"], rows)


def _scores(found: dict[str, float]) -> list[str]:
    """The scores, and by how much they may be off for being counted in bins, if it shows."""
    bounds = (found[f"{name}_bound"] for name in _SCORES)
    return [
        f"{found[name]:.4f}" + (f" ± {bound:.4f}" if bound >= 5e-5 else "")
        for name, bound in zip(_SCORES, bounds, strict=True)
    ]


def _gap(gap: dict[str, float]) -> str:
    return f" ({gap['mean']:+.4f}, {gap['low']:+.4f} to {gap['high']:+.4f})"


def _mean_and_std(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


NOTES = {
    "streaming": "Simulated transactions, methods in the middle of their ranges, one run. Seconds "
    "of training by the clock, compilation included; the most memory that the process had held by "
    "its end, in which pages of mapped files count; ± is the bound of scores counted in bins.",
    "shuffling": "Simulated transactions. Means over seeds; in parentheses the mean difference "
    "from the order that shuffles all rows anew in each epoch, with its 95% interval.",
    "bagan_images": "MNIST cut to a long tail, the same network and number of steps for each; mean "
    "± standard deviation over seeds.",
}
"""What stands above each table, by experiment."""
DRAWN = {"streaming": streaming, "shuffling": shuffling, "bagan_images": images}
"""Of each experiment, what makes Markdown of its record."""
