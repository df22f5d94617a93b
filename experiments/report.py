"""The report of the fraud study, `python -m experiments.report`: results/fraud.md and figures.

Our Tables 1 to 3 beside the paper's, who beats whom, and what of the paper's claims holds, made
of the records in the folder, with the figures that it shows, a page of all differences and the
tables of README.md and docs/study.md.
"""

import pathlib
from collections.abc import Sequence

from experiments import (
    audit,
    choices,
    command,
    drawing,
    front_page,
    markdown,
    paper,
    preset,
    printed,
    rankings,
    records,
    study,
    study_figures,
    tables,
)
from experiments.study import Group, Record, Records

REACHED, DOUBTFUL = "✓", "†"
_TABLES = {"holdout": "Table 2", "nested-cv": "Table 3"}
_INTRODUCTION = """\
# The fraud study

Made by `python -m experiments.report` from the records beside it. *Equal budgets*: every method has
the same number of trials; the weights kept, and the thresholds of F1 and balanced accuracy, are
those best on validation rows. *The paper's settings*: what the paper states is fixed, what it does
not state comes from one declared grid; the last epoch's weights; F1 and balanced accuracy at
arg-max. The two are never mixed. Logistic regression and XGBoost, of which the paper has no
settings, are of equal budgets alone.

Cells: mean ± standard deviation over seeds or folds (the paper's cell). ✓: our mean reaches or
passes the paper's cell, to its four digits, on the whole data set. †: in doubt, and no target."""

_DIFFERENCES = """\
# The fraud study: each difference

Made by `python -m experiments.report`. Mean difference over seeds or folds ± its corrected error
(runs ahead/runs); * where it is a win or a loss in [the report](fraud.md)."""


def main(arguments: Sequence[str] | None = None) -> pathlib.Path:
    """Writes the report, its figures and its second page; returns the report's path."""
    parser = command.parser("experiments.report", __doc__)
    parser.add_argument("--folder", type=pathlib.Path, default=tables.RESULTS,
                        help="of the records, and for the report (default: results)")  # fmt: skip
    folder = parser.parse_args(arguments).folder
    found = study.read(folder)
    for name, figure in study_figures.of_report(found):
        drawing.save(figure, folder / name)
    records.write(folder / "fraud_differences.md", differences(found).encode())
    path = folder / "fraud.md"
    records.write(path, page(found).encode())
    if folder == tables.RESULTS:
        for document in front_page.PAGES:
            records.write(document, front_page.filled(document.read_text()).encode())
    return path


def page(found: Records) -> str:
    """The report, from records alone."""
    parts = [_INTRODUCTION, "## What holds of the paper's claims", audit.section(found)]
    parts += ["## What of the paper's tables is in doubt", printed.doubts()]
    parts += ["## Cells of the paper's holdout that are not reached", printed.missed(found)]
    parts += ["## Runs", runs(found), "## Table 1: the data sets", table_1(found)]
    parts += [
        part
        for protocol, budget in study.SETTINGS
        for part in (
            f"## {_TABLES[protocol]}: {study.PROTOCOLS[protocol]}, {study.BUDGETS[budget]}",
            results(study.group(found, protocol, budget)),
        )
    ]
    for protocol in study.PROTOCOLS:
        parts += [
            f"## The preset: {study.PROTOCOLS[protocol]}, equal budgets",
            preset.section(study.group(found, protocol, "equal")),
        ]
    for protocol, budget in study.SETTINGS:
        parts += [
            f"## Who beats whom: {study.PROTOCOLS[protocol]}, {study.BUDGETS[budget]}",
            rankings.section(study.group(found, protocol, budget), protocol, budget),
        ]
    return "\n\n".join(parts) + "\n"


def differences(found: Records) -> str:
    """The page of all paired differences, from records alone."""
    parts = [_DIFFERENCES]
    for protocol, budget in study.SETTINGS:
        parts += [
            f"## {study.PROTOCOLS[protocol]}, {study.BUDGETS[budget]}",
            rankings.differences(study.group(found, protocol, budget)),
        ]
    return "\n\n".join(parts) + "\n"


def runs(found: Records) -> str:
    """How each record was made."""
    rows = []
    for record in found.values():
        environment, options = record["environment"], record["options"]
        shown = ("trials", "seeds", "folds", "epochs", "batch_size")
        rows.append(
            [
                f"`{study.stem(record)}`",
                study.label(record),
                ", ".join(f"{name} {options[name]}" for name in shown if name in options),
                f"{record['seconds']:.0f}",
                f"{environment['machine']['cores']} x {environment['machine']['processor']}",
                str(environment["commit"])[:10],
                environment["date"][:10],
            ]
        )
    header = ["record", "data set", "options", "seconds", "cores", "commit", "date"]
    return markdown.table(header, rows, rule="---") if rows else "Not run."


