"""A provider, ready to be asked: address, credentials, connections, time limits."""

from __future__ import annotations

import contextlib
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote, urlencode

from freehold import __version__
from freehold.core.errors import ProviderBroken, ProviderRefused, ProviderTimeout, ProviderUnreachable
from freehold.providers.http.connection import BrokenAnswer, Connection
from freehold.providers.http.origin import Origin
from freehold.providers.http.pool import Pool
from freehold.providers.paths import Operation, path_of
from freehold.providers.settings import ProviderSettings, Timeouts
from freehold.wire.dialect import DialectName

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A whole answer larger than this is refused; streams have no such limit."""

Address = tuple[str, str]
"""Base URL and bearer token of a model that has an address of its own."""

Sign = Callable[[str, bytes], Awaitable[dict[str, str]]]
"""URL and body of a POST -> the headers that let it in."""

_STALE_SECONDS = 1.0
"""A kept-alive connection that breaks sooner was closed before the request came; later, the provider may have
worked on it, and asking again might be billed twice."""

_NEVER = 0.0

_NOTHING: Mapping[str, str] = MappingProxyType({})

_LAST_LINE = b"content-length: "
"""Of a head: its number follows."""

_MOST_HEADS = 1000
"""Heads that are kept ready: there may be one for each model."""


class Response:
    """An answer that has begun. Close it, whatever happens: an unread rest closes the connection."""

    __slots__ = (
        "_connection",
        "_end",
        "_end_phase",
        "_limits",
        "_open",
        "_origin",
        "_pool",
        "_provider",
        "_silence",
        "_total",
        "status",
    )

    def __init__(
        self,
        connection: Connection,
        pool: Pool,
        origin: Origin,
        *,
        provider: str,
        limits: Timeouts,
        total: float,
    ) -> None:
        """`total` is a deadline in the event loop's time."""
        self._connection = connection
        self._pool = pool
        self._origin = origin
        self._provider = provider
        self._limits = limits
        self._silence = limits.silence
        self._total = total
        self._end = total
        self._end_phase = "total"
        self._open = True
        self.status = connection.status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """All headers, their names in lower case."""
        return self._connection.headers

    def header(self, name: bytes) -> bytes | None:
        """The first header called `name` (lower case)."""
        for key, value in self._connection.headers:
            if key == name:
                return value
        return None

    async def read(self) -> bytes:
        """The whole body. Raises ProviderBroken or ProviderTimeout."""
        connection = self._connection
        try:
            while not connection.complete:
                self._watch_silence()
                await connection.wait_for_more(MAX_ANSWER_BYTES)
        except BrokenAnswer as error:
            raise self._broken(error) from None
        return connection.take()

    async def read_some(self) -> bytes:
        """The next piece of the body, empty at its end. Raises ProviderBroken or ProviderTimeout.

        The limit on silence counts only while we wait, not while a slow client is being served.
        """
        connection = self._connection
        if not connection.unread:
            self._watch_silence()
        try:
            piece = await connection.read_some()
        except BrokenAnswer as error:
            raise self._broken(error) from None
        connection.deadline = self._end
        connection.phase = self._end_phase
        return piece

    def await_first_token(self) -> None:
        """Whatever comes, the limit for the first token goes on as it was set when the request was sent."""
        self._silence = math.inf
        self._end = self._connection.deadline
        self._end_phase = self._connection.phase

    def first_token_came(self) -> None:
        """From now on the limits are those on silence and on the whole."""
        self._silence = self._limits.silence
        self._end = self._total
        self._end_phase = "total"

    async def settle(self, seconds: float) -> None:
        """The answer is known to be complete: wait up to `seconds` for its formal end.

        With it the connection can be used again; without it, it will be closed. Raises nothing.
        """
        connection = self._connection
        self._silence = seconds
        self._end = min(self._pool.loop.time() + seconds, self._total)
        with contextlib.suppress(BrokenAnswer, ProviderTimeout):
            while not connection.complete:
                self._watch_silence()
                await connection.read_some()

    def _watch_silence(self) -> None:
        connection = self._connection
        deadline = self._pool.loop.time() + self._silence
        if deadline < self._end:
            connection.deadline = deadline
            connection.phase = "silence"
        else:
            connection.deadline = self._end
            connection.phase = self._end_phase

    def _broken(self, error: BrokenAnswer) -> ProviderBroken:
        return ProviderBroken(
            f"The answer of `{self._provider}` broke off: {error}.", provider=self._provider
        )

    def close(self) -> None:
        """Give the connection back; if the answer was not read to its end, the provider is cut off at once."""
        if self._open:
            self._open = False
            self._connection.deadline = _NEVER
            self._pool.release(self._connection, self._origin)


