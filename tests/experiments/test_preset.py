"""The preset's section: whom it is ahead of, by records alone."""

import pytest

from experiments import preset, study
from tests.experiments.made import make_record, write


def section(folder, *made):
    return preset.section(study.group(study.read(write(folder, *made)), "holdout", "equal"))


def record(dataset, ours, ce, averaged, **options):
    levels = {"CE": ce, "CE x8": averaged, "FAL-light x8": ours}
    return make_record(dataset, levels, size=10, **options)


def test_ahead_on_two_of_three_and_behind_on_none(tmp_path):
    text = section(
        tmp_path,
        record("CreditCard", 0.85, 0.8, 0.85),
        record("GMSC", 0.85, 0.8, 0.9),
        record("SatImage", 0.85, 0.85, 0.85),
    )
    against = dict.fromkeys(("CE", "CE x8"))
    for other in against:
        (against[other],) = [ln for ln in text.splitlines() if ln.startswith(f"- Against {other}:")]
    assert "ahead in average precision on CreditCard, F1 on CreditCard" in against["CE"]
    assert "behind in nothing" in against["CE"]
    both = "data sets that have both: CreditCard, SatImage, GMSC."
    assert against["CE"].endswith(f"Ahead on 2 of the 3 {both}")
    assert "behind in average precision on GMSC" in against["CE x8"]
    assert against["CE x8"].endswith(f"Ahead on 0 of the 3 {both}")
    (line,) = [ln for ln in text.splitlines() if ln.startswith("| CE, CreditCard |")]
    assert line.count(" * |") == 4
    (line,) = [ln for ln in text.splitlines() if ln.startswith("| CE, SatImage |")]
    assert " * |" not in line


def test_a_rival_that_was_not_run_is_said_to_be(tmp_path):
    text = section(tmp_path, make_record("GMSC", {"CE": 0.8, "FAL-light x8": 0.9}))
    assert text.endswith("- Against CE x8: not run.")


@pytest.mark.parametrize("sample", [None, 500])
def test_samples_and_what_lacks_the_preset_do_not_count(tmp_path, sample):
    levels = {"CE": 0.8} if sample is None else {"CE": 0.8, "FAL-light x8": 0.9}
    made = make_record("SatImage", levels, sample=sample)
    assert section(tmp_path, made) == "Not run."
