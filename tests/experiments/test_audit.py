"""The paper's claims: counted in its own tables, and judged by records."""

import pytest

from experiments import audit, claims, study
from tests.experiments.made import METHODS, make_record

BETTER, GAIN, SATIMAGE, INCREASE, RESAMPLING, FOLDS, PAYSIM, SLIGHT = claims.CLAIMS
ANCHORED = ("FAL", "FAML", "FAML-0.999")


def levels(anchored, others):
    return {name: anchored if name in ANCHORED else others for name in METHODS}


def records(anchored=0.8, others=0.8, datasets=study.DATASETS, **options):
    made = [make_record(d, levels(anchored, others), **options) for d in datasets]
    return {(r["dataset"], r["protocol"], r["budget"]): r for r in made}


def found(claim, records_, reading="FAML"):
    return audit.found(claim, records_, "equal", reading)


@pytest.mark.parametrize(
    ("claim", "verdict", "numbers"),
    [
        (BETTER, audit.FAILS, "66 of 72 ahead"),
        (GAIN, audit.HOLDS, "+0.0506"),
        (SATIMAGE, audit.HOLDS, "+0.0382"),
        (INCREASE, audit.FAILS, "11 of 12 ahead"),
        (RESAMPLING, audit.FAILS, "50 of 66 ahead"),
        (FOLDS, audit.FAILS, "34 of 39 ahead"),
        (PAYSIM, audit.FAILS, "+0.1738"),
        (SLIGHT, audit.HOLDS, "7 of 7 ahead"),
    ],
)
def test_claims_in_the_papers_own_tables(claim, verdict, numbers):
    """Checked by eye against the print."""
    theirs = audit.published(claim)
    assert (theirs.verdict, theirs.numbers) == (verdict, numbers)


def test_where_the_papers_tables_go_against_its_words_is_named():
    details = audit.published(BETTER).details
    for name in (
        "CreditCard FAL balanced accuracy (CE)",
        "HomeCredit FAL F1 (CE)",
        "CCFraud FAL AUC-ROC (FL)",
        "CCFraud FAML AUC-ROC (FL)",
    ):
        assert name in details
    assert "all ahead on 1 of 6 data sets" in audit.published(RESAMPLING).details
    assert "0 of them above twice the standard errors" in audit.published(SLIGHT).details


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.quote[:40])
def test_nothing_run_tells_nothing(claim):
    nothing = found(claim, {})
    assert nothing.verdict == audit.UNTOLD
    assert nothing.numbers == f"not run whole: {', '.join(claim.datasets)}"
    assert nothing.details == f"not run: {', '.join(claim.datasets)}"


@pytest.mark.parametrize("claim", [BETTER, INCREASE, RESAMPLING], ids=["CE", "increase", "SMOTE"])
def test_a_claim_holds_where_all_is_ahead_on_enough_whole_sets(claim):
    assert found(claim, records(0.9, 0.8)).verdict == audit.HOLDS
    assert found(claim, records(0.8, 0.8, noise=0)).verdict == audit.UNTOLD
    assert found(claim, records(0.8, 0.9)).verdict == audit.FAILS
    fewer = study.DATASETS[: claim.needed - 1]
    assert found(claim, records(0.9, 0.8, datasets=fewer)).verdict == audit.UNTOLD


def test_one_data_set_behind_ends_a_claim_on_all_but_not_one_on_four():
    mixed = records(0.9, 0.8) | records(0.7, 0.8, datasets=("GMSC",))
    assert found(BETTER, mixed).verdict == audit.FAILS
    assert "behind: GMSC FAL AUC-ROC (CE)" in found(BETTER, mixed).details
    assert found(RESAMPLING, mixed).verdict == audit.HOLDS
    three = mixed | records(0.7, 0.8, datasets=("SatImage", "PaySim"))
    assert found(RESAMPLING, three).verdict == audit.FAILS


def test_a_method_that_was_not_run_is_not_ahead():
    some = records(0.9, 0.8)
    for record in some.values():
        del record["results"]["FL"]
    assert found(BETTER, some).verdict == audit.UNTOLD
    assert found(BETTER, some).numbers == "36 ahead, 0 within error, 0 behind of 36"
    assert found(INCREASE, some).verdict == audit.HOLDS


