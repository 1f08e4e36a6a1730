"""Listening: uvicorn with our protocol under it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvicorn

from freehold.core.errors import SettingsError
from freehold.engine.background.background import Background
from freehold.gateway.endpoint import Endpoint
from freehold.gateway.protocol import ClientConnection, protocol_for
from freehold.gateway.settings import ServerSettings

_BACKLOG = 4096
_FAREWELL_SECONDS = 1.0
"""For the last words to those whose calls are ended."""
_TICK_SECONDS = 0.02
_ADDRESSES = (
    "Give `--host` an address of this machine: 127.0.0.1 is reached from here alone, 0.0.0.0 by others too, "
    "and `ip address` lists the rest."
)
_HINTS = {
    errno.EADDRINUSE: "Is an endpoint running already? Choose another port: `freehold up --port N`, "
    '`make up ARGS="--port N"`, or `port` under `[server]`; 0 takes a free one.',
    errno.EADDRNOTAVAIL: f"No interface of this machine has this address. {_ADDRESSES}",
    errno.EACCES: "Ports below 1024 are for the superuser. Choose another: `freehold up --port N`.",
}


def listen(settings: ServerSettings) -> socket.socket:
    """A listening socket. Raises SettingsError when the address cannot be had."""
    return _listen(settings, settings.port)


def listen_apart(settings: ServerSettings, count: int) -> list[socket.socket]:
    """So many listening sockets on one port, among which the kernel divides the connections. Raises SettingsError."""
    # They share the port with whoever asks for that, another endpoint too: one that does not share sees if it is free.
    with _listen(settings, settings.port) as alone:
        port = alone.getsockname()[1]
    found: list[socket.socket] = []
    try:
        for _ in range(count):
            found.append(_listen(settings, port, shared=True))  # noqa: PERF401 - those there are have to be closed
    except BaseException:
        for one in found:
            one.close()
        raise
    return found


def _listen(settings: ServerSettings, port: int, *, shared: bool = False) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(
            f"`{settings.host}` is not an address to listen on: {error.strerror}.", hint=_ADDRESSES
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Left to itself, the kernel takes in megabytes for a client that does not read.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Cannot listen on `{settings.host}:{settings.port}`: {error.strerror}.",
            hint=_HINTS.get(error.errno or 0),
        ) from None
    return listener


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; every stream holds two. Gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class _Server(uvicorn.Server):
    """uvicorn's server without its hold on signals, and with an end that leaves nobody in the dark: the
    composition root decides when to stop, and calls that cannot finish in time are told so.
    """

    when_started: Callable[[], None]
    retiring = False
    """Whether another process has taken over, so that there is no hurry at all."""
    patience: float
    """Seconds that calls in flight are given."""
    background: Background
    connection_type: type[ClientConnection]

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._adopted: dict[int, asyncio.base_events.Server] = {}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.when_started()

    async def adopt(self, number: int, listener: socket.socket) -> None:
        """Accept from another's socket, too."""
        if number in self._adopted or self.should_exit:
            return
        loop = asyncio.get_running_loop()

        def connection() -> ClientConnection:
            return self.connection_type(self.config, self.server_state, self.lifespan.state, loop)

        self._adopted[number] = server = await loop.create_server(connection, sock=listener.dup())
        self.servers.append(server)

    def give_up(self, number: int) -> None:
        """Accept from it no more."""
        server = self._adopted.pop(number, None)
        if server is not None:
            self.servers.remove(server)
            server.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, let calls in flight finish, and end those that take too long."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        await self._retire()
        for connection in self._connections:
            connection.shutdown()
        await self._drain(self.patience, hurriedly=False)
        followed = self.background.running > 0
        await self.background.stop()
        if followed:
            await asyncio.sleep(_TICK_SECONDS)  # in which whoever follows one is told so
        for connection in self._connections:
            connection.hurry()
        await self._drain(_FAREWELL_SECONDS, hurriedly=True)
        for connection in self._connections:
            connection.transport.abort()
        await self._drain(_FAREWELL_SECONDS, hurriedly=True)

    async def _retire(self) -> None:
        """While another process takes the new connections: let what runs here take its time, and let clients go with
        their next answer. An idle connection that was closed might have a request on its way.
        """
        while self.retiring and (
            self.server_state.connections or self.server_state.tasks or self.background.running
        ):
            for connection in self._connections:
                connection.retire()
            await asyncio.sleep(_TICK_SECONDS)

    async def _drain(self, seconds: float, *, hurriedly: bool) -> None:
        """Wait until no connection, no task and nothing in the background is left, but no longer than `seconds` or the
        order to hurry.
        """
        state = self.server_state
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (state.connections or state.tasks or self.background.running) and loop.time() < end:
            if self.force_exit and not hurriedly:
                break
            await asyncio.sleep(_TICK_SECONDS)

    @property
    def _connections(self) -> list[ClientConnection]:
        return [one for one in self.server_state.connections if isinstance(one, ClientConnection)]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RunningServer:
    """Serves an endpoint until `stop` is called."""

    def __init__(self, endpoint: Endpoint, settings: ServerSettings, listener: socket.socket) -> None:
        self._listener = listener
        connection_type = protocol_for(settings)
        config = uvicorn.Config(
            endpoint,
            http=connection_type,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(settings.keep_alive_timeout),
            backlog=_BACKLOG,
        )
        self._server = _Server(config)
        self._server.patience = settings.shutdown_timeout
        self._server.background = endpoint.background
        self._server.connection_type = connection_type
        self._adopting: asyncio.Task[None] | None = None

    async def run(self, *, started: Callable[[], None]) -> None:
        """Serve; `started` is called once requests are taken. Returns when stopped and drained."""
        self._server.when_started = started
        # uvloop accepts one connection of each socket in a turn of the loop.
        await self._server.serve([self._listener, *(self._listener.dup() for _ in range(7))])

    def stop(self) -> None:
        """Take no new requests; calls in flight may finish within `shutdown_timeout`. A second call hurries."""
        if self._server.retiring:
            self._server.retiring = False
        elif self._server.should_exit:
            self.hurry()
        self._server.should_exit = True

    def hurry(self) -> None:
        """Stop, and end what runs."""
        self._server.retiring = False
        self._server.force_exit = True
        self._server.should_exit = True

    def retire(self) -> None:
        """Take no new connections; what runs here ends in its own time. For when another process has taken over."""
        if not self._server.should_exit:
            self._server.retiring = True
            self._server.should_exit = True

    def adopt(self, number: int, listener: socket.socket) -> None:
        """Accept from another worker's socket, too, as long as nobody else does."""
        self._then(self._server.adopt(number, listener))

    def give_up(self, number: int) -> None:
        """It has somebody of its own again."""

        async def give_up() -> None:
            self._server.give_up(number)

        self._then(give_up())

    def _then(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it behind what was wanted before."""
        former = self._adopting

        async def do() -> None:
            if former is not None:
                await asyncio.wait([former])
            await work

        self._adopting = asyncio.create_task(do())

    @property
    def url(self) -> str:
        """Where it is listening, without `/v1`."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def stopping(self) -> bool:
        """Whether calls in flight are all that is still answered."""
        return self._server.should_exit and not self._server.retiring
