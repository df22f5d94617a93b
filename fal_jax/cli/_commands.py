"""The commands; their docstrings are the help that tyro shows."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import tyro
from rich.console import Console

from fal_jax.cli import (
    _compare,
    _datasets,
    _folder,
    _methods,
    _model,
    _predict,
    _printing,
    _training,
)
from fal_jax.cli._compare import Protocol
from fal_jax.cli._embedding import embedding
from fal_jax.cli._file import Reading
from fal_jax.cli._options import Source
from fal_jax.cli._training import Training
from fal_jax.data import Table
from fal_jax.estimators.problems import Task

_METHODS = (
    f"which to compare, of {_methods.listed(_methods.KNOWN)}; without it the usual ones, "
    f"{_methods.listed(_compare.DEFAULT)}, if installed."
)
_METHOD = f"its name, of {_methods.listed(_methods.OWN)}."


def compare(
    source: Annotated[Source, tyro.conf.arg(name="")],
    protocol: Annotated[Protocol, tyro.conf.arg(name="")] = Protocol(),  # noqa: B008  # frozen
    methods: Annotated[tuple[str, ...], tyro.conf.arg(help=_METHODS)] = (),
    out: pathlib.Path | None = None,
    resume: bool = False,
) -> None:
    """Compare methods on a table, with the same budget under cross-validation.

    Ends in a table, and in a folder with a record, the scores of all rows by models that have not
    seen them, a report to open in a browser, and the best model. Ctrl-C keeps the methods that are
    finished; --resume goes on. Of more rows than --memory has room for a sample is compared.

    Args:
      source: the table.
      protocol: what the methods share.
      methods: which to compare, instead of the usual ones.
      out: the folder, instead of TABLE-comparison.
      resume: go on with the comparison in the folder.
    """
    console = _printing.console()
    say = _printing.notes(console)
    protocol.check()
    named = _compare.named(methods)
    folder = out or pathlib.Path(f"{source.stem}-comparison")
    _folder.check_place(folder, is_folder=True)
    table, rows = _compare.sampled(source.load(protocol.least, say, protocol.fewer), protocol, say)
    tasks = _compare.folds(table, protocol)
    description = _compare.described(source, table, protocol)
    scores = _compare.scores_to_fill(table, tasks, rows)
    comparison = _folder.Comparison(folder, description, scores, resume=resume)
    left = [name for name in named if name not in comparison.record["methods"]]
    try:
        _run(left, table, tasks, protocol, comparison, console)
    except KeyboardInterrupt:
        say("stopped; the same command with --resume goes on.")
        if comparison.record["methods"]:
            _told(console, folder)
        raise
    comparison.finish()
    _told(console, folder)


def _run(
    names: Sequence[str],
    table: Table,
    tasks: Sequence[Task],
    protocol: Protocol,
    comparison: _folder.Comparison,
    console: Console,
) -> None:
    """Runs and keeps method after method; one that fails is told of and left out."""
    say = _printing.notes(console)
    with _printing.progress(console, len(names)) as on_step:
        for number, name in enumerate(names):

            def step(share: float, name: str = name, number: int = number) -> None:
                on_step(name, number + share)

            step(0.0)
            try:
                result = _compare.run(
                    name, table, tasks, protocol, folder=comparison.scratch(name), on_step=step
                )
            except (FloatingPointError, RuntimeError) as error:
                say(f"{name} is left out: {error}")
                continue
            model, rows = result.model, tasks[-1].validation
            comparison.add(name, result, None if model is None else embedding(model, table, rows))
    if not comparison.record["methods"]:
        raise ValueError("no method could be trained on this table; the notes above say why.")


def _told(console: Console, folder: pathlib.Path) -> None:
    """Prints what was found, writes the report, and says what is where."""
    record, _ = _folder.read(folder)
    _printing.comparison(console, record)
    report = _folder.write_report(folder)
    lines = [f"Record: {folder / _folder.RECORD}", f"Scores: {folder / _folder.SCORES}"]
    if "model" in record:
        rows = "all rows" if record["table"].get("sampled_from") is None else "the sample"
        lines.append(f"Model: {folder / _model.FILE}, {record['model']} trained on {rows}")
    if record["best"] != record.get("model"):
        lines.append(f"  ({record['best']} is best; models are saved of this library's methods)")
    console.print("\n".join([*lines, f"Report: {report}"]), markup=False, highlight=False)


def train(
    source: Annotated[Source, tyro.conf.arg(name="")],
    budget: Annotated[Training, tyro.conf.arg(name="")] = Training(),  # noqa: B008  # frozen
    method: Annotated[str, tyro.conf.arg(help=_METHOD)] = "FAL-light",
    out: pathlib.Path | None = None,
) -> None:
    """Train one method on all rows of a table, and save the model.

    The table may be larger than memory: its rows are then read from disk in every epoch.

    Args:
      source: the table.
      budget: what training may spend.
      method: its name.
      out: the model's file, instead of TABLE.safetensors.
    """
    console = _printing.console()
    budget.check()
    _methods.check_own(method)
    _compare.named([method])
    path = out or pathlib.Path(f"{source.stem}.safetensors")
    _folder.check_place(path, source.table)
    say, beside = _printing.notes(console), _folder.nearest_place(path)
    table = source.load(2, say)
    with _printing.progress(console, 1) as on_step:
        on_step(method, 0.0)
        model, values = _training.train(
            method, table, budget, beside, say=say, on_step=lambda share: on_step(method, share)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    _printing.measured(console, f"{method}, on the rows that it was chosen by", values)
    console.print(f"Model: {path}", markup=False, highlight=False)


def predict(
    model: Annotated[tyro.conf.Positional[pathlib.Path], tyro.conf.arg(metavar="MODEL")],
    table: Annotated[tyro.conf.Positional[pathlib.Path], tyro.conf.arg(metavar="TABLE")],
    out: pathlib.Path | None = None,
    keep: tuple[str, ...] = (),
    threshold: float | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
) -> None:
    """Predict the rows of a table with a saved model, some rows at a time.

    Args:
      model: its file, or the folder of a comparison.
      table: the file, with the columns that the model was trained on; others are not read.
      out: a .csv, .csv.gz, .tsv or .parquet, instead of TABLE-predictions.csv.
      keep: columns of the table to write too, such as a key.
      threshold: of two classes, the probability from which it is an alarm, instead of the model's.
      delimiter: what stands between two values, if not a comma, or a tab in .tsv files.
      encoding: of a text file.
    """
    console = _printing.console()
    path = out or pathlib.Path(f"{table.name.split('.')[0]}-predictions.csv")
    _predict.check_out(path)
    _folder.check_place(path, table, model)
    loaded = _model.load(model)
    if threshold is not None and (loaded.threshold is None or not 0 <= threshold <= 1):
        raise ValueError(
            f"--threshold must be in [0, 1], for a model of two classes, got {threshold}."
        )
    with console.status("reading") as status:
        rows = _predict.predict(
            loaded,
            table,
            path,
            keep=keep,
            threshold=threshold,
            reading=Reading(delimiter, encoding),
            say=_printing.notes(console),
            on_rows=lambda done: status.update(f"{done:,} rows"),
        )
    console.print(f"Predictions of {rows:,} rows: {path}", markup=False, highlight=False)


def report(folder: tyro.conf.Positional[pathlib.Path], out: pathlib.Path | None = None) -> None:
    """Write the report of a comparison again.

    Args:
      folder: of the comparison.
      out: the report's file, instead of report.html in the folder.
    """
    path = _folder.write_report(folder, out)
    _printing.console().print(f"Report: {path}", markup=False, highlight=False)


def datasets(data_dir: pathlib.Path | None = None) -> None:
    """Tell which of the paper's data sets are there: where, whole or a sample, and checksums.

    Args:
      data_dir: the folder of their files, tfds/ for images, instead of FAL_JAX_DATA.
    """
    _printing.datasets(_printing.console(), _datasets.datasets(data_dir))


COMMANDS: Mapping[str, Callable[..., None]] = {
    "compare": compare,
    "train": train,
    "predict": predict,
    "report": report,
    "datasets": datasets,
}
