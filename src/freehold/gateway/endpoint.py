"""The application: authenticate, decode, call, encode."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from freehold.access.key import Key
from freehold.core.errors import (
    ClientGone,
    FreeholdError,
    MethodNotAllowed,
    Overloaded,
    Stopping,
)
from freehold.engine.background.background import Background
from freehold.engine.background.response import BackgroundResponse
from freehold.engine.conversations import Conversations
from freehold.engine.engine import Engine
from freehold.engine.running import RunningCall
from freehold.gateway.faces import FACES, Face, dialect_at, gemini_face, token_in_query
from freehold.gateway.feedback import FeedbackDoor
from freehold.gateway.filing import Filing
from freehold.gateway.following import send_events
from freehold.gateway.gate import Gate
from freehold.gateway.intake import Heading, Scope, conversation_in, read_body
from freehold.gateway.pages import Pages
from freehold.gateway.protocol import CONNECTION, ClientConnection
from freehold.gateway.replies import (
    EVENT_STREAM,
    JSON,
    NO_BUFFERING,
    NO_CACHE,
    Headers,
    Receive,
    Send,
    send_error,
    send_whole,
    unchunked,
)
from freehold.gateway.settings import ServerSettings
from freehold.wire.dialect import DialectName
from freehold.wire.openai_errors import status_of
from freehold.wire.request import Request

log = logging.getLogger("freehold.gateway")

_ADMIN = "/admin/"


class Endpoint:
    """The ASGI application of the data plane."""

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        *,
        settings: ServerSettings,
        pages: Pages,
        conversations: Conversations,
        background: Background,
        filing: Filing,
        feedback: FeedbackDoor,
        beside: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None,
    ) -> None:
        """`beside`: what answers under `/admin/` on this port, if anything does."""
        self._engine = engine
        self._gate = gate
        self._settings = settings
        self._pages = pages
        self._conversations = conversations
        self._background = background
        self._filing = filing
        self._feedback = feedback
        self._beside = beside

    @property
    def background(self) -> Background:
        """What runs on without a client."""
        return self._background

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
            if self._filing.serves(path):
                await self._filing.answer(scope, receive, send)
                return
            if self._feedback.serves(path):
                await self._feedback.answer(scope, receive, send)
                return
            if self._beside is not None and path.startswith(_ADMIN):
                await self._beside(scope, receive, send)
                return
            await self._pages.answer(scope, send)
        except FreeholdError as error:
            await send_error(send, error, [], dialect_at(scope) if face is None else face.dialect)
            connection: ClientConnection = scope[CONNECTION]
            connection.discard_body()

    # Calls

    async def _call(self, face: Face, scope: Scope, receive: Receive, send: Send) -> None:
        heading = Heading(scope["headers"])
        token = heading.token
        if token is None and face.dialect == "gemini":
            token = token_in_query(scope)
        key = await self._gate.let_in(token)
        engine = self._engine
        connection: ClientConnection = scope[CONNECTION]
        task = asyncio.current_task()
        assert task is not None
        running = engine.begin(face.operation, face.dialect, key, heading.caller)
        connection.watch(task)
        left: BackgroundResponse | None = None
        try:
            left = await self._answer(running, scope, receive, send, face=face, heading=heading)
        except ClientGone:
            running.cancel()
        except asyncio.CancelledError:
            task.uncancel()
            running.cancel()
            connection.transport.abort()
        except Exception:  # the last line of defence: one call must not take the endpoint with it
            log.exception("a call ended in an error of ours", extra=running.named)
            running.fail(FreeholdError("An error of ours."), 500)
            if not connection.cycle.response_started:
                broken = FreeholdError("Something went wrong here.")
                await send_error(send, broken, _call_headers(running, face.dialect), face.dialect)
            else:
                connection.transport.close()
        finally:
            connection.watch(None)
        if left is not None:
            await self._tell_of(left, scope, send)

    async def _tell_of(self, left: BackgroundResponse, scope: Scope, send: Send) -> None:
        """What the client gets of a response that runs on in the background, whatever becomes of the client."""
        headers: Headers = [
            (b"x-freehold-call", left.call.id.encode()),
            (b"x-request-id", left.call.id.encode()),
        ]
        if left.streamed:
            await send_events(scope, send, headers, left.follow(-1))
        else:
            await send_whole(send, 200, [*headers, JSON], left.object)

    async def _answer(
        self,
        running: RunningCall,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        face: Face,
        heading: Heading,
    ) -> BackgroundResponse | None:
        """Answer it; gives the response when the call was left to the background instead."""
        connection: ClientConnection = scope[CONNECTION]
        try:
            if self._engine.active > self._settings.max_calls:
                raise Overloaded("Too many calls are in flight.", hint="Try again in a moment.")
            room = self._settings.max_held_bytes - self._engine.held_bytes
            body = await read_body(heading, scope, receive, self._settings, room=room)
            running.receive(body, keep_body=heading.keep_body)
            self._engine.held_bytes += running.call.request_bytes
            request = await self._read(face, body, running.key)
            request.headers = heading.meant(face.dialect)
            request.strict = heading.strict or (running.key is not None and running.key.strict)
            running.route_to(request)
            if running.is_steered:
                running.conversation = conversation_in(scope["headers"])
            if request.background and face.operation == "chat":
                return await self._background.begin(running, request, body)
            answer = await running.ask(request)
        except ClientGone:
            raise
        except FreeholdError as error:
            await self._refuse(error, running, face.dialect, scope, send)
            return None
        except asyncio.CancelledError:
            if connection.gone:
                raise
            await self._refuse(_stopping(), running, face.dialect, scope, send)
            return None
        headers = _call_headers(running, face.dialect)
        if not request.stream:
            headers.append(JSON)
            await send_whole(send, 200, headers, answer)
            return None
        headers.append(EVENT_STREAM if request.framing == "sse" else JSON)
        await self._stream(running, answer, headers, scope, send)
        return None

    async def _stream(
        self, running: RunningCall, answer: bytes, headers: Headers, scope: Scope, send: Send
    ) -> None:
        """Send a stream whose first events are `answer`, up to its end."""
        connection: ClientConnection = scope[CONNECTION]
        headers += (NO_CACHE, NO_BUFFERING)
        if scope["http_version"] == "1.0":
            send = unchunked(send)
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

    async def _read(self, face: Face, body: bytes, key: Key | None) -> Request:
        request = face.read(body)
        if face.operation != "chat":
            request.stream = False
        if face.dialect == "openai-responses":
            return await self._conversations.resume(request, body, key)
        return request

    async def _refuse(
        self, error: FreeholdError, running: RunningCall, dialect: DialectName, scope: Scope, send: Send
    ) -> None:
        running.fail(error, status_of(error))
        await send_error(send, error, _call_headers(running, dialect), dialect)
        scope[CONNECTION].discard_body()


def _stopping() -> Stopping:
    return Stopping("The endpoint is being stopped.", hint="Try again: another may have taken its place.")


def _call_headers(running: RunningCall, dialect: DialectName) -> Headers:
    call = running.call
    name = call.id.encode()
    named_by = b"request-id" if dialect == "anthropic-messages" else b"x-request-id"  # where the SDKs look
    headers = [(b"x-freehold-call", name), (named_by, name)]
    if running.provider_name is not None:
        headers.append((b"x-freehold-provider-request", running.provider_name))
    if call.model is not None and call.model.isprintable():
        headers.append((b"x-freehold-model", f"{call.provider}/{call.model}".encode("ascii", "replace")))
    if call.losses:
        headers.append((b"x-freehold-losses", ", ".join(call.losses).encode("ascii", "replace")))
    headers += running.limit_headers
    return headers
