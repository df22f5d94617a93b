"""The report of the fraud study: from records alone, samples and gaps named, never a crash."""

import json
import re

import numpy as np
import pytest

from experiments import paper, rankings, report, study, tables
from tests.experiments.made import METHODS, make_record, make_runs, write


def page(folder, *made):
    return report.page(study.read(write(folder, *made)))


def section(text, heading):
    """From a heading to the next of its level or above."""
    level = heading.split(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.M | re.S
    )
    assert found, f"no heading {heading}"
    return found[1]


def row(text, name):
    """The cells of the first table row with a name."""
    (line, *_) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_without_records_everything_is_not_run(tmp_path):
    text = page(tmp_path)
    assert section(text, "## Runs").strip() == "Not run."
    for dataset in study.DATASETS:
        assert row(section(text, "## Table 1: the data sets"), dataset)[0] == "not run"
    listed = f"Not run: {', '.join(study.DATASETS)}."
    assert section(text, "## Table 2: 80/20 holdout, equal budgets").strip() == listed
    assert section(text, "## Who beats whom: 80/20 holdout, equal budgets").strip() == "Not run."


def test_records_of_the_first_form_are_left_to_the_page_of_tables(tmp_path):
    old = make_record() | {"split": "random"}
    (tmp_path / "fraud_satimage_random.json").write_text(json.dumps(old))
    assert study.read(tmp_path) == {}
    assert study.read(tables.RESULTS.parent / "results").keys() <= {
        (d, p, b) for d in study.DATASETS for p in study.PROTOCOLS for b in study.BUDGETS
    }


def test_the_page_of_tables_leaves_the_study_to_its_report(tmp_path):
    assert "satimage" not in tables.page(write(tmp_path, make_record()))


def test_the_page_of_tables_names_a_sample(tmp_path):
    made = make_record("PaySim", sample=51_392)
    made["environment"] |= {"packages": {"jax": "1.2.3"}}
    made["environment"]["machine"] |= {"device_kind": "cpu"}
    (tmp_path / "family_paysim.json").write_text(json.dumps(made))
    assert "On PaySim (sample: 51,392 of 6,362,620 rows). " in tables.page(tmp_path)
    (tmp_path / "family_paysim.json").write_text(json.dumps(made | {"is_sample": False}))
    assert "On PaySim" not in tables.page(tmp_path)


def test_the_page_of_tables_names_what_was_made_at_another_commit_and_on_what(tmp_path):
    made = make_record("SatImage")
    made["environment"] |= {"packages": {"jax": "1.2.3"}}
    made["environment"]["machine"] |= {"device_kind": "cpu"}
    commit = made["environment"]["commit"]
    made["made"] = {
        "CE": {"commit": "a" * 40, "processor": "Slide rule"},
        "FAL": {"commit": commit, "processor": "Abacus"},
        "LR": {"commit": "a" * 40, "processor": "Slide rule"},
        # A run each, as of images.
        "FL": [
            {"commit": "b" * 40},
            {"commit": "c" * 40, "device_kind": "GPU"},
            {"commit": commit},
        ],
    }
    (tmp_path / "family_satimage.json").write_text(json.dumps(made))
    line = f"at {commit} in 12 s on 2 cores (Abacus), jax 1.2.3"
    others = f"CE, LR at {'a' * 40} on Slide rule; FL at {'b' * 40}; FL at {'c' * 40} on GPU"
    (tmp_path / "family_satimage.json").write_text(json.dumps(made))
    assert f"{line}; {others}. " in tables.page(tmp_path)


def test_a_cell_has_ours_the_papers_and_a_mark_where_it_is_reached(tmp_path):
    levels = {"CE": 0.99, "FAL": 0.5, "LR": 0.99}
    text = page(tmp_path, make_record("SatImage", levels, size=3))
    found = section(text, "### SatImage")
    runs = make_runs(0.99, size=3, seed=0)
    auc = np.array([run["test"]["auc"] for run in runs])
    expected = f"{auc.mean():.4f} ± {auc.std(ddof=1):.4f} (0.9346 ✓)"
    assert row(found, "CE")[0] == expected
    assert re.fullmatch(r"0\.\d{4} ± 0\.\d{4} \(0\.9577\)", row(found, "FAL")[0])
    assert "(" not in row(found, "CE")[1]  # the paper has no average precision
    assert "(" not in "".join(row(found, "LR"))
    assert row(found, "FL") == [
        *("not run (0.9349)", "not run", "not run (0.6224)", "not run (0.8647)"),
        *("not run", "not run"),
    ]


def test_a_mark_is_by_four_digits(tmp_path):
    text = page(tmp_path, make_record("SatImage", {"CE": 0.93456}, size=1, noise=0))
    assert row(section(text, "### SatImage"), "CE")[0] == "0.9346 (0.9346 ✓)"
    text = page(tmp_path, make_record("SatImage", {"CE": 0.9345}, size=1, noise=0))
    assert row(section(text, "### SatImage"), "CE")[0] == "0.9345 (0.9346)"


