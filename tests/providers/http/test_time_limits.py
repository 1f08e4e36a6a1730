"""Each time limit, at its time and not otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, Do, chunk, whole
from clients import client_of, read_in_parts, read_once, settings_for
from loops import run_on_uvloop, timed

from freehold.core.errors import ProviderTimeout
from freehold.providers.client import ProviderClient
from freehold.providers.settings import Timeouts

LIMIT = 0.2
FAR = 5.0


def limits(**changes: float) -> Timeouts:
    return Timeouts(**{"connect": FAR, "first_token": FAR, "silence": FAR, "total": FAR, **changes})


async def expect(phase: str, client: ProviderClient, *, in_parts: bool = False) -> None:
    """One exchange that must end in a ProviderTimeout of `phase`."""
    with pytest.raises(ProviderTimeout) as caught:
        response = await client.send("chat", "m", b"{}")
        try:
            await (read_in_parts(response) if in_parts else response.read())
        finally:
            response.close()
    assert caught.value.phase == phase
    assert caught.value.provider == "acme"


@contextlib.asynccontextmanager
async def deaf_port() -> AsyncIterator[int]:
    """A port where connections are neither taken nor refused: its backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


def test_no_connection() -> None:
    async def main() -> None:
        async with deaf_port() as port:
            settings = settings_for(f"http://127.0.0.1:{port}", timeouts=limits(connect=LIMIT))
            client = ProviderClient(settings, tls=None)
            await timed(lambda: expect("connect", client), limit=LIMIT)
            client.close()
            assert client.busy == 0

    run_on_uvloop(main())


def test_no_connection_within_the_whole() -> None:
    async def main() -> None:
        async with deaf_port() as port:
            settings = settings_for(f"http://127.0.0.1:{port}", timeouts=limits(total=LIMIT))
            client = ProviderClient(settings, tls=None)
            await timed(lambda: expect("connect", client), limit=LIMIT)
            client.close()

    run_on_uvloop(main())


NO_HEAD: dict[str, Answer] = {
    "nothing": [Do.HOLD],
    "half a head": [b"HTTP/1.1 200 OK\r\n", Do.HOLD],
    "interim answers": [b"HTTP/1.1 100 Continue\r\n\r\n", 0.05, Do.REPEAT],
}


@pytest.mark.parametrize("answer", NO_HEAD.values(), ids=NO_HEAD.keys())
def test_no_answer(answer: Answer) -> None:
    async def main() -> None:
        async with (
            ByteServer(answer) as server,
            client_of(server, timeouts=limits(first_token=LIMIT)) as client,
        ):
            await timed(lambda: expect("first_token", client), limit=LIMIT)
            await server.all_ended()

    run_on_uvloop(main())


def test_no_answer_within_the_whole() -> None:
    async def main() -> None:
        async with ByteServer([Do.HOLD]) as server, client_of(server, timeouts=limits(total=LIMIT)) as client:
            await timed(lambda: expect("total", client), limit=LIMIT)

    run_on_uvloop(main())


@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
def test_silence_after_a_beginning(in_parts: bool) -> None:
    async def main() -> None:
        async with (
            ByteServer([STREAM_HEAD, chunk(b"a"), Do.HOLD]) as server,
            client_of(server, timeouts=limits(silence=LIMIT)) as client,
        ):
            await timed(lambda: expect("silence", client, in_parts=in_parts), limit=LIMIT)
            await server.all_ended()

    run_on_uvloop(main())


@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
def test_a_slow_answer_is_not_a_silent_one(in_parts: bool) -> None:
    async def main() -> None:
        pieces = [step for _ in range(5) for step in (0.1, chunk(b"\n"))]
        async with (
            ByteServer([STREAM_HEAD, *pieces, LAST_CHUNK]) as server,
            client_of(server, timeouts=limits(silence=0.3)) as client,
        ):
            response = await client.send("chat", "m", b"{}")
            assert await (read_in_parts(response) if in_parts else response.read()) == b"\n" * 5
            response.close()

    run_on_uvloop(main())


@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
def test_an_answer_that_never_ends(in_parts: bool) -> None:
    async def main() -> None:
        async with (
            ByteServer([STREAM_HEAD, *[step for _ in range(500) for step in (chunk(b"a"), 0.02)]]) as server,
            client_of(server, timeouts=limits(total=LIMIT, silence=0.15)) as client,
        ):
            await timed(lambda: expect("total", client, in_parts=in_parts), limit=LIMIT)
            await server.all_ended()

    run_on_uvloop(main())


