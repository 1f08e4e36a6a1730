"""Making a suite of a task: each sample becomes a case that asks what the task's solvers ask first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from freehold.compare.case import Case, ScorerSettings, Source, hash_of
from freehold.compare.inspection.scorer import first_requests
from freehold.compare.inspection.tasks import LoadedTask, load
from freehold.compare.suites.adding import Added
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.task_settings import KIND, InspectSettings

_PORTION = 200
_ONCE = (
    "The task wants each sample answered several times ({epochs} epochs); here every model answers it once, and "
    "another seed and `--fresh` answer it again."
)
_FURTHER = "What the task's solvers ask after the first question is asked while answers are scored."


def add_task(
    shelf: SuiteShelf,
    reference: str,
    args: Mapping[str, Any],
    *,
    grader: str | None = None,
    name: str | None = None,
) -> Added:
    """Puts a task of Inspect AI on the shelf; its file is executed. Raises NotFound, BadRequest."""
    loaded = load(reference, args)
    settings = InspectSettings(task=loaded.reference, digest=loaded.digest, args=dict(args), grader=grader)
    scorers = (ScorerSettings(kind=KIND, settings=msgspec.Raw(msgspec.json.encode(settings))),)
    called = name or loaded.name
    cases = list(_cases(loaded))  # the task holds all of them in memory, too
    there = shelf.same_as(called, hash_of(scorers, cases))
    if there is not None:
        return Added(there, is_new=False)
    epochs = loaded.task.epochs or 1
    notes = (_FURTHER, *([_ONCE.format(epochs=epochs)] if epochs > 1 else []))
    source = Source(kind="inspect", name=loaded.reference, notes=notes)
    return Added(shelf.add(called, source, scorers, cases), is_new=True)


def _cases(loaded: LoadedTask) -> Iterator[Case]:
    ids = list(loaded.samples)
    for first in range(0, len(ids), _PORTION):
        some = ids[first : first + _PORTION]
        for one, request in zip(some, first_requests(loaded, some), strict=True):
            target = msgspec.Raw(msgspec.json.encode(loaded.samples[one].target))
            yield Case(id=one, request=request, target=target)
