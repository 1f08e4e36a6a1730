"""The guard in conftest.py really refuses; otherwise a test could pass because of a server somewhere."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop


def test_leaving_the_machine_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="may not reach"):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match="may not look up"):
        socket.getaddrinfo("example.com", 80)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("host", ["192.0.2.1", "example.com"])
def test_it_is_refused_to_event_loops_too(
    run: Callable[[Coroutine[Any, Any, None]], None], host: str
) -> None:
    async def leave() -> None:
        await asyncio.open_connection(host, 80)

    async def look_up() -> None:
        await asyncio.get_running_loop().getaddrinfo("example.com", 80)

    with pytest.raises(RuntimeError, match=r"may not (reach|look up)"):
        run(leave())
    with pytest.raises(RuntimeError, match="may not look up"):
        run(look_up())


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
