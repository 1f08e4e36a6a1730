"""What setting aside and settling cost: in the process alone, and in an endpoint with limits beside one without."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil

from benchmarks.limits.endpoints import Endpoint, endpoint, load
from freehold.catalog.models import Catalog
from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.core.clock import SystemClock
from freehold.core.usage import Usage
from freehold.limits.account import Counter
from freehold.limits.batch import Books
from freehold.limits.clerk import Clerk
from freehold.limits.filed import FiledBooks
from freehold.limits.hold import Hold, NoHold
from freehold.limits.keeper import Keeper
from freehold.limits.limit import Limit
from freehold.limits.shared import ServerClock, SharedBooks
from freehold.limits.subject import Subject, Worst
from freehold.limits.windows import SLIDING, Calendar
from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider
from freehold.routing.routes import Target

DOLLAR = 10**9
_RATES = Rates(input=Decimal(1), output=Decimal(10))
LIMITS = (
    Limit("all", "organisation", (("money", 10**6 * DOLLAR),), Calendar("month")),
    Limit("teams", "team", (("money", 10**6 * DOLLAR), ("requests", 10**9)), SLIDING["last 60 seconds"]),
    Limit("keys", "key", (("tokens", 10**12), ("concurrency", 10**6)), Calendar("day")),
)
"""Five counters on three levels."""

TOML = """
[limits.all]
on = "organisation"
per = "month"
money = 1_000_000
[limits.routes]
on = "route"
per = "last 60 seconds"
money = 1_000_000
requests = 1_000_000_000
[limits.keys]
on = "key"
per = "day"
tokens = 1_000_000_000_000
concurrency = 1_000_000
"""


async def _in_process(books: Books, clock: Any, concurrent: int, calls: int) -> tuple[float, float]:
    """Microseconds of processor time a call, and of waiting for a reserve (median)."""

    async def nothing() -> dict[Counter, int]:
        return {}

    clerk = Clerk(books, clock, owner="benchmark", refill=nothing)
    await clerk.start()
    prices = PriceList(own={"acme/m": (ModelPrice(_RATES),)}, lists={})
    keeper = Keeper(LIMITS, clerk, prices=prices, catalog=Catalog(own={}, lists={}), clock=clock)
    who, target, worst = Subject("key_1", "search", "ana", "chat"), Target("acme", "m"), Worst(400, 200)
    used = Usage(input_tokens=100, output_tokens=50, source="provider")
    waits: list[float] = []

    async def client(count: int) -> None:
        for _ in range(count):
            began = time.perf_counter()
            deadline = clock.tick() + 60
            hold: Hold | NoHold | None = keeper.take(who, target, worst, first=True, deadline=deadline)
            if hold is None:
                hold = await keeper.reserve(who, target, worst, first=True, deadline=deadline)
            waits.append(time.perf_counter() - began)
            hold.settle(used, None)
            hold.leave()

    await client(100)
    waits.clear()
    began = time.process_time()
    await asyncio.gather(*(client(calls // concurrent) for _ in range(concurrent)))
    spent = time.process_time() - began
    await clerk.close()
    return spent / calls * 1e6, statistics.median(waits) * 1e6


def in_process(server: str | None, calls: int = 20_000) -> Iterator[dict[str, object]]:
    """One row for each kind of books and number of calls at once."""
    for concurrent in (1, 32, 256):
        with tempfile.TemporaryDirectory() as folder:
            clock = SystemClock()
            books = FiledBooks(Path(folder) / "limits.db")
            cpu, wait = asyncio.run(_in_process(books, clock, concurrent, calls))
            yield {"books": "file", "at_once": concurrent, "cpu_us": round(cpu, 1), "wait_us": round(wait)}
        if server is not None:
            shared = ServerClock(clock)
            at_server = SharedBooks(server, shared, prefix=f"cost-{concurrent}-{time.time_ns()}")
            cpu, wait = asyncio.run(_in_process(at_server, shared, concurrent, calls))
            yield {"books": "server", "at_once": concurrent, "cpu_us": round(cpu, 1), "wait_us": round(wait)}


def over_http(folder: Path, rounds: int = 4, seconds: float = 4.0) -> Iterator[dict[str, object]]:
    """Processor time a call of an endpoint without limits and of one with five counters, in turn."""
    start = """
[local]
enabled = false
[providers.acme]
base_url = "{url}"
[models."acme/m"]
input = 1
output = 10
[routes.chat]
incumbent = "acme/m"
[ledger]
bodies = false
"""
    body: dict[str, object] = {
        "model": "chat",
        "messages": [{"role": "user", "content": "hello " * 150}],
        "max_tokens": 300,
    }
    with SimulatedProvider.in_thread(
        Script(models={"*": Behaviour(text=Lorem(tokens=100))}), keep=10
    ) as acme:
        toml = start.format(url=acme.base_url)
        with endpoint(folder / "off", toml) as off, endpoint(folder / "on", toml + TOML) as on:
            found: dict[str, list[float]] = {"off": [], "on": []}
            for number in range(rounds + 1):
                for name, one in (("off", off), ("on", on)):
                    spent = _cpu_of_a_call(one, body, seconds)
                    if number:  # the first round is to warm up
                        found[name].append(spent)
    for name, values in found.items():
        yield {"limits": name, "cpu_us_per_call": round(statistics.median(values), 1)}


def _cpu_of_a_call(one: Endpoint, body: dict[str, object], seconds: float) -> float:
    process = psutil.Process(one.process.pid)
    before = process.cpu_times()
    told = asyncio.run(load([one.url], one.key, body, clients=16, seconds=seconds))
    after = process.cpu_times()
    assert set(told) == {"200"}, told
    return (after.user + after.system - before.user - before.system) / told["200"] * 1e6
