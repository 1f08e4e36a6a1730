"""The admin API on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import uvicorn

from freehold.admin.settings import address_of
from freehold.core.errors import SettingsError
from freehold.gateway.protocol import ClientConnection, protocol_for
from freehold.gateway.server import listen
from freehold.gateway.settings import ServerSettings

_FAREWELL_SECONDS = 3.0
"""For requests under way when the endpoint stops."""
_TICK_SECONDS = 0.02


def listen_at(where: str, settings: ServerSettings) -> socket.socket:
    """A socket that listens at this address and port. Raises SettingsError."""
    host, port = address_of(where)
    try:
        return listen(msgspec.structs.replace(settings, host=host, port=port))
    except SettingsError as error:
        hint = "Give the admin API another address: `listen` in `[admin]`."
        raise SettingsError(error.message, hint=hint) from None


class _Server(uvicorn.Server):
    """uvicorn's server without its hold on signals, and with an end for those who do not read their answer."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, let requests finish for a moment, and hang up on the rest."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        connections = [one for one in self.server_state.connections if isinstance(one, ClientConnection)]
        for connection in connections:
            connection.shutdown()
        await self._drain(_FAREWELL_SECONDS)
        for connection in connections:
            if not connection.gone:
                connection.transport.abort()
        await self._drain(_FAREWELL_SECONDS)

    async def _drain(self, seconds: float) -> None:
        state = self.server_state
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (state.connections or state.tasks) and loop.time() < end:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(_TICK_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class AdminServer:
    """Serves until `stop` is called."""

    def __init__(
        self, api: Any, where: str, settings: ServerSettings, listener: socket.socket | None = None
    ) -> None:
        """`where`: address and port. The bounds on headers and time are those of the endpoint's own port. `listener`:
        one that listens there already.

        Raises SettingsError when the address cannot be had.
        """
        self._listener: socket.socket = listener or listen_at(where, settings)
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
        )
        self._server = _Server(config)

    async def run(self) -> None:
        """Serve. Returns when stopped."""
        await self._server.serve([self._listener])

    def stop(self) -> None:
        """Take no new requests."""
        self._server.should_exit = True

    def close(self) -> None:
        """Let go of the address, also when it never ran."""
        self._listener.close()

    @property
    def url(self) -> str:
        """Where it is listening."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
