"""The runs of the image study in their order: tuned, trained, recorded one by one."""

import argparse
import pathlib
import shutil
import time
from typing import Any

import jax
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from experiments import image_logs, image_records, image_runs, records
from experiments.image_records import Record
from experiments.image_runs import Setup
from fal_jax.estimators import draw_settings

_VALIDATION = 0.2  # of the training images, to tune by


def run(setup: Setup, options: argparse.Namespace, console: Console) -> list[pathlib.Path]:
    """Makes what the records lack, seed by seed, so that they grow evenly."""
    started = records.environment()
    opened = {
        factor: image_records.open_record(setup, options, factor, started)
        for factor in options.factor
    }
    images = [len(image_runs.long_tailed(setup.images, f, options.kind, 0).train) for f in opened]
    with _progress(console) as progress:
        total = sum(images) * options.seeds * len(options.methods) * setup.recipe.epochs
        bar = progress.add_task("", total=total)
        for seed in range(options.seeds):
            for factor, (path, record) in opened.items():
                task = image_runs.long_tailed(setup.images, factor, options.kind, seed)
                for method in options.methods:
                    progress.update(bar, description=f"{method}, {factor:g}, seed {seed}")
                    follow = _Follower(progress, bar, setup, len(task.train))
                    if seed not in image_records.seeds(record, method):
                        made = {"seed": seed, **_made_by(started)}
                        _one(method, task, setup, options, path, record, made, follow)
                    follow.finish()
    return [path for path, _ in opened.values()]


def _made_by(environment: dict[str, Any]) -> dict[str, str | None]:
    """Commit and device, which may change from one run of a record to the next."""
    device = environment["machine"]["device_kind"]
    return {"commit": environment["commit"], "device_kind": device}


def _one(
    method: str,
    task: image_runs.Task,
    setup: Setup,
    options: argparse.Namespace,
    path: pathlib.Path,
    record: Record,
    made: dict[str, Any],
    follow: "_Follower",
) -> None:
    """Tunes a method if it is not, trains it and adds both to the record, with how it was made."""
    started = time.perf_counter()
    if method not in record["tuning"]:
        record["tuning"][method] = tune(method, task, setup, options)
        if options.tune > 1:
            _write(path, record)
    name = f"{method}-{task.seed}"
    folder = image_records.checkpoint_folder(path) / name
    logdir = options.logdir and options.logdir / path.stem / name
    with image_logs.tensorboard(logdir) as log:
        found, _ = image_runs.train(
            method,
            record["tuning"][method]["chosen"],
            task,
            setup,
            folder=folder,
            on_step=follow,
            on_epoch=lambda epoch: log(epoch, task.class_counts),
        )
    seconds = round(time.perf_counter() - started, 1)
    record["made"].setdefault(method, []).append({**made, "seconds": seconds})
    record["results"].setdefault(method, []).append({"seed": task.seed, **found})
    _write(path, record)
    if jax.process_index() == 0 and not options.keep_checkpoints:
        shutil.rmtree(folder)


def tune(
    method: str, task: image_runs.Task, setup: Setup, options: argparse.Namespace
) -> dict[str, Any]:
    """The settings with the best mean accuracy over classes, on a part of the training images.

    The first trial has the method's own settings, the others are drawn.
    """
    if options.tune == 1:
        return {"trials": [], "chosen": {}}
    row = image_runs.METHODS[method]
    drawn = draw_settings(row, options.tune - 1, seed=task.seed)
    own = {name: row.fixed[name] for name in row.search}
    part = image_runs.held_out(task, setup.images.labels, _VALIDATION)
    epochs = image_records.tune_epochs(setup, options)
    trials: list[dict[str, Any]] = []
    for number in range(options.tune):
        settings = own if number == 0 else {n: float(v[number - 1]) for n, v in drawn.items()}
        found, _ = image_runs.train(method, settings, part, setup, epochs=epochs)
        accuracy = found["last"]["balanced_accuracy"]
        trials.append({"settings": settings, "balanced_accuracy": accuracy})
    best = max(trials, key=lambda trial: trial["balanced_accuracy"])
    return {"trials": trials, "chosen": best["settings"]}


def _write(path: pathlib.Path, record: Record) -> None:
    if jax.process_index() == 0:
        made = [run["seconds"] for runs in record["made"].values() for run in runs]
        records.write_json(path, record | {"seconds": round(sum(made), 1)})


class _Follower:
    """Passes a run's steps on to the bar over all images."""

    def __init__(self, progress: Progress, bar: Any, setup: Setup, rows: int):
        self.progress, self.bar = progress, bar
        self.start = progress.tasks[bar].completed
        self.images = rows * setup.recipe.epochs

    def __call__(self, done: int, total: int) -> None:
        self.progress.update(self.bar, completed=self.start + self.images * done / total)

    def finish(self) -> None:
        self(1, 1)


class _Speed(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} images/s,")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:22}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%,"),
        _Speed(),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("left"),
        console=console,
        speed_estimate_period=600,
    )
