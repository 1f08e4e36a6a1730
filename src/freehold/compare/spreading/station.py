"""A station: asks models for a driver, through an engine of its own, within the share that comes with each question."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.catalog.prices import Pricer
from freehold.compare.answer import Answer
from freehold.compare.asking import Asker
from freehold.compare.halting import BudgetSpent, Halted
from freehold.compare.spreading.shares import ShareLimits
from freehold.core.clock import Clock
from freehold.core.errors import BadRequest
from freehold.engine.engine import Engine
from freehold.limits.money import nano_of


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a question."""

    answer: Answer | None = None
    charged: int = 0
    """What it cost of its share, in billionths of a US dollar; what is not known yet, at its worst."""
    trouble: Literal["", "short", "halted", "bad"] = ""
    """Why there is no answer. `short`: the share did not do; `halted`, `bad`: as Halted and BadRequest say."""
    message: str = ""
    hint: str | None = None


class Station:
    """Of one comparison."""

    def __init__(
        self, engine: Engine, prices: Pricer, clock: Clock, comparison: str, shares: ShareLimits | None
    ) -> None:
        """`shares`: what the engine asks for room, where there is a budget."""
        self._engine = engine
        self._prices = prices
        self._clock = clock
        self._comparison = comparison
        self._shares = shares

    async def ask(self, model: str, request: msgspec.Raw, share: int) -> Reply:
        """The answer of a model. `share`: what it may cost, in billionths of a US dollar."""
        if self._shares is None:
            asker = Asker(self._engine, self._prices, self._clock, self._comparison)
            reply = await self._asked(asker, model, request)
            cost = None if reply.answer is None else reply.answer.cost
            return msgspec.structs.replace(reply, charged=share if cost is None else nano_of(cost))
        with self._shares.share(share) as (budget, limits):
            asker = Asker(self._engine, self._prices, self._clock, self._comparison, limits=limits)
            reply = await self._asked(asker, model, request)
            return msgspec.structs.replace(reply, charged=budget.charged + budget.held)

    async def _asked(self, asker: Asker, model: str, request: msgspec.Raw) -> Reply:
        try:
            return Reply(await asker.ask(model, request))
        except BudgetSpent:
            return Reply(trouble="short")
        except Halted as error:
            return Reply(trouble="halted", message=error.message, hint=error.hint)
        except BadRequest as error:
            return Reply(trouble="bad", message=error.message, hint=error.hint)
