"""The HTTP protocol under the application: uvicorn's, with the limits that it leaves out.

uvicorn bounds neither the number and size of headers nor the time they take, tells nobody at once
when a client hangs up, and answers malformed requests in plain text. Those four are mended here.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from freehold.core.errors import BadRequest, ClientError, HeadersTooLarge, RequestTimeout
from freehold.gateway.joining import JoiningTransport
from freehold.gateway.settings import ServerSettings
from freehold.wire.openai_errors import encode_error

CONNECTION = "freehold.connection"
"""Key in the ASGI scope under which the application finds its ClientConnection."""

_LINGER_SECONDS = 5.0

_MOST_PIPELINED = 500
"""Requests that may wait their turn on a connection. uvicorn goes on reading as long as answers are written."""

WRITE_HIGH_WATER = 32 * 1024
"""Unsent bytes of an answer above which a slow client makes its provider wait."""


class ClientConnection(HttpToolsProtocol):
    """One client connection."""

    limits = ServerSettings()
    """Set on a subclass by `protocol_for`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = True
        self._between = True
        self._retiring = False
        self._header_bytes = 0
        self._unaccounted = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._call: asyncio.Task[Any] | None = None
        self._refusal: ClientError | None = None
        self._answering: RequestResponseCycle | None = None
        """`cycle` is the newest request, which may wait behind this one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected: its first request's headers are awaited from now on."""
        super().connection_made(JoiningTransport(transport, self.loop))  # type: ignore[arg-type]
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whatever is being done for it stops now."""
        self._stop_head_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        call = self._call
        if self._answering is not None and not self._answering.response_complete:
            # uvicorn tells only the newest of several pipelined requests, and writes for the others.
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)
        if call is not None and not call.done():
            call.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        # The parser keeps what is not whole yet to itself: headers, trailers, a chunk's extension. So bytes are
        # counted here, and whatever it hands over sets the count back.
        self._unaccounted += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # an upgrade nobody asked us to offer is not taken: the request is answered as it is
        except httptools.HttpParserError as error:
            self._refuse(_refusal_in(error) or BadRequest("The request is not valid HTTP."))
            return
        if self._unaccounted > self.limits.max_header_bytes:
            self._refuse(
                HeadersTooLarge(f"The request's headers are over {self.limits.max_header_bytes} bytes.")
            )
        elif self._head_timer is None and (self._in_head or (self._between and not self._busy)):
            self._await_head()  # a line break before a request is not one: it buys no time

    @property
    def _busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def watch(self, call: asyncio.Task[Any] | None) -> None:
        """Cancel `call` when the client hangs up or in a hurry; None ends the watch."""
        self._call = call

    def discard_body(self) -> None:
        """The request was answered before its body had come: read the rest for a while, so that the client
        gets to see the answer, and then close.
        """
        if self.cycle.more_body and self._linger_timer is None and not self.transport.is_closing():
            self._linger_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def retire(self) -> None:
        """Close with the answer to the next request, and say so in it: another process takes the connections now."""
        self._retiring = True

    def hurry(self) -> None:
        """The endpoint stops: end now what is being done here."""
        call = self._call
        if call is not None and not call.done():
            call.cancel()
        else:
            self.transport.close()

    @property
    def blocked(self) -> bool:
        """Whether the client does not read, so that nothing more can be sent now."""
        return self.flow.write_paused

    @property
    def gone(self) -> bool:
        """Whether the client hung up."""
        return self.transport.is_closing()

    @property
    def body_complete(self) -> bool:
        """Whether the whole request body has arrived."""
        return not self.cycle.more_body

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    # Parser callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._between = False
        self._header_bytes = 0
        self._unaccounted = 0
        self.scope[CONNECTION] = self  # type: ignore[literal-required]

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        self._header_bytes += len(url)
        if self._header_bytes > self.limits.max_header_bytes:
            raise HeadersTooLarge(f"The URL is over {self.limits.max_header_bytes} bytes.")
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line. In full here instead of calling uvicorn's, as it runs for every line."""
        limits = self.limits
        headers = self.headers
        self._header_bytes = size = self._header_bytes + len(name) + len(value)
        if size > limits.max_header_bytes:
            raise HeadersTooLarge(f"The request's headers are over {limits.max_header_bytes} bytes.")
        if len(headers) >= limits.max_headers:
            raise HeadersTooLarge(f"The request has more than {limits.max_headers} header lines.")
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete; the application starts."""
        self._in_head = False
        self._unaccounted = 0
        self._stop_head_timer()
        if self._retiring:
            self.headers.append((b"connection", b"close"))
        super().on_headers_complete()
        if self._retiring:
            self.cycle.keep_alive = False
        if len(self.pipeline) > _MOST_PIPELINED:
            raise BadRequest("Too many requests were sent ahead of their answers.")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unaccounted = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request's body is complete."""
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        self._between = True
        super().on_message_complete()
        if not self.pipeline:
            # uvicorn leaves reading paused behind a large body; then nobody would see the client hang up.
            self.flow.resume_reading()

    # Time

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.header_timeout, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        self._refuse(RequestTimeout(f"The headers did not arrive within {self.limits.header_timeout:g} s."))

    # A client that does not read

    def pause_writing(self) -> None:
        """More is waiting for the client than it takes in: from now on it has to show that it reads."""
        super().pause_writing()
        self._expect_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _expect_reading(self, waiting: int) -> None:
        self._write_timer = self.loop.call_later(
            self.limits.write_timeout, self._look_whether_it_reads, waiting
        )

    def _look_whether_it_reads(self, waiting: int) -> None:
        now = self.transport.get_write_buffer_size()
        if now < waiting:
            self._expect_reading(now)
        else:
            self.transport.abort()  # which ends its call as one whose client has gone

    # Refusals below the application

    def on_response_complete(self) -> None:
        """An answer was sent; a refusal of what came behind its request may follow now."""
        super().on_response_complete()
        if self._refusal is not None and self.cycle.response_complete:
            self._send_refusal(self._refusal)

    def _refuse(self, error: ClientError) -> None:
        """Answer in OpenAI's form and close; good requests that came before are answered first."""
        self._refusal = error
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self._send_refusal(error)
        elif cycle.more_body and not self.pipeline:
            if cycle.response_started:
                self.transport.close()
            else:
                self._send_refusal(error)

    def _send_refusal(self, error: ClientError) -> None:
        if self.transport.is_closing():
            return
        body = encode_error(error)
        self.transport.write(
            b"%bcontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (STATUS_LINE[error.status], len(body), body)
        )
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls for a malformed request."""
        self._refuse(BadRequest(msg))


def _refusal_in(error: BaseException) -> ClientError | None:
    """The refusal that a parser callback raised, wherever the parser has put it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ClientError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def protocol_for(settings: ServerSettings) -> type[ClientConnection]:
    """The protocol class that holds `settings`' limits, as uvicorn wants it: a class it can call."""
    return type("ConfiguredClientConnection", (ClientConnection,), {"limits": settings})
