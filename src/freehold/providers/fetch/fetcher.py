"""Fetching a file by its URL: resolve, check every address, connect to one of them, read within limits, look at it."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl

import msgspec

from freehold.core.errors import BadRequest, Overloaded
from freehold.providers.fetch.addresses import read_address
from freehold.providers.fetch.allow_list import AllowList
from freehold.providers.fetch.embedded import is_data_url, read_data_url
from freehold.providers.fetch.kinds import fits, sniff
from freehold.providers.fetch.place import Place, follow, read_url
from freehold.providers.fetch.refusals import shown_host, unfetchable, unfit
from freehold.providers.fetch.resolving import Resolve, SystemResolver
from freehold.providers.fetch.settings import FetchSettings
from freehold.providers.fetch.visit import Connect, Visit, connect
from freehold.providers.http.connection import BrokenAnswer

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_ADDRESSES = 4
"""Of one name that are tried."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A file."""

    data: bytes
    mime_type: str
    """By its bytes."""
    url: str
    """Of the place where it was in the end; of a `data:` URL only its beginning."""


class Quota:
    """Bytes that several files may have together."""

    __slots__ = ("_left", "total")

    def __init__(self, total: int) -> None:
        self.total = total
        self._left = total

    def spend(self, size: int) -> None:
        """Raises BadRequest when nothing is left."""
        self._left -= size
        if self._left < 0:
            raise BadRequest(f"The files of the request are more than {self.total} bytes together.")


