"""The section on settings that each metric chooses by itself: by records alone."""

import numpy as np
import pytest

from experiments import choices, report, study
from fal_jax import metrics
from tests.experiments.made import METRICS, make_record, write


def record(gain=0.1, **options):
    """Each metric's own choice scores more in the test, by a gain of each method's."""
    made = make_record("SatImage", {"CE": 0.6, "FAL": 0.6, "LR": 0.6}, **options)
    gains = {"CE": 0.0, "FAL": gain, "LR": -gain}
    for name, runs in made["results"].items():
        for run in runs:
            own = {metric: value + gains[name] for metric, value in run["test"].items()}
            run["choices"] = {
                metric: {"trial": 3, "validation": 0.5, "test": own[metric]} for metric in METRICS
            }
    return made


def row(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_cell_has_the_own_choice_and_what_it_gains():
    made = record()
    text = choices.section(made)
    assert row(text, "method") == [
        *("AUC-ROC", "F1, chosen threshold", "balanced accuracy, chosen threshold"),
        *("F1, arg-max", "balanced accuracy, arg-max"),
    ]
    values = np.array([run["choices"]["f1"]["test"] for run in made["results"]["FAL"]])
    expected = f"{values.mean():.4f} ± {values.std(ddof=1):.4f} (+0.100 ± 0.000 (10/10) *)"
    assert row(text, "FAL")[1] == expected
    assert row(text, "CE")[0].endswith("(+0.000 ± 0.000 (0/10))")


@pytest.mark.parametrize(
    ("gain", "told"),
    [
        (0.1, "ahead FAL; behind LR"),
        (0.0, "ahead none; behind none"),
        (-0.1, "ahead LR; behind FAL"),
    ],
)
def test_who_is_ahead_of_cross_entropy_is_by_the_own_choices_of_both(gain, told):
    assert f"- F1, arg-max: {told}" in choices.section(record(gain))


def test_folds_are_compared_by_their_own_share_of_test_rows():
    made = record(protocol="nested-cv")
    own, reference = (
        np.array([run["choices"]["auc"]["test"] for run in made["results"][name]])
        for name in ("FAL", "CE")
    )
    errors = [metrics.corrected_t_test(own, reference, s).error for s in (1 / 9, 1 / 4)]
    # To where folds decide it and holdouts, which share more rows, do not.
    shift = 2.262 * np.mean(errors) - np.mean(own - reference)
    for run in made["results"]["FAL"]:
        run["choices"]["auc"]["test"] += shift
    assert "- AUC-ROC: ahead FAL" in choices.section(made)
    assert "- AUC-ROC: ahead none" in choices.section(made | {"protocol": "holdout"})


def test_records_by_own_choices_are_of_the_same_splits_and_only_where_there_are_some():
    made = record(budget="paper")
    key = ("SatImage", "holdout", "paper")
    (((dataset, protocol, name), own),) = choices.own({key: made}, "paper").items()
    assert (dataset, protocol, name) == ("SatImage", "holdout", "own")
    assert own["budget"] == "paper"  # so that decisions are read at arg-max
    for run, other in zip(own["results"]["FAL"], made["results"]["FAL"], strict=True):
        assert (run["seed"], run["fold"]) == (other["seed"], other["fold"])
        assert run["test"] == {m: other["choices"][m]["test"] for m in METRICS}
    assert choices.own({key: made}, "equal") == {}
    assert choices.own({key: make_record(budget="paper")}, "paper") == {}


def test_records_without_choices_and_rows_without_are_left_out(tmp_path):
    assert choices.section(make_record()) == ""
    made = record()
    del made["results"]["LR"][0]["choices"]
    text = choices.section(made)
    assert "| LR |" not in text
    assert "Against CE" in text
    assert "Against CE" not in choices.section(made | {"results": {"FAL": made["results"]["FAL"]}})
    page = report.page(study.read(write(tmp_path, made)))
    assert text in page
    assert "itself chooses" not in report.page(study.read(write(tmp_path, make_record())))
