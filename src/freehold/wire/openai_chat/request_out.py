"""A request written for a provider."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Message, Text
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.wire.dialect import Recipient
from freehold.wire.openai_chat.messages_out import written_messages
from freehold.wire.openai_chat.names import Written, encode, put_extra
from freehold.wire.openai_chat.outgoing import Outgoing, outgoing
from freehold.wire.openai_chat.reasoning_wish import written_wish
from freehold.wire.openai_chat.tools import cache_control, limited, names_one, written_choice, written_tools
from freehold.wire.unsupported import without_unsupported

_PLAIN = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "stop": "stop",
    "seed": "seed",
    "n": "n",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "modalities": "modalities",
    "verbosity": "verbosity",
    "user": "user",
    "store": "store",
    "cache_key": "prompt_cache_key",
    "safety_key": "safety_identifier",
}
"""ChatRequest's fields that are written as they are, and their names here."""
_JSON = ("logit_bias", "audio", "prediction", "metadata")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")


def encode_request(request: ChatRequest, recipient: Recipient, losses: Losses) -> bytes:
    """The body. What the provider does not take is left out, and a loss."""
    out = outgoing(request, recipient, losses)
    request = without_unsupported(request, _unsupported(out), losses)
    body: Written = {"model": recipient.model}
    messages = _with_format_in_words(request, out)
    body["messages"] = written_messages(messages, out)
    _put_tools(body, request, out)
    _put_format(body, request.response_format, out)
    for field, name in _PLAIN.items():
        value = getattr(request, field)
        if value is not None and value != []:
            body[name] = value
    for field in _JSON:
        value = getattr(request, field)
        if value is not None:
            body[field] = msgspec.Raw(value)
    _put_rest(body, request, out)
    _put_extra(body, request, out)
    return encode(body)


def _unsupported(out: Outgoing) -> tuple[str, ...]:
    """What the provider does not take. No server of this dialect takes `safety_settings`, and the numbers of tokens
    mean something to those alone who know for which model they are.
    """
    elsewhere = () if out.same_dialect else ("logit_bias",)
    return (*out.quirks.unsupported, "safety_settings", *elsewhere)


def _with_format_in_words(request: ChatRequest, out: Outgoing) -> list[Message]:
    """The messages, after the instructions at their head one more, where the form must be asked for in words."""
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return request.messages
    if out.quirks.schema if wanted.kind == "schema" else out.quirks.json:
        return request.messages
    out.losses.add("response_format")
    words = "Answer with one JSON object and nothing else."
    if wanted.schema is not None:
        words += f" It has to match this JSON Schema:\n{wanted.schema.decode()}"
    messages = list(request.messages)
    at = next(
        (at for at, one in enumerate(messages) if one.role not in ("system", "developer")), len(messages)
    )
    messages.insert(at, Message(role="system", parts=[Text(text=words)], plain=True))
    return messages


def _put_format(body: Written, wanted: ResponseFormat | None, out: Outgoing) -> None:
    if wanted is None:
        return
    if wanted.kind == "text":
        body["response_format"] = {"type": "text"}
    elif wanted.kind == "schema" and out.quirks.schema:
        held: Written = {"name": wanted.name or "answer"}
        if wanted.description is not None:
            held["description"] = wanted.description
        if wanted.schema is not None:
            held["schema"] = msgspec.Raw(wanted.schema)
        if wanted.strict is not None:
            held["strict"] = wanted.strict
        put_extra(held, wanted.extra, out.losses, same_dialect=out.same_dialect)
        body["response_format"] = {"type": "json_schema", "json_schema": held}
    elif out.quirks.json:
        body["response_format"] = {"type": "json_object"}


def _put_tools(body: Written, request: ChatRequest, out: Outgoing) -> None:
    """Without tools nothing is said about them: OpenAI refuses a choice among none."""
    tools, choice = request.tools, request.tool_choice
    if choice is not None and not out.same_dialect and choice.mode != "none" and not names_one(choice):
        tools = limited(tools, choice)
    written = written_tools(tools, out.quirks, out.losses, same_dialect=out.same_dialect)
    if not written:
        return
    body["tools"] = written
    if choice is not None:
        body["tool_choice"] = written_choice(choice, tools, out.quirks, same_dialect=out.same_dialect)
        if not out.same_dialect:
            for name in choice.extra:
                out.losses.add("field", name)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _put_rest(body: Written, request: ChatRequest, out: Outgoing) -> None:
    if request.max_tokens is not None:
        body[out.quirks.max_tokens] = request.max_tokens
    if request.reasoning is not None:
        form = out.quirks.reasoning_wish
        body.update(written_wish(request.reasoning, form, out.losses, same_dialect=out.same_dialect))
    tier = request.service_tier
    if tier is not None:
        tier = "default" if tier == "standard_only" else tier
        if out.same_dialect or tier in _TIERS:
            body["service_tier"] = tier
        else:
            out.losses.add("service_tier")
    if request.cache is not None:
        if out.same_dialect or out.quirks.cache_control:
            body["cache_control"] = cache_control(request.cache)
        else:
            out.losses.add("cache")
    if request.stream:
        body["stream"] = True
        if out.recipient.stream_usage:
            body["stream_options"] = {"include_usage": True}


def _put_extra(body: Written, request: ChatRequest, out: Outgoing) -> None:
    extra = dict(request.extra)
    for name in ("stream_options", "chat_template_kwargs"):
        merged = extra.get(name)
        if merged is not None and name in body and out.same_dialect:
            put_extra(
                body[name],
                msgspec.json.decode(merged, type=dict[str, msgspec.Raw]),
                out.losses,
                same_dialect=True,
            )
            del extra[name]
    put_extra(body, extra, out.losses, same_dialect=out.same_dialect)
