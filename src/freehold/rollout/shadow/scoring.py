"""Which of two answers to the same call is better."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.compare.halting import Halted
from freehold.compare.judges.asking import Ask
from freehold.compare.judges.pairwise import PairwiseJudge
from freehold.compare.judges.settings import PairwiseSettings
from freehold.core.errors import BadRequest
from freehold.ledger.rows import pico_of
from freehold.rollout.shadow.copies import Copy
from freehold.rollout.shadow.form import form_of, has_form
from freehold.rollout.shadow.order import JUDGING_SECONDS, ShadowOrder
from freehold.rollout.shadow.pairs import Basis

AskFor = Callable[[ShadowOrder], Ask]
"""How the judge of a rollout is asked."""
_encode = msgspec.json.Encoder().encode


class Difference(msgspec.Struct, frozen=True):
    """How much better the candidate's answer is, and how that is known."""

    value: float | None
    basis: Basis | None = None
    why: str = ""
    judged_by: tuple[str, ...] = ()
    """Ids of the judge's calls."""
    cost_pico: int | None = 0
    """Of the judging; None: unknown."""


class Scoring:
    """Says which answer is better, with a judge where the rollout has one."""

    def __init__(self, ask_for: AskFor) -> None:
        self._ask_for = ask_for

    async def difference(
        self, order: ShadowOrder, copy: Copy, incumbent: Answer | None, candidate: Answer | None
    ) -> Difference:
        """None in place of an answer: there is none. A failure against an answer is as bad as can be."""
        if incumbent is None or candidate is None:
            value = float(candidate is not None) - float(incumbent is not None)
            whose = {-1.0: "the candidate", 1.0: "the incumbent", 0.0: "neither of the two"}[value]
            return Difference(value, "outcome", f"{whose} answered" if not value else f"{whose} failed")
        formed = await asyncio.to_thread(_form, copy, incumbent, candidate)
        if formed.value:
            return formed
        if order.judge is None:
            return formed
        if copy.asked.turn > 1 and not order.all_turns:
            return Difference(None, why="a later turn of a conversation")
        return await self._judged(order, order.judge, copy, incumbent, candidate)

    async def _judged(
        self, order: ShadowOrder, model: str, copy: Copy, incumbent: Answer, candidate: Answer
    ) -> Difference:
        counting = _Counting(self._ask_for(order))
        judge = PairwiseJudge(PairwiseSettings(model=model), counting.ask)
        case = Case(id=incumbent.id, request=msgspec.Raw(_encode(copy.asked.body)))
        try:
            async with asyncio.timeout(JUDGING_SECONDS):
                scored = await judge.compare(case, incumbent, candidate)
        except TimeoutError:
            return Difference(None, why="the judge took too long", cost_pico=None)
        except Halted as error:  # a limit of the owner, or nobody may ask this model
            return Difference(None, why=f"the judge cannot be asked: {error}", cost_pico=counting.pico)
        except BadRequest:
            return Difference(None, why="the call cannot be shown to a judge", cost_pico=counting.pico)
        basis: Basis | None = None if scored.value is None else "judge"
        why = "" if basis else "the judge came to no verdict"
        return Difference(scored.value, basis, why, scored.call_ids, counting.pico)


class _Counting:
    """Asks, and adds up what it cost."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._cost: Decimal | None = Decimal(0)

    @property
    def pico(self) -> int | None:
        """1e-12 US dollars; None: unknown."""
        return None if self._cost is None else pico_of(self._cost)

    async def ask(self, model: str, request: msgspec.Raw) -> Answer:
        """As `judges.asking.Ask`."""
        answer = await self._ask(model, request)
        unknown = self._cost is None or answer.cost is None
        self._cost = None if unknown else (self._cost or Decimal(0)) + (answer.cost or Decimal(0))
        return answer


def _form(copy: Copy, incumbent: Answer, candidate: Answer) -> Difference:
    if not has_form(copy.decoded, incumbent, candidate):
        return Difference(None)
    old, new = form_of(copy.decoded, incumbent).value, form_of(copy.decoded, candidate).value
    if old is None or new is None:
        return Difference(None, why="the schema takes too much work to check")
    whose = {(0.0, 1.0): "the incumbent's", (1.0, 0.0): "the candidate's", (0.0, 0.0): "neither's"}
    why = f"not in the form that was asked for: {whose[old, new]}" if (old, new) in whose else ""
    return Difference(new - old, "form", why)
