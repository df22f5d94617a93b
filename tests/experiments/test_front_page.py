"""The tables of documents: whole data sets, and who is ahead of CE or behind."""

from experiments import front_page
from tests.experiments.made import make_record, write

LEVELS = {"CE": 0.8, "FAL": 0.9, "FL": 0.7, "LR": 0.8}


def test_marks_tell_who_is_ahead_and_samples_are_left_out(tmp_path):
    write(
        tmp_path,
        make_record("GMSC", LEVELS),
        make_record("PaySim", LEVELS, sample=51_392),
        make_record("SatImage", {"CE": 0.8}),
        make_record("CreditCard", LEVELS, protocol="nested-cv"),
    )
    text = front_page.filled("before <!-- study -->old<!-- end --> after", tmp_path)
    assert text.startswith("before <!-- study -->\n\n| method | SatImage AP | SatImage F1 |")
    assert text.endswith("|\n\n<!-- end --> after")
    assert "PaySim" not in text
    assert "CreditCard" not in text
    rows = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if "|" in line}
    assert [rows[name].count("▲") for name in LEVELS] == [0, 3, 0, 0]
    assert [rows[name].count("▼") for name in LEVELS] == [0, 0, 3, 0]
    assert [rows[name].count("not run") for name in LEVELS] == [0, 3, 3, 3]


def test_in_brief_the_table_has_some_methods(tmp_path):
    write(tmp_path, make_record("GMSC", LEVELS))
    text = front_page.filled("<!-- study: in brief --><!-- end -->", tmp_path)
    assert text.startswith("<!-- study: in brief -->\n\n| method | GMSC AP |")
    names = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if "|" in line]
    assert names[2:] == ["CE", "FAL", "FL"]


def test_a_text_without_marks_stays(tmp_path):
    assert front_page.filled("nothing here", tmp_path) == "nothing here"
