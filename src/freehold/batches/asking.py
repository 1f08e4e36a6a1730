"""One line of a batch as a call: the same engine, the same ledger, the key that made the batch."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Protocol

import msgspec

from freehold.access.key import Key
from freehold.core.errors import (
    BadRequest,
    FreeholdError,
    ProviderRefused,
    RateLimited,
    Stopping,
    Unauthorized,
)
from freehold.engine.conversations import Conversations
from freehold.engine.engine import Engine
from freehold.engine.running import RunningCall
from freehold.ledger.record import Operation
from freehold.wire.dialect import DialectName
from freehold.wire.errors import encode_error_in
from freehold.wire.openai_errors import status_of
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_embeddings_request,
    read_messages_request,
    read_responses_request,
)

log = logging.getLogger("freehold.batches")


class Face(msgspec.Struct, frozen=True):
    """What lines for one path are."""

    operation: Operation
    dialect: DialectName
    read: Callable[[bytes], Request]


FACES: dict[str, Face] = {
    "/v1/chat/completions": Face("chat", "openai-chat", read_chat_request),
    "/v1/responses": Face("chat", "openai-responses", read_responses_request),
    "/v1/embeddings": Face("embeddings", "openai-chat", read_embeddings_request),
    "/v1/messages": Face("chat", "anthropic-messages", read_messages_request),
}


class KeyHolder(Protocol):
    """Where keys are found again by their ids."""

    def good(self, key_id: str) -> Key | None:
        """The key, when it is good at this moment."""


class Told(msgspec.Struct):
    """What came of one line."""

    status: int
    body: bytes
    call_id: str = ""
    """Empty when there was no call, as the key is not good any more."""
    losses: tuple[str, ...] = ()
    retry_after: str | None = None


class Asker:
    """Asks lines."""

    def __init__(self, engine: Engine, keys: KeyHolder, conversations: Conversations) -> None:
        self._engine = engine
        self._keys = keys
        self._conversations = conversations

    async def ask(self, endpoint: str, body: bytes, *, key_id: str, strict: bool, keep_body: bool) -> Told:
        """The answer to one line, or the error it is answered with."""
        face = FACES[endpoint]
        key = self._keys.good(key_id)
        if key is None:
            error = Unauthorized("The key that made this batch is revoked or expired.")
            return Told(401, encode_error_in(face.dialect, error))
        running = self._engine.begin(face.operation, face.dialect, key)
        try:
            answer = await self._answer(running, face, body, strict=strict, keep_body=keep_body)
        except FreeholdError as error:
            return _refused(running, error, face.dialect)
        except asyncio.CancelledError:
            running.fail(Stopping("The endpoint is being stopped."), 503)
            raise
        except Exception:  # as in the gateway: one call must not take the batch with it
            log.exception("a call ended in an error of ours", extra=running.named)
            return _refused(running, FreeholdError("Something went wrong here."), face.dialect)
        return Told(200, answer, running.call.id, running.call.losses)

    async def _answer(
        self, running: RunningCall, face: Face, body: bytes, *, strict: bool, keep_body: bool
    ) -> bytes:
        running.receive(body, keep_body=keep_body)
        self._engine.held_bytes += running.call.request_bytes
        request = face.read(body)
        if request.stream:
            raise BadRequest("There are no streams in a batch.", param="stream")
        if face.dialect == "openai-responses":
            request = await self._conversations.resume(request, body, running.key)
            if request.background:
                raise BadRequest("A batch has no background: all of it is one.", param="background")
        request.strict = strict or (running.key is not None and running.key.strict)
        running.route_to(request)
        return await running.ask(request)


def _refused(running: RunningCall, error: FreeholdError, dialect: DialectName) -> Told:
    status = status_of(error)
    running.fail(error, status)
    retry_after = error.retry_after if isinstance(error, ProviderRefused) else None
    if isinstance(error, RateLimited) and error.retry_after is not None:
        retry_after = str(math.ceil(error.retry_after))
    return Told(status, encode_error_in(dialect, error), running.call.id, running.call.losses, retry_after)
