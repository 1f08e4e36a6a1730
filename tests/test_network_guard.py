"""The guard in conftest.py really refuses; otherwise a test could pass because of a server somewhere."""

from __future__ import annotations

import asyncio
import socket

import pytest


def test_leaving_the_machine_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="may not reach"):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match="may not look up"):
        socket.getaddrinfo("example.com", 80)


def test_it_is_refused_to_event_loops_too() -> None:
    async def leave() -> None:
        await asyncio.open_connection("192.0.2.1", 80)

    with pytest.raises(RuntimeError, match="may not reach"):
        asyncio.run(leave())


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
