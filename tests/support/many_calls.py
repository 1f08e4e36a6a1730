"""Many calls at once over plain HTTP: whole and streamed, some of which the client gives up."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from freehold.providers.simulated import ReceivedRequest

NANO = 10**9
GAVE_UP, GONE = 0, -1
"""In place of a status: the client gave up, or nobody was there."""


class Outcomes(msgspec.Struct):
    """What the clients saw."""

    statuses: Counter[int] = msgspec.field(default_factory=Counter)


async def call_many(
    urls: Sequence[str],
    key: str,
    *,
    calls: int,
    concurrent: int,
    body: dict[str, object],
    streamed: float = 0.5,
    give_up: float = 0.0,
    retries: int = 0,
    seed: int = 1,
) -> Outcomes:
    """Make `calls` calls over all of `urls`, `concurrent` at once.

    `streamed` and `give_up` are chances; who is told 429, or finds nobody there, tries again `retries` times, soon.
    """
    outcomes = Outcomes()
    dice = random.Random(seed)
    known = list(urls)
    room = asyncio.Semaphore(concurrent)

    async def one(number: int) -> None:
        stream, leave = dice.random() < streamed, dice.random() < give_up
        async with room:
            for tried in range(retries + 1):
                url = known[(number + tried) % len(known)]
                status = await _call(
                    url,
                    key,
                    {**body, "stream": stream},
                    give_up_after=dice.random() * 0.8 if leave else None,
                )
                if status == GONE and url in known and len(known) > 1:
                    known.remove(url)  # as a balancer does
                if status not in (429, GONE) or tried == retries:
                    break
                await asyncio.sleep(0.1 + dice.random() * 0.3)
            outcomes.statuses[status] += 1

    await asyncio.gather(*(one(number) for number in range(calls)))
    return outcomes


async def _call(url: str, key: str, body: dict[str, object], *, give_up_after: float | None) -> int:
    """The status."""
    data = msgspec.json.encode(body)
    parts = urlsplit(url)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(data)}\r\n\r\n"
    ).encode()
    status = 0
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return GONE
    try:
        async with asyncio.timeout(give_up_after):
            writer.write(head + data)
            line = await reader.readline()
            status = int(line.split()[1]) if line else 0
            while await reader.read(65536):
                pass
    except TimeoutError:
        return GAVE_UP
    except OSError:
        pass
    finally:
        writer.close()
    if status == 0:
        return GONE
    return status


def bill_of(requests: Sequence[ReceivedRequest], *, read: int, wrote: int) -> int:
    """What a provider bills for everything that it worked on, in billionths of a dollar.

    `read` and `wrote` are its prices per token, in billionths. A whole answer is billed in full even when nobody waited
    for it any more; of a stream, all that was written to the connection.
    """
    total = 0
    for request in requests:
        if request.asked is not None and (request.status is None or request.status < 300):
            total += request.asked.input_tokens() * read + request.tokens * wrote
    return total
