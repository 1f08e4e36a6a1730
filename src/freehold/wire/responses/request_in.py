"""A client's request, read."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.parts import Message, State, Text
from freehold.core.request import ChatRequest, ReasoningWish
from freehold.wire.reading import Object, Unreadable, is_list, is_text, need_utf8, without_halves
from freehold.wire.responses.tools_in import read_reasoning_wish, read_text, read_tool_choice, read_tools
from freehold.wire.responses.turns import Turns
from freehold.wire.responses.vocabulary import (
    ENCRYPTED_REASONING,
    NAME,
    TEXT_LOGPROBS,
    UNREADABLE,
    encode,
)
from freehold.wire.sealing import unseal


def decode_request(body: bytes) -> ChatRequest:
    """Raises BadRequest."""
    try:
        try:
            return _read(Object(need_utf8(body)))
        except Unreadable:
            whole = without_halves(body)
            if whole == body:
                raise
            return _read(Object(whole))
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    except UNREADABLE as error:
        raise BadRequest(f"The body is not understood: {error}") from None


def _state_of_client(text: str) -> State:
    return unseal(text, "encrypted")


def _read(body: Object) -> ChatRequest:
    model = body.need("model", str)
    messages = _read_messages(body)
    tools = read_tools(body)
    tool_choice = read_tool_choice(body)
    response_format, verbosity, text_rest = read_text(body)
    include, logprobs, encrypted = _read_include(body)
    reasoning = read_reasoning_wish(body)
    if reasoning is None and encrypted:
        reasoning = ReasoningWish()  # nothing in particular is wished, but that the model reasons
    top_logprobs = body.take("top_logprobs", int)
    request = ChatRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=body.take("parallel_tool_calls", bool),
        response_format=response_format,
        reasoning=reasoning,
        max_tokens=body.take("max_output_tokens", int),
        temperature=body.take("temperature", float),
        top_p=body.take("top_p", float),
        logprobs=True if logprobs or top_logprobs else None,
        top_logprobs=top_logprobs,
        verbosity=verbosity,
        service_tier=body.take("service_tier", str),
        user=body.take("user", str),
        metadata=_read_metadata(body),
        store=body.take("store", bool),
        cache_key=body.take("prompt_cache_key", str),
        safety_key=body.take("safety_identifier", str),
        stream=body.take("stream", bool) or False,
        # Streams of this dialect always end with the usage.
        stream_usage=True,
        dialect=NAME,
    )
    stream_options = _read_stream_options(body)
    request.extra = {**_rest_of(body), **include, **stream_options}
    if text_rest is not None:
        request.extra["text"] = msgspec.Raw(text_rest)
    return request


def _read_metadata(body: Object) -> bytes | None:
    """The client's labels, if it has any."""
    given = body.take_raw("metadata")
    return None if given is not None and given.translate(None, b" \t\r\n") == b"{}" else given


def _rest_of(body: Object) -> Fields:
    """Fields that nobody else takes, without what says no more than its absence."""
    rest = body.rest()
    if bytes(rest.get("truncation", b"")) == b'"disabled"':
        del rest["truncation"]
    return rest


def _read_messages(body: Object) -> list[Message]:
    turns = Turns(_state_of_client)
    instructions = body.take_raw("instructions")
    if instructions is not None and is_text(instructions):
        text = Text(text=msgspec.json.decode(instructions, type=str))
        turns.messages.append(Message(role="system", parts=[text], plain=True))
    elif instructions is not None:
        _read_items(turns, instructions, "instructions")
    given = body.take_raw("input")
    if given is not None and is_text(given):
        text = Text(text=msgspec.json.decode(given, type=str))
        turns.messages.append(Message(role="user", parts=[text], plain=True))
    elif given is not None:
        _read_items(turns, given, "input")
    return turns.messages


def _read_items(turns: Turns, raw: bytes, name: str) -> None:
    if not is_list(raw):
        raise Unreadable(name, "is neither a string nor a list of items")
    for at, item in enumerate(Object(b'{"%b":%b}' % (name.encode(), raw)).take_list(name) or ()):
        turns.add(item, f"{name}[{at}]")


def _read_include(body: Object) -> tuple[Fields, bool, bool]:
    """What the answer is to include beside log-probabilities and encrypted reasoning; and whether these two."""
    include = body.take("include", list[str])
    if include is None:
        return {}, False, False
    rest = [name for name in include if name not in (TEXT_LOGPROBS, ENCRYPTED_REASONING)]
    fields: Fields = {"include": msgspec.Raw(encode(rest))} if rest else {}
    return fields, TEXT_LOGPROBS in include, ENCRYPTED_REASONING in include


def _read_stream_options(body: Object) -> Fields:
    """Without the obfuscation, which is padding and no part of an answer."""
    options = body.take_object("stream_options")
    if options is None:
        return {}
    options.drop("include_obfuscation", "include_usage")
    rest = options.rest()
    return {"stream_options": msgspec.Raw(encode(rest))} if rest else {}
