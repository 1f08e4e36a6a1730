"""A small client of a running endpoint, on the standard library so that it starts at once."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import msgspec

from freehold.core.errors import BadRequest, ClientError, FreeholdError, NotFound, Unauthorized
from freehold.wire.sse import EventSplitter, data_of

_CALL = "x-freehold-call"

PATIENCE = 600.0
"""Seconds without a byte after which an answer is given up."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens, as the endpoint reports them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class Delta(msgspec.Struct, frozen=True):
    """What one event adds to the answer."""

    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """One of the answers; there is one, as one is asked for."""

    delta: Delta = Delta()
    finish_reason: str | None = None


class Chunk(msgspec.Struct, frozen=True):
    """One event of a streamed answer."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: dict[str, object] | None = None


class Endpoint:
    """Where an endpoint answers."""

    def __init__(self, url: str) -> None:
        """`url` with or without `/v1`. Raises BadRequest when it is none."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise BadRequest(
                f"`{url}` is not the address of an endpoint.", hint="Write it as `http://127.0.0.1:8484`."
            )
        self._secure = parts.scheme == "https"
        self._path = parts.path.rstrip("/").removesuffix("/v1")
        self.host = parts.hostname
        self.port = port or (443 if self._secure else 80)
        self.url = f"{parts.scheme}://{parts.netloc}{self._path}"
        """Without `/v1`."""

    @property
    def is_this_machine(self) -> bool:
        """Whether it is bound to loopback, so that only this machine hears what is sent to it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def get(self, path: str, *, timeout: float, key: str | None = None) -> tuple[int, bytes]:
        """Status and body of a GET. Raises NotFound when nobody answers."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        with self._request("GET", path, headers, None, timeout) as answer:
            return answer.status, answer.read()

    def misses(self, key: str, route: str) -> bool:
        """Whether there is no such route for this key. Raises NotFound when nobody answers."""
        return self.get(f"/v1/models/{quote(route)}", timeout=5.0, key=key)[0] == 404

    def is_freehold(self) -> bool:
        """Whether what answers here says that it is an endpoint. Raises NotFound when nobody answers."""
        status, body = self.get("/health/live", timeout=5.0)
        return status == 200 and body == b'{"live":true}'

    @contextmanager
    def chat(self, key: str, body: dict[str, object]) -> Iterator[ChatAnswer]:
        """Send a chat request and read its answer as a stream.

        Raises NotFound when nobody answers, Unauthorized and other ClientErrors as the endpoint
        says them, FreeholdError when the fault is not the request's.
        """
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        payload = msgspec.json.encode({**body, "stream": True, "stream_options": {"include_usage": True}})
        with self._request("POST", "/v1/chat/completions", headers, payload, PATIENCE) as answer:
            if answer.status != 200:
                raise _as_error(answer.status, answer.read(), answer.getheader(_CALL))
            yield ChatAnswer(answer)

    @contextmanager
    def _request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, timeout: float
    ) -> Iterator[http.client.HTTPResponse]:
        if self._secure:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self.host, self.port, timeout=timeout, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            try:
                connection.request(method, self._path + path, body=body, headers=headers)
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise NotFound(
                    f"No endpoint answers at {self.url} ({str(error) or type(error).__name__}).",
                    hint="Start one with `freehold up`, or name another with --url or FREEHOLD_URL.",
                ) from error
            yield answer
        finally:
            connection.close()


class ChatAnswer:
    """A streamed answer: iterate over its text; the facts are there when it has ended."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self.call = answer.getheader(_CALL)
        self.model = answer.getheader("x-freehold-model")
        self.finish_reason: str | None = None
        self.usage: Usage | None = None

    def __iter__(self) -> Iterator[str]:
        """Pieces of text as they come. Raises FreeholdError when the answer breaks off."""
        done = False
        for event in self._events():
            data = data_of(event)
            if data is None:
                continue
            if data == b"[DONE]":
                done = True
                break
            chunk = msgspec.json.decode(data, type=Chunk)
            if chunk.error is not None:
                reason = chunk.error.get("message")
                raise FreeholdError(f"The answer broke off: {reason}", hint=self._look_up())
            self.usage = chunk.usage or self.usage
            for choice in chunk.choices:
                self.finish_reason = choice.finish_reason or self.finish_reason
                text = choice.delta.content or choice.delta.refusal
                if text:
                    yield text
        if not done and self.finish_reason is None:
            raise FreeholdError("The answer broke off before its end.", hint=self._look_up())

    def _events(self) -> Iterator[bytes]:
        splitter = EventSplitter()
        try:
            while piece := self._answer.read1(65536):
                yield from splitter.feed(piece)
        except TimeoutError:
            raise FreeholdError(f"Nothing came for {PATIENCE:.0f} seconds.", hint=self._look_up()) from None
        except (OSError, http.client.HTTPException) as error:
            raise FreeholdError(f"The connection broke: {error}", hint=self._look_up()) from error

    def _look_up(self) -> str | None:
        return f"`freehold calls show {self.call}` shows what happened." if self.call else None


class _Error(msgspec.Struct):
    message: str
    code: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error


def _as_error(status: int, body: bytes, call: str | None) -> FreeholdError:
    """What the endpoint said no with."""
    try:
        message = msgspec.json.decode(body, type=_Envelope).error.message
    except msgspec.DecodeError:
        message = f"The endpoint answered with HTTP {status} and no reason."
    if status == 401:
        return Unauthorized(
            "The endpoint does not take this key.",
            hint="`freehold keys create NAME`, run beside the endpoint's configuration, makes one.",
        )
    if status < 500:
        return ClientError(message)
    return FreeholdError(message, hint=f"`freehold calls show {call}` shows what happened." if call else None)