def test_silence_is_not_counted_while_nobody_reads() -> None:
    async def main() -> None:
        async with (
            ByteServer(
                [STREAM_HEAD, 0.02, chunk(b"a"), 0.01, chunk(b"b"), 0.5, chunk(b"c"), LAST_CHUNK]
            ) as server,
            client_of(server, timeouts=limits(silence=0.3)) as client,
        ):
            response = await client.send("chat", "m", b"{}")
            assert await response.read_some() == b"a"
            await asyncio.sleep(0.4)  # a slow client is being served
            assert await read_in_parts(response) == b"bc"
            response.close()

    run_on_uvloop(main())


def test_the_whole_is_counted_while_nobody_reads() -> None:
    async def main() -> None:
        async with (
            ByteServer([b"HTTP/1.1 200 OK\r\n\r\n", Do.FLOOD]) as server,
            client_of(server, timeouts=limits(total=LIMIT)) as client,
        ):
            response = await client.send("chat", "m", b"{}")
            assert await response.read_some()
            await server.all_ended()  # although the connection is full and nobody takes anything off it
            assert await response.read_some()
            with pytest.raises(ProviderTimeout) as caught:
                await response.read_some()
            assert caught.value.phase == "total"
            response.close()

    run_on_uvloop(main())


def test_pings_do_not_put_off_the_first_token() -> None:
    async def main() -> None:
        pings = [step for _ in range(100) for step in (chunk(b": ping\n\n"), 0.02)]

        async def wait(client: ProviderClient) -> None:
            response = await client.send("chat", "m", b"{}")
            response.await_first_token()
            with pytest.raises(ProviderTimeout) as caught:
                await read_in_parts(response)
            response.close()
            assert caught.value.phase == "first_token"

        async with (
            ByteServer([STREAM_HEAD, *pings]) as server,
            client_of(server, timeouts=limits(first_token=LIMIT)) as client,
        ):
            await timed(lambda: wait(client), limit=LIMIT)

    run_on_uvloop(main())


def test_after_the_first_token_its_limit_is_over() -> None:
    async def main() -> None:
        async with (
            ByteServer([STREAM_HEAD, chunk(b"a"), 0.4, chunk(b"b"), LAST_CHUNK]) as server,
            client_of(server, timeouts=limits(first_token=0.3)) as client,
        ):
            response = await client.send("chat", "m", b"{}")
            response.await_first_token()
            assert await response.read_some() == b"a"
            response.first_token_came()
            assert await read_in_parts(response) == b"b"
            response.close()

    run_on_uvloop(main())


@pytest.mark.parametrize("end", [[LAST_CHUNK], [0.05, LAST_CHUNK]], ids=["at once", "soon"])
def test_settling_keeps_the_connection(end: Answer) -> None:
    async def main() -> None:
        async with (
            ByteServer([STREAM_HEAD, chunk(b"a"), *end], [whole(b"{}")]) as server,
            client_of(server) as client,
        ):
            response = await client.send("chat", "m", b"{}")
            assert await response.read_some() == b"a"
            await response.settle(1.0)
            response.close()
            assert await read_once(client) == (200, b"{}")
            assert len(server.connections) == 1

    run_on_uvloop(main())


NO_ENDS: dict[str, Answer] = {
    "silence": [Do.HOLD],
    "trickle": [step for _ in range(200) for step in (chunk(b"a"), 0.02)],
}


@pytest.mark.parametrize("rest", NO_ENDS.values(), ids=NO_ENDS.keys())
def test_settling_takes_no_longer_than_told(rest: Answer) -> None:
    async def main() -> None:
        async def settle(client: ProviderClient) -> None:
            response = await client.send("chat", "m", b"{}")
            assert await response.read_some()
            await response.settle(LIMIT)
            response.close()

        async with ByteServer([STREAM_HEAD, chunk(b"a"), *rest]) as server, client_of(server) as client:
            await timed(lambda: settle(client), limit=LIMIT)
            await server.all_ended()

    run_on_uvloop(main())


def test_settling_minds_no_break() -> None:
    async def main() -> None:
        async with (
            ByteServer([STREAM_HEAD, chunk(b"a"), 0.02, Do.RESET]) as server,
            client_of(server) as client,
        ):
            response = await client.send("chat", "m", b"{}")
            assert await response.read_some() == b"a"
            await response.settle(1.0)
            response.close()

    run_on_uvloop(main())
