"""Listening: uvicorn with our protocol under it."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Callable, Iterator

import uvicorn

from freehold.core.errors import SettingsError
from freehold.gateway.endpoint import Endpoint
from freehold.gateway.protocol import protocol_for
from freehold.gateway.settings import ServerSettings

_BACKLOG = 4096


def listen(settings: ServerSettings) -> socket.socket:
    """A listening socket. Raises SettingsError when the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"`{settings.host}` is not an address to listen on: {error.strerror}.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Cannot listen on `{settings.host}:{settings.port}`: {error.strerror}.",
            hint="Is an endpoint running already? Choose another with `--port`.",
        ) from None
    return listener


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; every stream holds two. Gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class _Server(uvicorn.Server):
    """uvicorn's server without its hold on signals: the composition root decides when to stop."""

    when_started: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.when_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RunningServer:
    """Serves an endpoint until `stop` is called."""

    def __init__(self, endpoint: Endpoint, settings: ServerSettings, listener: socket.socket) -> None:
        self._listener = listener
        config = uvicorn.Config(
            endpoint,
            http=protocol_for(settings),
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(settings.keep_alive_timeout),
            timeout_graceful_shutdown=int(settings.shutdown_timeout),
            backlog=_BACKLOG,
        )
        self._server = _Server(config)

    async def run(self, *, started: Callable[[], None]) -> None:
        """Serve; `started` is called once requests are taken. Returns when stopped and drained."""
        self._server.when_started = started
        await self._server.serve([self._listener])

    def stop(self) -> None:
        """Take no new requests; calls in flight may finish within `shutdown_timeout`. A second call hurries."""
        if self._server.should_exit:
            self._server.force_exit = True
        self._server.should_exit = True

    @property
    def url(self) -> str:
        """Where it is listening, without `/v1`."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._server.should_exit
