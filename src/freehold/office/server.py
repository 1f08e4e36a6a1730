"""The admin API on a port of its own."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import uvicorn

from freehold.admin.settings import address_of
from freehold.gateway.protocol import protocol_for
from freehold.gateway.server import listen
from freehold.gateway.settings import ServerSettings

_FAREWELL_SECONDS = 3
"""For requests under way when the endpoint stops."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class AdminServer:
    """Serves until `stop` is called."""

    def __init__(self, api: Any, where: str, settings: ServerSettings) -> None:
        """`where`: address and port. The bounds on headers and time are those of the endpoint's own port.

        Raises SettingsError when the address cannot be had.
        """
        host, port = address_of(where)
        self._listener: socket.socket = listen(msgspec.structs.replace(settings, host=host, port=port))
        config = uvicorn.Config(
            api,
            http=protocol_for(settings),
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(settings.keep_alive_timeout),
            timeout_graceful_shutdown=_FAREWELL_SECONDS,
        )
        self._server = _Server(config)

    async def run(self) -> None:
        """Serve. Returns when stopped."""
        await self._server.serve([self._listener])

    def stop(self) -> None:
        """Take no new requests."""
        self._server.should_exit = True

    @property
    def url(self) -> str:
        """Where it is listening."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
