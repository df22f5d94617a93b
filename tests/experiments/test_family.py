"""The family's command in smoke size."""

import json

import pytest

from experiments import family, study, tables
from tests.experiments.smoke import TINY

pytestmark = pytest.mark.usefixtures("isolated")


def test_the_record_holds_the_chosen_losses_and_has_a_page_of_its_own(tmp_path):
    arguments = ["--methods", "CE", "LA", "LDAM-DRW", "--out", str(tmp_path), *TINY]
    (path,) = family.main(arguments)
    record = json.loads(path.read_text())
    assert path.name == "family_satimage.json"
    assert list(record["made"]) == ["CE", "LA", "LDAM-DRW"]
    assert record["search"]["LA"]["ranges"]["tau"] == [0.1, 2.0, True]
    assert study.read(tmp_path) == {}  # no part of the paper's study
    page = tables.page(tmp_path)
    assert "## family_satimage" in page
    assert "| LDAM-DRW |" in page


def test_an_unknown_loss_is_refused():
    with pytest.raises(SystemExit):
        family.main(["--methods", "L2"])
