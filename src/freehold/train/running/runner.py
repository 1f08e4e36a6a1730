"""Runs from their beginning to their end: made, trained in their folder, gone on with after a stop."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from freehold.catalog.terms.finding import NOTHING_KNOWN, Known
from freehold.catalog.terms.terms import Terms
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest, FreeholdError, NotFound
from freehold.core.ids import new_id
from freehold.store.lock import ProcessLock
from freehold.train.base import find_base
from freehold.train.catalogue import find_recipe, fitted, module_of
from freehold.train.data.shelf import Dataset, DatasetShelf
from freehold.train.licence import licence_left
from freehold.train.order import Order, Outcome, Stopped
from freehold.train.run import CARD, CHECKPOINTS, Run, RunFolder, Runs
from freehold.train.running.card import card_of
from freehold.train.running.curve import CurveFile
from freehold.train.running.following import Follower, Seen
from freehold.train.running.interruption import interruptible
from freehold.train.running.tracking import Tracking
from freehold.train.running.versions import machine, versions

LOCK = "lock"
TRACKED = "mlruns"


def begin_run(
    data: Path,
    *,
    recipe: str,
    dataset: str | None,
    base: str | None,
    dials: Mapping[str, Any],
    seed: int,
    name: str | None,
    teacher: str | None = None,
    taught: Terms | None = None,
    known: Known = NOTHING_KNOWN,
) -> RunFolder:
    """Make a run, of which nothing is trained yet. Raises NotFound, BadRequest where it could not be trained.

    `teacher`: who answers in place of those who made the dataset's rows; `taught`: the terms of a teacher who is in
    memory; `known`: by which the terms of the rows' makers are found.
    """
    about = find_recipe(recipe)
    for what, given, need in (("data", dataset, about.dataset), ("base", base, about.base)):
        if given is None and need == "needed":
            raise BadRequest(
                f"The recipe `{recipe}` needs `--{what}`.", hint=f"`freehold train {recipe} --help`"
            )
        if given is not None and need == "none":
            raise BadRequest(
                f"The recipe `{recipe}` takes no `--{what}`.", hint=f"`freehold train {recipe} --help`"
            )
    found = DatasetShelf(data).find(dataset) if dataset is not None else None
    begun = find_base(base, data) if base is not None else None
    fitted(recipe, dials)
    makers = _makers(found, teacher)
    left = licence_left(begun.licence if begun else None, makers, datetime.now(UTC).date(), known)
    may_be_kept = taught is None or taught.verdict == "allowed"
    run = Run(
        id=new_id("run"),
        name=name or (found.manifest.name if found else recipe),
        recipe=recipe,
        state="running",
        base=begun.reference if begun else None,
        dataset=found.reference if found else None,
        dataset_hash=found.manifest.hash if found else None,
        dials=dict(dials),
        seed=seed,
        versions=versions(),
        begun_us=microseconds(time.time()),
        makers=makers,
        licence=left.licence if may_be_kept else None,
    )
    folder = RunFolder(Runs(data).folder / run.id)
    folder.write(run)
    return folder


def _makers(dataset: Dataset | None, teacher: str | None) -> dict[str, int]:
    if dataset is None:
        return {}
    return dataset.manifest.makers if teacher is None else {teacher: dataset.manifest.rows["train"]}


def order_of(data: Path, folder: RunFolder, *, resume: bool) -> Order:
    """What the run's recipe is handed. Raises NotFound where its dataset is gone."""
    run = folder.read()
    return Order(
        folder=folder.folder,
        dataset=_dataset_of(data, run),
        base=run.base,
        seed=run.seed,
        data=data,
        resume=resume,
    )


