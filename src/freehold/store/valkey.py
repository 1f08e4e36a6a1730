"""Clients of the Valkey or Redis server that replicas share."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.core.errors import SettingsError, StoreError
from freehold.core.extras import how_to_install

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

_CONNECT_S = 2.0


def open_valkey(url: str, *, answer_s: float) -> Valkey:
    """A client that connects when it is first asked, and gives up a connection after `answer_s` without an answer.

    It repeats nothing by itself. Raises SettingsError: the package is not installed, or `url` is not understood.
    """
    try:
        from valkey.asyncio import Valkey  # noqa: PLC0415 - an extra
        from valkey.asyncio.retry import Retry  # noqa: PLC0415
        from valkey.backoff import NoBackoff  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "`[shared]` needs the client for Valkey, which is not installed.",
            hint=how_to_install("shared"),
        ) from None
    for old, new in (("redis://", "valkey://"), ("rediss://", "valkeys://")):
        if url.startswith(old):
            url = new + url.removeprefix(old)
    try:
        client: Valkey = Valkey.from_url(
            url,
            max_connections=2,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=answer_s,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise SettingsError(
            "The address of `[shared]` is not understood.",
            hint="It has the form `valkey://:PASSWORD@HOST:6379/0`, or `valkeys://` for TLS.",
        ) from error
    return client


class Told(msgspec.Struct, frozen=True):
    """What a server says of itself."""

    version: str
    evicts: str | None
    """What it throws away when it is full (`allkeys-lru` …); None: nothing, as it has to be."""
    seconds: float
    """How long it takes to answer."""


def ask_valkey(url: str) -> Told:
    """What the server says of itself. Raises StoreError: it cannot be asked; SettingsError, as `open_valkey`."""
    return asyncio.run(_ask(open_valkey(url, answer_s=_CONNECT_S)))


async def _ask(client: Valkey) -> Told:
    from valkey.exceptions import ValkeyError  # noqa: PLC0415 - an extra

    asked: Any = client  # its commands have no types
    try:
        await asked.ping()
        began = time.perf_counter()
        told = await asked.info("server"), await asked.info("memory")
        seconds = (time.perf_counter() - began) / 2
    except (ValkeyError, OSError, TimeoutError) as error:
        place = client.connection_pool.connection_kwargs
        address = f"{place.get('host', place.get('path', 'localhost'))}:{place.get('port', '')}".rstrip(":")
        raise StoreError(
            f"The server of `[shared]` at `{address}` cannot be used: {str(error).rstrip('.')}.",
            hint="Check that it runs, can be reached from here, and takes user and password. "
            "Limits go by shares until then.",
        ) from error
    finally:
        await asked.aclose()
    server, memory = told
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    return Told(
        version=str(server.get("valkey_version") or server.get("redis_version") or "of unknown version"),
        evicts=None if policy == "noeviction" else policy,
        seconds=seconds,
    )
