"""Requests as they come in: httptools' callbacks, gathered into whole requests."""

from __future__ import annotations

from typing import Protocol

import httptools

_MOST_BODY = 64 * 1024 * 1024
_MOST_HEADERS = 64 * 1024


class Unreadable(Exception):
    """The bytes are not a request we take; `status_line` says why."""

    def __init__(self, status_line: bytes) -> None:
        super().__init__(status_line)
        self.status_line = status_line


class Listener(Protocol):
    """Who is told about requests."""

    def request_began(self) -> None:
        """Its first bytes are here."""

    def continue_wanted(self) -> None:
        """The client waits for `100 Continue` before it sends the body."""

    def request_came(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        chunked: bool,
        keep_alive: bool,
    ) -> None:
        """It is complete. `chunked`: the client understands chunked answers."""


class RequestReader:
    """Feeds on bytes, tells the listener. After `close` it refers to nobody."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_head_bytes",
        "_headers",
        "_keep_alive",
        "_listener",
        "_parser",
        "_problem",
        "_target",
        "_version",
    )

    def __init__(self, listener: Listener) -> None:
        self._listener: Listener | None = listener
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._problem: bytes | None = None
        self._begin()

    def feed(self, data: bytes) -> None:
        """More bytes. Raises Unreadable."""
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise Unreadable(b"HTTP/1.1 501 Not Implemented\r\n") from None
        except httptools.HttpParserError:
            raise Unreadable(b"HTTP/1.1 400 Bad Request\r\n") from None
        if self._problem is not None:
            raise Unreadable(self._problem)

    def close(self) -> None:
        """Lets go of parser and listener, which would otherwise wait for the garbage collector."""
        self._parser = None
        self._listener = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()
        if self._listener is not None:
            self._listener.request_began()

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self._target += url
        self._weigh(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))
        self._weigh(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The body follows."""
        assert self._parser is not None
        # Asked later, the parser always says no.
        self._keep_alive = self._parser.should_keep_alive()
        self._version = self._parser.get_http_version()
        if ("expect", "100-continue") in self._headers and self._listener is not None:
            self._listener.continue_wanted()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > _MOST_BODY:
            self._problem = b"HTTP/1.1 413 Content Too Large\r\n"
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._problem is None and self._parser is not None and self._listener is not None:
            self._listener.request_came(
                self._parser.get_method().decode("latin-1"),
                self._target.decode("latin-1"),
                self._headers,
                b"".join(self._body),
                chunked=self._version != "1.0",
                keep_alive=self._keep_alive,
            )
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_bytes = 0
        self._keep_alive = True
        self._version = "1.1"

    def _weigh(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _MOST_HEADERS:
            self._problem = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            self._headers.clear()
