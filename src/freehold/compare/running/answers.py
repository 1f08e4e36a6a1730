"""Answers: those that are there, and those that have to be asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.archive import Archive, KeptAnswer
from freehold.compare.case import request_hash_of
from freehold.compare.pair import NOT_RECORDED
from freehold.compare.running.keeping import Keeping
from freehold.compare.terms import Comparison
from freehold.core.errors import BadRequest

Ask = Callable[[str, msgspec.Raw], Awaitable[Answer]]
"""Asks a model, `provider/name`, the body of an `openai-chat` request."""


class Answers:
    """Asks so many at once of each provider, and has every answer kept."""

    def __init__(
        self,
        ask: Ask,
        keeping: Keeping,
        archive: Archive,
        comparison: Comparison,
        *,
        concurrency: int,
        spent: tuple[Decimal, int],
    ) -> None:
        """`spent`: what the comparison cost before, and how many answers have a cost that nobody knows."""
        self._ask = ask
        self._keeping = keeping
        self._archive = archive
        self._comparison = comparison
        self._concurrency = concurrency
        self._places: dict[str, asyncio.Semaphore] = {}
        self.spent, self.unpriced = spent
        self._samples = _Samples()
        self.asked = 0
        """Answers that were asked for in this run."""
        self.reused = 0
        """Answers that were there."""

    async def answer(
        self, model: str, request: msgspec.Raw, request_hash: str, known: Answer | None, sample: int = 0
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
            if answer.failure == NOT_RECORDED:
                return answer
            self.asked += 1
            if answer.cost is None:
                self.unpriced += 1
            else:
                self.spent += answer.cost
            # In its place until it is committed: a kill loses no more answers than there are places.
            await self._keeping.keep_answer(KeptAnswer(answer, request_hash, self._comparison.id, sample))
        return answer

    async def ask(self, model: str, request: msgspec.Raw) -> Answer:
        """The answer of somebody who is no party to the comparison, a judge: kept and found again as any other.

        Raises as `answer` does.
        """
        request_hash = request_hash_of(request)
        with self._samples.one(model, request_hash) as sample:
            known = await asyncio.to_thread(
                self._archive.known_answers,
                [request_hash],
                [model],
                self._comparison,
                sample=sample,
                handed_in=False,
            )
            return await self.answer(model, request, request_hash, known.get((request_hash, model)), sample)


class KeptOnly:
    """Asks nobody: what was answered is there."""

    def __init__(self, archive: Archive, comparison: Comparison) -> None:
        self._archive = archive
        self._comparison = comparison
        self._samples = _Samples()

    async def ask(self, model: str, request: msgspec.Raw) -> Answer:
        """The kept answer. Raises BadRequest: there is none."""
        request_hash = request_hash_of(request)
        with self._samples.one(model, request_hash) as sample:
            known = await asyncio.to_thread(
                self._archive.known_answers,
                [request_hash],
                [model],
                self._comparison,
                sample=sample,
                handed_in=False,
            )
        answer = known.get((request_hash, model))
        if answer is None:
            raise BadRequest(
                f"`{model}` would have to be asked, and nobody is asked here.",
                hint="Run the comparison again: what is answered is not asked again.",
            )
        return answer


class _Samples:
    """Who asks the same several times at once wants several answers: numbers them."""

    def __init__(self) -> None:
        self._asking: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def one(self, model: str, request_hash: str) -> Iterator[int]:
        key = (model, request_hash)
        sample = self._asking[key]
        self._asking[key] += 1
        try:
            yield sample
        finally:
            self._asking[key] -= 1
            if not self._asking[key]:
                del self._asking[key]


def ask_but(ask: Ask | None, recorded: Collection[str], can_be_asked: Callable[[msgspec.Raw], bool]) -> Ask:
    """Asks models, but not those whose answers were `recorded` elsewhere: what is missing of theirs stays missing."""

    async def ask_one(model: str, request: msgspec.Raw) -> Answer:
        if ask is None or model in recorded or not can_be_asked(request):
            return Answer(id="", model=model, failure=NOT_RECORDED)
        return await ask(model, request)

    return ask_one
