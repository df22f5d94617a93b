"""The example of a report, in smoke size."""

import json

from experiments import report_example


def test_the_example_is_trained_and_written(tmp_path):
    path = report_example.main(
        ["--rows", "800", "--folds", "2", "--epochs", "1", "--members", "1", "--no-picture",
         "--out", str(tmp_path)]
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert sorted(data["methods"]) == ["CE", "FAL", "LR", "XGBoost"]
    assert len(data["rows"]["row"]) == 800
    assert data["classes"] == ["other soil", "damp grey soil"]
    assert all(sum(map(sum, confusion)) == 800 for confusion in data["confusions"])
    assert len(data["embedding"]["points"]) == 400
    assert len(data["embedding"]["anchors"]) == 2
