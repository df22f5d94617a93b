"""The report of `fal-jax compare` on SatImage, and the picture of it that the README shows.

    python -m experiments.report_example                # some minutes; writes runs/report.html
    python -m experiments.report_example --no-picture   # without a browser

Damp grey soil, a tenth of the rows, against five other soils, in five random folds: windows of one
image overlap, so the figures are those of rows like these, not of another image. Networks are means
of 8, XGBoost has 200 trees, and no other setting is chosen; a fifth of each training part chooses
the threshold.
"""

import argparse
import io
import pathlib
import shutil
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from experiments import command, records
from fal_jax import data, metrics
from fal_jax.cli import report
from fal_jax.estimators import FocusedAnchorsClassifier, ImbalancedMLPClassifier

_METRICS = {
    "average_precision": metrics.average_precision,
    "roc_auc": metrics.roc_auc,
    "brier_score": metrics.brier_score,
}


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Trains the methods, writes report and picture; returns the path of the report."""
    options = parse(arguments)
    started, console = time.perf_counter(), Console()
    table = data.load_satimage()
    rows = np.arange(len(table.labels))[: options.rows]
    X, y = table.features[rows], table.labels[rows]
    folds = data.stratified_folds(y, num_folds=options.folds, seed=0)
    scores = {"row": rows, "fold": folds, "label": y}
    found, embedding = {}, {}
    for name, make in classifiers(options.epochs, options.members).items():
        console.print(f"{name} ...")
        found[name], scores[name], last = cross_validated(make, X, y, folds)
        if name == "FAL":
            held_out = folds == options.folds - 1
            embedding = plane(last, X[held_out], y[held_out])
    record = described(y, options, found, embedding)
    record["protocol"]["seconds"] = round(time.perf_counter() - started, 1)
    path = options.out / "report.html"
    records.write(path, report.html(record, scores).encode())
    console.print(f"Report: {path}")
    if options.picture:
        records.write(path.with_suffix(".png"), picture(path))
        console.print(f"Picture: {path.with_suffix('.png')}")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = command.parser("experiments.report_example", __doc__)
    add, positive = parser.add_argument, command.positive
    add("--epochs", type=positive, default=50, help="of the networks (default: 50)")
    add("--folds", type=command.several, default=5, help="default: 5")
    add("--rows", type=positive, help="the first so many (default: all)")
    add("--no-picture", dest="picture", action="store_false", help="don't open a browser")
    add("--out", type=pathlib.Path, default=pathlib.Path("runs"), help="default: runs")
    add("--members", type=positive, default=8, help="networks to average (default: 8)")
    return parser.parse_args(arguments)


def classifiers(epochs: int, members: int) -> dict[str, Any]:
    """What makes each method's classifier."""
    options = {"epochs": epochs, "members": members, "random_state": 0}
    return {
        "FAL": lambda: FocusedAnchorsClassifier(**options),
        "CE": lambda: ImbalancedMLPClassifier("CE", **options),
        "XGBoost": lambda: XGBClassifier(n_estimators=200, learning_rate=0.1, n_jobs=1),
        "LR": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    }


def cross_validated(
    make: Any, X: np.ndarray, y: np.ndarray, folds: np.ndarray
) -> tuple[dict[str, Any], np.ndarray, Any]:
    """A method's part of the record, its out-of-fold probabilities, and its last classifier."""
    started, chances = time.perf_counter(), np.zeros(len(y), np.float32)
    found, thresholds, classifier = {name: [] for name in [*_METRICS, "f1"]}, [], None
    for fold in range(folds.max() + 1):
        rest, held_out = np.flatnonzero(folds != fold), folds == fold
        split = data.stratified_holdout(y[rest], test_fraction=0.2, seed=fold)
        fitting, choosing = rest[split.train], rest[split.test]
        classifier = make().fit(X[fitting], y[fitting])
        chosen_on = classifier.predict_proba(X[choosing])[:, 1].astype(np.float32)
        best = metrics.best_f_beta(chosen_on, y[choosing])
        thresholds.append(float(best.threshold))
        chances[held_out] = classifier.predict_proba(X[held_out])[:, 1]
        for name, metric in _METRICS.items():
            found[name].append(float(metric(chances[held_out], y[held_out])))
        alarms = (chances[held_out] >= thresholds[-1]).astype(np.int32)
        found["f1"].append(float(metrics.f_beta(alarms, y[held_out])))
    part = {
        "metrics": {
            name: {"mean": np.mean(values), "std": np.std(values, ddof=1), "folds": values}
            for name, values in found.items()
        },
        "threshold": float(np.median(thresholds)),
        "thresholds": thresholds,
        "settings": [{} for _ in thresholds],
        "seconds": round(time.perf_counter() - started, 2),
    }
    return part, chances, classifier


def plane(
    classifier: FocusedAnchorsClassifier, X: np.ndarray, y: np.ndarray, most: int = 2000
) -> dict[str, Any]:
    """The first member's embedding of some rows, and its anchors, on the two main axes."""
    anchors = np.asarray(classifier.ensemble_.params["head"]["anchors"][0])
    features = classifier.transform(X[:most])[:, : anchors.shape[1]]
    axes = PCA(2).fit(features)
    points, crosses = axes.transform(features), axes.transform(anchors)
    return {
        "method": "FAL",
        "points": points.round(3).tolist(),
        "labels": y[:most].tolist(),
        "anchors": crosses.round(3).tolist(),
    }


def described(
    y: np.ndarray, options: argparse.Namespace, methods: dict[str, Any], embedding: dict[str, Any]
) -> dict[str, Any]:
    """The record of the comparison."""

    def precision(name: str) -> float:
        return methods[name]["metrics"]["average_precision"]["mean"]

    return {
        "format": 1,
        "table": {
            "name": "satimage.csv",
            "label": "soil",
            "rows": len(y),
            "columns": 36,
            "classes": ["other soil", "damp grey soil"],
            "class_counts": np.bincount(y, minlength=2).tolist(),
            "positive": "damp grey soil",
        },
        "protocol": {
            "folds": options.folds,
            "trials": 1,
            "seed": 0,
            "choose_by": "average_precision",
            "epochs": options.epochs,
        },
        "environment": records.environment(),
        "methods": methods,
        "best": max(methods, key=precision),
        "embedding": embedding,
    }


def picture(path: pathlib.Path, *, width: int = 1120, height: int = 1590) -> bytes:
    """A PNG of the top of a page in headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(path.resolve().as_uri())
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    small = shot.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    content = io.BytesIO()
    small.save(content, "PNG", optimize=True)
    return content.getvalue()


if __name__ == "__main__":
    command.use_all_cores()
    main()
