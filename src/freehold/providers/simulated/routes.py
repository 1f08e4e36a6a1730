"""From the path of a request to the dialect it is in."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote

from freehold.providers.simulated.dialect import Place
from freehold.providers.simulated.observation import ReceivedRequest

_FIXED = {
    "/v1/chat/completions": Place("openai-chat", "chat"),
    "/v1/embeddings": Place("openai-chat", "embed"),
    "/v1/responses": Place("openai-responses", "chat"),
    "/v1/responses/input_tokens": Place("openai-responses", "count"),
    "/v1/messages": Place("anthropic-messages", "chat"),
    "/v1/messages/count_tokens": Place("anthropic-messages", "count"),
    "/v1beta/models": Place("gemini", "models"),
    "/v2/chat": Place("cohere", "chat"),
    "/v2/embed": Place("cohere", "embed"),
}
_GOOGLE = re.compile(
    r"/v1(?:alpha|beta|beta1)?/(?:(?:projects/[^:]+/)?publishers/google/)?models/([^:/]+):(\w+)"
)
_GOOGLE_METHODS: dict[str, tuple[Literal["chat", "count", "embed"], bool]] = {
    "generateContent": ("chat", False),
    "streamGenerateContent": ("chat", True),
    "countTokens": ("count", False),
    "embedContent": ("embed", False),
    "batchEmbedContents": ("embed", False),
}
_CONVERSE = re.compile(r"/model/([^/]+)/converse(-stream)?")
_INVOKE = re.compile(r"/model/([^/]+)/(invoke|invoke-with-response-stream|count-tokens)")
_RAW_PREDICT = re.compile(
    r"/v1/projects/[^:]+/publishers/anthropic/models/([^:/]+):(rawPredict|streamRawPredict)"
)
_MODELS = re.compile(r"/(v1|v1beta)/models(?:/([^:]+))?")


def place_of(path: str, request: ReceivedRequest) -> Place | None:  # noqa: PLR0911 - one row for each form of path
    """Where `path`, without the script's prefix, leads to."""
    if (fixed := _FIXED.get(path)) is not None:
        return fixed
    if (found := _GOOGLE.fullmatch(path)) is not None and found[2] in _GOOGLE_METHODS:
        action, stream = _GOOGLE_METHODS[found[2]]
        return Place("gemini", action, unquote(found[1]), stream)
    if (found := _CONVERSE.fullmatch(path)) is not None:
        return Place("bedrock-converse", "chat", unquote(found[1]), found[2] is not None)
    if (found := _INVOKE.fullmatch(path)) is not None:
        counting = found[2] == "count-tokens"
        streamed = found[2] == "invoke-with-response-stream"
        return Place("anthropic-on-bedrock", "count" if counting else "chat", unquote(found[1]), streamed)
    if (found := _RAW_PREDICT.fullmatch(path)) is not None:
        counting = found[1] == "count-tokens"
        streamed = found[2] == "streamRawPredict"
        return Place("anthropic-on-vertex", "count" if counting else "chat", unquote(found[1]), streamed)
    if (found := _MODELS.fullmatch(path)) is not None:
        model = unquote(found[2]) if found[2] else None
        if found[1] == "v1beta" or request.header("x-goog-api-key") is not None:
            return Place("gemini", "models", model)
        if request.header("anthropic-version") is not None:
            return Place("anthropic-messages", "models", model)
        return Place("openai-chat", "models", model)
    return None
