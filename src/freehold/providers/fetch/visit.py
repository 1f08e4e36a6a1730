"""One request for one file, over a connection to an address that was checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable

from freehold import __version__
from freehold.providers.fetch.place import Place
from freehold.providers.http.connection import BrokenAnswer, Connection

Connect = Callable[[Callable[[], "Visit"], str, int, ssl.SSLContext | None, str], Awaitable["Visit"]]
"""Makes a connection: what makes its protocol, address, port, TLS, the name that the certificate has to be for."""


class Visit(Connection):
    """A connection that asks for one file and is closed."""

    __slots__ = ()

    def ask(self, place: Place) -> None:
        """Send the request. It carries nothing that is secret, and nothing that says who asks for it."""
        self._begin()
        if self._transport is None:
            raise BrokenAnswer("the connection was closed")
        lines = (
            f"GET {place.target} HTTP/1.1",
            f"host: {place.authority}",
            f"user-agent: freehold/{__version__}",
            "accept: */*",
            "accept-encoding: identity",
            "connection: close",
            "\r\n",
        )
        self._transport.write("\r\n".join(lines).encode("ascii"))

    @property
    def peer(self) -> str:
        """The address at the other end."""
        name = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(name[0]) if name else ""

    def header(self, name: bytes) -> bytes | None:
        """The value of a header; all values where it comes more than once."""
        values = [value.strip() for key, value in self.headers if key == name]
        return b", ".join(values) if values else None


async def connect(
    make: Callable[[], Visit], address: str, port: int, tls: ssl.SSLContext | None, name: str
) -> Visit:
    """A connection to exactly this address. Raises OSError."""
    loop = asyncio.get_running_loop()
    _, visit = await loop.create_connection(
        make,
        address,
        port,
        ssl=tls,
        server_hostname=name if tls is not None else None,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,  # whatever happens, no name is looked up again
    )
    try:
        same = ipaddress.ip_address(visit.peer) == ipaddress.ip_address(address)
    except ValueError:
        same = False
    if not same:
        visit.abort()
        raise ConnectionError("another address than the one that was checked")
    return visit
