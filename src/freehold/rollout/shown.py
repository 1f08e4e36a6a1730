"""Rollouts as programs see them: in what commands print with `--json`, and over HTTP. Absent is null, and never 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from freehold.core.figures import exact
from freehold.core.moments import Moment, iso
from freehold.rollout.acts import line_for
from freehold.rollout.gates.finding import Finding
from freehold.rollout.machine import Knowledge, Step, next_of
from freehold.rollout.terms import Act, Rollout, State, Transition
from freehold.rollout.told import Told

_PICO = Decimal("1e12")


class ShownRollout(msgspec.Struct, kw_only=True):
    """A rollout, as it stands."""

    id: str
    route: str
    state: State
    incumbent: str
    candidate: str
    plan: str
    stage: str
    """The one that it is at, or ended at."""
    share: float
    """Of the conversations, that the candidate answers now."""
    begun: Moment
    at_stage_since: Moment
    ended: Moment | None
    version: int


class ShownTransition(msgspec.Struct, kw_only=True):
    """Something that happened to a rollout."""

    at: Moment
    by: str
    act: Act
    state: State
    stage: str
    version: int
    reason: str
    evidence: dict[str, Any]
    """What the gates knew."""


class WholeRollout(ShownRollout, kw_only=True):
    """A rollout with what its gates know, and all that happened to it."""

    tolerances: dict[str, float | None]
    alpha: float
    settle_calls: int
    settle_seconds: float
    judge: str | None
    budget: str | None
    """US dollars for copies and their judging."""
    without_quality: bool
    waiting_for: str | None
    """Null: it is over, or its next step is due at the next look."""
    needs_somebody: bool
    """Whether it goes on only when somebody promotes, resumes or aborts it."""
    looked_at: Moment | None
    """When its gates were looked at last; null: not yet."""
    answered: int | None
    """Conversations that the candidate was given at this stage; in shadow, copies."""
    findings: list[Finding]
    not_copied: dict[str, int]
    """In shadow: how many calls were not copied, by reason."""
    line: str | None
    """What to write into the configuration, once it is finished."""
    transitions: list[ShownTransition]


def show_rollout(rollout: Rollout) -> ShownRollout:
    """A rollout in a list."""
    return ShownRollout(**_facts(rollout))


def show_whole(
    rollout: Rollout,
    transitions: Sequence[Transition],
    *,
    findings: bytes | None,
    looked_us: int | None,
    not_copied: Mapping[str, int],
    now_us: int,
) -> WholeRollout:
    """All of it. `findings`: what the gates said last, as it is kept; None: nothing yet."""
    terms = rollout.terms
    told = None if findings is None else msgspec.json.decode(findings, type=Told)
    # What was found at the stage before says nothing of this one.
    told = told if told is not None and told.stage == rollout.at.name else None
    waiting = _waiting(rollout, told, now_us)
    return WholeRollout(
        **_facts(rollout),
        tolerances=msgspec.structs.asdict(terms.tolerances),
        alpha=terms.alpha,
        settle_calls=terms.settle_calls,
        settle_seconds=terms.settle_us / 1e6,
        judge=terms.judge,
        budget=None if terms.budget_pico is None else exact(terms.budget_pico / _PICO),
        without_quality=terms.without_quality,
        waiting_for=waiting[0],
        needs_somebody=waiting[1],
        looked_at=iso(looked_us),
        answered=None if told is None else told.answered,
        findings=[] if told is None else told.findings,
        not_copied=dict(not_copied),
        line=line_for(rollout) if rollout.state == "finished" else None,
        transitions=[_transition(rollout, one) for one in transitions],
    )


def _facts(rollout: Rollout) -> dict[str, Any]:
    terms = rollout.terms
    return {
        "id": rollout.id,
        "route": rollout.route,
        "state": rollout.state,
        "incumbent": terms.incumbent.name,
        "candidate": terms.candidate.name,
        "plan": terms.plan.text,
        "stage": rollout.at.name,
        "share": rollout.share,
        "begun": iso(rollout.begun_us),
        "at_stage_since": iso(rollout.stage_us),
        "ended": iso(rollout.ended_us),
        "version": rollout.version,
    }


def _transition(rollout: Rollout, one: Transition) -> ShownTransition:
    return ShownTransition(
        at=iso(one.at_us),
        by=one.by,
        act=one.act,
        state=one.state,
        stage=rollout.terms.plan.stages[one.stage].name,
        version=one.version,
        reason=one.reason,
        evidence=msgspec.json.decode(one.evidence),
    )


def _waiting(rollout: Rollout, told: Told | None, now_us: int) -> tuple[str | None, bool]:
    """What it waits for as far as what is kept says, and whether somebody has to decide."""
    if rollout.state not in ("running", "paused"):
        return None, False
    if told is None:
        return "Its gates have not been looked at yet: a running endpoint does that.", False
    known = Knowledge(
        findings=told.findings,
        answered=told.answered,
        copied=told.copied,
        quality=told.quality,
        may_replace=told.may_replace,
        incumbent=rollout.terms.incumbent.name,
    )
    found = next_of(rollout, known, now_us)
    return (None, False) if isinstance(found, Step) else (found.why, found.needs_somebody)
