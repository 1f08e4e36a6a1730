"""The dialects at our door: which path is which, and how its requests are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from urllib.parse import parse_qs

import msgspec

from freehold.core.errors import NotFound
from freehold.gateway.intake import Heading, Scope
from freehold.ledger.record import Operation
from freehold.wire.dialect import DialectName
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_embeddings_request,
    read_gemini_count_request,
    read_gemini_embeddings_request,
    read_gemini_request,
    read_messages_request,
    read_responses_count_request,
    read_responses_request,
)


class Face(msgspec.Struct, frozen=True):
    """One kind of call."""

    operation: Operation
    dialect: DialectName
    read: Callable[[bytes], Request]
    """Raises BadRequest."""


FACES: dict[str, Face] = {
    "/v1/chat/completions": Face("chat", "openai-chat", read_chat_request),
    "/v1/embeddings": Face("embeddings", "openai-chat", read_embeddings_request),
    "/v1/responses": Face("chat", "openai-responses", read_responses_request),
    "/v1/responses/input_tokens": Face("count", "openai-responses", read_responses_count_request),
    "/v1/messages": Face("chat", "anthropic-messages", read_messages_request),
    "/v1/messages/count_tokens": Face("count", "anthropic-messages", read_messages_request),
}
"""By path, where the path says all."""

GEMINI = ("/v1beta/models/", "/v1/models/", "/v1beta1/models/")
"""Before a model's name and what is wanted of it: `gemini-flash:generateContent`."""


def gemini_face(scope: Scope) -> Face | None:
    """The face of a path in Gemini's form; None when it has none, such as one that only names a model with a colon.

    Raises NotFound for a method that is not served.
    """
    path: str = scope["path"]
    start = next((start for start in GEMINI if path.startswith(start)), None)
    if start is None:
        return None
    model, _, method = path.removeprefix(start).rpartition(":")
    if method == "generateContent":
        return Face("chat", "gemini", lambda body: read_gemini_request(body, model, stream=False))
    if method == "streamGenerateContent":
        query = parse_qs(scope["query_string"].decode("latin-1"))
        framing: Literal["sse", "json-array"] = "sse" if query.get("alt") == ["sse"] else "json-array"
        return Face(
            "chat", "gemini", lambda body: read_gemini_request(body, model, stream=True, framing=framing)
        )
    if method in ("embedContent", "batchEmbedContents"):
        return Face("embeddings", "gemini", lambda body: read_gemini_embeddings_request(body, model))
    if method == "countTokens":
        return Face("count", "gemini", lambda body: read_gemini_count_request(body, model))
    if scope["method"] != "POST":
        return None
    raise NotFound(
        f"Models do not take `{method[:100]}` here.",
        hint="They take `generateContent`, `streamGenerateContent`, `countTokens` and `embedContent`.",
    )


def dialect_at(scope: Scope) -> DialectName:
    """In which dialect an error at this path is told."""
    path: str = scope["path"]
    face = FACES.get(path)
    if face is not None:
        return face.dialect
    if path.startswith("/v1/messages"):
        return "anthropic-messages"
    if path.startswith("/v1beta") or (path.startswith(GEMINI[1]) and ":" in path):
        return "gemini"
    if path.startswith("/v1/models"):
        heading = Heading(scope["headers"])
        return "gemini" if heading.gemini else "anthropic-messages" if heading.anthropic else "openai-chat"
    return "openai-chat"


def token_in_query(scope: Scope) -> bytes | None:
    """The key of a client that puts it into the URL, as Gemini's do."""
    found = parse_qs(scope["query_string"].decode("latin-1")).get("key")
    return found[0].encode() if found else None
