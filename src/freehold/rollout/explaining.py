"""Why a call was answered by the model that answered it, for programs and for people."""

from __future__ import annotations

import msgspec

from freehold.core.errors import NotFound
from freehold.ledger.reading import Entry
from freehold.ledger.record import Outcome
from freehold.ledger.shown import ShownAttempt, ShownDecision, show_attempt, show_decision
from freehold.routing.explaining import Again


class Explained(msgspec.Struct, kw_only=True):
    """What was decided for a call, what came of it, and whether it would be decided again."""

    call: str
    route: str | None
    outcome: Outcome
    decision: ShownDecision
    attempts: list[ShownAttempt]
    again: Again
    """Whether the same decision comes out of its own facts."""
    replayed: ShownDecision | None
    """The decision that comes out where it is different."""


def explain(entry: Entry) -> Explained:
    """The decision of a call, made again. Raises NotFound: no policy was asked for it."""
    call, decision = entry.call, entry.call.decision
    if decision is None:
        raise NotFound(f"No policy was asked for `{call.id}`.", hint=_why_not(entry))
    from freehold.rollout.replaying import replay  # noqa: PLC0415 - all policies, whom an endpoint need not know

    replayed = replay(decision)
    other = replayed.decision if replayed.verdict == "different" else None
    return Explained(
        call=call.id,
        route=call.route,
        outcome=call.outcome,
        decision=show_decision(decision),
        attempts=[show_attempt(one) for one in call.attempts],
        again=replayed.verdict,
        replayed=None if other is None else show_decision(other),
    )


def _why_not(entry: Entry) -> str:
    call = entry.call
    if call.mirrors is not None:
        return f"It is a copy of `{call.mirrors}`, sent to a model on trial: explain that one."
    if call.operation != "chat":
        return f"Policies choose models for chats; this was `{call.operation}`."
    return "Its route had none then, or no router for it, or it ended before: `freehold calls show` has its attempts."
