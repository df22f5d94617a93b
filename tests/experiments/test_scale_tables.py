"""Tables of streams, orders and generated images, from records made by hand."""

from experiments import scale_tables


def scores(auc, precision, bound=0.0):
    bounds = {"roc_auc_bound": bound, "average_precision_bound": 4e-5}
    return {"roc_auc": auc, "average_precision": precision} | bounds


def test_speed_is_of_all_epochs_and_the_ceiling_stands_above():
    record = {
        "rows": 5_000_000,
        "options": {"epochs": 4},
        "bayes": scores(0.95, 0.5, bound=2e-3),
        "results": {"CE": {"seconds": 20.0, "peak_memory_gib": 0.5} | scores(0.9, 0.25)},
    }
    assert scale_tables.streaming(record).splitlines() == [
        "5,000,000 rows, 4 epochs:",
        "",
        "| method | seconds | M rows/s | peak GiB | AUC-ROC | average precision |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| Bayes ceiling |  |  |  | 0.9500 ± 0.0020 | 0.5000 |",
        "| CE | 20 | 1.00 | 0.50 | 0.9000 | 0.2500 |",
    ]


def test_orders_are_told_beside_full_shuffling():
    gap = {"mean": -0.01, "low": -0.03, "high": 0.01, "p_value": 0.3}
    full, file = ([{"roc_auc": a, "average_precision": a / 2}] * 2 for a in (0.9, 0.89))
    record = {
        "results": {"CE": {"full": full, "file": file}},
        "differences": {"CE": {"file": {"roc_auc": gap, "average_precision": gap}}},
    }
    told = "(-0.0100, -0.0300 to +0.0100)"
    assert scale_tables.shuffling(record).splitlines()[2:] == [
        "| CE | full | 0.9000 | 0.4500 |",
        f"| CE | file | 0.8900 {told} | 0.4450 {told} |",
    ]


def test_of_images_the_three_rarest_digits_are_the_last():
    runs = [
        {"error": error, "accuracy": [1.0] * 7 + [0.9, 0.8, rarest]}
        for error, rarest in ((5.0, 0.7), (7.0, 0.4))
    ]
    assert scale_tables.images({"results": {"copies": runs}}).splitlines()[2:] == [
        "| copies | 6.00 ± 1.41 | 25.00 ± 7.07 |"
    ]
