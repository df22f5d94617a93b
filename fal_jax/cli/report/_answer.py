"""The answer on top of the report: what is best, by how much, and whether to trust it."""

from typing import NamedTuple

import numpy as np

from fal_jax import metrics
from fal_jax.cli._methods import KNOWN
from fal_jax.cli.report import _curves, _words
from fal_jax.cli.report._comparison import Comparison
from fal_jax.estimators import Baseline

_LEVEL = 0.05
_SHARE = 0.01  # of the rows, that raise an alarm


class Tile(NamedTuple):
    """One number of the answer, what it is, and what it is to be read against."""

    value: str
    name: str
    note: str


class Answer(NamedTuple):
    """What the comparison found: a headline, sentences below it, and its numbers."""

    headline: str
    sentences: list[str]
    tiles: list[Tile]


def answer(comparison: Comparison) -> Answer:
    """The best method, what it is worth, and how sure that is."""
    best, metric = comparison.record["best"], comparison.metric
    cell = comparison.record["methods"][best]["metrics"].get(metric, {})
    mean, spread = _words.number(cell.get("mean")), _words.number(cell.get("std"))
    num_folds = comparison.folds(best, metric).size
    headline = f"{best} comes first, with {_words.metric(metric)} {mean} ± {spread}"
    headline += f" over {num_folds} folds." if num_folds > 1 else " on one split."
    tiles = [Tile(mean, _words.metric(metric), f"± {spread} between folds")]
    sentences, more = (_alarms if comparison.is_binary else _rare_class)(comparison, best)
    return Answer(headline, [_difference(comparison), *sentences], tiles + more)


def against_best(comparison: Comparison) -> dict[str, tuple[metrics.Comparison, float]]:
    """Each other method less the best, fold by fold, with its p-value, by Holm for all of them."""
    metric, best = comparison.metric, comparison.record["best"]
    folds = {name: comparison.folds(name, metric) for name in comparison.names}
    first = folds.pop(best)
    tests = {
        name: metrics.corrected_t_test(second, first, 1 / max(1, first.size - 1))
        for name, second in folds.items()
        if first.size and second.shape == first.shape and np.isfinite(second - first).all()
    }
    adjusted = metrics.holm([test.p_value() for test in tests.values()])
    return {n: (test, float(p)) for (n, test), p in zip(tests.items(), adjusted, strict=True)}


def rival(comparison: Comparison) -> str | None:
    """What the best is held against: the strongest baseline, or else the runner-up."""
    best, *others = comparison.names
    baselines = [name for name in others if _is_baseline(name)]
    return next(iter(baselines if baselines and not _is_baseline(best) else others), None)


def _is_baseline(name: str) -> bool:
    return isinstance(KNOWN.get(name), Baseline)


def _difference(comparison: Comparison) -> str:
    name = rival(comparison)
    if name is None:
        return "There is no other method to hold it against."
    role = "the strongest baseline" if _is_baseline(name) else "the runner-up"
    found = against_best(comparison).get(name)
    if found is None:
        return f"It can't be held against {name}, {role}, fold by fold."
    test, p_value = found
    gap = abs(test.difference)
    side = "above" if test.difference <= 0 else "below"
    stands = f"That is {gap:.3f} {side} {name}, {role}"
    if test.size < 2:
        return f"{stands}; one split can't tell whether that is chance."
    if p_value < _LEVEL:
        return f"{stands}, a significant difference (p {_words.chance(p_value)})."
    return f"{stands}, no significant difference (p {_words.chance(p_value)})."


def _alarms(comparison: Comparison, best: str) -> tuple[list[str], list[Tile]]:
    """What alarms find, beside the rival's, and whether their probabilities hold."""
    scores, is_positive = comparison.chances[best][0], comparison.is_class(0)
    rows, positives = is_positive.size, int(is_positive.sum())
    found = _curves.at_alarms(scores, is_positive, max(1, round(_SHARE * rows)))
    recall, precision = found.hits / positives, found.hits / found.alarms
    budgets = [("1% of the rows", found.alarms)]
    if positives > found.alarms:
        budgets.append(("as many rows as there are positives", positives))
    error = float(metrics.binary_calibration_error(scores, is_positive.astype(np.int32)))
    return [*(_found(comparison, *budget) for budget in budgets), _trust(scores, is_positive)], [
        Tile(_words.percent(recall), "of positives found", f"at {found.alarms:,} alarms (1%)"),
        Tile(_words.percent(precision), "of these alarms right",
             f"mean probability {_words.percent(found.chance)}"),
        Tile(_words.number(error), "calibration error", "expected, over all rows"),
    ]  # fmt: skip


def _found(comparison: Comparison, where: str, alarms: int) -> str:
    is_positive, other = comparison.is_class(0), rival(comparison)
    positives = int(is_positive.sum())
    names = [comparison.record["best"], *([] if other is None else [other])]
    hits = [_curves.at_alarms(comparison.chances[n][0], is_positive, alarms).hits for n in names]
    beside = "" if other is None else f"; {other} finds {hits[1]:,.0f}"
    return (
        f"With alarms on {where} ({alarms:,}) it finds {hits[0]:,.0f} of the {positives:,} "
        f"positives, {_words.percent(hits[0] / positives)}{beside}."
    )


def _trust(scores: np.ndarray, is_positive: np.ndarray) -> str:
    """In how many tiers of rows the share of positives bears the probability out."""
    tiers = _curves.tiers(scores, is_positive.astype(np.int32))
    off = [tier for tier in tiers if not tier[3] <= tier[2] <= tier[4]]
    if not off:
        return f"Its probability is borne out in all {len(tiers)} tiers of rows by score."
    rows, hits, chance, *_ = max(off, key=lambda tier: abs(tier[2] - tier[1] / tier[0]))
    return (
        f"Its probability is borne out in {len(tiers) - len(off)} of {len(tiers)} tiers of rows by "
        f"score; it is furthest off for {rows:,} rows, which it gives {_words.percent(chance)} on "
        f"average, and of which {_words.percent(hits / rows)} are positive."
    )


def _rare_class(comparison: Comparison, best: str) -> tuple[list[str], list[Tile]]:
    """What becomes of the rarest class, and whether the likeliest class's probability holds."""
    counts = np.bincount(comparison.labels, minlength=len(comparison.classes))
    rare = int(np.where(counts > 0, counts, counts.sum() + 1).argmin())
    decided = comparison.decided[best]
    hits = np.count_nonzero((decided == rare) & (comparison.labels == rare))
    recall, said = hits / counts[rare], np.count_nonzero(decided == rare)
    precision = hits / said if said else 0.0
    chances = np.stack(comparison.chances[best], axis=1)
    error = float(metrics.top_label_calibration_error(chances, comparison.labels))
    name = comparison.classes[rare]
    sentences = [
        f"It finds {_words.percent(recall)} of the rarest class, {name} ({counts[rare]:,} rows); "
        f"{_words.percent(precision)} of the {said:,} rows that it takes for it are of it.",
        f"The probability of the likeliest class is off by {_words.percent(error)} on average.",
    ]
    return sentences, [
        Tile(_words.percent(recall), f"of {name} found", "the rarest class"),
        Tile(_words.percent(precision), "right where it says so", f"{said:,} rows"),
        Tile(_words.number(error), "calibration error", "of the likeliest class"),
    ]
