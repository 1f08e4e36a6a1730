"""What one client can take from the endpoint has a bound, and what was turned away is on record or counted."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from plain_client import CHAT
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import (
    Behaviour,
    Endless,
    Hang,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

HELD = 1_000_000
SCRIPT = Script(
    models={
        "m": Behaviour(text="hello"),
        "endless": Behaviour(faults=(Endless(),)),
        "hangs": Behaviour(faults=(Hang(),)),
    }
)


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    toml = f"""
[server]
max_held_bytes = {HELD}
max_calls = 3
write_timeout = "1s"
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
prices = "own-machine"
"""
    with RunningEndpoint(tmp_path_factory.mktemp("bounds"), toml) as running:
        yield running


def message(model: str, *, size: int = 1, stream: bool = False) -> bytes:
    messages = [{"role": "user", "content": "x" * size}]
    return json.dumps({"model": f"sim/{model}", "messages": messages, "stream": stream}).encode()


def request(endpoint: RunningEndpoint, body: bytes, key: str | None = None) -> bytes:
    return (
        f"POST {CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key or endpoint.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def connected(endpoint: RunningEndpoint) -> socket.socket:
    address = urlsplit(endpoint.url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def active(endpoint: RunningEndpoint) -> float:
    return endpoint.figures["freehold_calls_active"]


def test_requests_in_flight_hold_no_more_than_allowed(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    big = message("hangs", size=HELD * 6 // 10)
    with connected(endpoint) as first, connected(endpoint) as second:
        provider.forget()
        first.sendall(request(endpoint, big))
        provider.until(lambda p: len(p.requests) == 1)
        second.sendall(request(endpoint, big))
        assert second.recv(4096).startswith(b"HTTP/1.1 503")
    until(lambda: active(endpoint) == 0)
    with connected(endpoint) as third:  # what was held has been given back
        third.sendall(request(endpoint, message("m", size=HELD * 6 // 10)))
        assert third.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_call_too_many_is_refused_and_on_record(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    crowd = [connected(endpoint) for _ in range(3)]
    try:
        provider.forget()
        for client in crowd:
            client.sendall(request(endpoint, message("hangs")))
        provider.until(lambda p: len(p.requests) == 3)
        with connected(endpoint) as late:
            late.sendall(request(endpoint, message("m")))
            answer = late.recv(4096)
        assert answer.startswith(b"HTTP/1.1 503")
        call = answer.split(b"x-freehold-call: ")[1].split(b"\r\n")[0].decode()
        entry = endpoint.recorded(call).call
        assert (entry.outcome, entry.status, entry.error, entry.attempts) == (
            "failed",
            503,
            "overloaded",
            [],
        )
    finally:
        for client in crowd:
            client.close()
    until(lambda: active(endpoint) == 0)


def test_a_client_that_does_not_read_is_hung_up_on(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    provider.forget()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        address = urlsplit(endpoint.url)
        client.connect((address.hostname, address.port))
        client.sendall(request(endpoint, message("endless", stream=True)))
        provider.until(lambda p: len(p.requests) == 1)
        provider.until(lambda p: p.requests[0].ending == "abandoned", 15)
        until(lambda: active(endpoint) == 0)


def test_a_client_that_reads_slowly_is_not(endpoint: RunningEndpoint) -> None:
    """It takes far longer than `write_timeout` over what waits for it, but it goes on taking."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        address = urlsplit(endpoint.url)
        client.connect((address.hostname, address.port))
        client.sendall(request(endpoint, message("endless", stream=True)))
        client.settimeout(5)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert client.recv(2048), "it was hung up on"
            time.sleep(0.01)
        assert active(endpoint) == 1
    until(lambda: active(endpoint) == 0)


def test_strangers_are_counted(endpoint: RunningEndpoint) -> None:
    before = endpoint.figures["freehold_unauthorized_total"]
    with connected(endpoint) as client:
        client.sendall(request(endpoint, message("m"), key="fh-nobody"))
        assert client.recv(4096).startswith(b"HTTP/1.1 401")
    assert endpoint.figures["freehold_unauthorized_total"] == before + 1
