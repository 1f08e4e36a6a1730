"""What one call, or one copy beside its call, says of the two models of a rollout."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from freehold.ledger.reading import Entry
from freehold.ledger.record import Attempt
from freehold.routing.decisions import Arm

_OWN = frozenset({"incumbent", "policy", "state", "retry", "repair"})
"""Reasons of attempts at the model that was chosen."""
REHEARSED = "drill"
"""Reason of an attempt that met a rehearsed fault in place of its provider."""
_DECLINED = frozenset({"refusal", "content_filter"})
_HARMLESS = ("usage", "metadata", "cache", "store")
"""Losses that no answer is worse for. What a lost cache costs, the gate of cost sees."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the gates see it."""

    arm: Arm
    unit: str
    """What calls of one conversation have in common: they are not independent of each other, and count once."""
    share: float
    """The candidate's, when it was decided."""
    stage: int
    failed: bool
    """Whether the chosen model gave no answer, whoever took over."""
    seconds: float | None
    """Until its first word or, where it was not streamed, its answer. Without one: how long it was waited for."""
    dollars: float | None
    """What the call cost, with whoever took over; None: unknown."""
    declined: bool
    lossy: bool


def observe(entry: Entry, rollout: str) -> Observation | None:
    """What a call of the ledger says; None: nothing, as it was no part of the rollout, or not drawn at random."""
    call = entry.call
    decision = call.decision
    if decision is None or decision.rollout != rollout or decision.arm is None or decision.reason != "drawn":
        return None
    draw, share, stage = (decision.facts.get(name) for name in ("draw", "share", "stage"))
    if not isinstance(draw, float) or not isinstance(share, int | float) or not isinstance(stage, int):
        return None
    if not call.attempts or call.operation != "chat":  # a limit refused it, and no model was asked
        return None
    if any(one.reason == REHEARSED for one in call.attempts):
        return None
    own = [one for one in call.attempts if one.reason in _OWN]
    failed = not any(_has_answered(one) for one in own)
    return Observation(
        arm=decision.arm,
        unit=repr(draw),
        share=float(share),
        stage=stage,
        failed=failed,
        seconds=_seconds(own, failed=failed),
        dollars=_dollars(entry.cost.amount),
        declined=not failed and call.stop_reason in _DECLINED,
        lossy=any(not one.startswith(_HARMLESS) for one in call.losses),
    )


def _has_answered(attempt: Attempt) -> bool:
    """Whether it gave an answer, or was giving one when the client hung up. Silence until then is none."""
    if attempt.outcome == "cancelled":
        return attempt.first_ms is not None
    return attempt.outcome == "answered"


def _seconds(own: list[Attempt], *, failed: bool) -> float | None:
    if not own:
        return None
    begun = own[0].start_ms
    if not failed:
        first = next((one.first_ms for one in own if _has_answered(one) and one.first_ms is not None), None)
        return None if first is None else max(1e-6, (first - begun) / 1000.0)
    waited = (own[-1].end_ms - begun) / 1000.0
    # Being turned away at once is no quick answer. Whoever waited in vain has waited.
    return waited if waited >= _IN_VAIN else None


_IN_VAIN = 1.0


def _dollars(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
