"""Calls on record put to another model by the very code that would send them, and what is lost on the way.

Nothing is sent and no file is fetched: what is looked at is the request that would be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from freehold.catalog.profile import Profile
from freehold.core.errors import FreeholdError, ThreadUnsupported
from freehold.core.parts import Foreign, Media, Part, ToolResult
from freehold.core.request import ChatRequest, HostedTool
from freehold.engine.asked import Asked
from freehold.engine.counting import Estimate
from freehold.engine.exchange import Passing, exchange_for
from freehold.ledger.record import Call
from freehold.providers.settings import ProviderSettings
from freehold.rollout.carrying.features import STORED, features_of, is_given
from freehold.rollout.carrying.gravity import Gravity, gravity_of
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)

_MODALITIES = {"image": "image", "audio": "audio", "video": "video"}


class Recipient(msgspec.Struct, frozen=True):
    """The model that calls are put to."""

    settings: ProviderSettings
    model: str
    """The provider's own name for it."""
    profile: Profile
    same_house: bool = False
    """What the provider keeps (files, hosted tools) is there, too."""


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one request."""

    call: str
    key_id: str | None
    dialect: str
    features: tuple[str, ...]
    losses: tuple[str, ...]
    why: str = ""
    """Of a request that cannot be sent at all: what the error said."""

    def of(self, gravity: Gravity) -> list[str]:
        """The losses of this gravity."""
        return [one for one in self.losses if gravity_of(one) == gravity]

    @property
    def whole(self) -> bool:
        """Whether the call would still do what it was for."""
        return not self.of("breaks")


async def carry_all(calls: Iterable[Call], recipient: Recipient) -> list[Carried]:
    """Each of the calls, those left out whose requests are not kept or not understood."""
    found = [await carry(call, recipient) for call in calls]
    return [one for one in found if one is not None]


async def carry(call: Call, recipient: Recipient) -> Carried | None:
    """One call put to the recipient; None: its request is not kept, or is none of ours to read."""
    request = request_of(call)
    if request is None:
        return None
    try:
        decoded = request.decoded()
    except ThreadUnsupported as error:  # its conversation is with its provider alone
        return Carried(
            call=call.id,
            key_id=call.key_id,
            dialect=call.dialect,
            features=("stored responses",),
            losses=() if recipient.same_house else ("conversation",),
            why=error.message,
        )
    except FreeholdError:
        return None
    features = features_of(request, decoded)
    losses, why = await _losses(request, decoded, recipient, call)
    return Carried(
        call=call.id,
        key_id=call.key_id,
        dialect=call.dialect,
        features=features,
        losses=tuple(dict.fromkeys([*losses, *_beyond(decoded, recipient.profile, call)])),
        why=why,
    )


def request_of(call: Call) -> Request | None:
    """The request of a call on record; None: it is not kept, or cannot be read."""
    read = _READERS.get(call.dialect)
    if call.request_body is None or read is None:
        return None
    try:
        return read(call.request_body, call)
    except FreeholdError:
        return None


_READERS: dict[str, Callable[[bytes, Call], Request]] = {
    "openai-chat": lambda body, _call: read_chat_request(body),
    "anthropic-messages": lambda body, _call: read_messages_request(body),
    "openai-responses": lambda body, _call: read_responses_request(body),
    "gemini": lambda body, call: read_gemini_request(body, call.route or "any", stream=call.streamed),
}


async def _losses(
    request: Request, decoded: ChatRequest, recipient: Recipient, call: Call
) -> tuple[list[str], str]:
    """What is lost, and where nothing can be sent, why."""
    found: list[str] = []
    if request.dialect == "openai-responses":
        found += () if recipient.same_house else _kept_elsewhere(request)
        request = msgspec.structs.replace(request, fields=_alone(request))
    try:
        exchange = await exchange_for(
            Asked(request, None),
            recipient.settings,
            recipient.model,
            operation="chat",
            call_id=call.id,
            created=call.started_us // 1_000_000,
        )
    except FreeholdError as error:
        return [*found, "refused"], error.message
    if isinstance(exchange, Estimate):
        return found, ""
    found += exchange.losses.possible
    if isinstance(exchange, Passing) and not recipient.same_house:
        found += _kept_there(decoded)
    return found, ""


def _kept_elsewhere(request: Request) -> Iterator[str]:
    """What a request only refers to. Freehold keeps answers, which are put in, but not the reasoning behind them."""
    if is_given(request.fields, "previous_response_id"):
        yield "reasoning.state"
    if is_given(request.fields, "conversation"):
        yield "conversation"
    if is_given(request.fields, "prompt"):
        yield "field.prompt"


def _alone(request: Request) -> dict[str, msgspec.Raw]:
    """Its fields without those that are Freehold's to act on, and no provider's."""
    fields = {name: value for name, value in request.fields.items() if name not in (*STORED, "background")}
    if bytes(fields.get("input", b"null")) in (b"null", b"[]"):
        fields["input"] = msgspec.Raw(b'"(the conversation so far)"')
    return fields


def _kept_there(decoded: ChatRequest) -> Iterator[str]:
    """Where bytes pass through nothing is translated, and yet another provider has none of what this one keeps."""
    for tool in decoded.tools:
        if isinstance(tool, HostedTool):
            yield f"tool.{tool.kind}"
    for message in decoded.messages:
        yield from _kept_parts(message.parts)


def _kept_parts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Media) and part.file_id is not None:
            yield "file"
        elif isinstance(part, Foreign):
            yield f"part.{part.kind}"
        elif isinstance(part, ToolResult):
            yield from _kept_parts(part.content)


def _beyond(decoded: ChatRequest, profile: Profile, call: Call) -> Iterator[str]:
    """What is known of the model itself, whatever its dialect could say."""
    read = call.usage.input_tokens
    if profile.context_window is not None and read is not None and read > profile.context_window:
        yield "context"
    if profile.max_output_tokens is not None and (decoded.max_tokens or 0) > profile.max_output_tokens:
        yield "max_tokens"
    if profile.input_modalities is not None:
        for message in decoded.messages:
            for part in message.parts:
                kind = _MODALITIES.get(part.kind) if isinstance(part, Media) else None
                if kind is not None and kind not in profile.input_modalities:
                    yield kind
