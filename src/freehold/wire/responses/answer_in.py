"""A provider's whole answer, read."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.parts import Part, State
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, need_utf8, without_halves
from freehold.wire.responses.items_in import read_model_item
from freehold.wire.responses.stops import IncompleteDetails, stop_of
from freehold.wire.responses.usage import decode_usage
from freehold.wire.responses.vocabulary import NAME, UNREADABLE, encode

_ECHO = (
    "background",
    "billing",
    "completed_at",
    "content_filters",
    "context_management",
    "conversation",
    "frequency_penalty",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "object",
    "output_text",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "status_details",
    "store",
    "temperature",
    "text",
    "tool_calls",
    "tool_choice",
    "tool_usage",
    "tools",
    "top_logprobs",
    "top_p",
    "total_tokens",
    "truncation",
    "user",
)
"""Fields that repeat the request or the output, or keep the provider's books: they are no part of the answer."""


def state_of_provider(data: str) -> State:
    """Encrypted reasoning as its maker gave it; where it is from is known to who asked."""
    return State(data=data, kind="encrypted")


def decode_answer(body: bytes) -> Answer:
    """Raises NotAnAnswer."""
    try:
        try:
            return _read(Object(need_utf8(body)))
        except Unreadable:
            whole = without_halves(body)
            if whole == body:
                raise
            return _read(Object(whole))
    except UNREADABLE as error:
        raise NotAnAnswer(str(error)) from None


def _read(body: Object) -> Answer:
    output = body.take_list("output")
    status = body.take("status", str)
    if output is None:
        if status is None:
            raise Unreadable("output", "is missing")
        output = []
    choice = Choice(parts=read_output(output))
    choice.stop = stop_of(status, body.take("incomplete_details", IncompleteDetails), choice.parts)
    choice.logprobs = read_logprobs(output)
    error = body.take_raw("error")
    if error is not None and status == "failed":
        choice.stop = Stop(reason="error", raw="failed")
        choice.extra = {"error": msgspec.Raw(error)}
    raw_usage = body.take_raw("usage")
    created = body.take("created_at", float)
    answer = Answer(
        id=body.take("id", str),
        model=body.take("model", str),
        created=whole_seconds(created),
        choices=[choice],
        usage=decode_usage(raw_usage),
        raw_usage=raw_usage,
        service_tier=body.take("service_tier", str),
        dialect=NAME,
    )
    body.drop(*_ECHO)
    answer.extra = body.rest()
    return answer


def whole_seconds(created: float | None) -> int | None:
    """A time in whole seconds; None for what is none."""
    return None if created is None or not 0 <= created < 1 << 40 else int(created)


def read_output(output: list[msgspec.Raw]) -> list[Part]:
    """The parts of all items, in their order."""
    parts: list[Part] = []
    for at, raw in enumerate(output):
        path = f"output[{at}]"
        kind = Object(raw, path).need("type", str)
        parts += read_model_item(kind, raw, path, state_of_provider)
    return parts


class _Content(msgspec.Struct):
    logprobs: list[msgspec.Raw] | None = None


class _Message(msgspec.Struct):
    type: str | None = None
    content: list[_Content] | None = None


_decode_message = msgspec.json.Decoder(_Message).decode


def read_logprobs(output: list[msgspec.Raw]) -> bytes | None:
    """The log-probabilities of all texts, in the form in which a choice has them."""
    entries: list[msgspec.Raw] = []
    for raw in output:
        if b'"logprobs"' not in bytes(raw):
            continue
        try:
            message = _decode_message(raw)
        except msgspec.ValidationError:
            continue  # another kind of item, which has a field of that name
        if message.type == "message":
            for content in message.content or ():
                entries += content.logprobs or ()
    return encode({"content": entries}) if entries else None
