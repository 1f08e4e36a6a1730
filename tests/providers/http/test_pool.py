"""Connections: how many there may be, how long they live, and that none is left over."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
import time
from collections.abc import Coroutine
from typing import Any, Self

import pytest
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, chunk, whole
from clients import client_of, read_in_parts, read_once, settings_for
from loops import Run, on_both_loops

from freehold.core.errors import Overloaded, ProviderUnreachable
from freehold.providers.client import Address, ProviderClient

OK = [whole(b'{"ok":1}')]


@on_both_loops
def test_no_more_connections_than_allowed(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK) as server, client_of(server, max_connections=2) as client:
            first, second = await client.send("chat", "m", b"1"), await client.send("chat", "m", b"2")
            assert client.busy == 2
            with pytest.raises(Overloaded) as caught:
                await client.send("chat", "m", b"3")
            assert "`acme`" in str(caught.value)
            await first.read()
            first.close()
            third = await client.send("chat", "m", b"3")
            third.close()
            second.close()
            assert client.busy == 0

    run(main())


@on_both_loops
def test_those_being_made_count_as_well(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK) as server, client_of(server, max_connections=3) as client:
            results = await asyncio.gather(*(read_once(client) for _ in range(10)), return_exceptions=True)
            assert [type(one) for one in results].count(Overloaded) == 7
            assert len(server.connections) == 3
            assert client.busy == 0

    run(main())


@on_both_loops
def test_many_calls_share_few_connections(run: Run) -> None:
    async def main() -> None:
        async def some(client: ProviderClient) -> None:
            for _ in range(10):
                assert await read_once(client) == (200, b'{"ok":1}')

        async with ByteServer(OK) as server, client_of(server) as client:
            await asyncio.gather(*(some(client) for _ in range(20)))
            assert len(server.requests) == 200
            assert len(server.connections) <= 20

    run(main())


@on_both_loops
def test_answers_are_never_mixed_up(run: Run) -> None:
    async def main() -> None:
        async def call(number: int, client: ProviderClient) -> None:
            body = b"%d" % number * 50
            response = await client.send("chat", "m", body)
            assert await read_in_parts(response) == body
            response.close()

        async with EchoServer() as server, client_of(server) as client:
            for _ in range(5):
                await asyncio.gather(*(call(number, client) for number in range(50)))
            assert len(server.connections) <= 50

    run(main())


class EchoServer(ByteServer):
    """Answers each request with its body, in pieces."""

    def answer_to(self, request: bytes) -> Answer:
        body = request.partition(b"\r\n\r\n")[2]
        return [STREAM_HEAD, chunk(body[:7]), 0.001, chunk(body[7:]), LAST_CHUNK]


@on_both_loops
def test_closing_lets_calls_in_flight_finish(run: Run) -> None:
    async def main() -> None:
        slow: Answer = [STREAM_HEAD, chunk(b"a"), 0.05, chunk(b"b"), LAST_CHUNK]
        async with ByteServer(OK, slow) as server, client_of(server) as client:
            await asyncio.gather(read_once(client))
            response = await client.send("chat", "m", b"{}")
            client.close()
            client.close()
            assert await read_in_parts(response) == b"ab"
            assert client.busy == 1
            response.close()
            assert client.busy == 0
            await server.all_ended()

    run(main())


@on_both_loops
def test_closing_closes_idle_connections_at_once(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK) as server, client_of(server) as client:
            await asyncio.gather(*(read_once(client) for _ in range(5)))
            assert server.open == 5
            client.close()
            await server.all_ended()

    run(main())


@on_both_loops
def test_a_call_that_begins_while_closing_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK) as server, client_of(server) as client:
            calls = [asyncio.ensure_future(read_once(client)) for _ in range(5)]
            await asyncio.sleep(0)
            client.close()
            assert [await call for call in calls] == [(200, b'{"ok":1}')] * 5
            await server.all_ended()

    run(main())


@on_both_loops
@pytest.mark.parametrize("seed", range(5))
def test_cancelling_anywhere_leaves_nothing(run: Run, seed: int) -> None:
    async def main() -> None:
        chance = random.Random(seed)

        async def soon_cancelled(client: ProviderClient) -> None:
            call = asyncio.ensure_future(read_once(client))
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

        async with ByteServer(OK, [0.002, *OK]) as server, client_of(server) as client:
            await asyncio.gather(*(soon_cancelled(client) for _ in range(40)))
            assert client.busy == 0
            assert await read_once(client) == (200, b'{"ok":1}')

    run(main())


@on_both_loops
def test_nobody_is_there(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK) as server:
            url = server.url
        client = ProviderClient(settings_for(url), tls=None)
        with pytest.raises(ProviderUnreachable) as caught:
            await read_once(client)
        assert caught.value.provider == "acme"
        assert client.busy == 0
        client.close()

    run(main())


class TalkativeServer:
    """Raw TCP in a thread: answers each request with its number, and says more when it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def say(self, data: bytes) -> None:
        """Send something that nobody asked for. On return it lies in the other side's socket: no loop has run."""
        self._open[-1].sendall(data)
        time.sleep(0.05)

    def _accept(self) -> None:
        answering = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                answering.append(threading.Thread(target=self._answer, args=(connection, self.connections)))
                answering[-1].start()
        for thread in answering:
            thread.join()

    @staticmethod
    def _answer(connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(ConnectionError):
            while connection.recv(65536):
                connection.sendall(whole(b"connection %d" % number))


@on_both_loops
@pytest.mark.parametrize("seen", [False, True], ids=["not yet read", "read while idle"])
@pytest.mark.parametrize("unasked", [whole(b"attack"), b"\r\n", b"x", b"HTTP/1.1 2"])
def test_what_was_not_asked_for_is_no_answer_to_the_next_request(
    run: Run, unasked: bytes, seen: bool
) -> None:
    async def main() -> None:
        with TalkativeServer() as server:
            client = ProviderClient(settings_for(server.url), tls=None)
            try:
                for _ in range(2):
                    assert await read_once(client) == (200, b"connection 1")
                server.say(unasked)
                if seen:
                    await asyncio.sleep(0.05)
                assert await read_once(client) == (200, b"connection 2")
            finally:
                client.close()
                await asyncio.sleep(0.05)

    run(main())


class ShiftedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    shift = 0.0

    def time(self) -> float:
        return super().time() + self.shift


def run_shifted(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=ShiftedLoop) as runner:
        runner.run(main)


def test_idle_connections_are_closed_before_the_provider_does() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ShiftedLoop)
        async with ByteServer(OK) as server, client_of(server) as client:
            await asyncio.gather(read_once(client), read_once(client))
            loop.shift += 40
            await asyncio.sleep(0.1)
            await read_once(client)
            assert server.open == 2
            loop.shift += 20
            await asyncio.sleep(0.1)
            assert server.open == 1  # the one that was used meanwhile
            loop.shift += 40
            await server.all_ended()

    run_shifted(main())


@on_both_loops
def test_models_with_addresses_of_their_own_keep_their_connections(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK) as chat, ByteServer(OK) as embeddings:
            addresses = {"talk": (chat.url, "t1"), "vectors": (embeddings.url, "t2")}

            async def find(model: str) -> Address:
                return addresses[model]

            settings = settings_for("", base_url=None, kind="local")
            client = ProviderClient(settings, tls=None, find_address=find)
            for _ in range(3):
                for operation, model in (("chat", "talk"), ("embeddings", "vectors")):
                    response = await client.send(operation, model, b"{}")  # type: ignore[arg-type]
                    assert await response.read()
                    response.close()
            assert len(chat.connections) == len(embeddings.connections) == 1
            assert b"\r\nauthorization: Bearer t2\r\n" in embeddings.requests[0]
            assert embeddings.requests[0].startswith(b"POST /v1/embeddings ")
            addresses["talk"] = (embeddings.url, "t3")  # the model was started anew
            (await client.send("chat", "talk", b"{}")).close()
            assert b"\r\nauthorization: Bearer t3\r\n" in embeddings.requests[-1]
            client.close()
            await chat.all_ended()
            await embeddings.all_ended()

    run(main())
