"""The simulated provider: a server on loopback that plays a script and remembers what it saw."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from freehold.core.clock import Clock, SystemClock
from freehold.providers.simulated.connection import Connection
from freehold.providers.simulated.control import CONTROL_PATH, Control
from freehold.providers.simulated.door import Door
from freehold.providers.simulated.observation import Connections, Observation, ReceivedRequest
from freehold.providers.simulated.reply import Act, Step
from freehold.providers.simulated.script import Script
from freehold.providers.simulated.stage import Stage
from freehold.providers.simulated.threaded import ThreadedProvider


class SimulatedProvider:
    """`async with SimulatedProvider(script) as provider`, or `with SimulatedProvider.in_thread(script)`.

    It binds to loopback only: its control answers everybody who can reach it.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int | None = None,
        keep: int = 100_000,
        send_buffer: int = 16_384,
        clock: Clock | None = None,
    ) -> None:
        """`port` 0 is any free one. `keep` requests are remembered, the oldest are forgotten first.

        `control_port` puts the control on a port of its own as well, where it is within reach during an
        outage. `send_buffer` is the kernel's buffer of each connection in bytes; small ones
        make back-pressure felt early. Raises ValueError when `host` is not a loopback address.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"`{host}` is not a loopback address: a simulated provider stays on its machine")
        self.clock = clock or SystemClock()
        self._observation = Observation(keep)
        self._script = script or Script()
        self._stage = Stage(self._script, self._observation, self.clock)
        self._host = host
        self._asked_port = port
        self._asked_control_port = control_port
        self._send_buffer = send_buffer
        self._door: Door | None = None
        self._control_door: Door | None = None
        self._control = Control(self)
        self._connections: set[Connection] = set()
        self._away: str | None = None
        self._outage_timers: list[asyncio.TimerHandle] = []

    @classmethod
    def in_thread(
        cls, script: Script | None = None, *, port: int = 0, keep: int = 100_000
    ) -> ThreadedProvider:
        """The same in a thread of its own, for programs without an event loop."""
        return ThreadedProvider(lambda: cls(script, port=port, keep=keep))

    # Life.

    async def start(self) -> None:
        """Listens. Raises OSError when the port is taken."""
        self._door = Door(
            self._host, self._asked_port, lambda: Connection(self), send_buffer=self._send_buffer
        )
        self._door.open()
        if self._asked_control_port is not None:
            self._control_door = Door(
                self._host,
                self._asked_control_port,
                lambda: Connection(self._control),
                send_buffer=self._send_buffer,
            )
            self._control_door.open()
        self.play(self._script)

    async def stop(self) -> None:
        """Closes the port and every connection."""
        self._cancel_outage()
        for door in (self._door, self._control_door):
            if door is not None:
                await door.abandon()
        for connection in [*self._connections, *self._control.connections]:
            connection.leave()
        await asyncio.sleep(0)
        while self._connections or self._control.connections:
            for connection in [*self._connections, *self._control.connections]:
                connection.reset()
            await asyncio.sleep(0.001)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # What tests and rehearsals read and do.

    @property
    def port(self) -> int:
        """Where models answer."""
        assert self._door is not None, "not started"
        return self._door.port

    @property
    def base_url(self) -> str:
        """Up to and with `/v1`, as OpenAI's clients want it."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        """Up to where the dialects part, as all other clients want it."""
        return f"{self._origin(self.port)}{self.script.prefix.rstrip('/')}"

    @property
    def control_url(self) -> str:
        """Where the control is."""
        port = self.port if self._control_door is None else self._control_door.port
        return self._origin(port) + CONTROL_PATH

    @property
    def script(self) -> Script:
        """What is being played."""
        return self._stage.script

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request that is remembered, oldest first. Entries change as their answers are written."""
        return list(self._observation.requests)

    @property
    def connections(self) -> Connections:
        """Counts of connections."""
        return self._observation.connections

    def play(self, script: Script) -> None:
        """Starts `script` from its beginning; answers under way go on as they began."""
        self._stage.play(script)
        self._cancel_outage()
        outage = script.outage
        self._be(outage.how if outage is not None and not outage.after_s else None)
        if outage is None:
            return
        later = asyncio.get_running_loop().call_later
        if outage.after_s:
            self._outage_timers.append(later(outage.after_s, self._be, outage.how))
        if outage.for_s is not None:
            self._outage_timers.append(later(outage.after_s + outage.for_s, self._be, None))

    def forget(self) -> None:
        """Forgets what was observed so far."""
        self._observation.forget()

    async def until(self, holds: Callable[[Self], bool], limit: float = 5.0) -> None:
        """Returns as soon as `holds` does. Raises TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit):
            while not holds(self):  # noqa: ASYNC110 - what is waited for may be anything
                await asyncio.sleep(0.001)

    # What connections ask.

    def opened(self, connection: Connection) -> int | None:
        """Numbers a new connection; None: it is to be reset."""
        self._connections.add(connection)
        number = self._observation.opened()
        return None if self._away == "reset" else number

    def closed(self, connection: Connection, *, by_peer: bool) -> None:
        """It is gone."""
        self._connections.discard(connection)
        self._observation.closed(by_peer=by_peer)

    def received(self, request: ReceivedRequest, *, chunked: bool, keep_alive: bool) -> Iterator[Step]:
        """The answer to a request."""
        if request.target.startswith(CONTROL_PATH):
            return self._control.received(request, chunked=chunked, keep_alive=keep_alive)
        self._observation.add(request)
        if self._away is not None:
            request.fault = "outage"
            return iter((Act.HANG,))
        return self._stage.answer(request, chunked=chunked, keep_alive=keep_alive)

    def idle_limit(self) -> float | None:
        """Seconds after which an idle connection is closed."""
        return self.script.keep_alive_s

    # Being away.

    def _be(self, away: str | None) -> None:
        assert self._door is not None, "not started"
        self._away = away
        if away == "refuse":
            self._door.close()
        else:
            self._door.open()
        if away in ("refuse", "reset"):
            for connection in list(self._connections):
                connection.reset()

    def _cancel_outage(self) -> None:
        for timer in self._outage_timers:
            timer.cancel()
        self._outage_timers.clear()

    def _origin(self, port: int) -> str:
        return f"http://[{self._host}]:{port}" if ":" in self._host else f"http://{self._host}:{port}"