def test_the_papers_settings_are_held_against_its_cells_at_arg_max(tmp_path):
    levels = dict.fromkeys(("auc", "average_precision", "balanced_accuracy"), 0.5)
    levels |= {"f1": 0.1, "f1_argmax": 0.9, "balanced_accuracy_argmax": 0.6}
    equal, papers = (
        make_record("SatImage", {"CE": levels}, budget=budget, size=1, noise=0)
        for budget in study.BUDGETS
    )
    text = page(tmp_path, equal, papers)
    in_equal = section(text, "## Table 2: 80/20 holdout, equal budgets")
    in_papers = section(text, "## Table 2: 80/20 holdout, the paper's settings")
    assert row(in_equal, "CE")[2] == "0.1000 (0.6165)"
    assert row(in_equal, "CE")[4] == "0.9000"
    assert row(in_equal, "method")[2] == "F1, chosen threshold"
    assert row(in_papers, "CE")[2] == "0.9000 (0.6165 ✓)"
    assert row(in_papers, "CE")[4] == "0.1000"
    assert row(in_papers, "method")[2] == "F1, arg-max"


def test_folds_stand_beside_table_3_whose_copies_are_no_target(tmp_path):
    text = page(tmp_path, make_record("GMSC", 0.99, protocol="nested-cv", noise=1e-6))
    found = section(text, "## Table 3: nested cross-validation, equal budgets")
    assert row(found, "FAL")[2] == "0.9900 ± 0.0000 (0.4214 ± 0.0091 ✓)"
    assert row(found, "FAML")[2] == "0.9900 ± 0.0000 (0.5353 ± 0.0650 †)"
    assert "† FAML: repeats SatImage's FAL" in found


def test_a_sample_is_named_wherever_its_results_are_and_reaches_no_cell(tmp_path):
    made = [make_record("PaySim", 0.999, sample=51_392, noise=0.0001), make_record("SatImage")]
    found = study.read(write(tmp_path, *made))
    named = "PaySim (sample: 51,392 of 6,362,620 rows)"
    no_result = re.compile(r"[Nn]ot run|the paper's own table|Sec. 4.1.5: |† PaySim: |^\| Table \d")
    for text in (report.page(found), report.differences(found)):
        assert named in text
        bare = text.replace(named, "").replace("`fraud_paysim_holdout_equal`", "")
        unnamed = [line for line in bare.splitlines() if "PaySim" in line]
        assert [line for line in unnamed if not no_result.search(line)] == []
    sampled = section(report.page(found), f"### {named}")
    assert "✓" not in sampled
    assert "✓" in section(report.page(found), "### SatImage")


@pytest.mark.parametrize("same", [0, 1, 3])
def test_runs_in_which_the_rate_of_faml_has_no_say_are_counted(tmp_path, same):
    made = make_record(size=3)
    first, second = (made["results"][name] for name in ("FAML", "FAML-0.999"))
    second[:same] = first[:same]
    second[-1:] = [second[-1] | {"settings": {"margin": 1.0}}] if same == 1 else second[-1:]
    note = f"In {same} of 3 runs FAML and FAML-0.999 are one and the same"
    assert (note in page(tmp_path, made)) == (same > 0)


def test_table_1_is_counted_from_the_records(tmp_path):
    found = section(page(tmp_path, make_record("SatImage")), "## Table 1: the data sets")
    assert row(found, "SatImage") == ["6,435", "626", "1:9.3", "36", "6,435", "1:10", "36 †"]
    assert "† SatImage: 1:10: the file has 1:9.3." in found
    for dataset, described in paper.TABLE_1.items():
        assert (f"† {dataset}: " in found) == bool(described.doubt)


def test_wins_ties_and_losses_on_whole_data_sets_and_with_samples(tmp_path):
    levels = {"CE": 0.5, "FL": 0.8, "FAL": 0.8, "LR": 0.9}
    made = [
        make_record("SatImage", levels),
        make_record("GMSC", levels),
        make_record("PaySim", {"CE": 0.9, "FAL": 0.5}, sample=51_392),
    ]
    text = section(page(tmp_path, *made), "## Who beats whom: 80/20 holdout, equal budgets")
    whole, everything = text.split("On all, samples included: ")
    assert "On whole data sets: SatImage, GMSC." in whole
    assert row(whole, "FAL against CE")[0] == "2/0/0 (2-0)"
    assert row(whole, "FAL against LR")[0] == "0/0/2 (0-2)"
    assert row(whole, "FAL against FL")[0].startswith("0/2/0")
    assert row(everything, "FAL against CE")[0] == "2/0/1 (2-1)"
    assert row(everything, "FAL against LR")[0] == "0/0/2 (0-2)"  # the sample has no such runs


