"""Calls beyond every budget, for as long as is wished: is anything overspent, and does every counter agree?"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.limits.endpoints import Endpoint, load, share_files
from freehold.core.clock import SystemClock
from freehold.limits.batch import Books, Standing
from freehold.limits.filed import FiledBooks
from freehold.limits.shared import ServerClock, SharedBooks
from freehold.limits.windows import HOUR_US
from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Lorem,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    Uniform,
)

NANO = 10**9
READ, WROTE = 1_000, 10_000
"""Billionths of a dollar a token."""
ANSWER = 100
CALLS_A_MINUTE = 400
"""What the budget is for; several times as many want it."""
BODY: dict[str, object] = {
    "model": "chat",
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": ANSWER,
}

TOML = """
[local]
enabled = false
[providers.acme]
base_url = "{url}"
[models."acme/m"]
input = 1
output = 10
[routes.chat]
incumbent = "acme/m"
hedge_after = "400ms"
continue_streams = true
fallbacks = ["acme/n"]
[models."acme/n"]
input = 1
output = 10
[limits.month]
on = "organisation"
per = "month"
money = "{budget}"
[limits.minute]
on = "key"
per = "last 60 seconds"
money = "{a_minute}"
requests = 5_000
[limits.models]
on = "model"
concurrency = 100
"""


def soak(processes: int, minutes: float, server: str | None) -> dict[str, object]:
    """Play it. `server`: the address of a Valkey server; None: the counters are in a file."""
    cost = 5 * READ + ANSWER * WROTE
    a_minute = CALLS_A_MINUTE * cost
    budget = round(a_minute * minutes * 0.8)
    prefix = f"soak-{time.time_ns()}"
    told: Counter[str] = Counter()
    kills = 0
    with (
        tempfile.TemporaryDirectory() as name,
        SimulatedProvider.in_thread(_script(), keep=2_000_000) as acme,
    ):
        folder = Path(name)
        toml = TOML.format(url=acme.base_url, budget=budget / NANO, a_minute=a_minute / NANO)
        environment = {}
        if server is not None:
            toml += f'[shared]\nurl = "env:SOAK_SERVER"\nprefix = "{prefix}"\n'
            environment["SOAK_SERVER"] = server
        with _endpoints(folder, toml, processes, environment) as endpoints:
            dice = random.Random(0)
            end = time.monotonic() + minutes * 60
            while (left := end - time.monotonic()) > 0:
                victim = dice.choice(endpoints) if left > 40 else None
                told += asyncio.run(_half_a_minute(endpoints, min(30.0, left), victim))
                if victim is not None:
                    kills += 1
                    victim.process.wait(10)
                    assert victim.process.stdout is not None
                    victim.process.stdout.close()
                    victim.start()
        books: Books
        if server is None:
            books = FiledBooks(folder / "common" / "limits.db")
        else:
            books = SharedBooks(server, ServerClock(SystemClock()), prefix=prefix)
        standings = asyncio.run(_standings(books))
        bill, worst_minute = _bills(acme)
    (month,) = (one for one in standings if one.name.startswith("month|money|"))
    return {
        "books": "file" if server is None else "server",
        "processes": processes,
        "minutes": minutes,
        "calls": sum(told.values()),
        "told": dict(told),
        "kills": kills,
        "budget": budget / NANO,
        "billed": bill / NANO,
        "overspend": max(0, bill - budget) / NANO,
        "minute_budget": a_minute / NANO,
        "dearest_minute": worst_minute / NANO,
        "minute_overspend": max(0, worst_minute - a_minute) / NANO,
        "reserved": month.reserved / NANO,
        "settled": month.settled / NANO,
        "released": month.released / NANO,
        "expired": month.expired / NANO,
        "held": month.held / NANO,
        "balanced": all(one.balanced for one in standings),
    }


async def _half_a_minute(endpoints: list[Endpoint], seconds: float, victim: Endpoint | None) -> Counter[str]:
    if victim is not None:
        asyncio.get_running_loop().call_later(seconds * 0.7, victim.process.send_signal, signal.SIGKILL)
    return await load(
        [one.url for one in endpoints],
        endpoints[0].key,
        BODY,
        clients=120,
        seconds=seconds,
        streamed=0.5,
        give_up=0.1,
        seed=int(time.time()),
    )


def _script() -> Script:
    return Script(
        models={
            "*": Behaviour(
                text=Lorem(tokens=ANSWER),
                tokens_per_s=150.0,
                first_token_s=Uniform(0.02, 0.6),
                faults=(
                    Refused(chance=0.02, status=500),
                    Cut(chance=0.05, after=40),
                ),
            )
        }
    )


@contextlib.contextmanager
def _endpoints(folder: Path, toml: str, count: int, environment: dict[str, str]) -> Iterator[list[Endpoint]]:
    common = folder / "common"
    common.mkdir()
    made: list[Endpoint] = []
    try:
        for number in range(count):
            home = folder / f"process-{number}"
            home.mkdir()
            one = Endpoint(home, toml, environment)
            if number == 0:
                one.start("--new-key")  # makes the files that are then shared
                one.end()
            share_files(common, home)
            one.key = made[0].key if made else one.key
            one.start()
            made.append(one)
        yield made
    finally:
        for one in made:
            if one.process.poll() is None:
                one.end()


async def _standings(books: Books) -> list[Standing]:
    try:
        return await books.standings(int(time.time() * 1_000_000))
    finally:
        await books.close()


def _bills(acme: ThreadedProvider) -> tuple[int, int]:
    """What the provider bills for everything it worked on, and for the dearest 60 seconds."""
    bills = [
        (request.time_us, request.asked.input_tokens() * READ + request.tokens * WROTE)
        for request in acme.requests
        if request.asked is not None and (request.status is None or request.status < 300)
    ]
    dearest = total = first = 0
    for at, amount in bills:
        total += amount
        while bills[first][0] <= at - HOUR_US // 60:
            total -= bills[first][1]
            first += 1
        dearest = max(dearest, total)
    return sum(amount for _, amount in bills), dearest
