"""The tries of a call: one model after the other, again where that is safe, two at a time where that was wished for."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from functools import partial

from freehold.core.clock import Clock
from freehold.core.errors import (
    ClientError,
    DeadlinePassed,
    FreeholdError,
    ProviderBroken,
    ProviderRefused,
    ProviderUnreachable,
)
from freehold.core.usage import Usage
from freehold.engine.aside import LARGE, aside
from freehold.engine.asked import Asked
from freehold.engine.attempt import RunningAttempt
from freehold.engine.counting import Estimate
from freehold.engine.exchange import Exchange, exchange_for
from freehold.engine.origins import maker_of
from freehold.engine.reserving import Reserving
from freehold.engine.runtime import Runtime
from freehold.ledger.record import Call
from freehold.providers.settings import Timeouts
from freehold.routing.backoff import full_jitter
from freehold.routing.plans import Reason, Step, first_step, plan_for, quota_for
from freehold.routing.routes import Route, Target
from freehold.wire.request import Request
from freehold.wire.token_estimate import estimated_tokens

_REQUEST_AT_FAULT = frozenset({400, 405, 406, 409, 411, 413, 414, 415, 422})
"""Statuses that another model would most likely answer too: the request itself is refused."""

_ASK_AGAIN = frozenset({429, 500, 502, 503, 529})
"""Statuses after which the same model may answer. After a time limit it is not asked again: it would take as long."""

_MOST_WAIT = 5.0
"""Seconds that a call waits for somebody to be free. A client that is told to come again knows better what to do."""

_LEAST_LEFT = 0.05
"""Seconds before the deadline in which nothing is begun any more."""

_DRIP = 1.5
"""Seconds between two events of a stream that are too many where there is a deadline and somebody who can go on."""

_STREAM_SHARE = 0.75
"""The share of the time left after which another goes on with a stream that is not complete."""

Asking = asyncio.Task[tuple[RunningAttempt, bytes]]

Speaking = Callable[[Target], Awaitable[Exchange | Estimate]]
"""How a target is spoken with."""


class Tries:
    """What has been tried for one call, and what is to be tried next."""

    def __init__(
        self,
        call: Call,
        request: Request,
        route: Route,
        runtime: Runtime,
        *,
        clock: Clock,
        started: float,
        reserving: Reserving | None = None,
        first: Reason = "incumbent",
        led: bool = False,
    ) -> None:
        """`started`: when the call began, in the clock's ticks. `reserving`: what configured limits want. `first`: why
        the route's first model is first. `led`: somebody chose that model knowing of the conversation's state.
        """
        self._call = call
        self._request = request
        self._route = route
        self._runtime = runtime
        self._clock = clock
        self._started = started
        self._first = first
        self._led = led
        self._deadline = None if route.deadline is None else started + route.deadline
        self._asked = Asked(request, runtime.fetcher)
        self._tokens = call.request_bytes // 4
        """About how many the request needs."""
        self._made_it: Callable[[Target], bool] | None = None
        self._affinity = _affinity_of(request) if runtime.accounts.pools else None
        self._reserving = reserving
        self._times: dict[Target, int] = {}
        """How often each was asked."""
        self._given_up: set[Target] = set()
        self._not_before: dict[Target, float] = {}
        self._last: FreeholdError | None = None
        self.latest: RunningAttempt | None = None
        """The attempt that was begun last."""

    def _elapsed_ms(self) -> float:
        return (self._clock.tick() - self._started) * 1000.0

    @property
    def is_well(self) -> bool:
        """Whether somebody of the route can be expected to answer now."""
        now = self._clock.tick()
        return self._plan(now)[0].free_at <= now

    async def answer(self) -> tuple[RunningAttempt, bytes]:
        """The attempt that answered, and the whole answer or the first events of a stream.

        Nothing has been sent to the client while this runs. Raises the last model's error, Overloaded, DeadlinePassed.
        """
        request, runtime = self._request, self._runtime
        if request.holds_state and (len(self._route.plan) > 1 or runtime.accounts.pools):
            made_it = await aside(request.size, partial(maker_of, request, runtime.providers))
            self._made_it = self._among_first(made_it) if self._led and made_it is not None else made_it
        while True:
            step, wait = self._next_step()
            if wait > 0.0:
                await asyncio.sleep(wait)
            asking = self._ask if self._route.hedge_after is None else self._ask_in_time
            try:
                answered = await asking(step.target, step.reason)
            except FreeholdError as error:
                self._last = error
                # What a policy tries may refuse what the route's own model would have answered.
                if _is_final(error) and step.reason != "policy":
                    raise
            else:
                self._asked.let_go()
                return answered

    def _among_first(self, made_it: Callable[[Target], bool]) -> Callable[[Target], bool]:
        """The same of the accounts of the first model alone: who chose that knew of the state."""
        lead = self._route.incumbent
        members = self._runtime.accounts.pools.get(lead.provider, (lead.provider,))
        return lambda target: target.model == lead.model and target.provider in members and made_it(target)

    async def go_on(
        self, speaking: Speaking, broken: RunningAttempt, cause: FreeholdError, more: int
    ) -> tuple[RunningAttempt, bytes]:
        """As `answer`, where `broken` broke off for `cause`: its model is not asked again, and others are spoken with
        as `speaking` says, and read up to `more` tokens more than the request has.
        """
        self._given_up.add(broken.target)
        self._last = cause
        while True:
            step, wait = self._next_step()
            if wait > 0.0:
                await asyncio.sleep(wait)
            try:
                return await self._ask(step.target, "continuation", speaking, more)
            except FreeholdError as error:
                self._last = error

    # What is next

    def _plan(self, now: float) -> list[Step]:
        return plan_for(
            self._route,
            self._runtime.accounts,
            self._runtime.health,
            now,
            tokens=self._tokens,
            affinity=self._affinity,
            made_it=self._made_it,
            first=self._first,
        )

    def _next_step(self) -> tuple[Step, float]:
        """The next target, and the seconds to wait before it is asked. Raises when there is none."""
        now = self._clock.tick()
        left = self._left(now)
        if not self._times and not self._given_up and self._made_it is None:
            step = first_step(
                self._route,
                self._runtime.accounts,
                self._runtime.health,
                now,
                tokens=self._tokens,
                first=self._first,
            )
            if step is not None:
                return step, 0.0
        steps = [step for step in self._plan(now) if self._is_open(step.target)]
        fresh = [step for step in steps if step.target not in self._times]
        if fresh and fresh[0].free_at <= now:
            return fresh[0], 0.0
        if not steps:
            raise self._last or AssertionError("a route has at least one model")
        ready, step = min(
            ((max(one.free_at, self._not_before.get(one.target, now)), one) for one in steps),
            key=lambda pair: pair[0],
        )
        wait = max(0.0, ready - now)
        if wait <= min(_MOST_WAIT, left):
            return step, wait
        for untried in fresh:
            if not untried.barred:  # nobody is known to be well: better a try than no answer
                return untried, 0.0
        raise self._last or _come_again(step.target, wait)

    def _is_open(self, target: Target) -> bool:
        return target not in self._given_up and self._times.get(target, 0) <= self._route.retries

    def _left(self, now: float) -> float:
        """Seconds until the deadline. Raises DeadlinePassed."""
        if self._deadline is None:
            return float("inf")
        left = self._deadline - now
        if left < _LEAST_LEFT:
            raise DeadlinePassed(self._route.name, self._route.deadline or 0.0) from self._last
        return left

    def _limits(self, target: Target) -> Timeouts:
        """The provider's time limits and, with a deadline, what is left: half of it while there is somebody else,
        three quarters for a stream that somebody else can go on with.
        """
        own = self._runtime.providers[target.provider].settings.timeouts
        if self._deadline is None:
            return own
        now = self._clock.tick()
        left = self._left(now)
        others = any(
            step.target != target and step.free_at <= now and step.target not in self._times
            for step in self._plan(now)
            if self._is_open(step.target)
        )
        share = left / 2 if others else left
        goes_on = others and self._route.continue_streams
        whole = left * _STREAM_SHARE if goes_on else left
        return Timeouts(
            connect=min(own.connect, share),
            first_token=min(own.first_token, share),
            silence=min(own.silence, share if self._route.continue_streams else left),
            drip=_DRIP if own.drip is None and goes_on else own.drip,
            total=min(own.total, whole if self._request.stream else share),
        )

    # Asking

    async def _speak(self, target: Target) -> Exchange | Estimate:
        call = self._call
        return await exchange_for(
            self._asked,
            self._runtime.providers[target.provider].settings,
            target.model,
            operation=call.operation,
            call_id=call.id,
            created=call.started_us // 1_000_000,
        )

    async def _ask(
        self, target: Target, reason: Reason, speaking: Speaking | None = None, more: int = 0
    ) -> tuple[RunningAttempt, bytes]:
        times = self._times.get(target, 0)
        self._times[target] = times + 1
        runtime, call = self._runtime, self._call
        call.provider, call.model = target.provider, target.model
        limits = self._limits(target)
        self.latest = attempt = RunningAttempt(
            call,
            target,
            "retry" if times and speaking is None else reason,
            provider=runtime.providers[target.provider],
            quota=quota_for(target, self._route, runtime.accounts),
            health=runtime.health,
            clock=self._clock,
            elapsed_ms=self._elapsed_ms,
            limits=limits,
            hides_error=self._route.continue_streams,
            aside=None
            if self._reserving is None
            else self._reserving.aside(target, self._request, limits.connect + limits.total, more),
        )
        try:
            exchange = await (speaking or self._speak)(target)
            return attempt, await attempt.ask(exchange, self._request)
        except FreeholdError as error:
            attempt.end("refused" if isinstance(error, ProviderRefused) else "failed", error)
            if _may_be_repeated(error, streamed=self._request.stream):
                pause = full_jitter(times, runtime.health.chance)
                self._not_before[target] = self._clock.tick() + pause
            else:
                self._given_up.add(target)
            raise
        except asyncio.CancelledError:
            attempt.end("cancelled")
            self.count(attempt)
            if not times:  # the other one was faster: this one may still go on where that breaks off
                self._times.pop(target, None)
            raise

    def count(self, attempt: RunningAttempt) -> None:
        """The attempt ended early: what it read of the request may have to be paid for, although no usage came.

        The tokens read are estimated. Those written are what came of a stream, and unknown of a whole answer.
        """
        record, status = attempt.record, attempt.record.status
        sent = attempt.exchange is not None and (status is None or status < 300)
        if (
            not sent
            or record.usage.input_tokens is not None
            or self._call.operation not in ("chat", "mirror")
        ):
            return
        with contextlib.suppress(FreeholdError):  # what nobody can read is not counted either
            size = self._request.size  # a large one is not read for this: everybody else would have to wait
            read = estimated_tokens(self._request.decoded()) if size < LARGE else size // 4
            written = record.usage.output_tokens
            if written is None and self._request.stream:
                written = 0
            record.usage = Usage(input_tokens=read, output_tokens=written, source="counted")

    async def _ask_in_time(self, target: Target, reason: Reason) -> tuple[RunningAttempt, bytes]:
        """Ask, and when no word has come after the route's `hedge_after`, ask another one beside it."""
        patience = self._route.hedge_after
        if patience is None or not self._another(target):
            return await self._ask(target, reason)
        asking = [asyncio.create_task(self._ask(target, reason))]
        try:
            await asyncio.wait(asking, timeout=patience)
            other = self._another(target)
            if not asking[0].done() and other is not None:
                asking.append(asyncio.create_task(self._ask(other, "hedge")))
            good = await _first_good(asking)
            await _end_all([one for one in asking if one is not good])
            return good.result()
        except BaseException:  # the good one, too, when the call is given up just now
            await _end_all(asking)
            raise

    def _another(self, target: Target) -> Target | None:
        """Who else could be asked now."""
        now = self._clock.tick()
        for step in self._plan(now):
            if step.target != target and step.target not in self._times and step.free_at <= now:
                return step.target
        return None


