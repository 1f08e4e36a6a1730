"""Answers: those that are there, and those that have to be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.archive import KeptAnswer
from freehold.compare.running.keeping import Keeping

Ask = Callable[[str, msgspec.Raw], Awaitable[Answer]]
"""Asks a model, `provider/name`, the body of an `openai-chat` request."""


class Answers:
    """Asks so many at once of each provider, and has every answer kept."""

    def __init__(
        self, ask: Ask, keeping: Keeping, comparison: str, *, concurrency: int, spent: tuple[Decimal, int]
    ) -> None:
        """`spent`: what the comparison cost before, and how many answers have a cost that nobody knows."""
        self._ask = ask
        self._keeping = keeping
        self._comparison = comparison
        self._concurrency = concurrency
        self._places: dict[str, asyncio.Semaphore] = {}
        self.spent, self.unpriced = spent
        self.asked = 0
        """Answers that were asked for in this run."""
        self.reused = 0
        """Answers that were there."""

    async def answer(
        self, model: str, request: msgspec.Raw, request_hash: str, known: Answer | None
    ) -> Answer:
        """The answer that is `known`, or a new one. Raises Halted, BudgetSpent, StoreError."""
        if known is not None:
            self.reused += 1
            return known
        provider = model.partition("/")[0]
        place = self._places.get(provider)
        if place is None:
            place = self._places[provider] = asyncio.Semaphore(self._concurrency)
        async with place:
            await self._keeping.room()
            answer = await self._ask(model, request)
        self.asked += 1
        if answer.cost is None:
            self.unpriced += 1
        else:
            self.spent += answer.cost
        self._keeping.keep_answer(KeptAnswer(answer, request_hash, self._comparison))
        return answer
