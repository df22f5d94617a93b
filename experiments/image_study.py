"""The runs of the image study in their order: tuned, trained, recorded one by one."""

import argparse
import contextlib
import functools
import pathlib
import shutil
import time
from collections.abc import Callable
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

from experiments import image_logs, image_records, image_runs, processes, records
from experiments.image_records import Record
from experiments.image_runs import Setup
from fal_jax.estimators import draw_settings

Opened = dict[float, tuple[pathlib.Path, Record]]  # by factor
_VALIDATION = 0.2  # of the training images, to tune by


def run(setup: Setup, options: argparse.Namespace, console: Console) -> list[pathlib.Path]:
    """Makes what the records lack, seed by seed, so that they grow evenly."""
    started = records.environment()
    opened = {
        factor: image_records.open_record(setup, options, factor, started)
        for factor in options.factor
    }
    there = {path.name: [r["tuning"], r["results"]] for path, r in opened.values()}
    processes.agree(there, f"the records in {options.out}")
    with contextlib.ExitStack() as stack, _progress(console) as progress:
        for path, record in opened.values():
            stack.enter_context(image_records.begun(path, record))
        lacking = _lacking(opened, options)
        bar = progress.add_task("", total=_images(lacking, opened, setup, options))
        for seed, factor, method in lacking:
            path, record = opened[factor]
            task = image_runs.long_tailed(setup.images, factor, options.kind, seed)
            progress.update(bar, description=f"{method}, {factor:g}, seed {seed}")
            made = {"seed": seed, **_made_by(started)}
            follow = functools.partial(_Follower, progress, bar, setup.recipe.batch_size)
            _one(method, task, setup, options, path, record, made, follow)
    return [path for path, _ in opened.values()]


def _lacking(opened: Opened, options: argparse.Namespace) -> list[tuple[int, float, str]]:
    """Seed, factor and method of the runs that the records lack, in their order."""
    return [
        (seed, factor, method)
        for seed in range(options.seeds)
        for factor, (_, record) in opened.items()
        for method in dict.fromkeys(options.methods)
        if seed not in image_records.seeds(record, method)
    ]


def _images(
    lacking: list[tuple[int, float, str]],
    opened: Opened,
    setup: Setup,
    options: argparse.Namespace,
) -> int:
    """How many images these runs train on, and those before them that tune."""
    size, total, tuned = setup.recipe.batch_size, 0, set()
    for seed, factor, method in lacking:
        task = image_runs.long_tailed(setup.images, factor, options.kind, seed)
        total += len(task.train) * setup.recipe.epochs // size * size
        is_tuned = method in opened[factor][1]["tuning"] or (factor, method) in tuned
        if options.tune > 1 and not is_tuned:
            rows = len(image_runs.held_out(task, setup.images.labels, _VALIDATION).train)
            epochs = image_records.tune_epochs(setup, options)
            total += options.tune * (rows * epochs // size * size)
            tuned.add((factor, method))
    return total


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
    follow: "Callable[[], _Follower]",
) -> None:
    """Tunes a method if it is not, trains it and adds both to the record, with how it was made."""
    started = time.perf_counter()
    if method not in record["tuning"]:
        record["tuning"][method] = tune(method, task, setup, options, follow)
        if options.tune > 1:
            _write(path, record)
    name = f"{method}-{task.seed}"
    folder = image_records.checkpoint_folder(path) / name
    logdir = options.logdir and options.logdir / path.stem / name
    steps = follow()
    with image_logs.tensorboard(logdir) as log:

        def on_epoch(epoch: dict[str, Any]) -> None:
            log(epoch, task.class_counts)
            steps.skip(epoch["step"])

        found, _ = image_runs.train(
            method,
            record["tuning"][method]["chosen"],
            task,
            setup,
            folder=folder,
            on_step=steps,
            on_epoch=on_epoch,
        )
    seconds = round(time.perf_counter() - started, 1)
    record["made"].setdefault(method, []).append({**made, "seconds": seconds})
    record["results"].setdefault(method, []).append({"seed": task.seed, **found})
    _write(path, record)
    if jax.process_index() == 0 and not options.keep_checkpoints:
        shutil.rmtree(folder)


def tune(
    method: str,
    task: image_runs.Task,
    setup: Setup,
    options: argparse.Namespace,
    follow: "Callable[[], _Follower]",
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
        found, _ = image_runs.train(method, settings, part, setup, epochs=epochs, on_step=follow())
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

    def __init__(self, progress: Progress, bar: Any, batch_size: int):
        self.progress, self.bar, self.batch_size = progress, bar, batch_size
        self.step = 0

    def __call__(self, done: int, _: int) -> None:
        self.progress.advance(self.bar, (done - self.step) * self.batch_size)
        self.step = done

    def skip(self, done: int) -> None:
        """Takes out of the bar what an earlier start has done, which would be no speed of ours."""
        total = self.progress.tasks[self.bar].total or 0
        self.progress.update(self.bar, total=total - (done - self.step) * self.batch_size)
        self.step = done


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
