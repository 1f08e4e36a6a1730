"""The application: authenticate, decode, call, encode."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from freehold.access.key import Key
from freehold.core.errors import (
    ClientGone,
    FreeholdError,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    Stopping,
    Unauthorized,
)
from freehold.engine.engine import Engine
from freehold.engine.running import RunningCall
from freehold.gateway.faces import FACES, Face, dialect_at, gemini_face, token_in_query
from freehold.gateway.intake import Heading, Scope, read_body
from freehold.gateway.metrics import Metrics
from freehold.gateway.protocol import CONNECTION, ClientConnection
from freehold.gateway.replies import (
    EVENT_STREAM,
    JSON,
    NO_BUFFERING,
    NO_CACHE,
    Headers,
    Message,
    Receive,
    Send,
    send_error,
    send_whole,
)
from freehold.gateway.settings import ServerSettings
from freehold.wire.dialect import DialectName
from freehold.wire.openai_errors import status_of
from freehold.wire.openai_models import ModelEntry, encode_model, encode_models

log = logging.getLogger("freehold.gateway")

_MODELS = "/v1/models"
_UNKNOWN_KEY = "The key is unknown, revoked or expired."


class KeyFinder(Protocol):
    """Where keys are looked up."""

    def find(self, token: bytes) -> Key | None:
        """The key behind `token`, if it is good now."""


class Health(msgspec.Struct):
    """What `/health/ready` says."""

    ready: bool
    parts: dict[str, str]
    """Part -> its state in a word or a sentence."""


class Endpoint:
    """The ASGI application of the data plane."""

    def __init__(
        self,
        engine: Engine,
        keys: KeyFinder,
        *,
        settings: ServerSettings,
        metrics: Metrics,
        health: Callable[[], Health],
        list_models: Callable[[], list[ModelEntry]],
    ) -> None:
        """`list_models` gives every route and listed model; a key sees those it may call."""
        self._engine = engine
        self._keys = keys
        self._settings = settings
        self._metrics = metrics
        self._health = health
        self._list_models = list_models
        self._pages: dict[str, Callable[[Scope, Send], Awaitable[None]]] = {
            _MODELS: self._models,
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._figures,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path: str = scope["path"]
        face = FACES.get(path)
        try:
            if face is None and ":" in path:
                face = gemini_face(scope)
            if face is not None:
                if scope["method"] != "POST":
                    raise MethodNotAllowed(f"`{path[:200]}` takes POST.")
                await self._call(face, scope, receive, send)
                return
            page = self._pages.get(path)
            if page is None and path.startswith(_MODELS + "/"):
                page = self._model
            if page is None:
                raise NotFound(f"There is nothing at `{path[:200]}`.", hint="The API lives under `/v1`.")
            if scope["method"] not in ("GET", "HEAD"):
                raise MethodNotAllowed(f"`{path[:200]}` takes GET.")
            await page(scope, send)
        except FreeholdError as error:
            await send_error(send, error, [], dialect_at(path) if face is None else face.dialect)
            connection: ClientConnection = scope[CONNECTION]
            connection.discard_body()

    def _authenticate(self, token: bytes | None) -> Key:
        if token is None:
            raise Unauthorized(
                "No key was given.",
                hint="Send `authorization: Bearer fh-…`; `freehold keys create` makes one.",
            )
        key = self._keys.find(token)
        if key is None:
            self._metrics.strangers += 1
            raise Unauthorized(_UNKNOWN_KEY, hint="`freehold keys list` shows the keys there are.")
        return key

    def _knows(self, scope: Scope) -> bool:
        """Whether the request shows a good key."""
        token = Heading(scope["headers"]).token
        return token is not None and self._keys.find(token) is not None

    # Calls

    async def _call(self, face: Face, scope: Scope, receive: Receive, send: Send) -> None:
        heading = Heading(scope["headers"])
        token = heading.token
        if token is None and face.dialect == "gemini":
            token = token_in_query(scope)
        key = self._authenticate(token)
        engine = self._engine
        connection: ClientConnection = scope[CONNECTION]
        task = asyncio.current_task()
        assert task is not None
        running = engine.begin(face.operation, face.dialect, key)
        connection.watch(task)
        try:
            await self._answer(running, scope, receive, send, face=face, heading=heading)
        except ClientGone:
            running.cancel()
        except asyncio.CancelledError:
            task.uncancel()
            running.cancel()
            connection.transport.abort()
        except Exception:  # the last line of defence: one call must not take the endpoint with it
            log.exception("call %s ended in an error of ours", running.call.id)
            running.fail(FreeholdError("An error of ours."), 500)
            if not connection.cycle.response_started:
                broken = FreeholdError("Something went wrong here.")
                await send_error(send, broken, _call_headers(running), face.dialect)
            else:
                connection.transport.close()
        finally:
            connection.watch(None)

    async def _answer(
        self,
        running: RunningCall,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        face: Face,
        heading: Heading,
    ) -> None:
        connection: ClientConnection = scope[CONNECTION]
        try:
            if self._engine.active > self._settings.max_calls:
                raise Overloaded("Too many calls are in flight.", hint="Try again in a moment.")
            room = self._settings.max_held_bytes - self._engine.held_bytes
            body = await read_body(heading, scope, receive, self._settings, room=room)
            running.receive(body, keep_body=heading.keep_body)
            self._engine.held_bytes += running.call.request_bytes
            request = face.read(body)
            request.strict = heading.strict or (running.key is not None and running.key.strict)
            running.route_to(request)
            answer = await running.ask(request)
        except ClientGone:
            raise
        except FreeholdError as error:
            await self._refuse(error, running, face.dialect, scope, send)
            return
        except asyncio.CancelledError:
            if connection.gone:
                raise
            await self._refuse(_stopping(), running, face.dialect, scope, send)
            return
        headers = _call_headers(running)
        if not request.stream:
            headers.append(JSON)
            await send_whole(send, 200, headers, answer)
            return
        headers += (EVENT_STREAM if request.framing == "sse" else JSON, NO_CACHE, NO_BUFFERING)
        if scope["http_version"] == "1.0":
            send = _unchunked(send)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            while answer:
                await send({"type": "http.response.body", "body": answer, "more_body": True})
                answer = await running.next_piece()
        except FreeholdError as error:
            answer = running.last_words(error)
        except asyncio.CancelledError:
            if connection.gone:
                raise
            stopping = _stopping()
            running.break_off(stopping)
            if connection.blocked:
                raise  # nothing can be said to whoever does not listen
            answer = running.last_words(stopping)
        await send({"type": "http.response.body", "body": answer})

    async def _refuse(
        self, error: FreeholdError, running: RunningCall, dialect: DialectName, scope: Scope, send: Send
    ) -> None:
        running.fail(error, status_of(error))
        await send_error(send, error, _call_headers(running), dialect)
        scope[CONNECTION].discard_body()

    # Pages

    async def _models(self, scope: Scope, send: Send) -> None:
        key = self._authenticate(Heading(scope["headers"]).token)
        entries = [entry for entry in self._list_models() if key.may_call(entry.id)]
        await send_whole(send, 200, [JSON], encode_models(entries))

    async def _model(self, scope: Scope, send: Send) -> None:
        key = self._authenticate(Heading(scope["headers"]).token)
        wanted = scope["path"].removeprefix(_MODELS + "/")
        for entry in self._list_models():
            if entry.id == wanted and key.may_call(wanted):
                await send_whole(send, 200, [JSON], encode_model(entry))
                return
        raise NotFound(f"No route or model is called `{wanted[:200]}`.", hint="`GET /v1/models` lists them.")

    async def _live(self, _scope: Scope, send: Send) -> None:
        await send_whole(send, 200, [JSON], b'{"live":true}')

    async def _ready(self, scope: Scope, send: Send) -> None:
        health = self._health()
        if not self._settings.loopback and not self._knows(scope):
            health.parts.clear()  # whoever balances the load needs the status; what is wrong here is not for everybody
        await send_whole(send, 200 if health.ready else 503, [JSON], msgspec.json.encode(health))

    async def _figures(self, scope: Scope, send: Send) -> None:
        if not self._settings.loopback:
            self._authenticate(Heading(scope["headers"]).token)
        headers: Headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
        await send_whole(send, 200, headers, self._metrics.encode())


def _stopping() -> Stopping:
    return Stopping("The endpoint is being stopped.", hint="Try again: another may have taken its place.")


def _unchunked(send: Send) -> Send:
    """For a client that knows no chunks (HTTP/1.0): the end of the connection ends the stream."""
    cycle = getattr(send, "__self__", None)
    assert isinstance(cycle, RequestResponseCycle)

    async def send_unchunked(message: Message) -> None:
        # uvicorn counts down the length that was announced; none is, so it is given one that never runs out.
        if message["type"] == "http.response.start":
            cycle.chunked_encoding = False
            cycle.expected_content_length = sys.maxsize
        elif not message.get("more_body", False):
            cycle.expected_content_length = len(message["body"])
        await send(message)

    return send_unchunked


def _call_headers(running: RunningCall) -> Headers:
    call = running.call
    name = call.id.encode()
    headers = [(b"x-freehold-call", name), (b"x-request-id", name)]  # the second is where OpenAI's SDK looks
    if call.model is not None and call.model.isprintable():
        headers.append((b"x-freehold-model", f"{call.provider}/{call.model}".encode("ascii", "replace")))
    if call.losses:
        headers.append((b"x-freehold-losses", ", ".join(call.losses).encode("ascii", "replace")))
    return headers
