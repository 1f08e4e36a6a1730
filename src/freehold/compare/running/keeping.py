"""Brings what arrives into the archive: one transaction for all that came while the last one was written."""

from __future__ import annotations

import asyncio

from freehold.compare.archive import Archive, Arrived, KeptAnswer, KeptScore, PairRow
from freehold.compare.budget import Budget

_MOST_WAITING = 4000
"""Rows that wait before whoever brings more has to wait, too."""


class Keeping:
    """Of one comparison. What has arrived is committed within the time of two commits."""

    def __init__(self, archive: Archive, comparison: str, budget: Budget) -> None:
        """`budget`: what it owes is recorded with everything that is."""
        self._archive = archive
        self._comparison = comparison
        self._budget = budget
        self._owes = False
        self._waiting = Arrived()
        self._arrived = asyncio.Event()
        self._next: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when all that waits now is written, or cannot be."""
        self._closing = False
        self._trouble: Exception | None = None
        self._task = asyncio.create_task(self._work())

    async def keep_answer(self, answer: KeptAnswer) -> None:
        """An answer that was paid for: waits until it is committed. Raises StoreError: that cannot be."""
        self._waiting.answers.append(answer)
        self._arrived.set()
        await asyncio.shield(self._next)
        if self._trouble is not None:
            raise self._trouble

    async def record(self) -> None:
        """Waits until what is owed now is recorded. Raises StoreError: that cannot be."""
        self._owes = True
        self._arrived.set()
        await asyncio.shield(self._next)
        if self._trouble is not None:
            raise self._trouble

    def keep_score(self, score: KeptScore) -> None:
        """A score."""
        self._waiting.scores.append(score)
        self._arrived.set()

    def keep_pair(self, pair: PairRow) -> None:
        """A pair that was counted."""
        self._waiting.pairs.append(pair)
        self._arrived.set()

    async def room(self) -> None:
        """Wait until more may be brought. Raises StoreError: it cannot be kept, so nothing more is to be paid for."""
        while self._waiting.size > _MOST_WAITING and self._trouble is None:
            await asyncio.shield(self._next)
        if self._trouble is not None:
            raise self._trouble

    async def close(self) -> None:
        """Write the rest. Raises StoreError."""
        self._closing = True
        self._arrived.set()
        await self._task
        if self._trouble is not None and self._waiting.size:
            await asyncio.to_thread(self._write, self._waiting, self._budget.owed)

    async def _work(self) -> None:
        while self._trouble is None:
            await self._arrived.wait()
            self._arrived.clear()
            if self._waiting.size or self._owes:
                await self._write_waiting()
            elif self._closing:
                return

    async def _write_waiting(self) -> None:
        taken, self._waiting, self._owes = self._waiting, Arrived(), False
        written, self._next = self._next, asyncio.get_running_loop().create_future()
        owed = self._budget.promise()
        try:
            await asyncio.to_thread(self._write, taken, owed)
            self._budget.promised(owed)
        except Exception as error:  # noqa: BLE001 - who waits for the commit must not wait for ever
            self._trouble = error
            # Tried once more at the end: it may have been paid for.
            rest = self._waiting
            self._waiting = Arrived(
                taken.answers + rest.answers, taken.scores + rest.scores, taken.pairs + rest.pairs
            )
            self._next.set_result(None)
        written.set_result(None)
        if self._closing or self._waiting.size or self._owes:
            self._arrived.set()

    def _write(self, taken: Arrived, owed: int) -> None:
        self._archive.keep(self._comparison, taken, owed)
