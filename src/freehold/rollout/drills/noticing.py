"""Whether it would be noticed that another model answers behind a lost model's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from freehold.ledger.record import Call
from freehold.ledger.reported import Change, ReportedModels
from freehold.rollout.drills.asking import Outcome
from freehold.rollout.drills.faults import OTHER_NAME
from freehold.rollout.drills.report import Notice
from freehold.rollout.drills.sample import Sample


def notices_of(samples: Iterable[Sample], outcomes: Sequence[Outcome], lost: frozenset[str]) -> list[Notice]:
    """Lets the watch that an endpoint has see the recorded answers and then the stand-in's: for each model, whether
    it told a change.
    """
    told: list[Change] = []
    watch = ReportedModels(told.append)
    for sample in samples:
        for one in sample.calls:
            watch.observe(_answered(one.model, one.reported))
    told.clear()  # of real changes the endpoint has told already
    asked: set[str] = set()
    for outcome in outcomes:
        call = outcome.call
        if call.provider not in lost or call.outcome != "answered":
            continue
        watch.observe(call)
        asked.add(f"{call.provider}/{call.model}")
    noticed = {change.asked for change in told if change.now == OTHER_NAME}
    return [
        Notice(
            model=model,
            noticed=model in noticed,
            why="The answer names another model than before: the endpoint warns, and counts it in "
            "`freehold_model_changes_total`."
            if model in noticed
            else "Its recorded answers do not say which model they are of, so that there is nothing to differ from.",
        )
        for model in sorted(asked)
    ]


def _answered(model: str, reported: str | None) -> Call:
    provider, _, name = model.partition("/")
    return Call(
        id="",
        started_us=0,
        operation="chat",
        dialect="openai-chat",
        provider=provider,
        model=name,
        reported_model=reported,
    )
