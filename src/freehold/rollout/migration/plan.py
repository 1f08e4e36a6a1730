"""The way there in stages, and the way back."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from freehold.core.figures import counted
from freehold.rollout.migration.asked import Question
from freehold.rollout.migration.report import PromptPart, Span, Step, VerdictPart

_SHADOW = 500
_LEAST_SHADOW = 50
_MUCH = 1_000
"""Calls a day from which one per cent of them tells something."""
STANDING_DAYS = 90
"""A verdict that is older is asked for again before the way is gone."""


def plan_of(
    question: Question,
    *,
    calls: int,
    span: Span | None,
    broken: int,
    sampled: int,
    prompts: Sequence[PromptPart],
    verdicts: Sequence[VerdictPart],
    suite: str | None,
    unpriced: bool,
) -> list[Step]:
    """What to do, in this order."""
    route, target = question.route, question.target.name
    priced = Step(
        text=f'State the price of `{target}` in freehold.toml, in `[models."{target}"]`: a rollout does not begin '
        "without one, for nobody could tell whether it is dearer."
    )
    return [
        *_before(question, broken, sampled, prompts, verdicts=verdicts, suite=suite),
        *([priced] if unpriced else []),
        Step(
            text="Move the traffic in stages: copies first, then a share that grows while every gate holds. A gate "
            "that shows harm takes it back by itself.",
            command=f"freehold rollout start {_word(route.name)} --to {_word(target)} --plan {stages(calls, span)}",
        ),
        Step(
            text=f"When it is over, write `{target}` as the incumbent of `{route.name}` into freehold.toml, and "
            f"`{route.incumbent.name}` as a fallback."
        ),
        Step(
            text="Rehearse that the provider is gone, before it is.",
            command=f"freehold drill --lose {_word(question.leaves)} --on {_word(route.name)}",
        ),
    ]


def stages(calls: int, span: Span | None) -> str:
    """The stages of the rollout: no more copies than two days of traffic, and an extra stage where there is much."""
    per_day = calls / max(span.days, 1.0) if span is not None else 0.0
    shadow = max(_LEAST_SHADOW, min(_SHADOW, int(2 * per_day)))
    shares = "canary:1%,5%,25%" if per_day >= _MUCH else "canary:5%,25%"
    return f"shadow:{shadow},{shares},cutover"


def way_back(question: Question) -> list[Step]:
    """How to undo it, and what cannot be undone."""
    route, now = question.route.name, question.route.incumbent.name
    return [
        Step(
            text="While the rollout stands, one command takes all traffic back at once; conversations in the middle of "
            "a tool loop end where they are.",
            command=f"freehold rollout abort {_word(route)}",
        ),
        Step(
            text=f"Afterwards: write `{now}` as the incumbent again. The running endpoint takes it over without a "
            "restart."
        ),
        Step(
            text=f"Keep the key and the account of `{question.leaves}` until the way back is not wanted any more."
        ),
        Step(
            text="What does not come back: reasoning that the target signed or encrypted is unreadable elsewhere, and "
            "its cache is lost. Conversations go on without both. Files, batches and fine-tuned models stay where they "
            "were made."
        ),
    ]


def _before(
    question: Question,
    broken: int,
    sampled: int,
    prompts: Sequence[PromptPart],
    *,
    verdicts: Sequence[VerdictPart],
    suite: str | None,
) -> Iterator[Step]:
    """What is to be done before any traffic is moved."""
    if broken:
        yield Step(
            text=f"Mend what breaks first: {counted(broken, 'call')} of {sampled:,} in the sample would lose what they "
            "cannot do without. Have those applications call another route, or change what they ask."
        )
    if prompts:
        yield Step(
            text=f"Port {counted(len(prompts), 'prompt')} as proposed here, and measure what that does: "
            "`--measure 50 --budget 1`."
        )
    standing = [
        one
        for one in verdicts
        if not one.task_class and one.decision == "replaces" and one.age_days <= STANDING_DAYS
    ]
    if not standing:
        route = _word(question.route.name)
        name = _word(suite or f"{question.route.name}-calls")
        compare = f"freehold compare {route} --with {_word(question.target.name)} --suite {name}"
        make = "" if suite is not None else f"freehold suite sample {route} --name {name} --scorer KIND && "
        yield Step(
            text="Find out whether it answers as well: no verdict that stands says so.",
            command=make + compare,
        )


def _word(text: str) -> str:
    return shlex.quote(text)
