"""Anthropic's messages as clouds host them: Amazon Bedrock's InvokeModel and its stream, Google Vertex AI's rawPredict.

The address names the model, the body the version; Bedrock wraps each event of a stream in a binary message.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Returned, Shown
from freehold.providers.simulated.dialect import (
    Object,
    Place,
    bearer,
    encode,
    object_at,
    text_at,
    texts_at,
    wrong,
)
from freehold.providers.simulated.dialects import anthropic_request as request_form
from freehold.providers.simulated.dialects.anthropic import AnthropicMessages
from freehold.providers.simulated.dialects.bedrock import BedrockConverse, frame_of
from freehold.providers.simulated.dialects.gemini import Gemini
from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.happenings import Happening
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Reply
from freehold.providers.simulated.turns import Turn

_NEWER = "2026-10-21"
_MODEL = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_PROFILE = re.compile(r"(us|us-gov|eu|apac|jp|au|global)\.|arn:")
_AMAZON = BedrockConverse()
_GOOGLE = Gemini()


class AnthropicOnBedrock(AnthropicMessages):
    """`POST /model/{id}/invoke`, `/invoke-with-response-stream` and `/count-tokens`."""

    name = "anthropic-on-bedrock"
    identified_by = _AMAZON.identified_by

    def key_of(self, request: ReceivedRequest) -> str | None:
        """As with Converse."""
        return _AMAZON.key_of(request)

    def stream_type(self, request: ReceivedRequest) -> str:
        """Binary frames."""
        return _AMAZON.stream_type(request)

    def error(self, error: Refused) -> Reply:
        """Amazon's, not Anthropic's."""
        return _AMAZON.error(error)

    def error_body(self, error: ErrorEvent) -> bytes:
        """An error as the body of an answer with status 200."""
        return _AMAZON.error_body(error)

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        return _AMAZON.error_event(error)

    def models(self, names: Iterable[str], one: str | None) -> bytes:
        """There is no list here."""
        raise wrong("There is no list of models here.")

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        model = place.model or ""
        if place.action == "count":
            if _PROFILE.match(model):
                raise wrong("The provided model doesn't support counting tokens.")
            body = _invoked_body(body)
        version = _version(body, "bedrock-2023-05-31")
        if version == _NEWER and _is_older(model):
            raise wrong("anthropic_version: Input should be 'bedrock-2023-05-31'")
        texts_at(body, "anthropic_beta")
        inner = _inner(body, "anthropic_version", "anthropic_beta", refused=("model", "stream"))
        ask = request_form.read({**inner, "model": model}, account, version=version)
        ask.stream, ask.framed = place.stream, True
        return _without_urls(ask)

    def count(self, tokens: int) -> bytes:
        """The answer of CountTokens."""
        return encode({"inputTokens": tokens})

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """Anthropic's events, each in a binary message; the last one also says what was measured."""
        for one in super().events(ask, turn, happenings, seen):
            if isinstance(one, float):
                yield one
                continue
            for event in one.split(b"\n\n"):
                if event:
                    yield _wrapped(event.partition(b"\ndata: ")[2])


class AnthropicOnVertex(AnthropicMessages):
    """`POST …/publishers/anthropic/models/{model}:rawPredict` and `:streamRawPredict`."""

    name = "anthropic-on-vertex"

    def key_of(self, request: ReceivedRequest) -> str | None:
        """An access token."""
        return bearer(request)

    def error(self, error: Refused) -> Reply:
        """Google's where Google refuses, the model's own where the request was at fault."""
        return super().error(error) if error.status == 400 else _GOOGLE.error(error)

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        version = _version(body, "vertex-2023-10-16")
        if place.action == "count":
            inner = _inner(body, "anthropic_version", "anthropic_beta")
            return request_form.read(inner, account, counting=True, version=version)
        inner = _inner(body, "anthropic_version", "anthropic_beta", refused=("model",))
        if (inner.get("stream") is True) != place.stream:
            raise wrong("stream: Input should be true with streamRawPredict, and only there")
        ask = request_form.read({**inner, "model": place.model or ""}, account, version=version)
        return _without_urls(ask)


def _version(body: Object, own: str) -> str:
    version = text_at(body, "anthropic_version")
    if version not in (own, _NEWER):
        raise wrong(f"anthropic_version: Input should be '{own}'")
    return version


def _inner(body: Object, *hosting: str, refused: tuple[str, ...] = ()) -> Object:
    for name in refused:
        if name in body:
            raise wrong(f"{name}: Extra inputs are not permitted")
    return {name: value for name, value in body.items() if name not in hosting}


def _invoked_body(body: Object) -> Object:
    """What CountTokens wants to have counted. Raises Refusal."""
    data = text_at(object_at(object_at(body, "input"), "invokeModel"), "body")
    try:
        found: Any = json.loads(base64.b64decode(data, validate=True))
    except (ValueError, binascii.Error):
        raise wrong("input.invokeModel.body: not JSON in base64") from None
    if not isinstance(found, dict):
        raise wrong("input.invokeModel.body: not an object")
    return found


def _is_older(model: str) -> bool:
    """Whether it is a Claude from before those that know the newer version on Bedrock."""
    found = _MODEL.search(model)
    return found is not None and (int(found[1]), int(found[2] or 0)) < (4, 7)


def _without_urls(ask: Ask) -> Ask:
    """The hosts fetch nothing, and keep no files. Raises Refusal."""
    for told in ask.turns:
        for part in told.parts:
            inner = part.content if isinstance(part, Returned) and isinstance(part.content, list) else [part]
            if any(isinstance(one, Shown) and one.reference is not None for one in inner):
                raise wrong("messages: sources of the types `url` and `file` are not supported here")
    return ask


def _wrapped(data: bytes) -> bytes:
    if data == b'{"type":"message_stop"}':
        measured = {
            "inputTokenCount": 1,
            "outputTokenCount": 1,
            "invocationLatency": 1,
            "firstByteLatency": 1,
        }
        data = encode({"type": "message_stop", "amazon-bedrock-invocationMetrics": measured})
    payload = encode({"bytes": base64.b64encode(data).decode(), "p": "abcdefg"})
    return frame_of({":event-type": "chunk", ":message-type": "event"}, payload)