class Fetcher:
    """Fetches files. One serves the whole process; it keeps no connections, no cookies and no memory of what it saw."""

    def __init__(
        self,
        settings: FetchSettings,
        *,
        resolve: Resolve | None = None,
        connect: Connect = connect,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` is made from the system's certificates when it is not given. Raises SettingsError."""
        self.settings = settings
        self._allow = AllowList(settings.allow)
        self._own_resolver = SystemResolver() if resolve is None else None
        self._resolve: Resolve = resolve or self._own_resolver  # type: ignore[assignment]  # one of them is there
        self._connect = connect
        self._tls = tls
        self._places = asyncio.Semaphore(settings.max_concurrent)

    def close(self) -> None:
        """End the threads that look names up."""
        if self._own_resolver is not None:
            self._own_resolver.close()

    async def fetch(self, url: str, *, kinds: tuple[str, ...], quota: Quota | None = None) -> Fetched:
        """The file at `url`, if it is of one of `kinds`: `image`, `audio`, `video`, `document` or MIME types.

        What it holds is taken from `quota`. Raises BadRequest, or Overloaded when too many files are being fetched.
        """
        if is_data_url(url):
            data, declared = read_data_url(url, self.settings.max_bytes)
            if quota is not None:
                quota.spend(len(data))
            kind = _checked(data, declared, kinds, "data:")
            return Fetched(data=data, mime_type=kind, url=f"data:{kind}")
        place = read_url(url, self.settings, self._allow)
        try:
            async with asyncio.timeout(self.settings.total):
                await self._places.acquire()
        except TimeoutError:
            raise Overloaded("Too many files are being fetched.", hint="Try again.") from None
        try:
            return await self._fetch(place, shown_host(url), kinds, quota)
        finally:
            self._places.release()

    async def _fetch(self, place: Place, shown: str, kinds: tuple[str, ...], quota: Quota | None) -> Fetched:
        progress = _Progress()
        try:
            async with asyncio.timeout(self.settings.total):
                for _ in range(self.settings.max_redirects + 1):
                    progress.answered = False
                    reached = await self._try(place, shown, progress, quota)
                    if isinstance(reached, Place):
                        place = reached
                        continue
                    data, declared = reached
                    return Fetched(data=data, mime_type=_checked(data, declared, kinds, shown), url=place.url)
        except TimeoutError:
            if progress.answered:
                raise unfit(shown, f"took longer than {self.settings.total:g} s") from None
            raise unfetchable(shown) from None
        except BrokenAnswer as error:
            if progress.answered:
                raise unfit(shown, f"broke off: {error}") from None
            raise unfetchable(shown) from None
        except (OSError, UnicodeError):  # no such name, refused, unreachable, a certificate for somebody else
            raise unfetchable(shown) from None
        raise unfit(shown, f"was behind more than {self.settings.max_redirects} redirects")

    async def _try(
        self, place: Place, shown: str, progress: _Progress, quota: Quota | None
    ) -> Place | tuple[bytes, str | None]:
        """The file and its declared type, or where else it is."""
        visit = await self._reach(place, shown)
        try:
            visit.ask(place)
            status = await visit.read_status()
            if status in _REDIRECTS:
                return self._next(place, visit, shown)
            progress.answered = True
            if status != 200:
                raise unfit(shown, f"is not there: the server answers with status {status}")
            _check_head(visit, shown, self.settings.max_bytes)
            data = await _read(visit, shown, self.settings.max_bytes, quota)
            declared = visit.header(b"content-type")
            return data, None if declared is None else declared.decode("latin-1")
        finally:
            visit.abort()

    def _next(self, place: Place, visit: Visit, shown: str) -> Place:
        try:
            return follow(place, visit.header(b"location") or b"", self.settings, self._allow)
        except BadRequest:  # what is wrong there is nothing that the client wrote
            raise unfetchable(shown) from None

    async def _reach(self, place: Place, shown: str) -> Visit:
        """A connection to an address of the place, all of which were checked."""
        addresses = await self._addresses(place, shown)
        loop = asyncio.get_running_loop()
        tls = self._encryption() if place.scheme == "https" else None
        failure: Exception | None = None
        for address in addresses:
            try:
                async with asyncio.timeout(self.settings.connect / len(addresses)):
                    return await self._connect(lambda: Visit(loop), address, place.port, tls, place.host)
            except (OSError, TimeoutError, ValueError) as error:
                failure = error
        raise unfetchable(shown) from failure

    async def _addresses(self, place: Place, shown: str) -> list[str]:
        if place.address is not None:
            found = [str(place.address)]
        else:
            try:
                async with asyncio.timeout(self.settings.look_up):
                    found = list(await self._resolve(place.host, place.port))
            except (OSError, TimeoutError, ValueError):
                raise unfetchable(shown) from None
        # One address that is not allowed is enough: a name that means two worlds is an attack or a mistake.
        for text in found:
            address = read_address(text)
            if address is None or not self._allow.permits(place.host, address):
                raise unfetchable(shown)
        if not found:
            raise unfetchable(shown)
        return [str(ipaddress.ip_address(text)) for text in found[:_MOST_ADDRESSES]]

    def _encryption(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class _Progress:
    """How far one fetch came: what is told about its end depends on it."""

    __slots__ = ("answered",)

    def __init__(self) -> None:
        self.answered = False


def _check_head(visit: Visit, shown: str, limit: int) -> None:
    encoding = (visit.header(b"content-encoding") or b"identity").lower()
    transfer = (visit.header(b"transfer-encoding") or b"chunked").lower()
    if encoding != b"identity" or transfer not in (b"chunked", b"identity"):
        raise unfit(shown, "comes compressed, which was not asked for")
    length = visit.header(b"content-length")
    if length is not None and length.isdigit() and len(length) < 20 and int(length) > limit:
        raise unfit(shown, f"is larger than {limit} bytes")


async def _read(visit: Visit, shown: str, limit: int, quota: Quota | None) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await visit.read_some():
        size += len(part)
        if size > limit:
            raise unfit(shown, f"is larger than {limit} bytes")
        if quota is not None:
            quota.spend(len(part))
        parts.append(part)
    return b"".join(parts)


def _checked(data: bytes, declared: str | None, kinds: tuple[str, ...], shown: str) -> str:
    kind = sniff(data, declared)
    if kind is None or not fits(kind, kinds):
        raise unfit(shown, f"is {kind or 'of no known type'}, and not {' or '.join(kinds)}")
    return kind
