"""Whatever becomes of a call's attempts, everything that was set aside for them is settled or given back, and no less
is charged than their providers may bill."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from clients import settings_for
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from loops import run_on_uvloop

from freehold.catalog.models import Catalog
from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.core.clock import SystemClock
from freehold.core.errors import FreeholdError
from freehold.engine.engine import Engine
from freehold.engine.runtime import Runtime
from freehold.ledger.record import Call
from freehold.limits.batch import Batch, Done, Standing
from freehold.limits.clerk import Clerk
from freehold.limits.filed import FiledBooks
from freehold.limits.keeper import Keeper
from freehold.limits.limit import Limit
from freehold.limits.overview import parts_of
from freehold.limits.windows import Calendar
from freehold.providers.client import ProviderClient
from freehold.providers.settings import Timeouts
from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Drip,
    Empty,
    ErrorEvent,
    Garbage,
    Hang,
    Lorem,
    Malformed,
    Page,
    Refused,
    Script,
    SimulatedProvider,
    Stale,
    ThreadedProvider,
)
from freehold.providers.simulated.faults import AnyFault
from freehold.routing.plans import ProvidersHealth
from freehold.routing.routes import Route, RouteTable, Target
from freehold.wire.request import read_chat_request

READ, WROTE = 1_000, 10_000
"""Billionths of a dollar a token."""
ANSWER = 120
HURRY = Timeouts(connect=1.0, first_token=0.3, silence=0.3, total=1.5)

SICK: dict[str, AnyFault] = {
    "refused": Refused(status=500),
    "busy": Refused(status=429),
    "unfit": Refused(status=400),
    "silent": Hang(),
    "stuck": Hang(after=20),
    "closed": Cut(after=None),
    "cut": Cut(after=60, how="reset"),
    "ended": Cut(after=60, how="end"),
    "malformed": Malformed(after=30),
    "error": ErrorEvent(after=0),
    "late-error": ErrorEvent(after=40),
    "empty": Empty(),
    "page": Page(),
    "garbage": Garbage(after=20),
    "stale": Stale(),
    "drip": Drip(every_s=0.02, bytes=4, part="head"),
}
PACE: dict[str, Any] = {"text": Lorem(tokens=ANSWER), "tokens_per_s": 400.0, "first_token_s": 0.03}
MODELS: dict[str, Behaviour | tuple[Behaviour, ...]] = {
    name: Behaviour(faults=(fault,), **PACE) for name, fault in SICK.items()
}
MODELS |= {
    "well": Behaviour(**PACE),
    "slow": Behaviour(**{**PACE, "first_token_s": 0.2}),
    "again": (Behaviour(faults=(Refused(status=503),)), Behaviour(**PACE)),
    "untold": Behaviour(usage="missing", **PACE),
}
LIMITS = (
    Limit(
        "all", "organisation", (("money", 10**15), ("tokens", 10**12), ("requests", 10**9)), Calendar("month")
    ),
    Limit("places", "route", (("concurrency", 1_000),)),
    Limit("models", "model", (("concurrency", 1_000),)),
)

routes = st.builds(
    lambda names, **wishes: Route("r", *(_plan(names)), **wishes),
    st.lists(st.sampled_from(sorted(MODELS)), min_size=1, max_size=3, unique=True),
    retries=st.integers(0, 2),
    deadline=st.none() | st.just(1.0),
    hedge_after=st.none() | st.just(0.05),
    continue_streams=st.booleans(),
)
calls = st.tuples(routes, st.booleans(), st.none() | st.floats(0.0, 0.5))
"""A route, whether the answer is streamed, and when the client hangs up."""


def _plan(names: list[str]) -> tuple[Target, tuple[Target, ...]]:
    first, *others = (Target("sim", name) for name in names)
    return first, tuple(others)


async def _nothing() -> dict[Any, int]:
    return {}


class SlowBooks(FiledBooks):
    """They take a moment, as a server does that is far away."""

    async def do(self, batch: Batch) -> Done:
        await asyncio.sleep(0.15)
        return await super().do(batch)


class Rehearsal:
    """An engine under limits, and the counters that it goes by."""

    def __init__(self, folder: Path, provider: ThreadedProvider, *, slow: bool) -> None:
        self.provider = provider
        self.path = folder / "limits.db"
        self.clock = SystemClock()
        books = (SlowBooks if slow else FiledBooks)(self.path, boot="one")
        self.clerk = Clerk(books, self.clock, owner="one", refill=_nothing)
        rates = Rates(input=Decimal(1), output=Decimal(10))
        prices = PriceList(own={f"sim/{name}": (ModelPrice(rates),) for name in MODELS}, lists={})
        self.keeper = Keeper(
            LIMITS, self.clerk, prices=prices, catalog=Catalog(own={}, lists={}), clock=self.clock
        )
        self.client = ProviderClient(settings_for(provider.base_url, name="sim", timeouts=HURRY), tls=None)

    async def call(self, route: Route, *, stream: bool, leave: float | None) -> Call:
        """One call, from its start to its record."""
        health = ProvidersHealth(random.random)
        health.enabled = False  # each of these is well enough to be asked
        runtime = Runtime(RouteTable({"r": route}), {"sim": self.client}, limits=self.keeper, health=health)
        records: list[Call] = []
        engine = Engine(runtime, clock=self.clock, observers=(records.append,))
        body: dict[str, Any] = {
            "model": "r",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": ANSWER,
            "stream": stream,
        }
        running = engine.begin("chat", "openai-chat", None)

        async def client() -> None:
            try:
                data = msgspec.json.encode(body)
                running.receive(data, keep_body=False)
                request = read_chat_request(data)
                running.route_to(request)
                piece = await running.ask(request)
                while stream and piece:
                    piece = await running.next_piece()
            except FreeholdError as error:
                running.fail(error, 502)
            except asyncio.CancelledError:
                running.cancel()
                raise

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(leave):
                await client()
        (record,) = records
        return record

    async def end(self) -> dict[str, Standing]:
        """How the counters stand when the process has ended: what it kept in reserve is given back."""
        self.client.close()
        await self.clerk.close()
        assert not self.clerk.holds
        books = FiledBooks(self.path, boot="one")
        found = await books.standings(0)
        await books.close()
        assert all(one.balanced and one.held == 0 and one.expired == 0 for one in found)
        return {"|".join(parts_of(one.name)[:2]): one for one in found}


def _bill(provider: ThreadedProvider) -> int:
    """Of the requests that were worked on. Nobody bills an error."""
    return sum(
        one.asked.input_tokens() * READ + one.tokens * WROTE
        for one in provider.requests
        if one.asked is not None
        and (one.tokens or one.fault not in ("refused", "error", "error_event"))
        and one.status is not None
        and one.status < 300
        and one.bytes_written
    )


def _play(story: Callable[[Rehearsal], Awaitable[None]], *, slow: bool = False) -> None:
    async def main(provider: ThreadedProvider) -> None:
        with tempfile.TemporaryDirectory() as folder:
            rehearsal = Rehearsal(Path(folder), provider, slow=slow)
            await rehearsal.clerk.start()
            await story(rehearsal)

    with SimulatedProvider.in_thread(Script(models=MODELS), keep=100_000) as provider:
        run_on_uvloop(main(provider))


@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@given(st.lists(calls, min_size=1, max_size=25))
def test_everything_is_settled_or_given_back(played: list[tuple[Route, bool, float | None]]) -> None:
    """Many at once, each with a route of its own."""

    async def story(rehearsal: Rehearsal) -> None:
        done = await asyncio.gather(
            *(rehearsal.call(route, stream=stream, leave=leave) for route, stream, leave in played)
        )
        answered = sum(call.outcome == "answered" for call in done)
        found = await rehearsal.end()
        while any(one.stopped_at is None for one in rehearsal.provider.requests):
            await asyncio.sleep(0.01)
        if not found:  # all had left before anything was set aside for them
            assert (answered, _bill(rehearsal.provider)) == (0, 0)
            return
        assert answered <= found["all|requests"].charged <= len(played)
        assert found["all|money"].charged >= _bill(rehearsal.provider)

    _play(story)


def test_a_call_is_counted_once_when_two_are_asked_at_the_same_time() -> None:
    """Also when the counters take longer to answer than the second one takes to be asked."""

    async def story(rehearsal: Rehearsal) -> None:
        route = Route("r", Target("sim", "slow"), (Target("sim", "well"),), hedge_after=0.02)
        record = await rehearsal.call(route, stream=True, leave=None)
        assert [one.reason for one in record.attempts] == ["incumbent", "hedge"]
        found = await rehearsal.end()
        assert found["all|requests"].charged == 1
        assert found["places|concurrency"].reserved == found["places|concurrency"].released

    _play(story, slow=True)
