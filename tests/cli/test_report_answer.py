"""The answer on top of the report, in words."""

import re

import numpy as np
import pytest

from fal_jax import metrics
from fal_jax.cli.report import _answer, _comparison
from tests.cli.compared import fold_values, fraud


def answered(record, scores):
    found = _answer.answer(_comparison.read(record, scores))
    return found, " ".join(found.sentences)


def test_the_answer_holds_the_best_against_the_strongest_baseline():
    record, scores = fraud(("FAL", "CE", "XGBoost", "LR"))
    found, text = answered(record, scores)
    assert found.headline == "FAL comes first, with average precision 0.800 ± 0.014 over 5 folds."
    # All folds are apart by the same: no spread, and p is 0.
    assert "0.200 above XGBoost, the strongest baseline, a significant difference (p < 0." in text
    k, labels = 20, scores["label"]
    hits = [k * float(metrics.precision_at_k(scores[n], labels, k=k)) for n in ("FAL", "XGBoost")]
    assert f"alarms on 1% of the rows (20) it finds {hits[0]:.0f} of the 100 positives" in text
    assert f"XGBoost finds {hits[1]:.0f}." in text
    assert found.tiles[1].value == f"{hits[0]:.3g}%"


@pytest.mark.parametrize("strongest", ["LightGBM", "Tree", "EasyEnsemble"])
def test_every_method_that_is_no_network_of_ours_may_be_the_strongest_baseline(strongest):
    text = answered(*fraud(("FAL", "CE", strongest, "XGBoost")))[1]
    assert f"0.200 above {strongest}, the strongest baseline" in text
    assert f"{strongest} finds" in text
    assert "above CE, the runner-up" in answered(*fraud((strongest, "CE", "XGBoost")))[1]


def test_the_answer_says_when_a_difference_may_be_chance():
    record, scores = fraud()
    jitter = np.array([0.0, 0.3, -0.2, 0.1, -0.1])
    folds = np.array(record["methods"]["XGBoost"]["metrics"]["average_precision"]["folds"]) + jitter
    record["methods"]["XGBoost"]["metrics"]["average_precision"]["folds"] = folds.tolist()
    first = np.array(record["methods"]["FAL"]["metrics"]["average_precision"]["folds"])
    p_value = metrics.corrected_t_test(folds, first, 1 / 4).p_value()  # CE's is 0: Holm leaves it
    assert p_value > 0.05
    assert f"no significant difference (p = {p_value:.3f})" in answered(record, scores)[1]


def test_p_values_are_adjusted_for_all_comparisons():
    record, scores = fraud(("FAL", "CE", "XGBoost"))
    for name, jitter in (("CE", [0.1, -0.1, 0.02, 0.0, 0.0]), ("XGBoost", [0.2, -0.2, 0.1, 0, 0])):
        cell = record["methods"][name]["metrics"]["average_precision"]
        cell["folds"] = (np.array(cell["folds"]) + jitter).tolist()
    comparison = _comparison.read(record, scores)
    folds = {name: comparison.folds(name, "average_precision") for name in comparison.names}
    best = folds.pop("FAL")
    plain = [metrics.corrected_t_test(own, best, 1 / 4).p_value() for own in folds.values()]
    found = [p for _, p in _answer.against_best(comparison).values()]
    np.testing.assert_allclose(found, metrics.holm(plain))
    assert found[0] > plain[0]


def test_the_answer_is_modest_without_folds_or_rivals():
    single = fraud(folds=1)
    assert "one split can't tell whether that is chance" in answered(*single)[1]
    assert "no other method" in answered(*fraud(("FAL",)))[1]
    record, scores = fraud(("FAL", "CE"))
    record["methods"]["CE"]["metrics"]["average_precision"]["folds"][2] = None
    assert "can't be held against CE, the runner-up" in answered(record, scores)[1]
    record["best"] = "CE"
    record["methods"]["CE"]["metrics"]["average_precision"] = fold_values(0.7, 5)
    assert "0.100 below FAL, the runner-up" in answered(record, scores)[1]


def test_probabilities_are_told_to_be_borne_out_or_not(rng):
    record, scores = fraud(("FAL",), counts=(3000, 1000))
    chances = rng.random(4000).astype(np.float32)
    scores["FAL"], scores["label"] = chances, (rng.random(4000) < chances).astype(np.int32)
    assert "borne out in all 5 tiers" in answered(record, scores)[1]
    scores["FAL"] = chances**3
    pattern = r"borne out in \d of 5 tiers .* for [\d,]+ rows, which it gives [\d.]+% on average"
    assert re.search(pattern, answered(record, scores)[1])
