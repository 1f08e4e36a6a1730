"""Gemini's parts into the internal form, of requests and of answers alike."""

from __future__ import annotations

import msgspec

from freehold.core.parts import Foreign, Media, Part, Reasoning, State, Text, ToolCall, ToolResult
from freehold.wire.gemini.fields import NAME, Camel, encode, inner, standard_base64
from freehold.wire.gemini.ids import Calls
from freehold.wire.gemini.media import file_in, inline_in
from freehold.wire.reading import plain
from freehold.wire.sealing import unseal

_SIDE = frozenset({"thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution"})
"""Fields beside the one that says what a part is."""


def part_in(part: Camel, calls: Calls, *, client: bool) -> Part:
    """A part of a message. `client`: it comes from a client, whose signatures may be sealed."""
    signature = part.take("thoughtSignature", str)
    state = state_in(signature, client=client) if signature else None
    if part.has("functionCall"):
        return _call_in(part, calls, state)
    if part.has("functionResponse"):
        return _result_in(part, calls)
    if part.has("inlineData") or part.has("fileData"):
        return _media_in(part, state)
    if part.has("text") or not set(part.rest()) - _SIDE:
        thought = part.take("thought", bool)
        text = part.take("text", str) or ""
        if thought:
            return Reasoning(text=text, state=state, extra=part.rest())
        return Text(text=text, state=state, extra=part.rest())
    rest = part.rest()
    kind = next(name for name in rest if name not in _SIDE)
    return Foreign(dialect=NAME, kind=kind, raw=encode(rest), state=state)


def state_in(signature: str, *, client: bool) -> State:
    """A `thoughtSignature`: the bytes are meant, whichever of base64's alphabets they are written in."""
    if not client:
        return State(data=signature, kind="signature")
    return unseal(standard_base64(signature), "signature")


def _call_in(part: Camel, calls: Calls, state: State | None) -> ToolCall:
    call = part.take_object("functionCall")
    assert call is not None
    name = call.take("name", str) or ""
    arguments = call.take_raw("args")
    return ToolCall(
        id=calls.call(call.take("id", str), name),
        name=name,
        arguments="" if arguments is None else arguments.decode(),
        state=state,
        extra={**inner("functionCall", call.rest()), **part.rest()},
    )


def _media_in(part: Camel, state: State | None) -> Media:
    inline = part.take_object("inlineData")
    file = None if inline is not None else part.take_object("fileData")
    if inline is not None:
        media = inline_in(inline)
    else:
        assert file is not None
        media = file_in(file)
    media.state = state
    media.extra = {**media.extra, **part.rest()}
    return media


def _result_in(part: Camel, calls: Calls) -> ToolResult:
    answer = part.take_object("functionResponse")
    assert answer is not None
    name = answer.take("name", str) or ""
    response = answer.take_raw("response")
    content: list[Text | Media | Foreign] = []
    structured, failed = False, None
    if response is not None:
        text, structured, failed = _response_in(response)
        content.append(Text(text=text))
    for item in answer.take_many("parts"):
        held = part_in(item, calls, client=True)
        if isinstance(held, Text | Media | Foreign):
            content.append(held)
    return ToolResult(
        call_id=calls.result(answer.take("id", str), name),
        name=name,
        content=content,
        structured=structured,
        failed=failed,
        extra={**inner("functionResponse", answer.rest()), **part.rest()},
    )


def _response_in(raw: bytes) -> tuple[str, bool, bool | None]:
    """The text of a `response`, whether it is a JSON object, and whether the tool failed.

    Gemini's own convention: `{"output": …}` is what the tool gave, `{"error": …}` how it failed.
    """
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        value = plain(raw)
        return (value if isinstance(value, str) else raw.decode()), False, None
    if len(fields) == 1:
        (name, value), *_ = fields.items()
        if name in ("output", "error") and bytes(value).startswith(b'"'):
            return str(plain(value)), False, True if name == "error" else None
    return raw.decode(), True, None
