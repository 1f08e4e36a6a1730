"""Telling other replicas what this one found sick, and heeding what they found.

A replica tells only what it found itself; so nothing goes round and round, and when whoever found something sick finds
it well again, the others try it too. While the board is away each goes by its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from freehold.core.clock import Clock
from freehold.replicas.board import AwayError, Board
from freehold.replicas.note import Heard, Note, Spot

log = logging.getLogger("freehold.replicas")

EVERY_S = 0.3
"""Between two looks at the board: what one finds the others know within twice that, and a round trip."""
_AGAIN_S = 1.0
"""Between two tries while it is away."""
_SAME_S = 0.05
"""Times that differ by less are the same one, told twice."""
_CLOSE_S = 1.0


class Findings(Protocol):
    """What is known of the providers' state."""

    def found(self, now: float) -> Mapping[Spot, float]:
        """Everything that is left alone, and until when."""

    def heed(self, told: Iterable[tuple[Spot, float]]) -> None:
        """Leave these alone until then, too."""

    def try_again(self, spot: Spot, now: float) -> None:
        """Whoever found it sick does not any more."""


class Status(msgspec.Struct, frozen=True):
    """For `/health` and `/metrics`."""

    others: tuple[Heard, ...]
    away: str | None
    """Why the board cannot be read; None when it can."""

    def in_words(self, configuration: str) -> str:
        """How many there are, and whether all have this `configuration`."""
        if self.away is not None:
            return f"alone: {self.away}"
        count = len(self.others) + 1
        different = sorted({one.note.configuration for one in self.others} - {configuration})
        if different:
            return f"{count}, of which some have another configuration: {', '.join(different)}"
        return f"{count}" if count == 1 else f"{count}, all with this configuration"


class Sharing:
    """One replica's. In the event loop's thread."""

    def __init__(
        self,
        board: Board,
        findings: Findings,
        clock: Clock,
        *,
        replica: str,
        configuration: Callable[[], str],
    ) -> None:
        """`replica` names this one and no other; `configuration` says what its configuration is called now."""
        self._board = board
        self._findings = findings
        self._clock = clock
        self._replica = replica
        self._configuration = configuration
        self._heeded: dict[Spot, float] = {}
        """What others found, and until when."""
        self.status = Status((), None)

    async def run(self) -> None:
        """Look at the board again and again. Ends only when it is cancelled."""
        while True:
            try:
                await self.exchange()
            except AwayError as error:
                if self.status.away is None:
                    log.warning("other replicas cannot be asked what they found: %s", error)
                self.status = Status((), str(error))
                self._heeded.clear()  # their time will run out
                await asyncio.sleep(_AGAIN_S)
            else:
                await asyncio.sleep(EVERY_S)

    async def exchange(self) -> None:
        """Once. Raises AwayError."""
        now = self._clock.tick()
        found = tuple((spot, until - now) for spot, until in self._own(now))
        heard = await self._board.exchange(self._replica, Note(self._configuration(), found))
        if self.status.away is not None:
            log.warning("other replicas can be asked what they found again")
        self.status = Status(tuple(sorted(heard, key=lambda one: one.replica)), None)
        self._heed(heard, self._clock.tick())

    def _own(self, now: float) -> Iterable[tuple[Spot, float]]:
        """What is left alone for longer than anybody else said."""
        for spot, until in self._findings.found(now).items():
            if until > self._heeded.get(spot, now) + _SAME_S:
                yield spot, until

    def _heed(self, heard: Iterable[Heard], now: float) -> None:
        told: dict[Spot, float] = {}
        for one in heard:
            for spot, seconds in one.note.found:
                told[spot] = max(told.get(spot, now), now + seconds - one.age)
        told = {spot: until for spot, until in told.items() if until > now}
        fresh = [
            (spot, until) for spot, until in told.items() if until > self._heeded.get(spot, now) + _SAME_S
        ]
        if fresh:
            self._findings.heed(fresh)
        still = self._findings.found(now)
        for spot, until in self._heeded.items():
            # If it is left alone for longer than was told, this replica has found it sick as well.
            if spot not in told and until > now and still.get(spot, now) <= until + _SAME_S:
                self._findings.try_again(spot, now)
        self._heeded = {spot: max(until, self._heeded.get(spot, until)) for spot, until in told.items()}

    async def close(self) -> None:
        """Tell the others that this one goes."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._board.leave(self._replica)
        except (AwayError, TimeoutError):
            log.info("the others will notice by themselves that this replica is gone")
        await self._board.close()
