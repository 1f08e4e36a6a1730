"""HTTP clients behind one small interface: our own and the libraries that could have been it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import aiohttp  # type: ignore[import-not-found, unused-ignore]
import httpx  # type: ignore[import-not-found, unused-ignore]
from pyreqwest.client import ClientBuilder  # type: ignore[import-not-found, unused-ignore]

from freehold.core.secret import Secret
from freehold.providers.client import ProviderClient
from freehold.providers.settings import ProviderSettings


class Client(Protocol):
    """Posts to the one URL it was made for."""

    async def whole(self, body: bytes) -> bytes:
        """The whole answer."""

    def stream(self, body: bytes) -> AsyncIterator[bytes]:
        """The answer's pieces as they come."""


class Own:
    """Freehold's own pool on asyncio and httptools."""

    def __init__(self, base_url: str, key: str) -> None:
        settings = ProviderSettings(name="mock", base_url=base_url, api_key=Secret(key, "the benchmark"))
        self._client = ProviderClient(settings, tls=None)

    async def whole(self, body: bytes) -> bytes:
        response = await self._client.send("chat", "mock-gpt", body)
        try:
            return await response.read()
        finally:
            response.close()

    async def stream(self, body: bytes) -> AsyncIterator[bytes]:
        response = await self._client.send("chat", "mock-gpt", body)
        try:
            while piece := await response.read_some():
                yield piece
        finally:
            response.close()


def _headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json"}


class Pyreqwest:
    """reqwest, in Rust."""

    def __init__(self, base_url: str, key: str) -> None:
        self._client = ClientBuilder().no_proxy().build()
        self._url = f"{base_url}/chat/completions"
        self._headers = _headers(key)

    async def whole(self, body: bytes) -> bytes:
        response = await self._client.post(self._url).headers(self._headers).body_bytes(body).build().send()
        return bytes(await response.bytes())

    async def stream(self, body: bytes) -> AsyncIterator[bytes]:
        request = self._client.post(self._url).headers(self._headers).body_bytes(body).build_streamed()
        async with request as response:
            while (piece := await response.body_reader.read_chunk()) is not None:
                yield bytes(piece)


class Aiohttp:
    """aiohttp's client, without cookies and with as many connections as are needed."""

    def __init__(self, base_url: str, key: str) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_headers(key),
        )
        self._url = f"{base_url}/chat/completions"

    async def whole(self, body: bytes) -> bytes:
        async with self._session.post(self._url, data=body) as response:
            return bytes(await response.read())

    async def stream(self, body: bytes) -> AsyncIterator[bytes]:
        async with self._session.post(self._url, data=body) as response:
            async for piece in response.content.iter_any():
                yield piece


class Httpx:
    """httpx with its own limits: it scans its pool, so larger ones make it slower."""

    def __init__(self, base_url: str, key: str) -> None:
        self._client = httpx.AsyncClient(timeout=60, trust_env=False, headers=_headers(key))
        self._url = f"{base_url}/chat/completions"

    async def whole(self, body: bytes) -> bytes:
        response = await self._client.post(self._url, content=body)
        return bytes(response.content)

    async def stream(self, body: bytes) -> AsyncIterator[bytes]:
        async with self._client.stream("POST", self._url, content=body) as response:
            async for piece in response.aiter_raw():
                yield piece


CLIENTS: dict[str, Callable[[str, str], Client]] = {
    "own": Own,
    "pyreqwest": Pyreqwest,
    "aiohttp": Aiohttp,
    "httpx": Httpx,
}