class ProviderClient:
    """Sends requests to one provider. Lives until the configuration drops the provider."""

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        tls: ssl.SSLContext | None,
        find_address: Callable[[str], Awaitable[Address]] | None = None,
        sign: Sign | None = None,
    ) -> None:
        """`find_address` gives the address of a model where each model has its own (kind `local`). `sign` gives
        the headers that let one request in, where a key alone does not.
        """
        self.settings = settings
        self.name = settings.name
        self._tls = tls
        self._pool = Pool(settings.name, max_connections=settings.max_connections)
        self._find_address = find_address
        self._sign = sign
        self._destinations: dict[tuple[str, str], tuple[Address, Origin, bytes]] = {}
        self._origin = Origin(settings.base_url, tls) if settings.base_url else None
        self._heads: dict[str, bytes] = {}
        """Of requests, by path, without `content-length`'s number."""

    def _credentials(self) -> dict[str, str]:
        key = self.settings.api_key
        if key is None:
            return {}
        if self._sign is not None:
            return {}
        if self.settings.auth == "bearer":
            return {"authorization": f"Bearer {key.reveal()}"}
        return {self.settings.auth: key.reveal()}

    def _head(
        self,
        origin: Origin,
        method: str,
        path: str,
        credentials: dict[str, str],
        besides: Mapping[str, str] = _NOTHING,
    ) -> bytes:
        configured = self.settings.headers
        if besides:
            configured = {name: value for name, value in configured.items() if name.lower() not in besides}
        headers = {
            "user-agent": f"freehold/{__version__}",
            "accept": "application/json, text/event-stream",
            "accept-encoding": "identity",
            "content-type": "application/json",
            **({} if self.settings.keep_alive else {"connection": "close"}),
            **configured,
            **besides,
            **credentials,
        }
        return origin.head(method, path, headers, self.settings.query)

    async def _destination(
        self, model: str, path: str, body: bytes, besides: Mapping[str, str]
    ) -> tuple[Origin, bytes]:
        origin = self._origin
        if origin is not None:
            head = None if besides else self._heads.get(path)
            if head is not None:
                return origin, head
            credentials = self._credentials()
            if self._sign is not None:
                credentials |= await self._sign(origin.url(path, self.settings.query), body)
            head = self._head(origin, "POST", path, credentials, besides)
            if self._sign is None and not besides and len(self._heads) < _MOST_HEADS:
                self._heads[path] = head
            return origin, head
        assert self._find_address is not None
        address = await self._find_address(model)
        known = self._destinations.get((path, model))
        if known is None or known[0] != address:
            base_url, token = address
            origin = Origin(base_url, self._tls)
            known = (address, origin, self._head(origin, "POST", path, {"authorization": f"Bearer {token}"}))
            self._destinations[path, model] = known
        return known[1:]

    async def send(
        self,
        operation: Operation,
        model: str,
        body: bytes,
        *,
        dialect: DialectName = "openai-chat",
        stream: bool = False,
        path: str | None = None,
        headers: Mapping[str, str] = _NOTHING,
        limits: Timeouts | None = None,
        trace: bytes | None = None,
    ) -> Response:
        """Send one request, which is written in `dialect`, and wait for the answer's head. Close the response
        in any case. `path`: where to, when it is not the usual place. `headers` are sent besides, or in place of the
        configured ones of their names, which are in lower case. `limits`: in place of the provider's own. `trace`: the
        header `traceparent`.

        A kept-alive connection that the provider closed before a byte came back is replaced once
        by a fresh one. Raises ProviderUnreachable, ProviderBroken, ProviderTimeout, Overloaded.
        """
        limits = limits or self.settings.timeouts
        total = self._pool.loop.time() + limits.total
        path = path or path_of(self.settings, operation, dialect, stream=stream)
        if "{model}" in path:
            path = path.replace("{model}", quote(model, safe="@"))
        origin, head = await self._destination(model, path, body, headers)
        if trace is not None:
            head = b"".join((head[: -len(_LAST_LINE)], b"traceparent: ", trace, b"\r\n", _LAST_LINE))
        return await self._ask(origin, head, body, limits, total)

    async def _ask(
        self, origin: Origin, head: bytes, body: bytes, limits: Timeouts, total: float
    ) -> Response:
        connect = min(limits.connect, limits.total)
        connection = await self._pool.acquire(origin, timeout=connect)
        sent = self._pool.loop.time()
        try:
            try:
                await self._exchange(connection, head, body, limits, total)
            except BrokenAnswer:
                late = self._pool.loop.time() - sent > _STALE_SECONDS
                if late or connection.touched or connection.used == 1:
                    raise
                self._pool.release(connection, origin)
                connection = await self._pool.acquire(origin, timeout=connect, fresh=True)
                await self._exchange(connection, head, body, limits, total)
        except BrokenAnswer as error:
            self._pool.release(connection, origin)
            kind = ProviderBroken if connection.touched else ProviderUnreachable
            raise kind(f"`{self.name}` did not answer: {error}.", provider=self.name) from None
        except BaseException:  # a cancelled call must give its connection back too
            self._pool.release(connection, origin)
            raise
        return Response(connection, self._pool, origin, provider=self.name, limits=limits, total=total)

    async def _exchange(
        self, connection: Connection, head: bytes, body: bytes, limits: Timeouts, total: float
    ) -> None:
        deadline = self._pool.loop.time() + limits.first_token
        connection.deadline = min(deadline, total)
        connection.phase = "first_token" if deadline < total else "total"
        connection.send(head, body)
        await connection.read_status()

    async def list_models(self, query: Mapping[str, str] = _NOTHING) -> bytes:
        """The body of the provider's list of models, or of the page that `query` asks for. Raises any ProviderError."""
        if self._origin is None:
            raise ProviderUnreachable(f"`{self.name}` has no list of models.", provider=self.name)
        path = self.settings.models_path + (f"?{urlencode(query)}" if query else "")
        head = self._head(self._origin, "GET", path, self._credentials())
        limits = self.settings.timeouts
        total = self._pool.loop.time() + min(limits.total, limits.connect + 20)
        response = await self._ask(self._origin, head, b"", limits, total)
        try:
            body = await response.read()
        finally:
            response.close()
        if response.status != 200:
            raise ProviderRefused(
                f"`{self.name}` answered {response.status}.",
                provider=self.name,
                status=response.status,
                body=self.conceal(body),
            )
        return body

    def conceal(self, said: bytes) -> bytes:
        """What the provider said, without the key that we sent it: error texts repeat it at times."""
        key = self.settings.api_key
        return said if key is None else key.conceal_in(said)

    @property
    def busy(self) -> int:
        """Connections in use."""
        return self._pool.busy

    def close(self) -> None:
        """Let calls in flight finish; keep nothing open after them."""
        self._pool.close()