def carry_out(
    data: Path,
    folder: RunFolder,
    tell: Callable[[Seen], None],
    *,
    resume: bool = False,
    prepare: Callable[[], None] = lambda: None,
) -> Run:
    """Train in the run's folder until it is finished, or somebody wants it to stop.

    Whatever becomes of it is on record then. `prepare` is called before anything is trained. Raises BadRequest where
    another process is at it.
    """
    lock = ProcessLock(folder.folder / LOCK)
    if not lock.take():
        raise BadRequest(
            f"Another process trains `{folder.folder.name}`.",
            hint="Wait for it, or stop it with Ctrl-C first.",
        )
    try:
        before = folder.read()
        if before.state == "finished":
            raise BadRequest(f"The run `{before.id}` is finished.", hint=f"`freehold train show {before.id}`")
        notes = (*before.notes, *_changes(before.versions)) if resume else ()
        run = msgspec.structs.replace(before, state="running", reason=None, ended_us=None, notes=notes)
        return _carry_out(data, folder, run, tell, prepare, resume=resume)
    finally:
        lock.release()


def _carry_out(
    data: Path,
    folder: RunFolder,
    run: Run,
    tell: Callable[[Seen], None],
    prepare: Callable[[], None],
    *,
    resume: bool,
) -> Run:
    from transformers.utils import logging  # noqa: PLC0415 - seconds

    logging.disable_progress_bar()  # a run has its own display
    module, dials = module_of(run.recipe), fitted(run.recipe, run.dials)
    order = order_of(data, folder, resume=resume)
    tracking = Tracking(data / TRACKED, run)
    curve = CurveFile(folder.folder)
    folder.write(run)
    tracking.open(run)
    try:
        prepare()
        with interruptible() as interruption:
            outcome = module.train(order, dials, Follower(curve, tracking, interruption, tell))
    except (Stopped, KeyboardInterrupt):
        return _end(data, folder, tracking, run, state="stopped", reason="it was told to stop")
    except BaseException as error:
        _end(data, folder, tracking, run, state="failed", reason=_reason(error))
        raise
    finally:
        curve.close()
    return _end(data, folder, tracking, run, state="finished", outcome=outcome)


def _end(
    data: Path,
    folder: RunFolder,
    tracking: Tracking,
    run: Run,
    *,
    state: Any,
    reason: str | None = None,
    outcome: Outcome | None = None,
) -> Run:
    ended = msgspec.structs.replace(
        run,
        state=state,
        reason=reason,
        ended_us=microseconds(time.time()),
        results=outcome.results if outcome else {},
        notes=(*run.notes, *(outcome.notes if outcome else ())),
    )
    try:
        folder.write(ended)
        card = card_now(data, folder)
        (folder.folder / CARD).write_text(card, encoding="utf-8")
        if state == "finished":
            (folder.model / CARD).write_text(card, encoding="utf-8")
            shutil.rmtree(
                folder.folder / CHECKPOINTS, ignore_errors=True
            )  # three times as big as the model, each
        tracking.keep(ended)
    except OSError:
        if state != "failed":  # what made it fail is told; a full disk may hold no more
            raise
    return ended


def card_now(data: Path, folder: RunFolder) -> str:
    """The model card of a run as it stands."""
    run = folder.read()
    try:
        dataset = _dataset_of(data, run)
    except NotFound:
        dataset = None
    return card_of(run, dataset.manifest if dataset else None, list(folder.curve()), machine())


def _dataset_of(data: Path, run: Run) -> Dataset | None:
    return DatasetShelf(data).find(run.dataset) if run.dataset is not None else None


def _changes(before: Mapping[str, str]) -> tuple[str, ...]:
    now = versions()
    changed = [
        f"{name} {before[name]} -> {now.get(name, 'none')}"
        for name in before
        if before[name] != now.get(name)
    ]
    if not changed:
        return ()
    return (
        f"It was gone on with after these changed, so it cannot be made again exactly: {', '.join(changed)}.",
    )


def _reason(error: BaseException) -> str:
    return error.message if isinstance(error, FreeholdError) else str(error) or type(error).__name__
