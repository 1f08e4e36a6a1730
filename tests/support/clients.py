"""Provider clients for servers on loopback."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from byte_server import ByteServer

from freehold.providers.client import ProviderClient, Response
from freehold.providers.settings import ProviderSettings, Timeouts

QUICK = Timeouts(connect=1.0, first_token=1.0, silence=1.0, total=3.0)
"""Long enough for a busy machine, short enough for a test that hangs."""


def settings_for(url: str, **changes: Any) -> ProviderSettings:
    """Settings of a provider `acme` at `url`."""
    settings = ProviderSettings("acme", base_url=url, timeouts=QUICK)
    return msgspec.structs.replace(settings, **changes)


@asynccontextmanager
async def client_of(
    server: ByteServer, *, tls: ssl.SSLContext | None = None, **changes: Any
) -> AsyncIterator[ProviderClient]:
    """A client of `server`. When it is closed, every connection must be over."""
    client = ProviderClient(settings_for(server.url, **changes), tls=tls)
    try:
        yield client
    finally:
        client.close()
    await server.all_ended()
    assert client.busy == 0


async def read_once(client: ProviderClient, body: bytes = b"{}") -> tuple[int, bytes]:
    """One exchange: status and whole body."""
    response = await client.send("chat", "m", body)
    try:
        return response.status, await response.read()
    finally:
        response.close()


async def read_in_parts(response: Response) -> bytes:
    """The whole body, piece by piece."""
    parts = []
    while piece := await response.read_some():
        parts.append(piece)
    return b"".join(parts)
