"""Taking a request in: its headers' claims, then its body, within the limits."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from freehold.core.errors import (
    BadRequest,
    BodyTooLarge,
    ClientGone,
    Overloaded,
    RequestTimeout,
    UnsupportedMediaType,
)
from freehold.core.trace import Caller
from freehold.gateway.protocol import CONNECTION, ClientConnection
from freehold.gateway.replies import Receive
from freehold.gateway.settings import ServerSettings
from freehold.wire.anthropic.headers import HEADERS
from freehold.wire.dialect import DialectName
from freehold.wire.trace_context import read_caller

Scope = dict[str, Any]


_SENDABLE = re.compile(r"[ -~\t]{0,4096}")
_KEY_HEADERS = frozenset({b"api-key", b"x-api-key", b"x-goog-api-key"})
"""Where clients of Azure, Anthropic and Gemini put their key."""


class Heading:
    """What the request's headers say."""

    __slots__ = (
        "_meant",
        "_parents",
        "_states",
        "anthropic",
        "content_encoding",
        "content_length",
        "content_type",
        "gemini",
        "keep_body",
        "strict",
        "token",
    )

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.token: bytes | None = None
        """The key the client showed, as bytes."""
        self.content_type: bytes | None = None
        self.content_length: bytes | None = None
        self.content_encoding: bytes | None = None
        self.keep_body = True
        self.strict = False
        """An error is wanted rather than a loss."""
        self.anthropic = False
        """The client speaks as Anthropic's do: it says which version."""
        self.gemini = False
        """The client shows its key as Gemini's do."""
        self._meant: dict[str, str] = {}
        self._parents: list[bytes] | None = None
        """Lines of `traceparent`; None: none."""
        self._states: list[bytes] = []
        for name, value in headers:
            if name == b"authorization":
                if value[:7].lower() == b"bearer ":
                    self.token = value[7:].strip()
            elif name == b"content-type":
                self.content_type = value
            elif name == b"content-length":
                self.content_length = value
            elif name == b"content-encoding":
                self.content_encoding = value
            elif name == b"x-freehold-bodies":
                self.keep_body = value.strip().lower() != b"off"
            elif name in _KEY_HEADERS and self.token is None:
                self.token = value.strip()
                self.gemini = name == b"x-goog-api-key"
            elif name == b"x-freehold-strict":
                self.strict = value.strip().lower() not in (b"", b"off", b"0", b"false")
            elif name.startswith(b"anthropic-"):
                self.anthropic = self.anthropic or name == b"anthropic-version"
                self._keep(name.decode("latin-1"), value)
            elif name == b"traceparent":
                self._parents = [*(self._parents or ()), value]
            elif name == b"tracestate":
                self._states.append(value)

    @property
    def caller(self) -> Caller | None:
        """The trace that the client's request belongs to."""
        return None if self._parents is None else read_caller(self._parents, self._states)

    def _keep(self, name: str, value: bytes) -> None:
        if name in HEADERS:
            before = self._meant.get(name)
            text = value.decode("latin-1")
            self._meant[name] = text if before is None else f"{before},{text}"

    def meant(self, dialect: DialectName) -> dict[str, str]:
        """Headers that mean something in the dialect, beside the body, by name. Raises BadRequest for one that
        cannot be sent on.
        """
        if dialect != "anthropic-messages":
            return {}
        for name, value in self._meant.items():
            if not _SENDABLE.fullmatch(value):
                raise BadRequest(f"The header `{name}` holds what a header cannot.", param=name)
        return self._meant


def conversation_in(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The conversation that the client says its request is part of. Read where somebody asks for it alone."""
    for name, value in headers:
        if name == b"x-freehold-conversation":
            return value.strip().decode("latin-1") or None
    return None


async def read_body(
    heading: Heading, scope: Scope, receive: Receive, settings: ServerSettings, *, room: int
) -> bytes:
    """The whole request body. `room`: bytes that may be held besides those of other calls.

    Raises UnsupportedMediaType, BodyTooLarge, Overloaded, RequestTimeout, BadRequest or ClientGone.
    """
    kind = heading.content_type
    if kind is not None and kind != b"application/json":
        essence = kind.split(b";", 1)[0].strip().lower()
        if essence != b"application/json" and not essence.endswith(b"+json"):
            raise UnsupportedMediaType(
                "The request body must be JSON.", hint="Send `content-type: application/json`."
            )
    if heading.content_encoding is not None and heading.content_encoding.strip().lower() not in (
        b"",
        b"identity",
    ):
        raise UnsupportedMediaType("Compressed request bodies are not accepted.")
    limit = settings.max_body_bytes
    if heading.content_length is not None:
        declared = int(heading.content_length)
        if declared > limit:
            raise BodyTooLarge(f"The request body is over {limit} bytes.")
        if declared > room:
            raise _no_room()
    connection: ClientConnection = scope[CONNECTION]
    if connection.body_complete:
        return await _collect(receive, limit, room)
    try:
        async with asyncio.timeout(settings.body_timeout):
            return await _collect(receive, limit, room)
    except TimeoutError:
        raise RequestTimeout(f"The request body did not arrive within {settings.body_timeout:g} s.") from None


def _no_room() -> Overloaded:
    return Overloaded("The requests in flight hold too much memory.", hint="Try again in a moment.")


async def _collect(receive: Receive, limit: int, room: int) -> bytes:
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone("The client hung up.")
    body: bytes = message["body"]
    if message["more_body"]:
        parts = [body]
        size = len(body)
        while message["more_body"]:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGone("The client hung up.")
            part = message["body"]
            size += len(part)
            if size > limit:
                break
            if size > room:
                raise _no_room()
            parts.append(part)
        else:
            return b"".join(parts)
        raise BodyTooLarge(f"The request body is over {limit} bytes.")
    if len(body) > limit:
        raise BodyTooLarge(f"The request body is over {limit} bytes.")
    if not body:
        raise BadRequest("The request has no body.")
    return body
