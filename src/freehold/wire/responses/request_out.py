"""A request, written for a provider."""

from __future__ import annotations

import re

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.parts import Message, Text
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.wire.dialect import Recipient
from freehold.wire.reading import Object
from freehold.wire.responses.items_out import ItemWriter
from freehold.wire.responses.tools_out import (
    write_format,
    write_reasoning_wish,
    write_tool_choice,
    write_tools,
)
from freehold.wire.responses.vocabulary import (
    ENCRYPTED_REASONING,
    NAME,
    TEXT_LOGPROBS,
    UNREADABLE,
    Json,
    encode,
    own_fields,
)
from freehold.wire.unsupported import without_unsupported

_LEAST_TOKENS = 16
"""A smaller `max_output_tokens` is refused."""
_REASONS = re.compile(
    r"(?:^|[/:])(?:o[1-9]|gpt-(?:[5-9]|[1-9]\d)(?!.*chat)|codex|gpt-oss"
    r"|grok-(?:[4-9]|3-mini|code|latest)(?!.*non-reasoning))"
)
"""Models that reason without being asked to."""
_TIERS = ("auto", "default", "flex", "priority", "scale")
_UNSAID = (
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "seed",
    "logit_bias",
    "prediction",
    "cache",
    "safety_settings",
)
"""Fields of ChatRequest that this dialect has no place for. `stream_usage` is not among them: it always has usage."""


def encode_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The body. Nothing is kept at the provider unless the client speaks this dialect and asks for it."""
    request = without_unsupported(request, recipient.quirks.unsupported, losses)
    for name in _UNSAID:
        if getattr(request, name) not in (None, []):
            losses.add(name)
    if request.n is not None and request.n > 1:
        losses.add("n")
    if request.audio is not None or any(kind != "text" for kind in request.modalities):
        losses.add("modalities")
    body: Json = {"model": recipient.model}
    writer = ItemWriter(request, recipient, losses)
    instructions, rest = _split_instructions(request)
    form, asked = _form(request.response_format, recipient, losses)
    if asked is not None:
        instructions.append(asked)
    if instructions:
        body["instructions"] = "\n\n".join(instructions)
    for message in rest:
        writer.write(message)
    body["input"] = writer.items
    _put_tools(body, request, losses)
    _put_text(body, request, form, losses)
    stored = _put_settings(body, request, losses)
    if "store" not in recipient.quirks.unsupported:
        body["store"] = stored
    _put_include(body, request, recipient, reasons=writer.reasons, stored=stored)
    for name, value in own_fields(request.extra, request.dialect, losses).items():
        body.setdefault(name, value)
    try:
        return encode(body)
    except UNREADABLE as error:
        raise BadRequest(f"The request cannot be written: {error}") from None


def _split_instructions(request: ChatRequest) -> tuple[list[str], list[Message]]:
    """The leading system messages, which are instructions, and all others, which are items.

    One that holds more than words stays an item.
    """
    instructions: list[str] = []
    for at, message in enumerate(request.messages):
        texts = [part for part in message.parts if isinstance(part, Text)]
        simple = len(texts) == len(message.parts) and not any(
            text.extra or text.cache or text.citations for text in texts
        )
        if message.role != "system" or not simple or message.extra or message.name is not None:
            return instructions, request.messages[at:]
        instructions.append("\n\n".join(text.text for text in texts))
    return instructions, []


def _form(
    form: ResponseFormat | None, recipient: Recipient, losses: Losses
) -> tuple[ResponseFormat | None, str | None]:
    """The form of the answer as the provider can be asked for it: by its field, or in words."""
    if form is None or form.kind == "text":
        return form, None
    if form.kind == "schema" and recipient.quirks.schema:
        return form, None
    if form.kind == "json" and recipient.quirks.json:
        return form, None
    losses.add("response_format")
    words = "Answer with one JSON object and nothing else."
    if form.schema is not None:
        words += f" It conforms to this JSON Schema: {form.schema.decode('utf-8', 'replace')}"
    return (ResponseFormat(kind="json") if recipient.quirks.json else None), words


def _put_tools(body: Json, request: ChatRequest, losses: Losses) -> None:
    tools = write_tools(request, losses)
    if tools:
        body["tools"] = tools
    choice = write_tool_choice(request, losses)
    if choice is not None:
        if tools or choice == "none" or request.dialect == NAME:
            body["tool_choice"] = choice
        else:
            losses.add("tool_choice")  # a choice among nothing is refused
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _put_text(body: Json, request: ChatRequest, form: ResponseFormat | None, losses: Losses) -> None:
    text: Json = {}
    if form is not None:
        text["format"] = write_format(form, request.dialect, losses)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if request.dialect == NAME and "text" in request.extra:
        text.update(Object(request.extra["text"]).rest())
    if text:
        body["text"] = text
    if request.reasoning is not None:
        reasoning = write_reasoning_wish(request.reasoning, request.dialect, losses)
        if reasoning:
            body["reasoning"] = reasoning


def _put_settings(body: Json, request: ChatRequest, losses: Losses) -> bool:
    """Whether the answer is to be kept is given back."""
    most = request.max_tokens
    if most is not None and most < _LEAST_TOKENS and request.dialect != NAME:
        losses.add("max_tokens")
        most = _LEAST_TOKENS
    if request.store and request.dialect != NAME:
        losses.add("store")
    tier = request.service_tier
    if tier is not None and tier not in _TIERS and request.dialect != NAME:
        losses.add("service_tier")
        tier = None
    settings: Json = {
        "max_output_tokens": most,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "service_tier": tier,
        "user": request.user,
        "metadata": None if request.metadata is None else msgspec.Raw(request.metadata),
        "prompt_cache_key": request.cache_key,
        "safety_identifier": request.safety_key,
        "stream": request.stream or None,
    }
    body.update({name: value for name, value in settings.items() if value is not None})
    return request.store is True and request.dialect == NAME


def _put_include(
    body: Json, request: ChatRequest, recipient: Recipient, *, reasons: bool, stored: bool
) -> None:
    """Encrypted reasoning is asked for where nothing is kept and the model is known to reason: others refuse it."""
    include: list[str] = []
    if request.dialect == NAME and "include" in request.extra:
        include += msgspec.json.decode(request.extra["include"], type=list[str])
    wish = request.reasoning
    reasons = reasons or (wish is not None and wish.effort != "none" and wish.mode != "disabled")
    if wish is None and request.dialect != NAME:
        # Clients of other dialects do not know that they have to ask.
        reasons = reasons or _REASONS.search(recipient.model) is not None
    asked = recipient.quirks.encrypted_reasoning
    if not stored and (asked == "always" or (reasons and asked == "known")):
        include.append(ENCRYPTED_REASONING)
    if request.logprobs:
        include.append(TEXT_LOGPROBS)
    if include:
        body["include"] = include