def table_1(found: Records) -> str:
    """Our data sets beside the paper's description of them."""
    rows, doubts = [], []
    for dataset, described in paper.TABLE_1.items():
        mark = f" {DOUBTFUL}" if described.doubt else ""
        theirs = [f"{described.rows:,}", f"1:{described.ratio}", f"{described.attributes}{mark}"]
        if described.doubt:
            doubts.append(f"{DOUBTFUL} {dataset}: {described.doubt}.")
        ours = {
            (
                study.label(record),
                f"{record['rows']:,}",
                f"{record['positives']:,}",
                _ratio(record),
                f"{record['num_features']}",
            )
            for key, record in found.items()
            if key[0] == dataset
        } or {(dataset, "not run", "", "", "")}
        rows += [[*row, *theirs] for row in sorted(ours)]
    header = ["data set", "rows", "positives", "ratio", "features after preprocessing"]
    header += [f"paper: {name}" for name in ("rows", "ratio", "attributes")]
    return markdown.table(header, rows) + "\n\n" + "<br>\n".join(doubts)


def _ratio(record: Record) -> str:
    positives = record["positives"]
    return f"1:{(record['rows'] - positives) / positives:.1f}" if positives else "no positives"


def results(records_: Group) -> str:
    """Each data set's methods beside the paper's cells, and what was not run."""
    parts = []
    for record in records_.values():
        parts += [f"### {study.label(record)}", _methods(record)]
        doubts = {
            f"{DOUBTFUL} {method}: {cell.doubt}."
            for method, cell in paper.published(record).items()
            if cell.doubt
        }
        parts += ["<br>\n".join(sorted(doubts))] if doubts else []
        parts += [part for part in (_unmoved(record), choices.section(record)) if part]
        if record.get("curves"):
            name = f"{study.stem(record)}_curves.png"
            parts += [f"![ROC and precision-recall curves: {study.label(record)}]({name})"]
    missing = [dataset for dataset in study.DATASETS if dataset not in records_]
    parts += [f"Not run: {', '.join(missing)}."] if missing else []
    return "\n\n".join(parts)


def _unmoved(record: Record) -> str:
    """In how many runs the rate of FAML has no say; empty where it always has."""
    pairs = list(zip(*(record["results"].get(name, []) for name in audit.READINGS), strict=False))
    same = sum(
        all(one.get(key) == other.get(key) for key in ("seed", "fold", "settings", "test"))
        for one, other in pairs
    )
    if not same:
        return ""
    return (
        f"In {same} of {len(pairs)} runs {' and '.join(audit.READINGS)} are one and the same: the "
        "weights kept are of an epoch before their anchors first move."
    )


def _methods(record: Record) -> str:
    """The headline metrics beside the paper's cells, then F1 and balanced accuracy otherwise."""
    budget = record["budget"]
    headline = [study.column(metric, budget) for metric in study.METRICS]
    other = [
        *study.BY_THRESHOLD,
        *(f"{metric}_argmax" for metric in study.BY_THRESHOLD),
    ]
    other = [column for column in other if column not in headline]
    published = paper.published(record)
    names = dict.fromkeys([*record["results"], *published])
    rows = [
        [
            name,
            *(
                _cell(record, name, key, published.get(name), metric)
                for metric, key in zip(study.METRICS, headline, strict=True)
            ),
            *(_ours(record, name, key) for key in other),
        ]
        for name in names
    ]
    return markdown.table(["method", *map(study.title, [*headline, *other])], rows)


def _ours(record: Record, name: str, key: str) -> str:
    found = record["results"].get(name)
    return tables.mean_and_std(found, key, digits=4) if found else "not run"


def _cell(record: Record, name: str, key: str, cell: tuple | None, metric: str) -> str:
    """Ours (the paper's, its standard error if it has one, and a mark)."""
    ours, theirs = _ours(record, name, key), getattr(cell, metric, None)
    if theirs is None:
        return ours
    error = getattr(cell, f"{metric}_error", None)
    text = f"{theirs:.4f}" + (f" ± {error:.4f}" if error is not None else "")
    if getattr(cell, "doubt", ""):
        text += f" {DOUBTFUL}"
    elif not record["is_sample"] and name in record["results"]:
        mean = tables.values(record["results"][name], key).mean()
        text += f" {REACHED}" if printed.reaches(mean, theirs) else ""
    return f"{ours} ({text})"


if __name__ == "__main__":
    main()
