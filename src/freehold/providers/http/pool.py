"""The pool: it lives as long as the process, lends connections, and watches all time limits with one timer."""

from __future__ import annotations

import asyncio
import contextlib

from freehold.core.errors import Overloaded, ProviderTimeout, ProviderUnreachable
from freehold.providers.http.connection import Connection
from freehold.providers.http.origin import Origin

_WATCH_SECONDS = 0.05
_IDLE_SECONDS = 55.0
"""Shorter than the 60 s after which many providers' load balancers close silently."""


class Pool:
    """Connections to one provider, last used first."""

    def __init__(self, provider: str, *, max_connections: int) -> None:
        """`provider` is the name used in errors. Needs a running event loop."""
        self.loop = asyncio.get_running_loop()
        self._provider = provider
        self._max_connections = max_connections
        self._idle: dict[Origin, list[Connection]] = {}
        self._busy: set[Connection] = set()
        self._connecting = 0
        self._watching: asyncio.TimerHandle | None = None
        self._closing = False

    async def acquire(self, origin: Origin, *, timeout: float, fresh: bool = False) -> Connection:
        """A connection to `origin`: an idle one, unless `fresh`, or a new one within `timeout` seconds.

        Raises ProviderUnreachable, ProviderTimeout (phase `connect`) or Overloaded.
        """
        idle = self._idle.get(origin)
        while idle and not fresh:
            connection = idle.pop()
            if connection.closed:
                continue
            if connection.is_quiet():
                self._busy.add(connection)
                return connection
            connection.abort()
        if len(self._busy) + self._connecting >= self._max_connections:
            raise Overloaded(
                f"All {self._max_connections} connections to `{self._provider}` are in use.",
                hint="Try again, or raise `max_connections`.",
            )
        self._connecting += 1
        try:
            async with asyncio.timeout(timeout):
                _, connection = await self.loop.create_connection(
                    lambda: Connection(self.loop, self.forget),
                    origin.host,
                    origin.port,
                    ssl=origin.tls,
                    server_hostname=origin.host if origin.tls else None,
                )
        except TimeoutError:
            raise ProviderTimeout(
                f"No connection to `{self._provider}` within {timeout:g} s.",
                provider=self._provider,
                phase="connect",
            ) from None
        except OSError as error:  # ssl.SSLError and gaierror are OSErrors too
            reason = getattr(error, "verify_message", None) or error.strerror or str(error)
            raise ProviderUnreachable(
                f"No connection to `{self._provider}`: {reason}.", provider=self._provider
            ) from None
        finally:
            self._connecting -= 1
        self._busy.add(connection)
        if self._watching is None:
            self._watching = self.loop.call_later(_WATCH_SECONDS, self._watch)
        return connection

    def release(self, connection: Connection, origin: Origin) -> None:
        """Give a connection back. One whose answer was not read to its end is closed at once."""
        self._busy.discard(connection)
        if connection.reusable and not self._closing:
            connection.idle_since = self.loop.time()
            self._idle.setdefault(origin, []).append(connection)
        else:
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """A connection is gone: it says so itself."""
        self._busy.discard(connection)
        for idle in self._idle.values():
            with contextlib.suppress(ValueError):
                idle.remove(connection)

    def _watch(self) -> None:
        now = self.loop.time()
        for connection in [one for one in self._busy if one.deadline and now > one.deadline]:
            phase = connection.phase
            connection.expire(
                ProviderTimeout(
                    f"`{self._provider}` was over its time limit `{phase}`.",
                    provider=self._provider,
                    phase=phase,
                )
            )
        for origin, idle in list(self._idle.items()):
            while idle and now - idle[0].idle_since > _IDLE_SECONDS:
                idle.pop(0).abort()
            if not idle:
                del self._idle[origin]
        self._watching = None
        if self._busy or self._idle:
            self._watching = self.loop.call_later(_WATCH_SECONDS, self._watch)

    @property
    def busy(self) -> int:
        """Connections in use."""
        return len(self._busy) + self._connecting

    def close(self) -> None:
        """Close idle connections now; those in use close when they are given back."""
        self._closing = True
        for idle in self._idle.values():
            for connection in list(idle):
                connection.abort()
        self._idle.clear()
        if self._watching is not None and not self._busy:
            self._watching.cancel()
            self._watching = None
