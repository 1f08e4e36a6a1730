"""A provider sends no faster than is read, and stops when nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from byte_server import FLOOD_PIECE, STREAM_HEAD, Answer, ByteServer, Do, chunk
from clients import client_of, read_once
from loops import Run, on_both_loops

from freehold.providers.client import ProviderClient

pytestmark = on_both_loops

PROMPT = 0.1
"""Seconds within which the provider must see that it is no longer wanted."""

KERNEL = 24 * 1024 * 1024
"""More than the operating system buffers for one connection."""


async def _standstill(server: ByteServer) -> int:
    """Bytes that were sent when for a while no more could be sent."""
    before = -1
    async with asyncio.timeout(5):
        while before != server.connections[0].taken:
            before = server.connections[0].taken
            await asyncio.sleep(0.1)
    return before


def test_nobody_reads_so_nothing_is_sent(run: Run) -> None:
    async def main() -> None:
        async with (
            ByteServer([b"HTTP/1.1 200 OK\r\n\r\n", Do.FLOOD]) as server,
            client_of(server) as client,
        ):
            response = await client.send("chat", "m", b"{}")
            assert await response.read_some()
            stood = await _standstill(server)
            assert stood < KERNEL
            read = 0
            while read < KERNEL:
                piece = await response.read_some()
                assert 0 < len(piece) < 1024 * 1024
                read += len(piece)
            assert await _standstill(server) > stood + FLOOD_PIECE
            response.close()

    run(main())


async def _send(client: ProviderClient) -> None:
    await read_once(client)


async def _read_whole(client: ProviderClient) -> None:
    await read_once(client)


async def _read_part(client: ProviderClient) -> None:
    response = await client.send("chat", "m", b"{}")
    try:
        while True:
            await response.read_some()
    finally:
        response.close()


WAITS: dict[str, tuple[Answer, Callable[[ProviderClient], Awaitable[None]]]] = {
    "head": ([Do.HOLD], _send),
    "whole": ([STREAM_HEAD, Do.HOLD], _read_whole),
    "part": ([STREAM_HEAD, chunk(b"a"), Do.HOLD], _read_part),
    "flood": ([b"HTTP/1.1 200 OK\r\n\r\n", Do.FLOOD], _read_part),
}


@pytest.mark.parametrize(("answer", "wait"), WAITS.values(), ids=WAITS.keys())
def test_cancelling_stops_the_provider_at_once(
    run: Run, answer: Answer, wait: Callable[[ProviderClient], Awaitable[None]]
) -> None:
    async def main() -> None:
        async with ByteServer(answer) as server, client_of(server) as client:
            late = []
            for _ in range(3):  # being late once or twice may be the machine's fault
                task = asyncio.ensure_future(wait(client))
                await asyncio.sleep(0.05)
                cancelled_at = asyncio.get_running_loop().time()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert client.busy == 0
                await server.all_ended()
                ended_at = server.connections[-1].ended_at
                assert ended_at is not None
                late.append(ended_at - cancelled_at)
                if late[-1] <= PROMPT:
                    return
            raise AssertionError(f"the provider was told after {late} s")

    run(main())


def test_closing_an_unread_answer_stops_the_provider(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([STREAM_HEAD, chunk(b"a"), Do.HOLD]) as server, client_of(server) as client:
            response = await client.send("chat", "m", b"{}")
            response.close()
            await server.all_ended(limit=1.0)
            assert client.busy == 0

    run(main())
