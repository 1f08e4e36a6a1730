"""The load: calls at an even pace in all dialects, half of them streamed, some of them in the middle of a tool loop."""

from __future__ import annotations

import asyncio
import time

from .asking import Outcome, Question, ask
from .dialects import DIALECTS, Message
from .policies import Policy, route_of

LOOP_EVERY = 10
"""Every so many calls one is followed by a second turn of its conversation, which answers a tool call."""
_TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
_NAMED = DIALECTS[0]


async def drive(  # noqa: PLR0917 - where, what and how fast
    port: int, key: str, policy: Policy, fault: str, rate: float, seconds: float
) -> list[asyncio.Task[list[Outcome]]]:
    """Begin calls at an even pace, whatever becomes of them, for so many seconds."""
    asking: list[asyncio.Task[list[Outcome]]] = []
    number, due = 0, time.monotonic()
    end = due + seconds
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        asking.append(asyncio.create_task(_one(port, key, policy, fault, number, due)))
        number += 1
        due += 1.0 / rate
    return asking


async def _one(  # noqa: PLR0917 - as above
    port: int, key: str, policy: Policy, fault: str, number: int, due: float
) -> list[Outcome]:
    route = route_of(policy, fault)
    said: list[Message] = [{"role": "user", "content": f"Question {number} of {route}?"}]
    streamed = number // len(DIALECTS) % 2 == 0
    if number % LOOP_EVERY:
        dialect = DIALECTS[number % len(DIALECTS)]
        return [await ask(port, key, Question(policy.name, fault, route, dialect, said, streamed), due)]
    named = f"{route}-{number}"
    first = Question(policy.name, fault, route, _NAMED, said, streamed, named, [_TOOL])
    outcome = await ask(port, key, first, due)
    called = {"id": f"call_{number}", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    said += [
        {"role": "assistant", "tool_calls": [called]},  # type: ignore[dict-item]
        {"role": "tool", "tool_call_id": f"call_{number}", "content": f"Result {number} of {route}."},
    ]
    second = Question(
        policy.name, fault, route, _NAMED, said, not streamed, named, [_TOOL], outcome.call or None
    )
    return [outcome, await ask(port, key, second, time.monotonic())]
