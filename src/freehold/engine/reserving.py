"""What a call sets aside under its limits: for each of its attempts before it is sent, told what it was at its end."""

from __future__ import annotations

from collections.abc import Callable

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
from freehold.ledger.record import Attempt, Call
from freehold.limits.worst import worst_of
from freehold.routing.routes import Target
from freehold.wire.request import Request


class Reserving:
    """One call's. Life: an `aside` for each attempt, and in the end `leave`."""

    __slots__ = ("_first", "_limits", "_request", "_tick", "_who", "_worst", "_writes")

    def __init__(
        self, limits: Limits, key: Key | None, route: str, *, writes: bool, tick: Callable[[], float]
    ) -> None:
        """`writes`: the answer is written by the model, as with chat."""
        self._limits = limits
        self._who = Subject(None, None, None, route)
        if key is not None:
            self._who = Subject(key.id, key.team, key.user, route, key.name)
        self._writes = writes
        self._tick = tick
        self._request: Request | None = None
        self._worst: Worst | None = None
        self._first: Hold | None = None

    def aside(self, target: Target, request: Request, seconds: float) -> Aside:
        """For one attempt, which takes so many seconds at the most."""
        return Aside(self, target, request, seconds)

    async def take(self, target: Target, request: Request, seconds: float) -> Hold:
        """Set the worst case aside. Raises LimitReached and Forbidden."""
        if self._worst is None or self._request is not request:
            self._request, self._worst = request, worst_of(request, writes=self._writes)
        hold = await self._limits.reserve(
            self._who, target, self._worst, first=self._first is None, deadline=self._tick() + seconds
        )
        self._first = self._first or hold
        return hold

    def leave(self) -> None:
        """The call is over."""
        if self._first is not None:
            self._first.leave()

    def headers(self, dialect: str) -> Headers:
        """What the client is told of its limits."""
        return () if self._first is None else self._first.headers(dialect)


class Aside:
    """One attempt's, or one after the other for an attempt that asks again."""

    __slots__ = ("_hold", "_request", "_reserving", "_seconds", "_target")

    def __init__(self, reserving: Reserving, target: Target, request: Request, seconds: float) -> None:
        self._reserving = reserving
        self._target = target
        self._request = request
        self._seconds = seconds
        self._hold: Hold | None = None

    async def take(self) -> None:
        """Set the worst case aside, unless that is done. Raises LimitReached and Forbidden: nothing is sent then."""
        if self._hold is None:
            self._hold = await self._reserving.take(self._target, self._request, self._seconds)

    def spend(self, usage: Usage) -> None:
        """It was answered, and that is what it used."""
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.settle(usage, None)

    def end(self, record: Attempt, error: FreeholdError | str | None) -> None:
        """It is over. What may have been billed is charged, by what is known of it."""
        hold, self._hold = self._hold, None
        if hold is None:
            return
        if _cost_nothing(record, error):
            hold.release()
        else:
            hold.settle(record.usage, None)


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
