"""The admin API works in the process that answers calls, and no call waits for it."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from administered import Administered, administered

from freehold.catalog.prices import PriceList
from freehold.core.usage import Usage
from freehold.ledger.record import Attempt, Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

ON_RECORD = 20_000
CALLS = 150
SLOW = 0.5
"""Seconds that a question has to take at least: a call that waited for it would be noticed."""


def plant(place: Path) -> None:
    """A ledger with many calls."""
    ledger = Ledger(place, LedgerSettings(), PriceList(own={}, lists={}))
    ledger.start()
    now_us = int(time.time() * 1_000_000)
    for number in range(ON_RECORD):
        ledger.record(
            Call(
                f"call_{number:032x}",
                now_us - number * 1_000_000,
                "chat",
                "openai-chat",
                route="chat",
                provider="sim",
                model="one",
                usage=Usage(input_tokens=number, output_tokens=1, source="provider"),
                attempts=[Attempt("sim", "one", 0.1, 12.0, 3.5, 200, "answered")],
            )
        )
        if number % 5000 == 0:
            ledger.flush(10)
    assert ledger.close(20)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    folder = tmp_path_factory.mktemp("beside")
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Yes.")})) as provider:
        toml = f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
[routes.chat]
incumbent = "sim/one"
"""
        (folder / ".freehold").mkdir(mode=0o700)
        plant(folder / ".freehold" / "ledger.db")
        with administered(folder, toml) as admin:
            yield admin


def calls_ms(admin: Administered) -> list[float]:
    """What calls take, one after the other."""
    took = []
    with admin.endpoint.connect() as client:
        for _ in range(CALLS):
            began = time.perf_counter()
            assert client.chat("chat").status == 200
            took.append(1000 * (time.perf_counter() - began))
    return took


def test_calls_do_not_wait_for_slow_questions(admin: Administered) -> None:
    calls_ms(admin)  # warm
    alone = statistics.median(calls_ms(admin))
    stop = threading.Event()
    exports: list[float] = []

    def ask() -> None:
        with httpx.Client(timeout=60) as client:
            while not stop.is_set():
                began = time.perf_counter()
                found = client.get(f"{admin.url}/exports/calls", headers=admin.headers("viewer"))
                assert found.content.count(b"\n") >= ON_RECORD
                exports.append(time.perf_counter() - began)

    questions = threading.Thread(target=ask)
    questions.start()
    try:
        beside = calls_ms(admin)
    finally:
        stop.set()
        questions.join(60)
    assert min(exports) > SLOW, "the question is not slow, so this shows nothing"
    middle = statistics.median(beside)
    # Both share the interpreter, so a call takes longer; but it never waits for a question to end.
    assert middle < 8 * alone + 10, f"{middle:.1f} ms beside, {alone:.1f} ms alone"
    assert max(beside) < 1000 * min(exports) / 2, f"a call took {max(beside):.0f} ms"


def test_the_endpoint_ends_although_somebody_does_not_read_an_export(admin: Administered) -> None:
    parts = urlsplit(admin.url)
    with socket.create_connection((str(parts.hostname), parts.port or 0)) as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        token = admin.tokens["viewer"]
        idle.sendall(
            f"GET {parts.path}/exports/calls HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        )
        assert idle.recv(12) == b"HTTP/1.1 200"
        began = time.monotonic()
        admin.endpoint.stop()  # expects exit status 0 and no stack trace
        assert time.monotonic() - began < 12
    admin.endpoint.start()
