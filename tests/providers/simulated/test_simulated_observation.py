"""What the simulated provider sees: requests, connections, and when each answer stopped."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine

import pytest
import uvloop
from raw_exchange import ask, chat, exchange, request_bytes

from freehold.providers.simulated import Behaviour, Cut, Endless, Lorem, Script, SimulatedProvider

SLOW = Script(models={"m": Behaviour(text=Lorem(tokens=10_000), tokens_per_s=100)})
ENDLESS = Script(models={"m": Behaviour(faults=(Endless(),))})


def test_a_request_is_kept_as_it_came() -> None:
    async def run() -> None:
        async with SimulatedProvider() as provider:
            body = b'{"model": "m", "messages": [{"role": "user", "content": "\xc3\xbc"}] }'
            before = provider.clock.tick()
            request = request_bytes(body, path="/v1/chat/completions?x=1", headers=["X-Odd: A b", "x-odd: c"])
            await exchange(provider.port, request)
            (seen,) = provider.requests
            assert (seen.number, seen.connection, seen.place) == (0, 0, 0)
            assert (seen.method, seen.target, seen.body) == ("POST", "/v1/chat/completions?x=1", body)
            assert [value for name, value in seen.headers if name == "x-odd"] == ["A b", "c"]
            assert seen.header("x-odd") == "A b"
            assert seen.header("cookie") is None
            assert (seen.model, seen.fault, seen.status) == ("m", None, 200)
            assert seen.tokens == 32
            assert before <= seen.received_at
            assert seen.first_byte_at is not None
            assert seen.stopped_at is not None
            assert seen.received_at <= seen.first_byte_at <= seen.stopped_at <= provider.clock.tick()
            assert abs(seen.time_us / 1e6 - time.time()) < 5
            assert seen.ending == "answered"

    asyncio.run(run())


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("rudely", [False, True])
def test_when_the_client_leaves_generation_stops_within_100_ms(
    runner: Callable[[Coroutine[None, None, None]], None], rudely: bool
) -> None:
    async def run() -> None:
        async with SimulatedProvider(SLOW) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            writer.write(request_bytes(chat(stream=True)))
            while (await reader.read(65536)).count(b"data: ") < 1 or provider.requests[0].tokens < 10:
                pass
            if rudely:
                linger = b"\1\0\0\0\0\0\0\0"
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            left = provider.clock.tick()
            writer.transport.abort()
            (seen,) = provider.requests
            await provider.until(lambda _: seen.stopped_at is not None, 1)
            assert seen.stopped_at is not None
            assert seen.last_byte_at is not None
            assert 0 <= seen.stopped_at - left < 0.1
            assert seen.last_byte_at - left < 0.1
            assert seen.ending == "abandoned"
            tokens = seen.tokens
            assert 10 <= tokens < 30
            assert seen.chunks == tokens + 1
            await asyncio.sleep(0.05)
            assert seen.tokens == tokens
            assert provider.connections.closed_by_peer == 1

    runner(run())


def test_a_client_that_leaves_before_a_slow_answer_begins() -> None:
    async def run() -> None:
        async with SimulatedProvider(Script(models={"m": Behaviour(headers_s=30)})) as provider:
            got = await exchange(provider.port, request_bytes(chat()), limit=0.05)
            left = provider.clock.tick()
            assert got.data == b""
            (seen,) = provider.requests
            await provider.until(lambda _: seen.stopped_at is not None, 1)
            assert seen.stopped_at is not None
            assert seen.stopped_at - left < 0.1
            assert (seen.status, seen.tokens, seen.ending) == (None, 0, "abandoned")

    asyncio.run(run())


def test_a_client_that_neither_reads_nor_stays_is_noticed() -> None:
    """Its window is full, so only the end of its own sending tells that it has gone."""

    async def run() -> None:
        async with SimulatedProvider(ENDLESS) as provider:
            _, writer = await asyncio.open_connection("127.0.0.1", provider.port, limit=1)
            writer.write(request_bytes(chat(stream=True)))
            await asyncio.sleep(0.1)
            left = provider.clock.tick()
            writer.write_eof()
            (seen,) = provider.requests
            await provider.until(lambda _: seen.stopped_at is not None, 1)
            assert seen.stopped_at is not None
            assert seen.stopped_at - left < 0.1
            writer.transport.abort()

    asyncio.run(run())


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_is_generated_while_the_client_does_not_read(stream: bool) -> None:
    async def run() -> None:
        async with SimulatedProvider(ENDLESS, send_buffer=16_384) as provider:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
                client.connect(("127.0.0.1", provider.port))
                client.sendall(request_bytes(chat(stream=stream)))
                await provider.until(lambda p: bool(p.requests))
                await asyncio.sleep(0.2)
                (seen,) = provider.requests
                full = seen.bytes_written
                assert 16_384 < full < 400_000
                await asyncio.sleep(0.2)
                assert seen.bytes_written == full
                client.setblocking(False)
                read = 0
                while read < 500_000:
                    await asyncio.sleep(0)
                    try:
                        read += len(client.recv(65_536))
                    except BlockingIOError:
                        continue
                assert full < seen.bytes_written < 500_000 + 400_000

    asyncio.run(run())


def test_connections_are_counted() -> None:
    async def run() -> None:
        async with SimulatedProvider(
            Script(models={"m": Behaviour(text="ok"), "cut": Behaviour(faults=(Cut(),))})
        ) as provider:
            await exchange(provider.port, request_bytes(chat()), request_bytes(chat()), request_bytes(chat()))
            await ask(provider.port, chat())
            await exchange(provider.port, request_bytes(chat("cut")))
            await provider.until(lambda p: p.connections.open == 0)
            counts = provider.connections
            assert (counts.opened, counts.reused, counts.most_open) == (3, 2, 1)
            assert (counts.closed_by_peer, counts.closed_by_us) == (1, 2)
            assert [(one.connection, one.place) for one in provider.requests] == [
                (0, 0),
                (0, 1),
                (0, 2),
                (1, 0),
                (2, 0),
            ]
            assert [one.ending for one in provider.requests] == ["answered"] * 4 + ["faulted"]
            provider.forget()
            assert provider.requests == []
            assert provider.connections.opened == 0
            await ask(provider.port, chat())
            assert provider.requests[0].number == 5

    asyncio.run(run())


def test_only_the_last_requests_are_kept() -> None:
    async def run() -> None:
        async with SimulatedProvider(keep=3) as provider:
            for _ in range(5):
                await ask(provider.port, chat())
            assert [one.number for one in provider.requests] == [2, 3, 4]

    asyncio.run(run())


def test_in_a_thread_it_does_the_same_and_leaves_nothing_behind() -> None:
    threads = threading.active_count()
    with SimulatedProvider.in_thread(SLOW) as provider:
        with socket.create_connection(("127.0.0.1", provider.port)) as client:
            client.sendall(request_bytes(chat(stream=True)))
            provider.until(lambda p: bool(p.requests) and p.requests[0].tokens > 3)
        provider.until(lambda p: p.requests[0].ending == "abandoned", 0.5)
        with pytest.raises(TimeoutError):
            provider.until(lambda p: p.connections.open == 99, 0.01)
        provider.play(Script(models={"other": Behaviour(text="new")}))
        provider.forget()
        assert provider.requests == []
        assert provider.base_url.startswith("http://127.0.0.1:")
        port = provider.port
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_what_goes_wrong_at_the_start_is_told_to_who_started_it() -> None:
    with (
        SimulatedProvider.in_thread() as provider,
        pytest.raises(OSError, match="in use"),
        SimulatedProvider.in_thread(port=provider.port),
    ):
        pass
    with pytest.raises(ValueError, match="loopback"):
        SimulatedProvider(host="0.0.0.0")


def test_it_answers_on_ipv6_too() -> None:
    async def run() -> None:
        async with SimulatedProvider(host="::1") as provider:
            assert provider.base_url == f"http://[::1]:{provider.port}/v1"
            _, writer = await asyncio.open_connection("::1", provider.port)
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())


def test_stopping_ends_answers_under_way() -> None:
    async def run() -> None:
        async with SimulatedProvider(SLOW) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            writer.write(request_bytes(chat(stream=True)))
            await reader.read(100)
        with pytest.raises(ConnectionResetError):
            while await reader.read(65536):
                pass
        writer.close()

    began = time.perf_counter()
    asyncio.run(run())
    assert time.perf_counter() - began < 1