async def _first_good(asking: list[Asking]) -> Asking:
    """The first that answers; when none does, the first of them, which has failed."""
    waiting = set(asking)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in asking:
            if one in done and one.exception() is None:
                return one
    return asking[0]


async def _end_all(asking: list[Asking]) -> None:
    """Let go of those that nobody waits for any more, even if nobody waits for this either."""
    for one in asking:
        one.cancel()
        one.add_done_callback(_let_go)
    if asking:
        await asyncio.wait(asking)


def _let_go(asked: Asking) -> None:
    if not asked.cancelled() and asked.exception() is None:
        asked.result()[0].end("cancelled")  # it answered, a moment too late


def _is_final(error: FreeholdError) -> bool:
    """Whether another model would most likely say the same."""
    return isinstance(error, DeadlinePassed) or (
        isinstance(error, ProviderRefused) and error.provider_status in _REQUEST_AT_FAULT
    )


def _may_be_repeated(error: FreeholdError, *, streamed: bool) -> bool:
    """Whether the provider did not do the work, and may do it when asked again.

    A stream that broke here came to no first word. A whole answer that broke was written, and will be billed.
    """
    if isinstance(error, ClientError):
        return False
    if isinstance(error, ProviderRefused):
        return error.provider_status in _ASK_AGAIN
    return isinstance(error, ProviderUnreachable) or (streamed and isinstance(error, ProviderBroken))


def _affinity_of(request: Request) -> str | None:
    """What calls of one conversation have in common: the key under which their beginning is cached."""
    key = request.fields.get("prompt_cache_key")
    return None if key is None else bytes(key).decode(errors="replace")


def _come_again(target: Target, seconds: float) -> ProviderRefused:
    """Every provider that could be asked wants to be left alone for a time; this one for the shortest."""
    return ProviderRefused(
        f"`{target.provider}` asked to be left alone, and there is nobody else.",
        provider=target.provider,
        status=429,
        body=b"",
        retry_after=str(math.ceil(seconds)),
    )
