"""Makes attempts until there are rows enough: several at once, counted in their order, whoever is done first."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

from freehold.compare.halting import Halted
from freehold.compare.judges.asking import Ask
from freehold.compare.suites.likeness import Seen
from freehold.train.synthesis.attempts import Attempted, attempted
from freehold.train.synthesis.checking import Check
from freehold.train.synthesis.memory import Memory
from freehold.train.synthesis.outline import Outline
from freehold.train.synthesis.seeds import Sower

_AHEAD = 2
"""Attempts that are begun for each that may ask, so that nobody idles while the first in line is slow."""
DUPLICATE = "the question was nearly the same as an earlier one"


class Runner:
    """One run of a synthesis. What comes out depends on the answers alone, and not on who was faster."""

    def __init__(
        self,
        outline: Outline,
        teacher: str,
        *,
        sower: Sower,
        check: Check,
        memory: Memory,
        ask: Ask,
        concurrency: int,
        most_attempts: int,
        alike: float,
    ) -> None:
        """`most_attempts`: after so many it is given up; `alike`: what questions have in common that are the same."""
        self.outline = outline
        self.kept: list[Attempted] = []
        self.left_out: Counter[str] = Counter()
        self.attempts = 0
        """That were counted."""
        self.halted: Halted | None = None
        """Why nothing more may be asked."""
        self._interrupted = asyncio.Event()
        self._teacher = teacher
        self._sower = sower
        self._check = check
        self._memory = memory
        self._ask = ask
        self._places = asyncio.Semaphore(concurrency)
        self._ahead = concurrency * _AHEAD
        self._most = most_attempts
        self._seen = Seen(alike)

    @property
    def is_complete(self) -> bool:
        """Whether there are as many rows as were wanted."""
        return len(self.kept) >= self.outline.rows

    @property
    def interrupted(self) -> bool:
        """Whether somebody wants it to end."""
        return self._interrupted.is_set()

    def interrupt(self) -> None:
        """Begin nothing more. What is under way is broken off; what was answered is kept."""
        self._interrupted.set()

    async def run(self, watch: Callable[[Runner], None]) -> None:
        """Until there are rows enough, or nothing more may be asked. `watch` is called after each attempt.

        Raises ScorerFailed: the check itself is at fault.
        """
        begun = 0
        under_way: deque[asyncio.Task[Attempted]] = deque()
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            while not self.is_complete:
                # No more than could be needed: what has been paid for is never thrown away.
                room = min(self._ahead, self.outline.rows - len(self.kept))
                while begun < self._most and len(under_way) < room:
                    under_way.append(asyncio.create_task(self._attempt(begun)))
                    begun += 1
                if not under_way:
                    return
                await asyncio.wait((under_way[0], interrupted), return_when=asyncio.FIRST_COMPLETED)
                if self.interrupted:
                    return
                self._count(await under_way.popleft())
                watch(self)
        except Halted as error:
            self.halted = error
        finally:
            for task in (*under_way, interrupted):
                task.cancel()
            await asyncio.gather(*under_way, interrupted, return_exceptions=True)

    async def _attempt(self, number: int) -> Attempted:
        async with self._places:
            seed = self._sower.seed_of(number)
            ask = self._memory.asking(number, self._ask)
            return await attempted(self.outline, self._teacher, seed, self._check, ask)

    def _count(self, one: Attempted) -> None:
        self.attempts += 1
        if one.chosen is None:
            self.left_out[one.why] += 1
        elif not self._seen.place_of(one.question, "")[1]:
            self.left_out[DUPLICATE] += 1
        else:
            self.kept.append(one)