def test_a_win_is_after_holms_correction():
    levels = {"FAL": 0.8} | {f"rival {number}": 0.79 for number in range(12)}
    found = rankings.against(make_record("SatImage", levels, noise=0.01), "FAL", "auc")
    plain = np.array([comparison.p_value() for comparison, _ in found.values()])
    adjusted = np.array([p_value for _, p_value in found.values()])
    assert plain.min() * 12 == pytest.approx(adjusted.min())
    assert (adjusted >= plain).all()


def test_runs_are_paired_by_seed_and_fold_not_by_place():
    record = make_record("SatImage", {"CE": 0.8, "FAL": 0.8}, noise=0.1)
    ours = record["results"]["FAL"]
    for reference, run in zip(record["results"]["CE"], ours, strict=True):
        run["test"]["auc"] = reference["test"]["auc"] + 0.001
    record["results"]["FAL"] = ours[:0:-1]  # reversed, and seed 0 lost
    found = study.compare(record, "FAL", "CE", "auc")
    assert (found.difference, found.ahead, found.size) == (pytest.approx(0.001), 9, 9)
    assert study.compare(record, "FAL", "XGBoost", "auc") is None


@pytest.mark.parametrize(("protocol", "overlap"), [("holdout", 1 / 4), ("nested-cv", 1 / 9)])
def test_the_correction_is_by_the_protocol(protocol, overlap):
    record = make_record("SatImage", protocol=protocol, noise=0.05)
    gaps = np.subtract(
        *([run["test"]["f1"] for run in record["results"][name]] for name in ("FAL", "CE"))
    )
    found = study.compare(record, "FAL", "CE", "f1")
    assert found.error == pytest.approx(np.sqrt((0.1 + overlap) * gaps.var(ddof=1)))


def test_one_seed_and_ties_win_nothing(tmp_path):
    made = [make_record("SatImage", size=1), make_record("GMSC", noise=0)]
    text = section(page(tmp_path, *made), "## Who beats whom: 80/20 holdout, equal budgets")
    assert all(cell.startswith("0/2/0") for cell in row(text, "FAL against CE"))


def test_average_ranks_need_every_method_on_every_data_set(tmp_path):
    levels = {name: 0.5 + number / 50 for number, name in enumerate(METHODS)}
    made = [make_record(d, levels, noise=0) for d in ("SatImage", "GMSC", "CreditCard")]
    made[0]["results"].pop("CE")
    text = section(page(tmp_path, *made), "## Who beats whom: 80/20 holdout, equal budgets")
    assert "the test has little power" in text
    assert "Not ranked, since not run on all of these: CE." in text
    ranks = text.split("little power")[1]
    assert row(ranks, "LR") == ["1.00"] * 4
    assert row(ranks, "CE+SMOTE") == ["8.00"] * 4
    made = [make_record("SatImage", levels)]
    assert "too few data sets" in report.page({("SatImage", "holdout", "equal"): made[0]})


def broken(change):
    record = make_record()
    change(record)
    return record


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (broken(lambda r: r.pop("positives")), "lacks positives"),
        (broken(lambda r: r.update(dataset="Other")), "dataset must be one of .* got Other"),
        (broken(lambda r: r.update(budget="none")), "budget must be one of equal, paper, got none"),
        (broken(lambda r: r["results"].update(FAL=[])), "no run of FAL"),
        (broken(lambda r: r["results"]["FL"][0]["test"].pop("f1")), "run of FL lacks f1"),
        (broken(lambda r: r["results"]["FL"].append(r["results"]["FL"][0])), "two runs of FL"),
    ],
)
def test_a_record_that_is_not_whole_is_named(tmp_path, record, message):
    (tmp_path / "fraud_made.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=f"^fraud_made.json.*{message}"):
        study.read(tmp_path)


def test_a_second_record_of_the_same_is_an_error(tmp_path):
    write(tmp_path, make_record())
    (tmp_path / "fraud_satimage_z.json").write_text(json.dumps(make_record()))
    with pytest.raises(ValueError, match=r"fraud_satimage_z.json is a second record of SatImage"):
        study.read(tmp_path)


def test_the_command_writes_what_the_pages_show(tmp_path, capsys):
    write(tmp_path, *(make_record(d, size=2) for d in ("SatImage", "GMSC")))
    path = report.main(["--folder", str(tmp_path)])
    found = study.read(tmp_path)
    assert path.read_text() == report.page(found)
    assert (tmp_path / "fraud_differences.md").read_text() == report.differences(found)
    shown = set(re.findall(r"\]\(([\w.-]+)\)", path.read_text()))
    assert shown == {file.name for file in tmp_path.iterdir()} - {
        *("fraud.md", "fraud_satimage_holdout_equal.json", "fraud_gmsc_holdout_equal.json"),
    }
    assert len([name for name in shown if name.endswith(".png")]) == 3
    assert capsys.readouterr().out == ""
