"""Clients that call at an even pace, whatever becomes of their calls, and note what they saw."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

PATIENCE_S = 20.0
"""After which a client gives up; nobody should have to."""


class Seen(msgspec.Struct):
    """One call, as its client saw it."""

    at: float
    """When it was made, in seconds of the event loop's clock."""
    model: str
    status: int
    """0: nobody answered, or not to the end."""
    seconds: float
    call: str = ""
    """Under which id it is on record."""
    by_share: bool = False
    """The answer said that limits went by shares."""

    @property
    def well(self) -> bool:
        """Answered, or refused for a limit."""
        return self.status in (200, 402, 429)


async def ask(
    urls: Sequence[str],
    key: str,
    models: Sequence[str],
    *,
    rate: float,
    end: asyncio.Event,
    seen: list[Seen],
) -> None:
    """Make `rate` calls a second, each of `models` in turn, until the `end`; half of them are streamed."""
    loop = asyncio.get_running_loop()
    dice = random.Random(0)
    tasks: set[asyncio.Task[None]] = set()
    next_at, number = loop.time(), 0
    while not end.is_set():
        stream = number % 4 > 1
        task = asyncio.create_task(
            _call(dice.choice(urls), key, models[number % len(models)], seen, stream=stream)
        )
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        next_at += 1 / rate
        await asyncio.sleep(max(0.0, next_at - loop.time()))
    await asyncio.gather(*tasks)


async def _call(url: str, key: str, model: str, seen: list[Seen], *, stream: bool) -> None:
    loop = asyncio.get_running_loop()
    one = Seen(loop.time(), model, 0, 0.0)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _exchange(url, key, one, stream=stream)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
        one.status = 0
    one.seconds = loop.time() - one.at
    seen.append(one)


async def _exchange(url: str, key: str, one: Seen, *, stream: bool) -> None:
    place = urlsplit(url)
    body = msgspec.json.encode(
        {
            "model": one.model,
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 30,
            "stream": stream,
        }
    )
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {place.netloc}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        answer = await reader.read(-1)
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        one.call = headers.get("x-freehold-call", "")
        one.by_share = "share" in headers.get("x-freehold-limits", "")
        one.status = int(lines[0].split()[1])
        if one.status == 200 and stream and b"[DONE]" not in answer:
            one.status = 0
    finally:
        writer.close()
