"""Calls and sums as programs see them: in what commands print with `--json`, and over HTTP.

Absent is null, and never 0. Money is text, so that no digit is lost.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from freehold.core.decision import Arm, Decision, Fact
from freehold.core.figures import exact
from freehold.core.losses import meaning_of
from freehold.core.moments import Moment, iso
from freehold.core.usage import Usage
from freehold.ledger.feedback import ShownFeedback, show_feedback
from freehold.ledger.lost import LossCount
from freehold.ledger.reading import Entry
from freehold.ledger.record import Attempt, Operation, Outcome
from freehold.ledger.runs import Gap
from freehold.ledger.spending import Spend


class ShownAttempt(msgspec.Struct, kw_only=True):
    """One try at one model. Times are milliseconds since the call began."""

    provider: str
    model: str
    start_ms: float
    end_ms: float
    first_ms: float | None
    status: int | None
    outcome: Outcome
    error: str | None
    reason: str
    usage: Usage


class ShownRejected(msgspec.Struct, kw_only=True):
    """A model that a policy passed over."""

    model: str
    why: str


class ShownDecision(msgspec.Struct, kw_only=True):
    """What a policy decided for a call."""

    policy: str
    chosen: str
    reason: str
    rejected: list[ShownRejected]
    facts: dict[str, Fact]
    rollout: str | None
    arm: Arm | None


class ShownCall(msgspec.Struct, kw_only=True):
    """Everything that is known of a call, but for what was said."""

    id: str
    started: Moment
    operation: Operation
    dialect: str
    key: str | None
    key_name: str | None
    route: str | None
    provider: str | None
    model: str | None
    reported_model: str | None
    streamed: bool
    status: int
    outcome: Outcome
    error: str | None
    stop_reason: str | None
    usage: Usage
    cost: str | None
    price: str | None
    first_token_ms: float | None
    duration_ms: float
    request_bytes: int
    answer_bytes: int
    attempts: list[ShownAttempt]
    losses: list[str]
    decision: ShownDecision | None
    """Null: no policy was asked."""
    mirrors: str | None
    """Of a mirror: the call that it is a copy of."""
    request_digest: str | None
    answer_digest: str | None
    feedback: list[ShownFeedback]
    """What was said of its answer, but for the words."""


class ShownBodies(msgspec.Struct, kw_only=True):
    """What was said in a call. A body that is no text is given in Base64; null: it is not kept."""

    request_body: str | None
    request_body_base64: str | None
    answer_body: str | None
    answer_body_base64: str | None
    feedback: list[ShownFeedback]
    """With its words."""


class ShownSpend(msgspec.Struct, kw_only=True):
    """What one route, provider, model, key or day came to."""

    name: str | None
    """Null: calls without one."""
    key_name: str | None
    """Of a key."""
    calls: int
    cost: str | None
    """US dollars of the calls whose cost is known."""
    calls_of_unknown_cost: int
    input_tokens: int
    output_tokens: int
    calls_of_unknown_tokens: int


class ShownLoss(msgspec.Struct, kw_only=True):
    """How often one thing was lost in translation."""

    loss: str
    meaning: str
    calls: int
    routes: list[str]


class ShownGap(msgspec.Struct, kw_only=True):
    """Calls that are known to be missing from the ledger."""

    reason: str
    detail: str | None
    since: Moment
    until: Moment | None
    """Null: until the end of that process."""
    calls: int | None
    """Null: how many is unknown."""


def show_call(entry: Entry, key_names: Mapping[str, str]) -> ShownCall:
    """A call; `key_names`: of keys by their ids."""
    call = entry.call
    return ShownCall(
        id=call.id,
        started=iso(call.started_us),
        operation=call.operation,
        dialect=call.dialect,
        key=call.key_id,
        key_name=key_names.get(call.key_id or ""),
        route=call.route,
        provider=call.provider,
        model=call.model,
        reported_model=call.reported_model,
        streamed=call.streamed,
        status=call.status,
        outcome=call.outcome,
        error=call.error,
        stop_reason=call.stop_reason,
        usage=call.usage,
        cost=exact(entry.cost.amount),
        price=entry.cost.row,
        first_token_ms=call.first_token_ms,
        duration_ms=call.duration_ms,
        request_bytes=call.request_bytes,
        answer_bytes=call.answer_bytes,
        attempts=[show_attempt(one) for one in call.attempts],
        losses=list(call.losses),
        decision=None if call.decision is None else show_decision(call.decision),
        mirrors=call.mirrors,
        request_digest=entry.request_digest,
        answer_digest=entry.answer_digest,
        feedback=[show_feedback(one, words=False) for one in entry.feedback],
    )


def show_attempt(attempt: Attempt) -> ShownAttempt:
    """One try at one model."""
    facts: dict[str, Any] = {name: getattr(attempt, name) for name in ShownAttempt.__struct_fields__}
    return ShownAttempt(**facts)


def show_decision(decision: Decision) -> ShownDecision:
    """What was decided."""
    return ShownDecision(
        policy=decision.policy,
        chosen=decision.chosen,
        reason=decision.reason,
        rejected=[ShownRejected(model=one.model, why=one.why) for one in decision.rejected],
        facts=dict(decision.facts),
        rollout=decision.rollout,
        arm=decision.arm,
    )


def show_bodies(entry: Entry) -> ShownBodies:
    """What was said."""
    request, answer = _body(entry.call.request_body), _body(entry.call.answer_body)
    return ShownBodies(
        request_body=request[0],
        request_body_base64=request[1],
        answer_body=answer[0],
        answer_body_base64=answer[1],
        feedback=[show_feedback(one, words=True) for one in entry.feedback],
    )


def show_spend(one: Spend, key_names: Mapping[str, str]) -> ShownSpend:
    """A sum; `key_names`: of keys by their ids."""
    return ShownSpend(
        name=one.name,
        key_name=key_names.get(one.name or ""),
        calls=one.calls,
        cost=exact(one.cost),
        calls_of_unknown_cost=one.unpriced,
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        calls_of_unknown_tokens=one.uncounted,
    )


def show_loss(one: LossCount) -> ShownLoss:
    """A count of losses, and what the loss means."""
    return ShownLoss(loss=one.loss, meaning=meaning_of(one.loss), calls=one.calls, routes=list(one.routes))


def show_gap(gap: Gap) -> ShownGap:
    """A gap in the record."""
    return ShownGap(
        reason=gap.reason,
        detail=gap.detail,
        since=iso(gap.from_us),
        until=iso(gap.until_us),
        calls=gap.calls,
    )


def _body(body: bytes | None) -> tuple[str | None, str | None]:
    if body is None:
        return None, None
    try:
        return body.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(body).decode()
