"""How a model did in a call on record, and what it answered."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from freehold.catalog.prices import Pricer
from freehold.compare.answer import Answer, ToolCall
from freehold.compare.suites.asked import answered_in
from freehold.core import parts
from freehold.core.answer import Answer as CoreAnswer
from freehold.core.answer import Choice
from freehold.ledger.record import Attempt, Call
from freehold.ledger.rows import pico_of
from freehold.rollout.shadow.pairs import Outcome
from freehold.routing.plans import Accounts
from freehold.routing.routes import Target

_DECLINED = ("refusal", "content_filter")


def places_of(target: Target, accounts: Accounts) -> frozenset[tuple[str, str]]:
    """Provider and model, as attempts name them, of everybody who stands behind a target: a pool is several."""
    members = accounts.pools.get(target.provider, (target.provider,))
    return frozenset((member, target.model) for member in members)


def outcome_of(
    call: Call, places: Collection[tuple[str, str]], said: CoreAnswer | None, prices: Pricer
) -> Outcome | None:
    """How the model at `places` did; None: it was not asked. `said`: what the call was answered.

    Where another model took over, it failed, whatever the client was told.
    """
    asked = [one for one in call.attempts if (one.provider, one.model) in places]
    if not asked:
        return None
    cost = _cost(call, asked, prices)
    last = call.attempts[-1]
    if call.outcome == "answered" and last is asked[-1]:
        stop = said.choices[0].stop if said is not None and said.choices else None
        return Outcome(
            answered=True,
            duration_ms=max(0.0, last.end_ms - last.start_ms),
            first_ms=None if last.first_ms is None else max(0.0, last.first_ms - last.start_ms),
            cost_pico=cost,
            output_tokens=last.usage.output_tokens,
            refused=(stop is not None and stop.reason in _DECLINED) or _declines(said),
            losses=len(call.losses),
        )
    return Outcome(
        answered=False,
        error=asked[-1].error or call.error or call.outcome,
        duration_ms=max(0.0, asked[-1].end_ms - asked[0].start_ms),
        cost_pico=cost,
    )


def said_in(call: Call) -> CoreAnswer | None:
    """What a call was answered; None: nothing, or it is not kept."""
    return answered_in(call) if call.outcome == "answered" else None


def compared(said: CoreAnswer, call: Call) -> Answer:
    """An answer as scorers and judges take it."""
    choice = said.choices[0] if said.choices else Choice()
    texts = [one.text for one in choice.parts if isinstance(one, parts.Text)]
    refusals = [one.text for one in choice.parts if isinstance(one, parts.Refusal)]
    return Answer(
        id=call.id,
        model=f"{call.provider}/{call.model}",
        text="".join(texts),
        tool_calls=tuple(
            ToolCall(one.name, one.arguments) for one in choice.parts if isinstance(one, parts.ToolCall)
        ),
        refusal="".join(refusals) or None,
        finish_reason=None if choice.stop is None else choice.stop.reason,
        call_id=call.id,
        losses=call.losses,
    )


def _declines(said: CoreAnswer | None) -> bool:
    return said is not None and any(
        isinstance(part, parts.Refusal) for choice in said.choices[:1] for part in choice.parts
    )


def _cost(call: Call, attempts: list[Attempt], prices: Pricer) -> int | None:
    """What attempts cost together; None as soon as one may have cost nobody knows what."""
    total = Decimal(0)
    for attempt in attempts:
        if attempt.usage.source == "unknown" and not attempt.may_be_billed:
            continue
        cost = prices.cost_of(attempt.provider, attempt.model, attempt.usage, call.started_us).amount
        if cost is None:
            return None
        total += cost
    return pico_of(total)
