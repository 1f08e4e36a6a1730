"""What a call costs in the engine alone, and what breakers, tracing and telemetry add to it.

    python -m benchmarks.engine

A whole call of the engine, from the request's bytes to the record, before a provider that answers at once and without a
network. Engines that differ in one thing take turns, a few hundred calls each. What is told is processor time: of the
thread that answers, and of the process with telemetry's own thread. Differences are of neighbouring turns, so that they
hold on a busy machine, too.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median
from typing import cast

import msgspec

from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.core.clock import SystemClock
from freehold.core.secret import Secret
from freehold.engine.engine import Engine
from freehold.engine.runtime import Runtime
from freehold.engine.tracing import Tracing
from freehold.ledger.record import Call
from freehold.providers.client import ProviderClient
from freehold.providers.settings import ProviderSettings
from freehold.routing.breakers import spots_of
from freehold.routing.plans import Accounts, ProvidersHealth
from freehold.routing.routes import Route, RouteTable, Target
from freehold.telemetry.facts import ModelLabels, ProviderFacts
from freehold.telemetry.settings import Collector, TelemetrySettings
from freehold.telemetry.telemetry import Telemetry
from freehold.wire.request import read_chat_request

CALLS = 256
"""In one turn."""
_REQUEST = json.dumps({"model": "copilot", "messages": [{"role": "user", "content": "word " * 180}]}).encode()
_ANSWER = json.dumps(
    {
        "id": "x", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 140}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 181, "completion_tokens": 140, "total_tokens": 321},
    }
).encode()  # fmt: skip


class _Answer:
    status = 200
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", b"1000"),
        (b"date", b"Sun, 22 Nov 2026 17:00:00 GMT"),
        (b"x-request-id", b"req_0123456789"),
    )

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)

    async def read(self) -> bytes:
        return _ANSWER

    def close(self) -> None:
        pass


class _Provider:
    """As a provider's client; the answer is there at once."""

    name = "acme"
    settings = ProviderSettings(name="acme", base_url="http://127.0.0.1:9/v1")

    async def send(self, *_: object, **__: object) -> _Answer:
        return _Answer()

    def conceal(self, said: bytes) -> bytes:
        return said


class Turns(msgspec.Struct):
    """One engine, and what its turns took: microseconds of a call in the answering thread and in the process."""

    title: str
    engine: Engine
    telemetry: Telemetry | None = None
    answering: list[float] = []
    everything: list[float] = []

    async def take(self) -> None:
        """One turn."""
        process, thread = time.process_time_ns(), time.thread_time_ns()
        for _ in range(CALLS):
            await _call(self.engine)
        thread = time.thread_time_ns() - thread
        while self.telemetry is not None and self.telemetry.waiting:
            await asyncio.sleep(0.005)
        self.answering.append(thread / CALLS / 1000)
        self.everything.append((time.process_time_ns() - process) / CALLS / 1000)


async def _call(engine: Engine) -> None:
    running = engine.begin("chat", "openai-chat", None)
    running.receive(_REQUEST, keep_body=True)
    engine.held_bytes += len(_REQUEST)
    request = read_chat_request(_REQUEST)
    running.route_to(request)
    await running.ask(request)


def _engine(
    *,
    enabled: bool = True,
    ill: bool = False,
    tracing: Tracing | None = None,
    observers: tuple[Callable[[Call], None], ...] = (),
) -> Engine:
    clock = SystemClock()
    health = ProvidersHealth(random.Random(7).random)
    health.enabled = enabled
    if ill:
        spots = spots_of("beta", "gone", "beta")
        health.breakers.end(health.breakers.begin(spots, clock.tick()), "missing", clock.tick())
    route = Route("copilot", Target("acme", "m-1"), (Target("beta", "m-2"),))
    providers = {"acme": cast(ProviderClient, _Provider())}
    runtime = Runtime(RouteTable({"copilot": route}), providers, True, None, Accounts(), health)
    return Engine(runtime, clock=clock, observers=observers, tracing=tracing)


def _telemetry(*, sends: bool) -> Telemetry:
    prices = {"acme/m-1": (ModelPrice(Rates(input=Decimal("0.15"), output=Decimal("0.6"))),)}
    return Telemetry(
        TelemetrySettings(queue_bytes=1),
        {"acme": ProviderFacts("acme", "127.0.0.1", 9)},
        ModelLabels([("acme", "m-1")]),
        PriceList(own=prices, lists={}),
        collector=Collector(Secret("http://127.0.0.1:9", "env:COLLECTOR")) if sends else None,
    )


def _all_turns() -> list[Turns]:
    traced = Tracing(records=True)
    counting, telling = _telemetry(sends=False), _telemetry(sends=True)
    return [
        Turns("without any", _engine(enabled=False)),
        Turns("breakers", _engine()),
        Turns("breakers, a model of another provider ill", _engine(ill=True)),
        Turns("breakers, traces begun and passed on", _engine(tracing=traced)),
        Turns("breakers, metrics", _engine(observers=counting.observers), counting),
        Turns("breakers, traces, metrics", _engine(tracing=traced, observers=telling.observers), telling),
    ]


async def _measure(turns: list[Turns], rounds: int) -> None:
    for one in turns:
        if one.telemetry is not None:
            one.telemetry.start()
        await one.take()
        one.answering.clear()
        one.everything.clear()
    for number in range(rounds):
        for one in turns if number % 2 else reversed(turns):
            await one.take()


def _print(turns: list[Turns]) -> None:
    def more(values: list[float], base: list[float]) -> float:
        return median(one - other for one, other in zip(values, base, strict=True))

    first = turns[0]
    print("| the engine with | µs a call | at the least | more, answering | more, with all threads |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for one in turns:
        print(
            f"| {one.title} | {median(one.answering):.1f} | {min(one.answering):.1f}"
            f" | {more(one.answering, first.answering):+.1f} | {more(one.everything, first.everything):+.1f} |"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    sys.setswitchinterval(0.001)  # as the endpoint has it
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    turns = _all_turns()
    asyncio.run(_measure(turns, arguments.rounds))
    for one in turns:
        if one.telemetry is not None:
            one.telemetry.close(2.0)
    _print(turns)


if __name__ == "__main__":
    main()
