"""What it costs to decide: processor time of one call's decision, by the length of its conversation."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.conversations.clients import ChatClient
from freehold.core.clock import SystemClock
from freehold.core.decision import Decision
from freehold.engine.runtime import Runtime
from freehold.engine.steered.filed import FiledShelf
from freehold.engine.steered.memory import Memory
from freehold.engine.steered.route_steering import RouteSteering
from freehold.ledger.record import Call
from freehold.providers.client import ProviderClient
from freehold.providers.settings import ProviderSettings
from freehold.routing.policies.weighted import Weighted
from freehold.routing.routes import Route, RouteTable, Target
from freehold.wire.request import Request, read_chat_request

ONE, TWO = Target("one", "m"), Target("two", "m")
ROUTE = Route("r", ONE, (TWO,))
TURNS = (1, 10, 40)
_TIMES = 400


class Cost(msgspec.Struct, frozen=True):
    """Of one decision, in microseconds of processor time of the thread that answers."""

    turns: int
    kilobytes: float
    reading_us: float
    """To read the request alone, which a call whose provider speaks another dialect pays anyway."""
    deciding_us: float
    """All of it: reading, looking for who answered, the policy, remembering."""
    without_policy_us: float
    """Where the route has none, although others have."""


def measure(folder: Path) -> list[Cost]:
    """For conversations of several lengths."""
    return [asyncio.run(_measure(turns, folder / f"{turns}.db")) for turns in TURNS]


def _request(turns: int) -> Request:
    client = ChatClient()
    for number in range(turns):
        client.say(f"Question {number}: " + "what is it that you see there? " * 8)
        if number < turns - 1:
            client.messages.append(
                {"role": "assistant", "content": "I see a tree, and behind it a hill. " * 12}
            )
    return read_chat_request(client.body("Be kind.", {}))


async def _measure(turns: int, file: Path) -> Cost:
    providers = {name: ProviderClient(ProviderSettings(name=name), tls=None) for name in ("one", "two")}
    runtime = Runtime(RouteTable({"r": ROUTE}), providers)
    memory = Memory(FiledShelf(file, shared=False), SystemClock())
    steering = RouteSteering(memory, lambda: runtime)
    steering.set_policies({"r": Weighted({ONE.name: 1, TWO.name: 1}, salt="r")})
    request = _request(turns)
    writing = asyncio.create_task(memory.run())
    reading, deciding, without = [], [], []
    other = msgspec.structs.replace(ROUTE, name="other")
    for number in range(_TIMES):
        call = Call(f"call_{number:032x}", 0, "chat", "openai-chat", route="r", provider="two", model="m")
        began = time.thread_time()
        request.decoded()
        read = time.thread_time()
        steered = await steering.steer(ROUTE, request, call, None, None)
        assert steered is not None
        call.first_token_ms = 1.0
        _finish(steering, call, request, steered.decision)
        decided = time.thread_time()
        assert await steering.steer(other, request, call, None, None) is None
        ended = time.thread_time()
        reading.append(read - began)
        deciding.append(decided - read)
        without.append(ended - decided)
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await memory.close()
    for provider in providers.values():
        provider.close()
    return Cost(
        turns=turns,
        kilobytes=round(request.size / 1000, 1),
        reading_us=round(median(reading) * 1e6, 1),
        deciding_us=round(median(deciding) * 1e6, 1),
        without_policy_us=round(median(without) * 1e6, 1),
    )


def _finish(steering: RouteSteering, call: Call, request: Request, decision: Decision) -> None:
    steering.heard(call, request, decision, b'{"choices":[]}')
    steering.ended(call, request, decision)
