"""What a call sets aside under its limits: for each of its attempts before it is sent, told what it was at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from freehold.access.key import Key
from freehold.core.errors import (
    Forbidden,
    FreeholdError,
    LimitReached,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from freehold.core.usage import Usage
from freehold.engine.limiting import Headers, Hold, Limits, Subject, Worst
from freehold.ledger.record import Attempt, Call, Operation
from freehold.limits.worst import worst_of
from freehold.routing.routes import Target
from freehold.wire.request import Request

ORDINARY_SECONDS = 1.0
"""Before the first word, in which nobody is taken to think."""
THOUGHTS_PER_SECOND = 200
"""Tokens of reasoning that is not shown, in every further second."""


class Reserving:
    """One call's. Life: an `aside` for each attempt, and in the end `leave`."""

    __slots__ = ("_entering", "_first", "_limits", "_operation", "_request", "_tick", "_who", "_worst")

    def __init__(
        self, limits: Limits, key: Key | None, route: str, *, operation: Operation, tick: Callable[[], float]
    ) -> None:
        self._limits = limits
        self._who = (
            Subject(None, None, None, route)
            if key is None
            else Subject(key.id, key.team, key.user, route, key.name)
        )
        self._operation = operation
        self._tick = tick
        self._request: Request | None = None
        self._worst: Worst | None = None
        self._first: Hold | None = None
        self._entering: asyncio.Lock | None = None
        """Held while it is not known whether the call is let in: only one of its attempts counts it."""

    def aside(self, target: Target, request: Request, seconds: float, more: int = 0) -> Aside:
        """For one attempt, which takes so many seconds at the most, and reads `more` tokens than the request has."""
        return Aside(self, target, request, seconds, more)

    async def take(self, target: Target, request: Request, seconds: float, more: int) -> Hold:
        """Set the worst case aside. Raises LimitReached and Forbidden."""
        if self._worst is None or self._request is not request:
            self._request, self._worst = request, self._worst_of(request)
        worst = self._worst
        if more:
            worst = msgspec.structs.replace(worst, input_tokens=worst.input_tokens + more)
        limits, deadline = self._limits, self._tick() + seconds
        first = self._first
        if first is None and self._entering is None:
            self._first = limits.take(self._who, target, worst, first=True, deadline=deadline)
            if self._first is not None:
                return self._first
            self._entering = asyncio.Lock()
        if first is None:
            assert self._entering is not None
            async with self._entering:
                first = self._first
                if first is None:
                    deadline = self._tick() + seconds
                    self._first = await limits.reserve(
                        self._who, target, worst, first=True, deadline=deadline
                    )
                    return self._first
            deadline = self._tick() + seconds
        hold = limits.take(self._who, target, worst, first=False, deadline=deadline)
        if hold is None:
            hold = await limits.reserve(self._who, target, worst, first=False, deadline=deadline)
        first.stay(deadline)
        return hold

    def _worst_of(self, request: Request) -> Worst:
        if self._operation == "count":
            return Worst(0, 0, free=True)
        return worst_of(request, writes=self._operation == "chat")

    def leave(self) -> None:
        """The call is over."""
        if self._first is not None:
            self._first.leave()

    def headers(self, dialect: str) -> Headers:
        """What the client is told of its limits."""
        return () if self._first is None else self._first.headers(dialect)


class Aside:
    """One attempt's, or one after the other for an attempt that asks again."""

    __slots__ = ("_hold", "_more", "_partly", "_request", "_reserving", "_seconds", "_size", "_target")

    def __init__(
        self, reserving: Reserving, target: Target, request: Request, seconds: float, more: int
    ) -> None:
        self._reserving = reserving
        self._target = target
        self._request = request
        self._seconds = seconds
        self._more = more
        self._size: int | None = None
        """Of the first body that was sent."""
        self._partly = False
        self._hold: Hold | None = None

    async def take(self, size: int) -> None:
        """Set the worst case aside, unless that is done. Raises LimitReached and Forbidden: nothing is sent then.

        `size`: bytes of the body. What a second one has more than the first is text.
        """
        if self._size is None:
            self._size = size
        if self._hold is None:
            more = self._more + max(0, size - self._size)
            self._hold = await self._reserving.take(self._target, self._request, self._seconds, more)

    def answer_in_part(self) -> None:
        """Part of the request was answered, and the rest of it is asked for under the same hold."""
        self._partly = True

    def spend(self, usage: Usage) -> None:
        """It was answered, and that is what it used."""
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.settle(usage, None)

    def end(self, record: Attempt, error: FreeholdError | str | None, *, complete: bool) -> None:
        """It is over. What may have been billed is charged, by what is known of it.

        `complete`: whatever the provider said it used is all of it, and not what it was when a stream was cut.
        """
        hold, self._hold = self._hold, None
        if hold is None:
            return
        usage = record.usage
        if not self._partly and _cost_nothing(record, error):
            hold.release()
        elif complete or usage.source == "unknown":
            hold.settle(usage, None)
        else:
            hold.settle(_as_cut(record), None)


def _as_cut(record: Attempt) -> Usage:
    """What a stream that was cut is charged for: also what a model may have thought before its first word, which no
    event tells. When nothing had come, what was written is not known.
    """
    usage = record.usage
    if record.first_ms is None or usage.output_tokens is None:
        return msgspec.structs.replace(usage, output_tokens=None, source="unknown")
    thought = 0
    if usage.reasoning_tokens is None:
        silent_s = (record.first_ms - record.start_ms) / 1000 - ORDINARY_SECONDS
        thought = int(max(0.0, silent_s) * THOUGHTS_PER_SECOND)
    return msgspec.structs.replace(usage, output_tokens=usage.output_tokens + thought, source="counted")


def _cost_nothing(record: Attempt, error: FreeholdError | str | None) -> bool:
    """Whether the provider cannot have done anything: it could not be reached, or said no."""
    if isinstance(error, ProviderUnreachable):
        return True
    if isinstance(error, ProviderTimeout) and error.phase == "connect":
        return True
    if isinstance(error, ProviderRefused) and record.usage.source == "unknown":
        return True
    return record.status is not None and record.status >= 300


def forget_refused(call: Call, error: FreeholdError) -> None:
    """When a limit or a missing price kept everybody from being asked, nobody was: that costs nothing."""
    if not isinstance(error, LimitReached | Forbidden):
        return
    codes = {"budget_exhausted", "rate_limit_exceeded", "forbidden"}
    if all(one.status is None and one.error in codes for one in call.attempts):
        call.attempts.clear()
        call.provider = call.model = None
