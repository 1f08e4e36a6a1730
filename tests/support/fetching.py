"""Fetchers whose names and connections lead where a test says."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from freehold.providers.fetch.fetcher import Fetcher
from freehold.providers.fetch.settings import FetchSettings
from freehold.providers.fetch.visit import Visit, connect

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + bytes(20)
PUBLIC = "93.184.215.14"
"""An address on the public internet. Nothing is sent there: `Detour` turns it to loopback."""


class Names:
    """A resolver. A name with several answers gives the first one first, and the last one ever after."""

    def __init__(self, **names: Sequence[Sequence[str]]) -> None:
        self._names = {name.replace("_", "."): list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._names.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Detour:
    """Connects to a server on loopback instead, and writes down where it was to go."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.wanted: list[tuple[str, int, str]] = []

    async def __call__(
        self, make: Callable[[], Visit], address: str, port: int, tls: ssl.SSLContext | None, name: str
    ) -> Visit:
        self.wanted.append((address, port, name))
        if not self._port:
            raise ConnectionRefusedError
        return await connect(make, "127.0.0.1", self._port, tls, name)


def quick(**changes: Any) -> FetchSettings:
    """Limits that a test can wait for."""
    fields: dict[str, Any] = {"look_up": 0.3, "connect": 1.0, "total": 2.0, "max_bytes": 100_000} | changes
    return FetchSettings(**fields)


@asynccontextmanager
async def loopback_fetcher(*ports: int, **changes: Any) -> AsyncIterator[Fetcher]:
    """A fetcher that may fetch from 127.0.0.1 at these ports."""
    more = {key: changes.pop(key) for key in ("resolve", "connect", "tls") if key in changes}
    allow = (*(f"127.0.0.1:{port}" for port in ports), *changes.pop("allow", ()))
    fetcher = Fetcher(quick(allow=allow, **changes), **more)
    try:
        yield fetcher
    finally:
        fetcher.close()