def test_one_chance_loss_among_many_comparisons_ends_no_claim():
    some = records() | records(0.79, 0.8, datasets=("GMSC",))
    record = some["GMSC", "holdout", "equal"]
    compared = [
        study.compare(record, contest.left.method, contest.right.method, contest.metric)
        for contest in BETTER.contests
        if contest.dataset == "GMSC"
    ]
    assert any(c.difference < 0 and c.p_value() < 0.05 for c in compared)
    assert found(BETTER, some).verdict == audit.UNTOLD


def test_samples_are_told_apart_and_decide_nothing():
    some = records(0.9, 0.8) | records(0.7, 0.8, datasets=("PaySim",), sample=51_392)
    finding = found(BETTER, some)
    assert finding.verdict == audit.UNTOLD
    assert finding.numbers.endswith("; not run whole: PaySim")
    assert "samples apart, PaySim (sample: 51,392 of 6,362,620 rows): 0 ahead" in finding.details


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.08, audit.HOLDS), (0.035, audit.UNTOLD), (0.0, audit.FAILS), (-0.05, audit.FAILS)],
)
def test_a_gain_is_held_against_its_amount(gain, verdict):
    """Of .04; .035 is ahead of nothing by far, and short of .04 by less than its error."""
    some = records(0.7 + gain, 0.7, datasets=("CreditCard",), noise=0.006)
    finding = found(GAIN, some)
    assert finding.verdict == verdict
    assert "of no difference" in finding.details
    assert "of 0.04" in finding.details


def test_one_seed_tells_nothing():
    finding = found(GAIN, records(0.9, 0.7, datasets=("CreditCard",), size=1))
    assert finding.verdict == audit.UNTOLD


@pytest.mark.parametrize(
    ("folds", "verdict"), [(0.7, audit.HOLDS), (0.8, audit.UNTOLD), (0.9, audit.FAILS)]
)
def test_folds_against_the_holdout(folds, verdict):
    some = records(0.8, 0.8) | records(folds, folds, protocol="nested-cv")
    assert found(FOLDS, some).verdict == verdict
    assert found(FOLDS, records()).verdict == audit.UNTOLD


def test_folds_of_a_sample_against_the_holdout_of_the_whole_decide_nothing():
    some = records(0.8, 0.8) | records(0.9, 0.9, protocol="nested-cv", sample=5_000)
    assert found(FOLDS, some).verdict == audit.UNTOLD
    assert "samples apart" in found(FOLDS, some).details


def test_both_readings_of_faml_are_judged():
    some = records(0.9, 0.8)
    for record in some.values():
        record["results"]["FAML-0.999"] = make_record(levels={"FAML": 0.7})["results"]["FAML"]
    assert found(BETTER, some).verdict == audit.HOLDS
    assert found(BETTER, some, "FAML-0.999").verdict == audit.FAILS
    table = audit.section(some)
    assert "**holds (equal budgets, FAML); does not hold (equal budgets, FAML-0.999); " in table
    assert "can't be told (the paper's settings); can't be told (the paper's settings, " in table


def test_each_metrics_own_choice_is_judged_apart():
    some = records(0.8, 0.8, budget="paper")
    for record in some.values():
        for name, runs in record["results"].items():
            for run in runs:
                own = {
                    metric: value + 0.1 * (name in ANCHORED)
                    for metric, value in run["test"].items()
                }
                run["choices"] = {metric: {"test": value} for metric, value in own.items()}
    table = audit.section(some)
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {INCREASE.quote} |")]
    theirs, equal, usual, own, _ = line.split(" | ")[1:]
    assert "11 of 12 ahead" in theirs
    assert "not run whole" in equal
    assert "FAML: *can't be told*" in usual
    assert "FAML: *holds*: 12 ahead" in own


def test_one_verdict_where_all_agree():
    same = audit.Finding(audit.FAILS, "")
    keys = [("equal", "FAML"), ("paper", "FAML")]
    assert audit.overall(dict.fromkeys(keys, same)) == audit.FAILS
    other = dict(zip(keys, (same, audit.Finding(audit.HOLDS, "")), strict=True))
    assert audit.overall(other) == "does not hold (equal budgets); holds (the paper's settings)"


def test_every_claim_stands_in_the_table():
    lines = audit.section({}).splitlines()
    for claim in claims.CLAIMS:
        (line,) = [line for line in lines if line.startswith(f"| {claim.quote} |")]
        assert line.count(" | ") == 5
        assert line.endswith("**can't be told** |")
