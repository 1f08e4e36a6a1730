"""An HTTP client that hides nothing: headers, raw bytes, and how a connection ended."""

from __future__ import annotations

import http.client
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"


class Answer(msgspec.Struct, frozen=True):
    """A whole answer, as it came."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object of a body in OpenAI's form."""
        value: dict[str, Any] = self.json()["error"]
        return value

    @property
    def call(self) -> str:
        """Under which id the call is on record."""
        return self.headers["x-freehold-call"]


class Stream:
    """An answer that comes in pieces."""

    def __init__(self, client: PlainClient, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self._client = client
        self._answer = answer
        self._events: Iterator[bytes] = self._split()

    @property
    def call(self) -> str:
        """Under which id the call is on record."""
        return self.headers["x-freehold-call"]

    def event(self) -> bytes:
        """The data of the next event. Raises StopIteration at the end."""
        return next(self._events)

    def rest(self) -> list[bytes]:
        """The data of all further events. Raises IncompleteRead when the answer is cut short as HTTP."""
        return list(self._events)

    def raw(self) -> bytes:
        """All further bytes."""
        return self._answer.read()

    def leave(self, *, reset: bool = False) -> None:
        """Hang up in the middle, with FIN or with RST."""
        self._client.leave(reset=reset)

    def _split(self) -> Iterator[bytes]:
        held = b""
        while piece := self._answer.read1(65536):
            *events, held = (held + piece).split(b"\n\n")
            for event in events:
                assert event.startswith(b"data: "), event
                yield event[6:]
        assert not held, f"half an event was sent: {held!r}"


class PlainClient:
    """One connection, kept alive."""

    def __init__(self, url: str, key: str, limit: float) -> None:
        """`limit`: seconds of silence after which an answer is given up."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=limit)
        self._key = key
        self._socket: socket.socket | None = None
        self._answer: http.client.HTTPResponse | None = None

    @property
    def local_port(self) -> int:
        """Ours, of the connection that there is."""
        assert self._socket is not None
        port: int = self._socket.getsockname()[1]
        return port

    def get(self, path: str) -> Answer:
        """GET."""
        return self._whole(self._send("GET", path, None, {}))

    def post(self, path: str, body: dict[str, Any] | bytes, **headers: str) -> Answer:
        """POST; the answer as a whole. `headers`: names with `_` for `-`."""
        return self._whole(self._send("POST", path, body, headers))

    def send(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """Any method; the answer as a whole."""
        return self._whole(self._send(method, path, body, {}))

    def chat(self, model: str, text: str = "Hello", **fields: Any) -> Answer:
        """A chat call, answered as a whole."""
        return self.post(CHAT, chat_request(model, text, **fields))

    def stream(self, model: str, text: str = "Hello", **fields: Any) -> Stream:
        """A streamed chat call, from its first byte on."""
        body = chat_request(model, text, stream=True, **fields)
        return Stream(self, self._send("POST", CHAT, body, {}))

    def begin_chat(self, model: str, **fields: Any) -> None:
        """Send a chat call and do not wait for its answer."""
        self._request("POST", CHAT, chat_request(model, **fields), {})

    def finish(self) -> Answer:
        """The answer to what was begun."""
        return self._whole(self._begin())

    def leave(self, *, reset: bool = False) -> None:
        """Close the connection now, whatever is under way on it."""
        assert self._socket is not None
        if reset:
            linger = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # The descriptor itself: Python keeps it open for as long as an answer reads from it.
            socket.close(self._socket.detach())
        else:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def close(self) -> None:
        """Close the connection, and the answer that may be under way: it would hold the socket open."""
        self._connection.close()
        if self._answer is not None:
            self._answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(
        self, method: str, path: str, body: dict[str, Any] | bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        self._request(method, path, body, headers)
        return self._begin()

    def _begin(self) -> http.client.HTTPResponse:
        self._answer = self._connection.getresponse()
        return self._answer

    def _request(
        self, method: str, path: str, body: dict[str, Any] | bytes | None, headers: dict[str, str]
    ) -> None:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._key:
            lines = {"authorization": f"Bearer {self._key}", **lines}
        if body is not None:
            lines = {"content-type": "application/json", **lines}
        payload = msgspec.json.encode(body) if isinstance(body, dict) else body
        self._connection.request(method, path, payload, lines)
        self._socket = self._connection.sock

    def _whole(self, answer: http.client.HTTPResponse) -> Answer:
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())


def chat_request(model: str, text: str = "Hello", **fields: Any) -> dict[str, Any]:
    """The body of a chat call."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}
