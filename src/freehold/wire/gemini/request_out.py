"""The internal form as a generateContent request."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Recipient
from freehold.wire.gemini.contents_out import ContentsWriter
from freehold.wire.gemini.fields import NAME, Json, encode, spread
from freehold.wire.gemini.generation_out import generation_out, words_for
from freehold.wire.gemini.parts_out import extras_out
from freehold.wire.gemini.tools_out import choice_out, tools_out
from freehold.wire.unsupported import without_unsupported

_LOST = {
    "min_p": "min_p",
    "logit_bias": "logit_bias",
    "verbosity": "verbosity",
    "prediction": "prediction",
    "user": "user",
    "safety_key": "user",
    "cache": "cache",
    "cache_key": "cache",
}
"""Settings that Gemini has no place for, and what their loss is called."""
_TIERS = {"flex": "flex", "priority": "priority", "default": "standard", "standard": "standard"}


def encode_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The body for a provider. The model, and whether to stream, go into the URL."""
    return encode(request_out(request, recipient, losses))


def request_out(request: ChatRequest, recipient: Recipient, losses: Losses) -> Json:
    """The body as an object."""
    request = without_unsupported(request, recipient.quirks.unsupported, losses)
    own = request.dialect == NAME
    writer = ContentsWriter(request, recipient, losses)
    writer.write(request.messages)
    if not own or "reasoning.state" in losses.names:
        writer.sign_calls()
    words = words_for(request, recipient)
    if words is not None:
        writer.system.append({"text": words})
    body: Json = {"contents": writer.contents}
    if writer.system and not writer.contents and not own:
        # Gemini refuses a request without a turn; others answer to instructions alone.
        losses.add("system.position")
        body["contents"] = [{"role": "user", "parts": writer.system}]
    elif writer.system:
        body["systemInstruction"] = {"parts": writer.system}
    tools = tools_out(request.tools, losses, own=own)
    if tools:
        body["tools"] = tools
    choice = choice_out(request, losses)
    if choice is not None:
        body["toolConfig"] = {"functionCallingConfig": choice}
    generation = generation_out(request, recipient, losses)
    if generation:
        body["generationConfig"] = generation
    if request.safety_settings is not None:
        body["safetySettings"] = msgspec.Raw(request.safety_settings)
    _account(body, request, losses, own)
    if own:
        spread(body, request.extra)
    else:
        extras_out(None, request.extra, losses, own=False)
    return body


def _account(body: Json, request: ChatRequest, losses: Losses, own: bool) -> None:
    """What the call is booked under, and what Gemini cannot be told."""
    if request.metadata is not None:
        if own:
            body["labels"] = msgspec.Raw(request.metadata)
        else:
            losses.add(
                "metadata"
            )  # Vertex AI's labels are bills' labels, of few characters; the Gemini API has none
    if request.service_tier is not None and request.service_tier != "auto":
        tier = request.service_tier if own else _TIERS.get(request.service_tier)
        if tier is None:
            losses.add("service_tier")
        else:
            body["serviceTier"] = tier
    for name, loss in _LOST.items():
        if getattr(request, name) is not None:
            losses.add(loss)
    if request.store:
        losses.add("store")
    if request.parallel_tool_calls is False:
        losses.add("parallel_tool_calls")
